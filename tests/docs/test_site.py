"""The pages of the site: gathered from the checkout, with a reference made of the code."""

import re
from pathlib import Path

import pytest
import yaml

from clusterproof.checks import kinds
from clusterproof.options import OPTIONS
from clusterproof.outcome import ExitCode
from testbed.docs.__main__ import gather
from testbed.docs.reference import pages

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site") / "docs"
    gather(place)
    return place


def _named(entries: list[object]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        if isinstance(entry, str):
            found.add(entry)
        elif isinstance(entry, dict):
            for inner in entry.values():
                found |= _named(inner if isinstance(inner, list) else [inner])
    return found


def test_every_page_is_in_the_navigation(folder: Path) -> None:
    navigation = yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    assert {str(page.relative_to(folder)) for page in folder.rglob("*.md")} == _named(navigation)


def test_every_link_leads_to_a_file_of_the_site(folder: Path) -> None:
    broken = [
        f"{page.name}: {target}"
        for page in folder.rglob("*.md")
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_the_reference_has_every_kind_option_and_exit_code() -> None:
    made = pages()
    assert re.findall(r"^## (\S+)$", made["kinds.md"], re.MULTILINE) == list(kinds())
    assert [each.flag for each in OPTIONS if f"`{each.flag}" not in made["commands.md"]] == []
    assert [int(code) for code in ExitCode if f"| {int(code)} |" not in made["exit-codes.md"]] == []
    assert "`clusterproof_last_run_timestamp_seconds`" in made["metrics.md"]


def test_every_field_of_a_kind_is_described_where_its_docstring_does() -> None:
    text = pages()["kinds.md"]
    assert "| `control`" not in text, "an attribute of a docstring is no field by itself"
    assert "| `aspect` | `selects` or `peers` or `allows` or `only` | yes | `selects`:" in text
    assert "| `as` | map | none | Key to the variable" in text

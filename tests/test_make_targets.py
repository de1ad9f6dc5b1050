"""What the documents tell a person to type is there; what a commit chooses."""

import os
import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = [
    *PROJECT.glob("*.md"),
    *PROJECT.rglob("docs/**/*.md"),
    *PROJECT.glob("testbed/**/*.md"),
]
_WORDS = r"make((?: [a-z-]+| [A-Z]+=\S+)+)"
_IN_BLOCK = re.compile(rf"(?:^|sudo |&& ){_WORDS}", re.MULTILINE)
_IN_TEXT = re.compile(rf"`{_WORDS}`")


def _targets() -> set[str]:
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    lines = re.findall(r"^([a-z][a-z -]*):(?!=)", text, re.MULTILINE)
    return {name for line in lines for name in line.split()}


def _named(document: Path) -> set[str]:
    parts = document.read_text(encoding="utf-8").split("```")
    found = [words for block in parts[1::2] for words in _IN_BLOCK.findall(block)]
    found += [words for text in parts[::2] for words in _IN_TEXT.findall(text)]
    return {word for words in found for word in words.split() if "=" not in word}


def test_the_makefile_has_targets_and_the_readme_names_some() -> None:
    assert {"demo", "test", "check", "cluster-down"} <= _targets()
    assert {"demo", "test"} <= _named(PROJECT / "README.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_each_command_that_a_document_names_is_a_target(document: Path) -> None:
    assert _named(document) - _targets() == set()


def _git(folder: Path, *words: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607


def _seed(checkout: Path) -> str:
    """What `make` takes for SEED there."""
    make: list[str | Path] = ["make", "--no-print-directory", "-f", PROJECT / "Makefile"]
    return subprocess.run(  # noqa: S603
        [*make, "--eval=print:;@echo $(SEED)", "print"],
        cwd=checkout,
        env={
            name: text
            for name, text in os.environ.items()
            if name != "SEED" and not name.startswith("MAKE")
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository with eight commits."""
    folder = tmp_path / "upstream"
    folder.mkdir()
    _git(folder, "init", "--initial-branch=main")
    for number in range(8):
        _git(folder, "commit", "--allow-empty", f"--message={number}")
    return folder


def test_seed_is_the_number_of_commits(upstream: Path) -> None:
    assert _seed(upstream) == "8"


def test_a_shallow_clone_has_another_seed_for_another_commit(
    upstream: Path, tmp_path: Path
) -> None:
    seeds = []
    for number in range(2):
        _git(tmp_path, "clone", "--depth=1", upstream.as_uri(), f"clone-{number}")
        seeds += [_seed(tmp_path / f"clone-{number}"), _seed(tmp_path / f"clone-{number}")]
        _git(upstream, "commit", "--allow-empty", "--message=another")
    assert seeds[0] == seeds[1] != seeds[2] == seeds[3]
    assert all(seed.isdecimal() and seed != "1" for seed in seeds)

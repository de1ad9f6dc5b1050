"""Every figure of the pages is its command's, and none stands outside of a marked block."""

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from testbed.figures import registry
from testbed.figures.__main__ import _with_uv, run
from testbed.figures.pages import GENERATED, blocks, complaint, pages, rewritten, unmarked
from testbed.figures.registry import PROJECT, Figure, figures, numbers_in

FIGURES = figures()
PLACEHOLDER = re.compile(r"(?<!\$)\b[A-Z_]+\b(?!=)|\.\.\.|…")
"""A word in capitals to which nothing is assigned, or dots."""
MEASURED = Figure(
    id="speed",
    page="docs/p.md",
    command="make speed",
    read={"took": r"took ([\d.]+) s", "table": r"^row (\w+) (\d+)?$"},
    lines={"table": "| {1} | {2} |"},
    text="`{command}` on {day}: {took} s\n\n{table}\n",
)
RECORD = "$ make speed\non 2026-11-26, exit 0, 3 s\ntook 9.9 s\nrow a 1\nrow b \ntook 1.5 s\n"
PAGE = "It takes:\n\n<!-- figure: speed -->\nold\n<!-- end of figure -->\n\nmore\n"


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(registry, "RECORDS", tmp_path)
    (tmp_path / "speed.txt").write_text(RECORD)
    return tmp_path


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_block_stands_in_its_page_as_its_record_or_the_registry_says(figure: Figure) -> None:
    assert complaint(figure, (PROJECT / figure.page).read_text("utf-8")) == ""


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.id)
def test_a_command_has_nothing_to_fill_in(figure: Figure) -> None:
    assert not PLACEHOLDER.search(figure.command)


@pytest.mark.parametrize(("uv", "first"), [("/opt/uv/uv", "/opt/uv:"), ("", ""), (None, "")])
def test_commands_find_the_uv_that_started_us_and_nothing_more(
    monkeypatch: pytest.MonkeyPatch, uv: str | None, first: str
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("UV", raising=False)
    if uv is not None:
        monkeypatch.setenv("UV", uv)
    assert _with_uv()["PATH"] == f"{first}/usr/bin"


@pytest.mark.parametrize("command", ["run FOLDER --runs 9", "run RULE", "run --cases N", "run ..."])
def test_what_is_to_be_filled_in_is_noticed(command: str) -> None:
    assert PLACEHOLDER.search(command)


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.name)
def test_no_measured_number_stands_outside_of_a_block(page: Path) -> None:
    text = page.read_text("utf-8")
    assert unmarked(text) == []
    assert len(re.findall("^<!-- figure: ", text, re.MULTILINE)) == len(blocks(text))
    own = {figure.id for figure in FIGURES if PROJECT / figure.page == page}
    assert set(blocks(text)) == own


@pytest.mark.parametrize(
    "name", sorted(name for name in GENERATED if (PROJECT / "docs" / name).exists())
)
def test_a_generated_page_says_by_what_and_when(name: str) -> None:
    head = (PROJECT / "docs" / name).read_text("utf-8")[:400]
    assert re.search(r"Written by `make [a-z-]+( PAGE=…)?` on 20\d\d-\d\d-\d\d", head)


@pytest.mark.usefixtures("records")
def test_a_block_is_written_from_the_record_of_its_command() -> None:
    page = rewritten(PAGE, [MEASURED])
    assert blocks(page)["speed"] == "`make speed` on 2026-11-26: 1.5 s\n\n| a | 1 |\n| b |  |"
    assert page.startswith("It takes:\n\n<!-- figure: speed -->\n`make")
    assert page.endswith("|\n<!-- end of figure -->\n\nmore\n")
    assert rewritten(page, [MEASURED]) == page
    assert complaint(MEASURED, page) == ""


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("1.5 s", "1.4 s", "differs from its record"),
        ("figure: speed", "figure: sped", "found no such block"),
    ],
)
def test_a_block_that_was_edited_by_hand_is_noticed(before: str, after: str, said: str) -> None:
    page = rewritten(PAGE, [MEASURED]).replace(before, after)
    assert said in complaint(MEASURED, page)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("took", "lasted", "expected 'took"),
        ("$ make speed", "$ make haste", "expected a record of `make speed`"),
    ],
)
def test_a_record_of_something_else_is_refused(
    records: Path, before: str, after: str, said: str
) -> None:
    (records / "speed.txt").write_text(RECORD.replace(before, after))
    with pytest.raises(SpecError, match=re.escape(said)):
        MEASURED.block()


def test_a_figure_that_was_never_run_names_the_command() -> None:
    never = replace(MEASURED, id="never")
    with pytest.raises(SpecError, match="next: make figures FIGURES=never"):
        never.block()
    assert "expected `day` or a record" in complaint(never, PAGE.replace("speed", "never"))


@pytest.mark.usefixtures("records")
@pytest.mark.parametrize(("name", "numbers"), [("speed", "1 2"), ("never", "")])
def test_either_a_record_or_a_persons_numbers_stand(
    tmp_path: Path, name: str, numbers: str
) -> None:
    path = tmp_path / "figures.yaml"
    entry = {"page": "p.md", "command": "make speed", "text": "x", "numbers": numbers}
    path.write_text(json.dumps({name: entry}))
    with pytest.raises(SpecError, match="numbers"):
        figures(path)


@pytest.mark.parametrize("text", [{}, {"text": ""}])
def test_a_figure_that_no_script_can_read_is_refused(tmp_path: Path, text: dict[str, str]) -> None:
    path = tmp_path / "figures.yaml"
    entry = {"page": "p.md", "command": "make speed", "numbers": "1", **text}
    path.write_text(json.dumps({"never": entry}))
    with pytest.raises(SpecError, match="expected `text`"):
        figures(path)


def test_what_a_command_says_is_recorded_and_what_it_fails_to_say_is_not(records: Path) -> None:
    speed = replace(MEASURED, command="echo 'took 2.5 s'; echo row a 1")
    assert run(speed)
    assert "2.5 s" in speed.block()
    before = (records / "speed.txt").read_text()
    for command in ("echo 'took 3.5 s'; echo row a 1; false", "echo 'took 3.5 s'"):
        assert not run(replace(MEASURED, command=command))
    assert (records / "speed.txt").read_text() == before


def test_numbers_that_a_person_wrote_are_held_to_the_registry() -> None:
    block = "On 2026-11-24 `make load` sent 26,760 requests in 10 min."
    page = f"<!-- figure: load -->\n{block}\n<!-- end of figure -->\n"
    figure = figures_of(numbers=numbers_in(block))
    assert complaint(figure, page) == ""
    assert "not those of the registry" in complaint(figure, page.replace("26,760", "26,761"))
    assert "expected `make load` and 2026-11-24" in complaint(
        figure, page.replace("`make load`", "it")
    )


def figures_of(**more: str) -> Figure:
    return Figure("load", "docs/p.md", "make load", dt.date(2026, 11, 24), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["took 4.58 s", "198 of 198", "it was 12.5%", "16 min 24 s", "on 2026-11-24", "101.5 MB"],
)
def test_what_looks_measured_is_found(text: str) -> None:
    assert len(unmarked(f"words {text} words")) == 1
    assert unmarked(f"```\n{text}\n```\n<!-- {text} -->") == []


@pytest.mark.parametrize(
    "text", ["10 s", "3 attempts", "version 1.35.4", "at most 64 KiB", "port 8080"]
)
def test_a_bound_of_ours_is_no_measurement(text: str) -> None:
    assert unmarked(text) == []

"""Every command that the documents tell a person to type is run by a test, or says why not."""

import importlib.util
import re
from pathlib import Path

import pytest

from clusterproof import cli
from testbed.docs.commands import commands_of, documents, marked, mentions_of, registry

PROJECT = Path(__file__).parents[2]
COMMANDS = {command for page in documents() for command in commands_of(page)}


def test_the_register_has_the_commands_of_the_documents_and_no_others() -> None:
    assert set(registry()) == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_what_runs_it_is_there(command: str) -> None:
    ((how, what),) = registry()[command].items()
    if how == "test":
        path, _, name = what.partition("::")
        assert (PROJECT / path).exists(), f"{command}: {path}"
        if name:
            assert f"def {name}(" in (PROJECT / path).read_text(encoding="utf-8")
    elif how == "ci":
        makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
        rules = dict(re.findall(r"^([a-z-]+):([^#\n]*)", makefile, re.MULTILINE))
        steps = re.findall(r"^make --no-print-directory ([a-z-]+)", _ci(), re.MULTILINE)
        run = {*steps, *(word for step in steps for word in rules[step].split())}
        assert what in run, f"{command}: CI does not run make {what}"
    else:
        assert how == "not_run"
        assert len(what) > 10, command


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_test_that_is_named_calls_the_command(command: str) -> None:
    """With the words that a test of it must have: its subcommands."""
    path = registry()[command].get("test", "").partition("::")[0]
    if not path:
        return
    place = PROJECT / path
    files = [place] if place.is_file() else [*place.rglob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if match := re.search(r"\bclusterproof ((?:[a-z][a-z-]+ ?)+)(?= |$)", command):
        words = match[1].split()
        commands = [word for word in words if word in _SUBCOMMANDS]
        assert [word for word in commands if f'"{word}"' not in text] == [], command


_SUBCOMMANDS = {
    *("bundle", "check-spec", "completion", "doctor", "history", "init", "judge", "load"),
    *("nightly", "plan", "replay", "rights", "run", "undo", "verify"),
}
MENTIONS = {command for page in documents() for command in mentions_of(page)}


@pytest.mark.parametrize("command", sorted(MENTIONS))
def test_a_command_in_a_sentence_is_one_that_there_is(command: str) -> None:
    for part in re.split(r"&&|\|\|", command):
        _assert_it_is_there(part.split())


def _assert_it_is_there(words: list[str]) -> None:
    if words[0] == "uv":
        words = words[2:]
    if words[0] == "make":
        makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
        targets = [word for word in words[1:] if "=" not in word]
        assert [each for each in targets if f"\n{each}: " not in makefile] == []
    elif words[0] == "clusterproof" and not words[1].startswith("-"):
        with pytest.raises(SystemExit) as ended:
            cli.main([words[1], "--help"])
        assert ended.value.code == 0
    elif words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2])
    elif words[0] == "pytest":
        assert (PROJECT / words[1]).exists()


def _ci() -> str:
    return (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_command_that_is_not_run_is_marked_on_its_page() -> None:
    page = "```\nmake load\n```\n\n```\nmake test\n```\n"
    first, _, second = marked(page).partition("make test")
    assert 'note "Not run by a test"' in first
    assert "`make load`: takes a quarter of an hour" in first
    assert "Not run" not in second

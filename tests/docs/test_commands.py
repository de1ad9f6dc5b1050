"""Every command that the documents tell a person to type is run by a test, or says why not."""

import re
from pathlib import Path

import pytest

from testbed.docs.commands import commands_of, documents, marked, registry

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


def _ci() -> str:
    return (PROJECT / ".ci" / "run").read_text(encoding="utf-8")


def test_a_command_that_is_not_run_is_marked_on_its_page() -> None:
    page = "```\nmake load\n```\n\n```\nmake test\n```\n"
    first, _, second = marked(page).partition("make test")
    assert 'note "Not run by a test"' in first
    assert "`make load`: takes a quarter of an hour" in first
    assert "Not run" not in second

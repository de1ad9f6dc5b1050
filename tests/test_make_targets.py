"""What the documents tell a person to type is there."""

import re
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

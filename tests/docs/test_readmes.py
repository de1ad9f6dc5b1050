"""Both READMEs say the same: headings, commands, options, links, and the run that is shown."""

import re
from pathlib import Path

from testbed.figures.pages import blocks
from testbed.figures.registry import numbers_in

PROJECT = Path(__file__).parents[2]
ENGLISH = (PROJECT / "README.md").read_text(encoding="utf-8")
CHINESE = (PROJECT / "README.zh-CN.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LANGUAGES = frozenset({"README.md", "README.zh-CN.md"})


def headings(text: str) -> list[int]:
    return [len(line) - len(line.lstrip("#")) for line in _prose(text) if line.startswith("#")]


def _prose(text: str) -> list[str]:
    return _FENCE.sub("", text).splitlines()


def spans(text: str) -> list[str]:
    return sorted(re.findall(r"`([^`]+)`", "\n".join(_prose(text)).replace("\n", " ")))


def links(text: str) -> set[str]:
    return set(re.findall(r"\]\(([^)]+)\)", text)) - _LANGUAGES


def test_both_have_the_same_headings_in_the_same_order() -> None:
    assert headings(CHINESE) == headings(ENGLISH)


def test_both_have_the_same_commands_and_outputs() -> None:
    assert _FENCE.findall(CHINESE) == _FENCE.findall(ENGLISH)
    assert spans(CHINESE) == spans(ENGLISH)


def test_both_have_the_same_figures() -> None:
    numbers = [
        {name: sorted(numbers_in(block).split()) for name, block in blocks(text).items()}
        for text in (ENGLISH, CHINESE)
    ]
    assert numbers[0] == numbers[1]
    assert numbers[0]


def test_both_lead_to_the_same_places_and_to_each_other() -> None:
    assert links(CHINESE) == links(ENGLISH)
    assert "(README.zh-CN.md)" in ENGLISH
    assert "(README.md)" in CHINESE


def test_both_have_the_same_tables_figures_and_dates() -> None:
    for pattern in (r"^\|", r"\b20\d\d-\d\d-\d\d\b", r"\b198\b", r"<!-- .* -->"):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in (ENGLISH, CHINESE)]
        assert counts[0] == counts[1], pattern

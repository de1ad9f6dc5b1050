"""The marked blocks of the pages, rewritten from the registry and held to it."""

import re
from collections.abc import Iterable
from pathlib import Path

from clusterproof.errors import SpecError
from testbed.figures.registry import PROJECT, Figure, numbers_in

_BLOCK = re.compile(
    r"(?P<begin>^<!-- figure: (?P<id>[a-z0-9-]+) -->\n)"
    r"(?P<text>.*?)\n?(?P<end>^<!-- end of figure -->)",
    re.DOTALL | re.MULTILINE,
)
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MEASURED = re.compile(
    r"\d[\d,]*\.\d+ ?(?:s|ms|µs|MB|MiB|GB|%|times)(?![\w.])"  # 4.58 s; a bound of ours is whole
    r"|\b\d[\d,]* of \d[\d,]*\b"
    r"|\b\d+ min \d+ s\b"
    r"|\b20\d\d-\d\d-\d\d\b"
)
GENERATED = frozenset(
    {
        *("PROOF.md", "MUTATION.md", "COMPARISON.md", "CAUSES.md", "INIT.md"),
        *("POLICIES.md", "cgroup-v2.md", "versions.md"),
    }
)
"""Written whole by a command, which they name in their first lines with the day."""
STATED = frozenset({"CHANGELOG.md"})


def pages() -> list[Path]:
    """The pages that a reader is shown, but for the generated ones."""
    paths = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *(PROJECT / "docs").glob("*.md")]
    return sorted(path for path in paths if path.name not in GENERATED | STATED)


def blocks(text: str) -> dict[str, str]:
    """Id to the text of each block."""
    return {match["id"]: match["text"] for match in _BLOCK.finditer(text)}


def rewritten(text: str, figures: Iterable[Figure]) -> str:
    """The page with the block of each figure that has a record as the record says."""
    measured = {figure.id: figure for figure in figures if figure.is_recorded}

    def written(match: re.Match[str]) -> str:
        figure = measured.get(match["id"])
        return match[0] if figure is None else f"{match['begin']}{figure.block()}\n{match['end']}"

    return _BLOCK.sub(written, text)


def complaint(figure: Figure, text: str) -> str:
    """What is wrong with the figure's block in the text of its page, or ""."""
    block = blocks(text).get(figure.id)
    if block is None:
        return f"{figure.page}: expected <!-- figure: {figure.id} -->, found no such block"
    try:
        day = figure.last_run()
        if figure.is_recorded and block != figure.block():
            return f"{figure.page}: {figure.id}: differs from its record; next: make figures"
    except SpecError as error:
        return f"{figure.page}: {error}"
    line = " ".join(block.split())
    if f"`{figure.command}`" not in line or str(day) not in line:
        return f"{figure.page}: {figure.id}: expected `{figure.command}` and {day} in its block"
    if not figure.is_recorded and numbers_in(block) != figure.numbers:
        return (
            f"{figure.page}: {figure.id}: the numbers are not those of the registry;"
            f" next: python -m testbed.figures --transcribe {figure.id}"
        )
    return ""


def unmarked(text: str) -> list[str]:
    """What looks like a measured number, and stands in no block."""
    for pattern in (_BLOCK, _FENCE, _COMMENT):
        text = pattern.sub("", text)
    return [match[0] for match in _MEASURED.finditer(text)]

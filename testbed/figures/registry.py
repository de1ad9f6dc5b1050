"""docs/figures.yaml: what each figure is measured by, and how its page words it.

Each has a record, docs/figures/ID.txt: what its command wrote. Its values are read
from there by regular expressions, so that nobody copies a number. Until its first run by the
script, the numbers that a person wrote stand in the registry, with the day.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusterproof.errors import SpecError
from clusterproof.spec.document import read_document

PROJECT = Path(__file__).resolve().parents[2]
REGISTRY = PROJECT / "docs" / "figures.yaml"
RECORDS = PROJECT / "docs" / "figures"
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_HEAD = re.compile(r"on (?P<on>\d{4}-\d\d-\d\d), exit (?P<exit>\d+), (?P<took>\d+) s\n")


@dataclass(frozen=True, slots=True)
class Figure:
    """One block of a page.

    Attributes:
        page: Where its block stands, from the project's root.
        command: As a person types it: run by bash from the project's root, nothing to fill in.
        day: When it was run; None where there is a record, which has the day.
        minutes: About how long it takes; over SLOW_MINUTES it is run only when named.
        read: Name → regular expression; one group is a value, several make a line of a table.
        lines: Name → how each match of a table is written, with {1}, {2}, ... for the groups.
        text: The block, with {names}, {command}, {day} and {took} (seconds, unless
            `read` has a `took`).
        numbers: The numbers that a person wrote, in their order.
    """

    id: str
    page: str
    command: str
    day: dt.date | None = None
    minutes: float = 1.0
    read: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    numbers: str = ""

    @property
    def is_recorded(self) -> bool:
        """True when it was run by the script: until then a person's numbers stand."""
        return self.record.is_file()

    @property
    def record(self) -> Path:
        """What its command wrote."""
        return RECORDS / f"{self.id}.txt"

    def last_run(self) -> dt.date:
        """When it was run last.

        Raises:
            SpecError: Nobody knows.
        """
        if self.is_recorded:
            return self._parsed()[0]
        if self.day is None:
            raise SpecError(f"{REGISTRY.name}: {self.id}: expected `day` or a record, got none")
        return self.day

    def block(self) -> str:
        """The text of its block, from its record.

        Raises:
            SpecError: The record is not there, or does not say what is to be read from it.
        """
        day, took_s, output = self._parsed()
        values = {"command": self.command, "day": day, "took": took_s}
        values |= {name: self._value(name, output) for name in self.read}
        return self.text.format(**values).rstrip("\n")

    def _parsed(self) -> tuple[dt.date, str, str]:
        if not self.record.is_file():
            raise SpecError(f"{self.id}: no record yet; next: make figures FIGURES={self.id}")
        command, _, rest = self.record.read_text("utf-8").partition("\n")
        head = _HEAD.match(rest)
        if command != f"$ {self.command}" or head is None:
            raise SpecError(f"{self.record.name}: expected a record of `{self.command}`")
        return dt.date.fromisoformat(head["on"]), head["took"], rest[head.end() :]

    def _value(self, name: str, output: str) -> str:
        matches = list(re.finditer(self.read[name], output, re.MULTILINE))
        if not matches:
            raise SpecError(f"{self.id}: {name}: expected {self.read[name]!r} in the output")
        if name in self.lines:
            line = self.lines[name]
            return "\n".join(line.format(match[0], *match.groups("")) for match in matches)
        return matches[-1][1]


def figures(path: Path = REGISTRY) -> list[Figure]:
    """All of them, in the order of the registry.

    Raises:
        SpecError: The registry cannot be read.
    """
    return list(_figures(read_document(path).data))


def _figures(entries: Mapping[str, Mapping[str, object]]) -> Iterator[Figure]:
    known = set(Figure.__dataclass_fields__) - {"id"}
    for name, entry in entries.items():
        if unknown := set(entry) - known:
            raise SpecError(f"{REGISTRY.name}: {name}: expected {sorted(known)}, got {unknown}")
        figure = Figure(id=name, **entry)  # type: ignore[arg-type]
        if figure.is_recorded == bool(figure.numbers):
            wanted = "no `numbers`, it has a record" if figure.is_recorded else "`numbers`"
            raise SpecError(f"{REGISTRY.name}: {name}: expected {wanted}")
        if not figure.text:
            raise SpecError(f"{REGISTRY.name}: {name}: expected `text`, got none")
        yield figure


def numbers_in(text: str) -> str:
    """The numbers of a text, in their order."""
    return " ".join(_NUMBER.findall(text))

"""The redactor: known values and known shapes, in whatever encoding, taken out of text and data."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from clusterproof.decoding import View, views
from clusterproof.redact.known import KnownValues, automaton_of
from clusterproof.redact.shapes import Shape, is_harmless, names_a_secret, shapes
from clusterproof.redact.values import worth_searching

if TYPE_CHECKING:
    import ahocorasick

T = TypeVar("T")

MASK: Final = "[redacted]"

_REMEMBERED: Final = 20_000
_SHORT: Final = 4096
_LONG_REMEMBERED: Final = 32
"""Texts whose redaction is kept: a run says the same claims, places and commands many times, and
rows that share a look have the same fact, of tens of KiB."""
_SHORTEST_SPARED: Final = 3
_LETTERS: Final = re.compile(r"[A-Za-z_-]+")


@dataclass(frozen=True, slots=True, repr=False)
class Redactor:
    """Takes known values and known shapes out of text and of plain data.

    Attributes:
        known: Values that are secret whatever they look like; kept in memory only.
        spared: Ids, claims and names of the spec: nothing inside of one is ever taken out.
    """

    known: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    _values: KnownValues | None = field(default=None, compare=False)
    _terms: "ahocorasick.Automaton | None" = field(default=None, compare=False)
    _done: dict[str, str] = field(default_factory=dict, compare=False)
    _done_long: dict[str, str] = field(default_factory=dict, compare=False)
    _last_sparing: dict[frozenset[str], "Redactor"] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, values: Iterable[str], spared: Iterable[str] = ()) -> "Redactor":
        """One that knows these values, and the secrets in those that are files or URLs."""
        terms = frozenset(term for term in spared if len(term) >= _SHORTEST_SPARED)
        known = worth_searching(values, terms)
        return cls(known, terms, KnownValues(known) if known else None, automaton_of(terms))

    def sparing(self, terms: Iterable[str]) -> "Redactor":
        """The same, that leaves these terms alone too."""
        more = frozenset(term for term in terms if len(term) >= _SHORTEST_SPARED) - self.spared
        if not more:
            return self
        spared = self.spared | more
        if spared not in self._last_sparing:
            self._last_sparing.clear()
            self._last_sparing[spared] = replace(
                self,
                spared=spared,
                _terms=automaton_of(spared),
                _done=_clean(self._done),
                _done_long=_clean(self._done_long),
                _last_sparing={},
            )
        return self._last_sparing[spared]

    def __repr__(self) -> str:
        """How many values are known, never which."""
        return f"Redactor({len(self.known)} known values)"

    def text(self, text: str) -> str:
        """`text` with each secret replaced by MASK; the same object if there is none.

        What cannot be written as UTF-8 (half a surrogate pair) is spelt out.
        """
        is_short = len(text) <= _SHORT
        remembered = self._done if is_short else self._done_long
        done = remembered.get(text)
        if done is None:
            done = self._redacted(text)
            if len(remembered) < (_REMEMBERED if is_short else _LONG_REMEMBERED):
                remembered[text] = done
        return text if done == text else done

    def data(self, value: T) -> T:
        """`value` with the text in it redacted: frozen dataclasses, mappings, sequences, text."""
        redacted: Any = value
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            redacted = self.text(value)
        elif isinstance(value, dict):
            redacted = {self.data(key): self._member(key, part) for key, part in value.items()}
        elif isinstance(value, (list, tuple)):
            redacted = type(value)(self.data(part) for part in value)
        elif is_dataclass(value) and not isinstance(value, type):
            old = {part.name: getattr(value, part.name) for part in fields(value)}
            new = {name: self.data(part) for name, part in old.items()}
            changed = {name: part for name, part in new.items() if part is not old[name]}
            redacted = replace(value, **changed)
        return redacted  # type: ignore[no-any-return]

    def _member(self, key: object, part: object) -> object:
        """What stands behind a secret's name is one, unless it is a placeholder or spared."""
        if isinstance(key, str) and names_a_secret(key):
            return self._named(part)
        return self.data(part)

    def _named(self, part: object) -> object:
        """Text and numbers, alone or in lists; a mapping has names of its own."""
        if isinstance(part, (list, tuple)):
            return type(part)(self._named(each) for each in part)
        is_plain = isinstance(part, (str, int, float)) and not isinstance(part, (bool, Enum))
        if is_plain and str(part) not in self.spared and not is_harmless(str(part)):
            return MASK
        return self.data(part)

    def _redacted(self, text: str) -> str:
        if not text.isascii():
            text = text.encode(errors="backslashreplace").decode()
        if text in self.spared:
            return text
        spans = sorted({span for view in views(text) for span in self._spans(view)})
        if spans and self._terms is not None:
            spared = [(end + 1 - len(term), end + 1) for end, term in self._terms.iter(text)]
            spans = [
                (start, end)
                for start, end in spans
                if not any(low <= start and end <= high for low, high in spared)
            ]
        if not spans:
            return text
        parts: list[str] = []
        done = 0
        for start, end in spans:
            if start >= done:
                parts += (text[done:start], MASK)
            done = max(done, end)
        return "".join((*parts, text[done:]))

    def _spans(self, view: View) -> Iterator[tuple[int, int]]:
        if self._values is not None:
            for span in self._values.spans(view.text):
                yield view.origin(*span)
        if view.folded:
            return
        for shape in _shapes_in(view.text):
            if view.readable or not shape.readable:
                for start, end in shape.spans(view.text):
                    # Random text begins with `wp` now and then: what stands before it is a name.
                    if not (view.mirrored and _LETTERS.fullmatch(view.text, start, end)):
                        yield view.origin(start, end)


def _clean(done: dict[str, str]) -> dict[str, str]:
    """The texts that hold no secret: nor do they where more is spared.

    Of a copy: another thread may write to `done` meanwhile.
    """
    return {text: same for text, same in done.copy().items() if text == same}


def _shapes_in(text: str) -> tuple[Shape, ...]:
    """Those with an anchor in `text`."""
    by_anchor, automaton = _anchors()
    lower = text.lower()
    anchored = {
        shape.id: shape
        for anchor in {anchor for _, anchor in automaton.iter(lower)}
        for shape in by_anchor[anchor]
    }
    return tuple(shape for shape in anchored.values() if shape.may_be_in(lower))


@cache
def _anchors() -> "tuple[dict[str, list[Shape]], ahocorasick.Automaton]":
    by_anchor: dict[str, list[Shape]] = {}
    for shape in shapes():
        for anchor in shape.anchors:
            by_anchor.setdefault(anchor, []).append(shape)
    automaton = automaton_of(by_anchor)
    assert automaton is not None  # noqa: S101 - the file has shapes
    return by_anchor, automaton

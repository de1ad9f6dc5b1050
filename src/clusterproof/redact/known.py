"""Known values found in a text, all of them in one pass."""

from collections.abc import Iterable, Iterator
from typing import Final

import ahocorasick

from clusterproof.redact.random_text import guesses_bits

_KEY: Final = 16
"""Characters of a value that are searched for; the rest is compared where they were found."""
_CUT_SHORT: Final = 40
"""A value that agrees for so long, and then not, was cut in the middle: what is there goes."""
_WORD_BITS: Final = 48.0
"""A plain word or number under this is a secret only where it stands alone."""


class KnownValues:
    """Searches for some values."""

    def __init__(self, values: Iterable[str]) -> None:
        """Build the automaton; nothing of it can be printed."""
        self._by_key: dict[str, list[str]] = {}
        for value in sorted(values):
            self._by_key.setdefault(value[:_KEY], []).append(value)
        self._automaton = automaton_of(self._by_key)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a value stands, or the beginning of one that was cut short."""
        if self._automaton is None:
            return
        alone: dict[str, list[tuple[int, int]]] = {}
        for last, key in self._automaton.iter(text):
            start = last + 1 - len(key)
            for value in self._by_key[key]:
                end = start + _common(text, start, value)
                if end - start < len(value) and end < len(text) and end - start < _CUT_SHORT:
                    continue
                if _is_word(value):
                    alone.setdefault(value, []).append((start, end))
                else:
                    yield start, end
        for spans in alone.values():
            yield from _standing_alone(text, spans)


def automaton_of(texts: Iterable[str]) -> "ahocorasick.Automaton | None":
    """Finds each of `texts` in one pass; None where there is none."""
    automaton = ahocorasick.Automaton()
    for text in texts:
        automaton.add_word(text, text)
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _common(text: str, start: int, value: str) -> int:
    """How many characters of `value` stand at `start`."""
    if text.startswith(value, start):
        return len(value)
    low, high = 0, min(len(value), len(text) - start)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(value[:middle], start):
            low = middle
        else:
            high = middle - 1
    return low


def _is_word(value: str) -> bool:
    return (value.isalpha() or value.isdigit()) and guesses_bits(value) < _WORD_BITS


def _standing_alone(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those with no letter or digit beside them, but perhaps the same word again."""
    starts, ends = {start for start, _ in spans}, {end for _, end in spans}
    for start, end in spans:
        before = start == 0 or start in ends or not text[start - 1].isalnum()
        behind = end == len(text) or end in starts or not text[end].isalnum()
        if before and behind:
            yield start, end

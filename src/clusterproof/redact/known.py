"""Known values found in a text, all of them in one pass."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import ahocorasick

from clusterproof.decoding import GAP
from clusterproof.redact.random_text import guesses_bits
from clusterproof.redact.shapes import words

_KEY: Final = 16
"""Characters of a value that are searched for; the rest is compared where they were found."""
_CUT_SHORT: Final = 40
"""A value that agrees for so long, and then not, was cut in the middle: what is there goes."""
_SHORTEST_BEGINNING: Final = 6
"""Characters of a value before a mark of a cut, or at the end: fewer are found in any text."""
_FEWEST_LETTERS: Final = 4
"""Letters and digits among them: `-----B` begins every key, and says nothing of one."""
_MARK: Final = r"[\[(<]?(?:…|\.\.\.|\\u2026)|[\[(<](?:cut|truncated|snip|shortened)\b"
_CUT: Final = re.compile(rf"(?=\s?(?:{_MARK})|{GAP})")
_GAP: Final = re.compile(GAP)
_CUT_BEFORE: Final = re.compile(
    r"(?:…|\.\.\.|\\u2026|[\[(<](?:cut|truncated|snip|shortened)\b)[^\s\])>]{0,20}?[\])>]?\s?(?=\S)"
)
"""A mark behind which a text goes on, maybe in the middle of a value."""
_SIGNS: Final = ("…", "...", "\\u2026", "cut", "truncated", "snip", "shortened")
"""A text without one of these has no such mark."""
_LONGEST_ENDING: Final = 64
"""Where a text was cut, or where one reading of an encoded piece ends."""
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:/{0,2}")
_WORD_BITS: Final = 48.0
"""A plain word or number under this is a secret only where it stands alone."""


class KnownValues:
    """Searches for some values."""

    def __init__(self, values: Iterable[str]) -> None:
        """Build the automaton; nothing of it can be printed."""
        self._by_key: dict[str, list[str]] = {}
        beginnings: set[str] = set()
        for value in sorted(values):
            self._by_key.setdefault(value[:_KEY], []).append(value)
            beginnings.update(_beginnings(value))
        self._beginnings = frozenset(beginnings)
        self._endings: dict[str, set[str]] | None = None
        self._automaton = automaton_of(self._by_key)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where a value stands, or the beginning of one that was cut short."""
        if self._automaton is None:
            return
        marked = any(sign in text for sign in _SIGNS)
        cuts = _cuts(text, _CUT if marked else _GAP)
        yield from self._cut_early(text, cuts)
        if marked:
            yield from self._cut_before(text)
        alone: dict[str, list[tuple[int, int]]] = {}
        for last, key in self._automaton.iter(text):
            start = last + 1 - len(key)
            for value in self._by_key[key]:
                end = start + _common(text, start, value)
                is_beginning = end - start >= _CUT_SHORT or _is_cut(end, cuts)
                if end - start < len(value) and not is_beginning:
                    continue
                if _is_word(value):
                    alone.setdefault(value, []).append((start, end))
                else:
                    yield start, end
        for spans in alone.values():
            yield from _standing_alone(text, spans)

    def _cut_early(self, text: str, cuts: frozenset[int]) -> Iterator[tuple[int, int]]:
        """Where a value was cut within the characters that are searched for."""
        for cut in cuts:
            for start in range(max(0, cut - _KEY + 1), cut - _SHORTEST_BEGINNING + 1):
                beginning = text[start:cut]
                if beginning not in self._beginnings:
                    continue
                of_one_kind = beginning.isalpha() or beginning.isdigit()
                if not (of_one_kind and start and text[start - 1].isalnum()):
                    yield start, cut
                    break

    def _cut_before(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the end of a value stands, behind the mark of a cut."""
        for match in _CUT_BEFORE.finditer(text):
            if self._endings is None:
                self._endings = self._all_endings()
            start = match.end()
            endings = self._endings.get(text[start : start + _SHORTEST_BEGINNING], ())
            lengths = [len(ending) for ending in endings if text.startswith(ending, start)]
            if lengths:
                yield start, start + max(lengths)

    def _all_endings(self) -> dict[str, set[str]]:
        """Ends of the values by how each begins, without those that are whole words."""
        endings: dict[str, set[str]] = {}
        for values in self._by_key.values():
            for value in values:
                for length in range(_SHORTEST_BEGINNING, min(len(value), _LONGEST_ENDING + 1)):
                    ending = value[-length:]
                    is_word = ending.isalpha() and not value[-length - 1].isalnum()
                    if not is_word and sum(map(str.isalnum, ending)) >= _FEWEST_LETTERS:
                        endings.setdefault(ending[:_SHORTEST_BEGINNING], set()).add(ending)
        return endings


def automaton_of(texts: Iterable[str]) -> "ahocorasick.Automaton | None":
    """Finds each of `texts` in one pass; None where there is none."""
    automaton = ahocorasick.Automaton()
    for text in texts:
        automaton.add_word(text, text)
    if not len(automaton):
        return None
    automaton.make_automaton()
    return automaton


def _beginnings(value: str) -> Iterator[str]:
    """Beginnings too short to be searched for, without those that reports must say: whole words."""
    for length in range(_SHORTEST_BEGINNING, min(len(value), _KEY)):
        beginning = value[:length]
        is_word = beginning.isalpha() and not value[length].isalnum()
        if is_word or _SCHEME.fullmatch(beginning) or beginning.casefold() in words("common"):
            continue
        if sum(map(str.isalnum, beginning)) >= _FEWEST_LETTERS:
            yield beginning


def _cuts(text: str, cut: re.Pattern[str]) -> frozenset[int]:
    """Where a value may have been cut: before a mark that says so, and at the end."""
    marks = (match.start() for match in cut.finditer(text))
    return frozenset((*marks, len(text.rstrip()), len(text)))


def _is_cut(end: int, cuts: frozenset[int]) -> bool:
    """Whether what agrees until `end` was cut; the value may have had the mark's first dots too."""
    return any(end - dots in cuts for dots in range(3))


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

"""Which store of PostHog refuses what is written, by the words that it refuses with.

PostHog's programs repeat these words in their answers and logs. A store that refuses writes may be
alive by every ping, and a worker that it refuses is not the one to blame.
Source: Redis 7.2 src/server.c (shared.oomerr, roslaveerr, bgsaveerr), ClickHouse 24
src/Common/ErrorCodes.cpp, PostgreSQL 16 src/backend/tcop/utility.c and storage/smgr/md.c
(stored versions, read 2026-11-27).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Final

REDIS, CLICKHOUSE, POSTGRES = "Redis", "ClickHouse", "PostgreSQL"
STORES: Final = {REDIS: "redis", CLICKHOUSE: "clickhouse", POSTGRES: "postgres"}
"""How messages call a store, and the word in the name of its workload."""

PROGRAMS: Final = ("web", "worker", "plugin")
"""Words in the names of the workloads that run PostHog's own programs."""


def _exception(code: int, name: str) -> str:
    """As ClickHouse writes it, older ones with `e.displayText() =` between the two."""
    before = r"(?:\.|, e\.displayText\(\) =) "
    return rf"\bCode: {code}{before}DB::Exception\b|\bDB::Exception\b.*\({name}\)"


_INSERT = r"(?i:\bINSERT INTO\b)"
_READING = re.compile(rf"(?!.*{_INSERT}).*(?:\bSELECT\b|\bpgsql_tmp\b)")
"""A query that was refused for what it wanted to read, or the files that it needed for that."""
_WORDS: Final = (
    (REDIS, "it is full", r"not allowed when used memory > 'maxmemory'"),
    (REDIS, "it is a read-only replica", r"You can't write against a read only"),
    (REDIS, "it cannot write its own files", r"\bMISCONF\b"),
    (CLICKHOUSE, "it has no space left", _exception(243, "NOT_ENOUGH_SPACE")),
    (
        CLICKHOUSE,
        "its user may only read",
        rf"(?=.*(?:{_INSERT}|Cannot (?:execute query|insert into table) in readonly))"
        rf"(?:.*(?:{_exception(164, 'READONLY')}))",
    ),
    (CLICKHOUSE, "its table is read-only", _exception(242, "TABLE_IS_READ_ONLY")),
    (CLICKHOUSE, "it has too many parts to merge", _exception(252, "TOO_MANY_PARTS")),
    (
        CLICKHOUSE,
        "its memory is used up",
        rf"(?=.*{_INSERT})(?:.*(?:{_exception(241, 'MEMORY_LIMIT_EXCEEDED')}))",
    ),
    (POSTGRES, "it is read-only", r"cannot execute INSERT in a read-only transaction"),
    (POSTGRES, "it has no space left", r"could not (?:extend|write to) file .*No space left"),
)
_BREAKS = re.compile(r"(?:\s|\\+n)+")
"""Between words: a line's end too, as it is or as JSON has it."""
_CODE_ALONE = re.compile(r"\bCode: \d+\.\s*$")
"""A line that ends here goes on with `DB::Exception`: so clickhouse_driver prints an exception."""
_PATTERNS: Final = tuple((store, why, re.compile(words)) for store, why, words in _WORDS)


def refusals(texts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each store that refuses writes, with the reason and the place of the first text that says so.

    Args:
        texts: Place and text: an answer, a line of a log; lines of one log in their order.
    """
    known: dict[str, None] = {}
    for (place_before, text_before), (place, last) in pairwise(chain([("", "")], texts)):
        goes_on = place == place_before and _CODE_ALONE.search(text_before)
        text = _BREAKS.sub(" ", f"{text_before} {last}" if goes_on else last)
        for store, why, pattern in _PATTERNS:
            sentence = f"{store} refuses what is written: {why}"
            if sentence not in known and pattern.search(text) and not _READING.match(text):
                known[sentence] = None
                yield f"{sentence} ({place})"


def store_named(text: str) -> str:
    """The word in the name of the workload that a sentence of `refusals` is about, or ""."""
    return next((word for store, word in STORES.items() if f"{store} refuses what" in text), "")

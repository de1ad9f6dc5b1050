"""The journal of a run: one line for each row as soon as it was judged.

A line holds the row, its result, and what was observed. So a run that is killed has what it got
to, and the judgement can be made again. Nothing is written before it was redacted; a fact that is
judged otherwise after that, because of what was taken out of it, is left out, and the line says so.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from clusterproof.bundle.codec import decode, encode
from clusterproof.checks import judge, rows
from clusterproof.errors import SpecError, read_text
from clusterproof.judgement import Doubt, Judgement
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult
from clusterproof.spec import Row

JOURNAL: Final = "journal.jsonl"
LARGEST_BYTES: Final = 256 * 1024
"""A fact over this is left out: the largest of the reference deployment has 40 KiB. Our choice."""

_NOT_IN_PLACE: Final = "it could not be redacted in place"
_UNJUDGEABLE: Final = "it cannot be judged after redaction"
_JUDGED_BY: Final = "what had to be redacted is what it is judged by"
_JUDGEMENT_ERRORS: Final = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_IDENTITY: Final = {
    "row": ("id", "check", "area", "claim", "source"),
    "result": ("id", "area", "title", "source", "outcome"),
}
"""What tells a row from the others; of the spec, so never a secret."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that was judged.

    Attributes:
        fact: What the judge was given, encoded; None where there is none.
        without: Why there is no fact, or "".
    """

    row: Row
    result: RowResult
    fact: Any
    without: str


def line(row: Row, result: RowResult, fact: object, redactor: Redactor) -> str:
    """The line of a row, redacted, and proven to be judged as it was.

    Args:
        row: As the spec has it.
        result: What it came to.
        fact: The observed value; None where nothing could be looked at.
        redactor: Knows the values of the Secrets that the run read, and spares its spec's terms.
    """
    entry: dict[str, Any] = {
        "row": row.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "result": asdict(result) | {"outcome": result.outcome.value},
        "fact": None,
        "without": "nothing could be looked at",
    }
    if fact is not None:
        entry["fact"], entry["without"] = _fact(row, fact, redactor)
    return _text(_clean(entry, redactor))


def _text(entry: dict[str, Any]) -> str:
    """One line; half of a surrogate pair, which JSON can hold and UTF-8 cannot, as its escape."""
    return json.dumps(entry, ensure_ascii=False).encode(errors="backslashreplace").decode()


def _clean(entry: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    """The entry without secrets; its ids and names stay, and its fact was redacted before."""
    rest: dict[str, Any] = {"without": entry["without"]}
    names: dict[str, Any] = {}
    for part, fields in _IDENTITY.items():
        rest[part] = {name: text for name, text in entry[part].items() if name not in fields}
        names[part] = {name: entry[part][name] for name in fields if name in entry[part]}
    clean = _redacted(rest, redactor)
    if clean is None:  # the mask cut into the JSON itself: then the parts, each by itself
        clean = redactor.data(rest)
    without, fact = clean["without"], entry["fact"]
    if clean["row"] != rest["row"] and fact is not None:
        without, fact = _JUDGED_BY, None
    return {part: names[part] | clean[part] for part in names} | {"without": without, "fact": fact}


def cleaned(text: str, redactor: Redactor) -> str:
    """A line that was written before, without the secrets that `redactor` knows by now."""
    entry = _parsed(text)
    if not _is_entry(entry):
        return redactor.text(text)
    if entry["fact"] is not None:
        redacted = _redacted({"fact": entry["fact"]}, redactor)
        if redacted is None or redacted["fact"] != entry["fact"]:
            entry |= _judged_the_same(entry, redacted)
    terms = {str(entry[part][name]) for part, names in _IDENTITY.items() for name in names}
    return _text(_clean(entry, redactor.sparing(terms)))


def _judged_the_same(entry: dict[str, Any], redacted: dict[str, Any] | None) -> dict[str, Any]:
    """The redacted fact where its row is judged by it as by the first; else why there is none."""
    if redacted is None:
        return {"fact": None, "without": _NOT_IN_PLACE}
    try:
        row = rows().adapter.validate_python(entry["row"])
        first, second = (judge(row, decode(fact)) for fact in (entry["fact"], redacted["fact"]))
    except (SpecError, *_JUDGEMENT_ERRORS) as error:
        return {"fact": None, "without": f"{_UNJUDGEABLE}: {type(error).__name__}"}
    if _parts(first) != _parts(second):
        return {"fact": None, "without": _JUDGED_BY}
    return redacted


def _fact(row: Row, fact: object, redactor: Redactor) -> tuple[Any, str]:
    try:
        plain = encode(fact)
    except TypeError as error:
        return None, f"it cannot be written: {error}"
    size = len(json.dumps(plain))
    if size > LARGEST_BYTES:
        return None, f"it has {size} bytes, more than {LARGEST_BYTES}"
    redacted = _redacted({"fact": plain}, redactor)
    if redacted is None:
        return None, _NOT_IN_PLACE
    try:
        again = judge(row, decode(redacted["fact"]))
    except (SpecError, *_JUDGEMENT_ERRORS) as error:
        return None, f"{_UNJUDGEABLE}: {type(error).__name__}"
    if _lines(again, redactor) != _lines(judge(row, fact), redactor):
        return None, _JUDGED_BY
    return redacted["fact"], ""


def _parts(judgement: Judgement) -> tuple[Outcome, list[str]]:
    """What a judgement names, without the texts in which a secret may have stood."""
    return judgement.outcome, [difference.what for difference in judgement.differences]


def _lines(judgement: Judgement, redactor: Redactor) -> tuple[Outcome, list[str]]:
    """A judgement in words, without secrets."""
    reasons = [judgement.reason] if isinstance(judgement, Doubt) else judgement.differences
    return judgement.outcome, [redactor.text(str(reason)) for reason in reasons]


def _redacted(plain: dict[str, Any], redactor: Redactor) -> dict[str, Any] | None:
    """The same as one text without secrets, so that a name and its value are seen together.

    None where a mask cut into the JSON.
    """
    parsed = _parsed(redactor.text(json.dumps(plain, ensure_ascii=False)))
    return parsed if isinstance(parsed, dict) else None


def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return None


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of a journal; a last line that a kill cut off is passed over.

    Raises:
        SpecError: The file is no journal, or of a version with other rows.
    """
    lines = read_text(path, "the journal of a run").splitlines()
    for number, text in enumerate(lines, start=1):
        parsed = _parsed(text)
        if parsed is None and number == len(lines):
            return
        yield _entry(parsed, f"{path}:{number}")


def _is_entry(parsed: object) -> bool:
    return isinstance(parsed, dict) and all(
        isinstance(parsed.get(part), dict) and all(name in parsed[part] for name in names)
        for part, names in _IDENTITY.items()
    )


def _entry(parsed: Any, place: str) -> Entry:  # noqa: ANN401 - JSON
    if not _is_entry(parsed):
        raise SpecError(f"{place}: expected a judged row, observed no row and result")
    row_id = parsed["row"]["id"]
    try:
        return Entry(
            rows().adapter.validate_python(parsed["row"]),
            _result_adapter().validate_python(parsed["result"]),
            parsed["fact"],
            str(parsed["without"]),
        )
    except KeyError as error:
        raise SpecError(f"{place}: expected a judged row, observed one without {error}") from error
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"{place}: expected a judged row of this version, observed row {row_id!r}, which its"
            " spec could not hold: another version of clusterproof wrote it"
        ) from error


@cache
def _result_adapter() -> TypeAdapter[RowResult]:
    return TypeAdapter(RowResult)


def read_results(path: Path) -> tuple[tuple[RowResult, ...], int]:
    """What each row of a journal came to, and how many lines say it of no row that can be.

    The last line of a row counts; a last line that a kill cut off is passed over. A line that
    cannot be read takes no other with it.

    Raises:
        SpecError: The file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SpecError(f"{path}: expected the journal of a run: {error.strerror}") from error
    results: dict[str, RowResult] = {}
    unreadable = 0
    for number, text in enumerate(lines, start=1):
        parsed = _parsed(text)
        if parsed is None and number == len(lines):
            break  # a kill cut it off
        try:
            entry = _entry(parsed, f"{path}:{number}")
        except SpecError:
            unreadable += 1
        else:
            results[entry.row.id] = entry.result
    return tuple(results.values()), unreadable

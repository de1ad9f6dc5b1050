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
from clusterproof.errors import SpecError
from clusterproof.judge import differences
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult
from clusterproof.spec import AnyRow, Row

JOURNAL: Final = "journal.jsonl"
LARGEST_BYTES: Final = 256 * 1024
"""A fact over this is left out: the largest of the reference deployment has 40 KiB. Our choice."""


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
        fact: The observed value; judged only where `result` is PASSED or FAILED.
        redactor: Knows the values of the Secrets that the run read.
    """
    entry: dict[str, Any] = {
        "row": row.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "result": asdict(result) | {"outcome": result.outcome.value},
        "fact": None,
        "without": "it was not judged",
    }
    if result.outcome in {Outcome.PASSED, Outcome.FAILED}:
        entry["fact"], entry["without"] = _fact(row, fact, redactor)
    fact = entry.pop("fact")
    head = _redacted(entry, redactor)
    if head is None:  # the mask cut into the JSON itself: then the parts, each by itself
        head = redactor.data(entry)
    return json.dumps({**head, "fact": fact}, ensure_ascii=False)


def _fact(row: Row, fact: object, redactor: Redactor) -> tuple[Any, str]:
    try:
        plain = encode(fact)
    except TypeError as error:
        return None, f"it cannot be written: {error}"
    size = len(json.dumps(plain))
    if size > LARGEST_BYTES:
        return None, f"it has {size} bytes, more than {LARGEST_BYTES}"
    kept = _redacted({"fact": plain}, redactor)
    if kept is None:
        return None, "it could not be redacted in place"
    try:
        again = [redactor.text(str(one)) for one in differences(row, decode(kept["fact"]))]
    except (SpecError, KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return None, f"it cannot be judged after redaction: {type(error).__name__}"
    if again != [redactor.text(str(one)) for one in differences(row, fact)]:
        return None, "what had to be redacted is what it is judged by"
    return kept["fact"], ""


def _redacted(plain: dict[str, Any], redactor: Redactor) -> dict[str, Any] | None:
    """The same as one text without secrets, so that a name and its value are seen together.

    None where a mask cut into the JSON.
    """
    found = _parsed(redactor.text(json.dumps(plain, ensure_ascii=False)))
    return found if isinstance(found, dict) else None


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
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: expected the journal of a run, observed {error}") from error
    for number, text in enumerate(lines, start=1):
        found = _parsed(text)
        if found is None and number == len(lines):
            return
        try:
            yield Entry(
                _row_adapter().validate_python(found["row"]),
                _result_adapter().validate_python(found["result"]),
                found["fact"],
                str(found["without"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            words = " ".join(str(error).split())[:200]
            raise SpecError(f"{path}:{number}: expected a judged row, observed {words}") from error


@cache
def _row_adapter() -> TypeAdapter[Row]:
    """Built on first reading: a run only writes."""
    return TypeAdapter(AnyRow)


@cache
def _result_adapter() -> TypeAdapter[RowResult]:
    return TypeAdapter(RowResult)


def read_results(path: Path) -> tuple[RowResult, ...]:
    """What each row of a journal came to; the last line of a row counts."""
    return tuple({entry.row.id: entry.result for entry in read_entries(path)}.values())

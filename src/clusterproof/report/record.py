"""The record of one run: what every report, and the history, is written from.

`RunRecord` is plain data. It says nothing of how it was made and knows no format but JSON
(`reports/schema/run.schema.json`), so that a run can be judged, shown and compared later.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from clusterproof.causes.cause import Cause
from clusterproof.errors import SpecError, read_text
from clusterproof.judgement import Difference
from clusterproof.outcome import ExitCode, Outcome, exit_code, verdict

SCHEMA: Final = 1
"""Version of the JSON form; raised when a field changes its meaning."""
REHEARSE: Final = "--rehearse"
"""The option without which rehearsals are no part of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """Which cluster was looked at.

    Attributes:
        context: The kubeconfig context.
        server_version: As the API server says it, e.g. `v1.35.4`.
        nodes: How many Nodes there are.
        uid: The UID of namespace kube-system, or "": tells two clusters of one name apart.
    """

    context: str
    server_version: str = ""
    nodes: int = 0
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What the spec says of differences of a row that are accepted for a time.

    Attributes:
        codes: Of the differences.
        reason: Why.
        owner: Who sees to it that it ends.
        expires: The last day, as `2026-12-31`, in UTC.
        expired: Whether that was over when the row was checked.
    """

    codes: tuple[str, ...]
    reason: str
    owner: str
    expires: str
    expired: bool = False

    def __str__(self) -> str:
        """As a report shows it."""
        until = "expired after" if self.expired else "until"
        return f"{', '.join(self.codes)} {until} {self.expires}, {self.owner}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What one row of the spec came to.

    Attributes:
        id: The row's id in the spec.
        area: Its area, e.g. `network-policy`.
        title: The claim, as a sentence.
        outcome: What it came to.
        expected: What the spec says, in words.
        observed: What was seen, in words; "" when nothing could be seen.
        where: The place that was looked at.
        evidence: Sentences with figures.
        source: The spec file and clause.
        next: A read-only command that shows more, ready to paste, or "".
        differences: Every single difference of the row, one line each.
        codes: The code of each of `differences`, in their order; "" where it has none.
        parts: Each of `differences` in its parts, in their order; empty in a record of before.
        started_at: Unix time in seconds.
        duration_s: How long it took.
        how: The way it was looked at ("API read", "exec", "dialler pod") and the rights it took.
        cause: Why it is INCONCLUSIVE or NOT_RUN, else "".
        attempts: How often it was tried; more than 1 and PASSED is a flake, and stays on record.
        accepted: What the spec accepts of the row, be it that it does not cover what was seen.
    """

    id: str
    area: str
    title: str
    outcome: Outcome
    expected: str = ""
    observed: str = ""
    where: str = ""
    evidence: tuple[str, ...] = ()
    source: str = ""
    next: str = ""
    differences: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    parts: tuple[Difference, ...] = ()
    started_at: float = 0.0
    duration_s: float = 0.0
    how: str = ""
    cause: str = ""
    attempts: int = 1
    accepted: tuple[Acceptance, ...] = ()

    @property
    def flaky(self) -> bool:
        """True for a pass that needed more than one attempt."""
        return self.outcome is Outcome.PASSED and self.attempts > 1

    def with_differences(self, parts: tuple[Difference, ...]) -> "RowResult":
        """The row with these differences, also as lines and by their codes."""
        lines = tuple(str(difference) for difference in parts)
        codes = tuple(difference.code for difference in parts)
        return replace(self, differences=lines, codes=codes, parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: the facts about it, and a result for every row that it planned.

    Attributes:
        run_id: Unique, sorts by time when the caller makes it so.
        started_at: Unix time in seconds.
        finished_at: Unix time in seconds.
        cluster: Which cluster.
        profile: Of the spec, e.g. `self-hosted`.
        spec_path: Where the spec was read.
        tool_version: Of clusterproof.
        options: The options that the run was given, as text.
        api_calls: Requests to the API server.
        api_bytes: Bytes that it answered.
        rows: One result for each planned row, in the spec's order.
        notes: Sentences about the run as a whole ("stopped at the deadline of 30 min").
        rights: The rights that the run used, e.g. `get pods`, `create pods/exec`.
        causes: What explains the rows that did not pass, the largest first.
        errors: What went wrong in the run itself, outside of any row, such as its ending: with one
            it is INCONCLUSIVE at best.
    """

    run_id: str
    started_at: float
    finished_at: float
    cluster: ClusterFacts
    profile: str = ""
    spec_path: str = ""
    tool_version: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    api_calls: int = 0
    api_bytes: int = 0
    rows: tuple[RowResult, ...] = ()
    notes: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def verdict(self) -> Outcome:
        """FAILED if any row failed; PASSED only if rows passed, or are accepted, and no more."""
        came_to = verdict(row.outcome for row in self.rows)
        return Outcome.INCONCLUSIVE if self.errors and came_to is Outcome.PASSED else came_to

    @property
    def exit_code(self) -> ExitCode:
        """The process exit code of this run: 0, 1 or 6."""
        return exit_code(self.verdict)

    @property
    def counts(self) -> dict[Outcome, int]:
        """How many rows came to each outcome; every outcome is a key."""
        counter = Counter(row.outcome for row in self.rows)
        return {outcome: counter[outcome] for outcome in Outcome}

    @property
    def duration_s(self) -> float:
        """Wall time of the run, never negative."""
        return max(0.0, self.finished_at - self.started_at)

    @property
    def areas(self) -> tuple[str, ...]:
        """The areas in the order in which they first appear."""
        return tuple(dict.fromkeys(row.area for row in self.rows))

    def of(self, *outcomes: Outcome) -> tuple[RowResult, ...]:
        """The rows with one of these outcomes, in order."""
        return tuple(row for row in self.rows if row.outcome in outcomes)

    def to_json(self, *, indent: int | None = 1) -> str:
        """The record as JSON text; `from_json` gives an equal record back.

        The verdict and the counts are written too, for readers without this module.

        Args:
            indent: Spaces for a reader, or None for the shortest text, which is made faster.
        """
        summary = {outcome.value: count for outcome, count in self.counts.items()}
        document = {"schema": SCHEMA, "verdict": self.verdict.value, "counts": summary}
        fields = _adapter().dump_python(self)
        return json.dumps(document | fields, ensure_ascii=False, indent=indent)

    @classmethod
    def read(cls, path: Path) -> "RunRecord":
        """The record in a file.

        Raises:
            SpecError: The file cannot be read, or is none.
        """
        return cls.from_json(read_text(path, "a run record (run.json)"), origin=str(path))

    @classmethod
    def from_json(cls, text: str, *, origin: str = "run record") -> "RunRecord":
        """The record that `to_json` wrote.

        Args:
            text: The JSON text.
            origin: Named in the error, e.g. the file's path.

        Raises:
            SpecError: Not JSON, another schema version, or a field is missing or wrong.
        """
        try:
            document: Any = json.loads(text)
        except ValueError as error:
            raise SpecError(f"{origin}: expected a run record in JSON, observed {error}") from error
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            is_object = isinstance(document, dict)
            observed = document.get("schema") if is_object else type(document).__name__
            raise SpecError(
                f"{origin}: expected a run record of schema {SCHEMA}, observed {observed}"
            )
        try:
            return _adapter().validate_python(document)  # what is derived is passed over
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise SpecError(f"{origin}: {place}: {first['msg']}") from error


@cache
def _adapter() -> TypeAdapter[RunRecord]:
    """Built on first use: a run that reads no record starts sooner."""
    return TypeAdapter(RunRecord)


def run_schema() -> dict[str, Any]:
    """JSON Schema of run.json, with the derived fields that `to_json` adds."""
    schema = _adapter().json_schema()
    outcomes = [outcome.value for outcome in Outcome]
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "clusterproof run record"
    schema["properties"] = {
        "schema": {"const": SCHEMA},
        "verdict": {"enum": outcomes},
        "counts": {
            "type": "object",
            "required": [name for name in outcomes if name != Outcome.ACCEPTED],
            "properties": {name: {"type": "integer", "minimum": 0} for name in outcomes},
        },
    } | schema["properties"]
    schema["required"] = ["schema", "verdict", "counts", *schema["required"]]
    return schema

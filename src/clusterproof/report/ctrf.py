"""CTRF: the Common Test Report Format, specification 0.0.0 (ctrf.io, schema read 2026-11-23).

PASSED and FAILED have their own status; INCONCLUSIVE is `other`, as a tool that counts only
failures must still not call it a pass; NOT_RUN and ACCEPTED are `skipped`. `rawStatus` carries our
own word.
"""

import json
import uuid
from typing import Any, Final

from clusterproof.outcome import Outcome
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import explanation, headline, iso

SPEC_VERSION: Final = "0.0.0"
"""The only version that the specification has had."""

_STATUS: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.INCONCLUSIVE: "other",
    Outcome.NOT_RUN: "skipped",
    Outcome.ACCEPTED: "skipped",
}
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://clusterproof.dev/rows")


def to_ctrf(record: RunRecord) -> str:
    """The record as CTRF JSON; ids are derived, so that the same run gives the same text."""
    return json.dumps(_document(record), ensure_ascii=False, indent=1)


def _document(record: RunRecord) -> dict[str, Any]:
    counts = record.counts
    return {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "reportId": _id(f"run/{record.run_id}/{record.started_at}"),
        "timestamp": iso(record.finished_at),
        "generatedBy": "clusterproof",
        "results": {
            "tool": {"name": "clusterproof", "version": record.tool_version},
            "summary": {
                "tests": len(record.rows),
                "passed": counts[Outcome.PASSED],
                "failed": counts[Outcome.FAILED],
                "skipped": counts[Outcome.NOT_RUN] + counts[Outcome.ACCEPTED],
                "pending": 0,
                "other": counts[Outcome.INCONCLUSIVE],
                "flaky": sum(row.flaky for row in record.rows),
                "suites": len(record.areas),
                "start": _ms(record.started_at),
                "stop": _ms(record.finished_at),
                "duration": _ms(record.duration_s),
                "extra": {"verdict": record.verdict.value},
            },
            "tests": [_test(row) for row in record.rows],
            "environment": {
                "testEnvironment": record.cluster.context,
                "extra": {
                    "serverVersion": record.cluster.server_version,
                    "nodes": record.cluster.nodes,
                    "profile": record.profile,
                    "spec": record.spec_path,
                    "run": record.run_id,
                    "notes": list(record.notes),
                    "errors": list(record.errors),
                },
            },
        },
    }


def _test(row: RowResult) -> dict[str, Any]:
    test: dict[str, Any] = {
        "id": _id(row.id),
        "name": row.id or "(no id)",
        "status": _STATUS[row.outcome],
        "rawStatus": row.outcome.value,
        "duration": _ms(row.duration_s),
        "start": _ms(row.started_at),
        "stop": _ms(row.started_at + row.duration_s),
        "suite": [row.area],
        "type": "conformance",
        "retries": max(0, row.attempts - 1),
        "flaky": row.flaky,
        "extra": {
            "claim": row.title,
            "expected": row.expected,
            "observed": row.observed,
            "where": row.where,
            "evidence": list(row.evidence),
            "source": row.source,
            "next": row.next,
            "how": row.how,
        },
    }
    if row.outcome is not Outcome.PASSED:
        test |= {"message": headline(row), "trace": explanation(row)}
    return test


def _id(name: str) -> str:
    """The same id for the same name; a name may hold what UTF-8 cannot."""
    return str(uuid.uuid5(_NAMESPACE, name.encode(errors="backslashreplace").decode()))


def _ms(seconds: float) -> int:
    return round(max(0.0, seconds) * 1000)

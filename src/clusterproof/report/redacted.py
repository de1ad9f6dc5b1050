"""A record without secrets, and with all of its rows."""

from dataclasses import replace
from typing import Any

from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult, RunRecord


def redacted(record: RunRecord, redactor: Redactor) -> RunRecord:
    """The record without secrets; what tells its rows, and its series, apart stays as it is.

    Two rows must not become one, nor a row vanish, because a Secret holds a word of its id.
    """
    cluster = record.cluster
    identity = {cluster.context, cluster.uid, cluster.server_version, record.run_id}
    identity |= {record.profile, record.spec_path, record.tool_version}
    identity |= {text for row in record.rows for text in _identity(row).values()}
    clean = redactor.sparing(identity)
    return replace(
        record,
        rows=tuple(replace(clean.data(row), **_identity(row)) for row in record.rows),
        notes=clean.data(record.notes),
        options=clean.data(dict(record.options)),
        rights=clean.data(record.rights),
        causes=tuple(
            replace(clean.data(cause), rows=cause.rows, symptoms=cause.symptoms)
            for cause in record.causes
        ),
        errors=clean.data(record.errors),
    )


def _identity(row: RowResult) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("id", "area", "title", "source")}

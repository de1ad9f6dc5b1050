"""The exposure events that PostHog made durable, by UUID: asked by HogQL, as anybody can.

    POSTHOG_PERSONAL_API_KEY=... python -m clusterproof.load.posthog_events --url URL
        --since EPOCH --until EPOCH --out FILE

POST /api/projects/{id}/query/ with a HogQLQuery, in windows small enough for the row limit. Right:
a personal API key with query:read. The key comes from the environment and is never shown.
"""

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from clusterproof.errors import ObservationError
from clusterproof.outcome import ExitCode
from clusterproof.redact import Redactor

KEY_VARIABLE = "POSTHOG_PERSONAL_API_KEY"
_WINDOW_S = 20.0
_MOST_ROWS = 50_000
_TIMEOUT_S = 30.0
_QUERY = (
    "SELECT uuid, properties.$feature_flag_response FROM events"
    " WHERE event = '$feature_flag_called'"
    " AND timestamp >= toDateTime('{since}') AND timestamp < toDateTime('{until}')"
    " LIMIT {limit}"
)


def read_events(url: str, project: int, key: str, since: float, until: float) -> dict[str, str]:
    """The variant of each event, by UUID.

    Raises:
        ObservationError: No answer, a refusal, or more rows than one window may have.
    """
    found: dict[str, str] = {}
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:
        at = int(since)
        while at < until:
            end = int(min(at + _WINDOW_S, until + 1))
            query = _QUERY.format(since=_utc(at), until=_utc(end), limit=_MOST_ROWS)
            for uuid, variant in _rows(client, project, key, query):
                found[str(uuid)] = str(variant)
            at = end
    return found


def _rows(client: httpx.Client, project: int, key: str, query: str) -> list[Any]:
    path = f"/api/projects/{project}/query/"
    try:
        answer = client.post(
            path,
            headers={"authorization": f"Bearer {key}"},
            json={"query": {"kind": "HogQLQuery", "query": query}},
        )
    except httpx.HTTPError as error:
        raise ObservationError(f"POST {path}: {type(error).__name__}: {error}") from error
    if not answer.is_success:
        raise ObservationError(
            f"POST {path}: {answer.status_code}: {answer.text[:300]}", status=answer.status_code
        )
    rows: list[Any] = answer.json()["results"]
    if len(rows) >= _MOST_ROWS:
        raise ObservationError(
            f"POST {path}: {len(rows)} rows in {_WINDOW_S:g} s: too many to read"
        )
    return rows


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def main() -> int:
    """Read the options, ask, write the events."""
    parser = argparse.ArgumentParser(description="Exposure events in PostHog, by UUID")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", type=int, default=1)
    parser.add_argument("--since", type=float, required=True)
    parser.add_argument("--until", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        sys.stderr.write(f"{KEY_VARIABLE} is not set\n")
        return ExitCode.USAGE
    try:
        found = read_events(options.url, options.project, key, options.since, options.until)
    except ObservationError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.INCONCLUSIVE
    options.out.write_text(json.dumps(Redactor().data(found)), encoding="utf-8")
    return ExitCode.PASSED


if __name__ == "__main__":
    sys.exit(main())

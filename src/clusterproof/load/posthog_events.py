"""The exposure events that PostHog made durable, by UUID: asked by HogQL, as anybody can.

    POSTHOG_PERSONAL_API_KEY=... python -m clusterproof.load.posthog_events --url URL
        --since EPOCH --uuids FILE --out FILE

POST /api/projects/{id}/query/ with a HogQLQuery, for a few hundred UUIDs at a time, and again for
those that are not there yet: PostHog stores events some seconds after it took them. Their own times
decide nothing, since the router's clock may be any other. Right: a personal API key with
query:read. The key comes from the environment and is never shown.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from clusterproof.errors import ObservationError
from clusterproof.outcome import ExitCode
from clusterproof.redact import Redactor
from clusterproof.wait import wait_until

KEY_VARIABLE = "POSTHOG_PERSONAL_API_KEY"
_AT_ONCE = 500
_AGAIN_AFTER_S = 3.0
WITHIN_S = 60.0
"""PostHog's own ingestion takes seconds. Our choice."""
_EARLIER_S = 86_400.0
"""So that a query need not read all events that there are: no clock is a day behind."""
_TIMEOUT_S = 30.0
_QUERY = (
    "SELECT uuid, properties.$feature_flag_response FROM events"
    " WHERE uuid IN ({uuids}) AND timestamp >= toDateTime('{since}') LIMIT {limit}"
)


def read_events(
    url: str, project: int, key: str, uuids: Iterable[str], since: float, within_s: float = WITHIN_S
) -> dict[str, str]:
    """The variant of each of these events, by UUID; those that did not come in time are absent.

    Raises:
        ObservationError: No answer, or a refusal, the last time: what is absent may be there then.
    """
    wanted = {uuid for uuid in uuids if _is_uuid(uuid)}
    variants: dict[str, str] = {}
    is_answered = False
    with httpx.Client(base_url=url, timeout=_TIMEOUT_S, trust_env=False) as client:

        def look() -> int:
            nonlocal is_answered
            is_answered = False
            waiting = sorted(wanted - variants.keys())
            for start in range(0, len(waiting), _AT_ONCE):
                listed = ", ".join(f"'{uuid}'" for uuid in waiting[start : start + _AT_ONCE])
                query = _QUERY.format(
                    uuids=listed, since=_utc(since - _EARLIER_S), limit=2 * _AT_ONCE
                )
                for uuid, variant in _rows(client, project, key, query):
                    variants[str(uuid)] = str(variant)
            is_answered = True
            return len(wanted - variants.keys())

        try:
            wait_until(
                look,
                lambda missing: not missing,
                waiting_for="every announced event in PostHog",
                within_s=within_s,
                every_s=_AGAIN_AFTER_S,
            )
        except ObservationError:
            if not is_answered:
                raise
    return variants


def _is_uuid(text: str) -> bool:
    """Whether it is one in its usual form: a router may answer anything."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _rows(client: httpx.Client, project: int, key: str, query: str) -> list[Any]:
    path = f"/api/projects/{project}/query/"
    try:
        answer = client.post(
            path,
            headers={"authorization": f"Bearer {key}"},
            json={"query": {"kind": "HogQLQuery", "query": query}},
        )
    except (httpx.HTTPError, UnicodeEncodeError) as error:
        raise ObservationError(f"POST {path}: {type(error).__name__}: {error}") from error
    if not answer.is_success:
        raise ObservationError(
            f"POST {path}: {answer.status_code}: {answer.text[:300]}", status=answer.status_code
        )
    try:
        rows: list[Any] = answer.json()["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise ObservationError(
            f"POST {path}: no results of a query: {answer.text[:300]}"
        ) from error
    return rows


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def main() -> int:
    """Read the options, ask, write the events."""
    parser = argparse.ArgumentParser(description="Exposure events in PostHog, by UUID")
    parser.add_argument("--url", required=True)
    parser.add_argument("--project", type=int, default=1)
    parser.add_argument("--since", type=float, required=True)
    parser.add_argument("--uuids", type=Path, required=True, help="a JSON list")
    parser.add_argument("--within-s", type=float, default=WITHIN_S)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    key = os.environ.get(KEY_VARIABLE, "").strip()
    redactor = Redactor.of((key,))
    if not key:
        sys.stderr.write(f"{KEY_VARIABLE} is not set\n")
        return ExitCode.USAGE
    try:
        uuids = json.loads(options.uuids.read_text(encoding="utf-8"))
        variants = read_events(
            options.url, options.project, key, uuids, options.since, options.within_s
        )
    except ObservationError as error:
        sys.stderr.write(f"{redactor.text(str(error))}\n")
        return ExitCode.INCONCLUSIVE
    options.out.write_text(json.dumps(redactor.data(variants)), encoding="utf-8")
    return ExitCode.PASSED


if __name__ == "__main__":
    sys.exit(main())

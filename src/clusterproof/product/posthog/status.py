"""PostHog's own status page, and what can be seen of it from outside.

Asked: GET /api/instance_status/ with the personal key; HogQL for the events of the last hour; the
time that a query takes. Keys differ between versions (`plugin_sever_alive` is PostHog's own
spelling), and so does the form: a list of {key, metric, value}, or an object.
Source: PostHog's posthog/api/instance_status.py (stored versions, read 2026-11-23).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clusterproof.observe.inside import Inside
from clusterproof.spec.settings import PosthogSettings

SCRIPT = "product.posthog.scripts.status"
QUERIES = 3
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What PostHog said of itself, and what we measured beside it.

    Attributes:
        lines: Key to value, keys in snake case.
        refused: Why there is no page, or "".
        events_last_hour: By HogQL; None where it was not answered.
        query_s: How long each query took.
        query_error: Why a query was not answered, or "".
        read_at: When it was asked for, by the API server's clock; None where that is not known.
    """

    lines: Mapping[str, Any]
    refused: str = ""
    events_last_hour: int | None = None
    query_s: tuple[float, ...] = ()
    query_error: str = ""
    where: str = ""
    how: str = ""
    read_at: datetime | None = None


def read_page(inside: Inside, settings: PosthogSettings) -> StatusPage:
    """The status page and our own measurements, in one visit.

    Raises:
        ObservationError: The Pod could not run the script.
    """
    request = {
        "do": "status",
        "query_host": settings.query_host,
        "project_id": settings.project_id,
        "queries": QUERIES,
    }
    reply = inside.ask(SCRIPT, request, within_s=60.0)
    page, events = reply["page"], reply["events"]
    return StatusPage(
        lines=dict(lines_of(page["body"])),
        refused=page["error"],
        events_last_hour=None if events["value"] is None else int(events["value"]),
        query_s=tuple(reply["query_s"]),
        query_error=events["error"],
        where=f"{inside.where} -> {settings.query_host}",
        how=inside.how,
    )


def lines_of(body: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    """Key and value of each line, whatever form the page has."""
    if isinstance(body, dict) and "results" in body:
        yield from lines_of(body["results"])
    elif isinstance(body, dict) and isinstance(body.get("overview"), list):
        yield from lines_of(body["overview"])
    elif isinstance(body, dict):
        for key, text in body.items():
            yield _snake(key), plain(text)
    elif isinstance(body, list):
        for line in body:
            if isinstance(line, dict) and "value" in line:
                figure = plain(line["value"])
                for name in (line.get("metric"), line.get("key")):
                    if name:
                        yield _snake(str(name)), figure


def _snake(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """A value with its text read as the truth value or number that it shows."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        return float(value)
    except ValueError:
        return value

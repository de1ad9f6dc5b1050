"""PostHog's own status page, and what can be seen of it from outside.

Asked: GET /api/instance_status/ with the personal key; HogQL for the events of the last hour; the
time that a query takes. Keys differ between versions (`plugin_sever_alive` is PostHog's own
spelling), and so does the form: a list of {key, metric, value}, or an object.
Source: PostHog's posthog/api/instance_status.py (stored versions, read 2026-11-23).
"""

import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.quantity import parse_quantity
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.spec.behaviour import StatusRow
from clusterproof.spec.settings import PosthogSettings

QUERIES = 3
_KEYS: Mapping[str, tuple[str, ...]] = {
    "worker_alive": ("plugin_sever_alive", "plugin_server_alive", "worker_alive"),
    "queue_depth": ("queue_depth", "redis_current_queue_depth"),
    "storage_used_bytes": ("clickhouse_disk_used_bytes", "clickhouse_disk_used"),
    "storage_total_bytes": ("clickhouse_disk_total_space", "clickhouse_total_disk_space"),
    "storage_free_bytes": ("clickhouse_disk_free_space",),
}
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_SIZE = re.compile(r"([0-9.]+)\s*([kKMGTPE]?)(i?)B?", re.ASCII)


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What PostHog said of itself, and what we measured beside it.

    Attributes:
        lines: Key to value, keys in snake case.
        refused: Why there is no page, or "".
        events_last_hour: By HogQL; None where it was not answered.
        query_s: How long each query took.
        query_error: Why a query was not answered, or "".
    """

    lines: Mapping[str, Any]
    refused: str = ""
    events_last_hour: int | None = None
    query_s: tuple[float, ...] = ()
    query_error: str = ""
    where: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and what speaks against it although PostHog says it.

    Attributes:
        contradiction: What we saw that cannot be if the figure is true, or "".
    """

    value: Any
    contradiction: str = ""


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
    said = inside.ask("status", request, within_s=60.0)
    page, events = said["page"], said["events"]
    return StatusPage(
        lines=dict(lines_of(page["body"])),
        refused=page["error"],
        events_last_hour=None if events["value"] is None else int(events["value"]),
        query_s=tuple(said["query_s"]),
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
        for key, value in body.items():
            yield _snake(key), plain(value)
    elif isinstance(body, list):
        for line in body:
            if isinstance(line, dict) and "value" in line:
                value = plain(line["value"])
                for name in (line.get("metric"), line.get("key")):
                    if name:
                        yield _snake(str(name)), value


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


def read_figure(
    page: StatusPage, rule: StatusRow, *, capacity: str | None, nothing_arrived: bool
) -> Observed[Figure]:
    """One figure of the page, or of what we measured where the figure is of that kind.

    Args:
        page: As `read_page` brought it.
        rule: Names the figure.
        capacity: Of the claim that the row names, as a quantity.
        nothing_arrived: Events were sent and accepted, and none could be read back.

    Raises:
        ObservationError: PostHog does not offer the figure, or did not let us look.
    """
    if rule.figure in _MEASURED:
        value = _measured(page, rule.figure)
    elif page.refused:
        raise ObservationError(f"PostHog's status page: {page.refused}")
    elif rule.figure == "storage_used_ratio":
        value = _used_ratio(page.lines, capacity)
    else:
        value = _line(page.lines, rule.figure)
    if value is None:
        offered = ", ".join(sorted(page.lines)) or "nothing"
        raise ObservationError(f"PostHog offers no {rule.figure}; its status page has: {offered}")
    against = ""
    if rule.figure == "worker_alive" and value is True and nothing_arrived:
        against = "events were accepted, and none of them could be read back"
    shown = f"{value:.4g}" if isinstance(value, float) else f"{value}"
    return Observed(
        Figure(value, against),
        where=page.where,
        next_command=pods_near(page.where),
        evidence=(f"{rule.figure} = {shown}", *_beside(page)),
        how=page.how,
    )


_MEASURED = frozenset({"events_ingested", "query_s"})


def _measured(page: StatusPage, figure: str) -> float | int | None:
    if page.query_error:
        raise ObservationError(f"HogQL: {page.query_error}")
    if figure == "events_ingested":
        return page.events_last_hour
    return statistics.median(page.query_s) if page.query_s else None


def _line(lines: Mapping[str, Any], figure: str) -> Any:  # noqa: ANN401 - JSON
    for key in _KEYS.get(figure, (figure,)):
        if key in lines:
            return lines[key]
    return None


def _used_ratio(lines: Mapping[str, Any], capacity: str | None) -> float | None:
    used, free = (_bytes(_line(lines, f"storage_{one}_bytes")) for one in ("used", "free"))
    total = _bytes(_line(lines, "storage_total_bytes"))
    if total is None and capacity is not None:
        total = float(parse_quantity(capacity))
    if used is None and total is not None and free is not None:
        used = total - free
    return used / total if used is not None and total else None


def _bytes(value: Any) -> float | None:  # noqa: ANN401 - JSON
    """Bytes as a number, or as people write them (1.50 GiB)."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _SIZE.fullmatch(str(value).strip()) if isinstance(value, str) else None
    if found is None:
        return None
    power = " kMGTPE".index(found[2].replace("K", "k")) if found[2] else 0
    return float(found[1]) * float((1024 if found[3] else 1000) ** power)


def _beside(page: StatusPage) -> Iterator[str]:
    if page.events_last_hour is not None:
        yield f"{page.events_last_hour} events in the last hour by HogQL"
    if page.query_s:
        took = ", ".join(f"{one:.3f}" for one in page.query_s)
        yield f"{len(page.query_s)} queries took {took} s"

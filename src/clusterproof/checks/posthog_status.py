"""Rows `check: posthog-status`: what PostHog says of itself.

Source: PostHog's posthog/api/instance_status.py (read 2026-11-23).
"""

import math
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import Arrival, arrival, events, status
from clusterproof.checks.site import Site
from clusterproof.compare import meets
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, Passed
from clusterproof.kube.objects import condition_entry
from clusterproof.kube.paths import Missing, look_up, shown
from clusterproof.kube.pods import is_ready
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.workloads import WORKLOADS
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed, pods_near
from clusterproof.product.posthog.status import StatusPage
from clusterproof.spec.row import Expectation, ObjectRef, Ref, Row

_KEYS: Mapping[str, tuple[str, ...]] = {
    "worker_alive": ("plugin_sever_alive", "plugin_server_alive", "worker_alive"),
    "workers": ("worker_status", "workers_alive"),
    "queue_depth": ("queue_depth", "redis_current_queue_depth"),
    "storage_used_bytes": ("clickhouse_disk_used_bytes", "clickhouse_disk_used"),
    "storage_total_bytes": ("clickhouse_disk_total_space", "clickhouse_total_disk_space"),
    "storage_free_bytes": ("clickhouse_disk_free_space",),
}
_SIZE = re.compile(r"([0-9.]+)\s*([kKMGTPE]?)(i?)B?", re.ASCII)
TOLD_S = 30.0
"""A worker that is ready has told PostHog of itself by then. Our choice."""
_MEASURED = frozenset({"events_ingested", "query_s"})


class StatusRow(Row):
    """One line of PostHog's own status page.

    Attributes:
        of: The claim whose capacity a used share is a share of, where the page has no total; for
            `worker_alive` the workload whose ready Pods are as many as the page counts.
    """

    check: Literal["posthog-status"]
    figure: str
    of: Ref | None = None
    expect: Expectation


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, and what speaks against it although PostHog says it.

    Attributes:
        contradiction: What we saw that cannot be if the figure is true, or "".
        unconfirmed: Why nothing could be seen of what would contradict it, or "".
        unprompted: Why what it counts may be nothing in a PostHog that is well, or "".
        beside: What was seen that explains it, such as a store that refuses what is written.
    """

    value: Any
    contradiction: str = ""
    unconfirmed: str = ""
    unprompted: str = ""
    beside: str = ""


def read_figure(
    page: StatusPage,
    row: StatusRow,
    *,
    capacity: str | None,
    arrived: Arrival,
    ready: int | None = None,
) -> Observed[Figure]:
    """One figure of the page, or of what we measured where the figure is of that kind.

    Args:
        page: As `read_page` brought it.
        row: Names the figure.
        capacity: Of the claim that the row names, as a quantity.
        arrived: What became of our own events.
        ready: Pods of the workload that the row names that are ready, and not just now; None where
            it names none.

    Raises:
        ObservationError: PostHog does not offer the figure, or did not let us look.
    """
    if row.figure in _MEASURED:
        figure = _measured(page, row.figure)
    elif page.refused:
        raise ObservationError(f"PostHog's status page: {page.refused}")
    elif row.figure == "storage_used_ratio":
        figure = _used_ratio(page.lines, capacity)
    else:
        figure = _line(page.lines, row.figure)
    if figure is None:
        offered = ", ".join(sorted(page.lines)) or "nothing"
        raise ObservationError(f"PostHog offers no {row.figure}; its status page has: {offered}")
    if _is_count(figure) and not 0 <= figure < math.inf:
        raise ObservationError(f"PostHog says {row.figure} = {figure:.4g}, which nothing can be")
    against = unconfirmed = unprompted = ""
    if row.figure == "worker_alive":
        unconfirmed = arrived.unsent or arrived.refused or arrived.unseen
        if figure is True and arrived.nothing:
            against = "events were accepted, and none of them could be read back"
        counted = _line(page.lines, "workers")
        if figure is True and ready is not None and _is_count(counted) and counted < ready:
            against = f"{counted:g} of {ready} ready Pods work, by the same page"
    if row.figure == "events_ingested":
        unprompted = arrived.unsent
    text = f"{figure:.4g}" if isinstance(figure, float) else f"{figure}"
    return Observed(
        Figure(figure, against, unconfirmed, unprompted, arrived.refused),
        where=page.where,
        next_command=pods_near(page.where),
        evidence=(f"{row.figure} = {text}", *_beside(page)),
        how=page.how,
    )


def _is_count(line: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(line, int | float) and not isinstance(line, bool)


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
    used, free = (_bytes(_line(lines, f"storage_{part}_bytes")) for part in ("used", "free"))
    total = _bytes(_line(lines, "storage_total_bytes"))
    if total is None and capacity is not None:
        total = float(parse_quantity(capacity))
    if used is None and total is not None and free is not None:
        used = total - free
    return used / total if used is not None and total else None


def _bytes(size: Any) -> float | None:  # noqa: ANN401 - JSON
    """Bytes as a number, or as people write them (1.50 GiB)."""
    if _is_count(size):
        return float(size) if math.isfinite(size) else None
    match = _SIZE.fullmatch(str(size).strip()) if isinstance(size, str) else None
    if match is None:
        return None
    power = " kMGTPE".index(match[2].replace("K", "k")) if match[2] else 0
    return float(match[1]) * float((1024 if match[3] else 1000) ** power)


def _beside(page: StatusPage) -> Iterator[str]:
    if page.events_last_hour is not None:
        yield f"{page.events_last_hour} events in the last hour by HogQL"
    if page.query_s:
        took = ", ".join(f"{seconds:.3f}" for seconds in page.query_s)
        yield f"{len(page.query_s)} queries took {took} s"


def look(row: StatusRow, site: Site) -> Observed[Figure]:
    """One figure of the status page, with what speaks against it."""
    is_claim = row.of is not None and row.of.kind not in WORKLOADS
    claim = site.cluster.find(row.of) if row.of and is_claim else None
    capacity = look_up(claim, "status.capacity.storage")
    page = site.shared(status)
    # Before our events are waited for: meanwhile a rollout may go on.
    ready = _ready(site, row.of, page.read_at) if row.of and not is_claim else None
    return read_figure(
        page,
        row,
        capacity=None if isinstance(capacity, Missing) else capacity,
        arrived=arrival(site),
        ready=ready,
    )


def _ready(site: Site, workload: ObjectRef, read_at: datetime | None) -> int:
    """How many Pods are ready, and had been so for long enough when the page was read.

    They are listed anew: one that ended before the page was read is not missing from it.
    """
    asked_at = read_at or site.api.now()
    since = [
        condition_entry(pod, "Ready").get("lastTransitionTime")
        for pod in Cluster(site.api).pods_of(workload)
        if is_ready(pod)
    ]
    return sum(
        (asked_at - datetime.fromisoformat(moment)).total_seconds() > TOLD_S
        for moment in since
        if moment
    )


def judge(row: StatusRow, fact: Figure) -> Judgement:
    """What PostHog says meets the row, and nothing that we saw speaks against it.

    A worker that is said to be alive is believed when events that were sent came back, and no event
    in an hour is a finding when this run sent some: else it is a doubt.
    """
    if not meets(row.expect, fact.value) and fact.unprompted:
        return Doubt(f"PostHog may just be quiet: we sent no events: {fact.unprompted}")
    if not meets(row.expect, fact.value):
        return Failed(
            Difference(
                row.figure, str(row.expect), shown(fact.value), fact.beside, code="figure-differs"
            )
        )
    if fact.contradiction:
        reason = "the status page says so, what was seen does not"
        reason += f"; {fact.beside}" if fact.beside else ""
        return Failed(
            Difference(
                row.figure, str(row.expect), fact.contradiction, reason, code="figure-contradicted"
            )
        )
    if fact.unconfirmed:
        return Doubt(f"PostHog says so, and it could not be confirmed: {fact.unconfirmed}")
    return Passed(row.figure)


KIND = Kind(
    StatusRow,
    look,
    judge,
    begin=(events, status),
    codes=(
        "figure-contradicted",
        "figure-differs",
    ),
)

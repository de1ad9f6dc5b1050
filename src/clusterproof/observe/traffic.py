"""Traffic of our own through the router's Service, and what its Pods counted meanwhile.

Counters are read from every Pod directly, before and after, and never from Prometheus: its
increase() extrapolates. Source: Prometheus docs, "Query functions" (read 2026-11-23).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.observe.api import KubeApi
from clusterproof.observe.background import Others, others
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.inside import Inside
from clusterproof.observe.metrics import Page, family_named, read_pages, total
from clusterproof.observe.observed import Observed
from clusterproof.observe.proxy import HOW
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.settings import TrafficSettings
from clusterproof.wait import last_within, pause

ROUNDS = 3
"""How often each user asks: as often as it takes to see that a variant does not stick."""
REQUEST_TIMEOUT_S = 10.0
AT_ONCE = 6
SETTLE_WITHIN_S = 15.0
"""An SDK sends at the latest after its flush interval of 5 s; three of those. Our choice."""
QUIET_S = 3.0
"""Long enough to see traffic of one request a second. Our choice."""
AMONG_QUIET_S = 10.0
"""A quiet time on either side of a batch among others' requests. Our choice."""
FLUSHED_S = 6.0
"""Among others' events one cannot see ours arrive: past an SDK's flush interval of 5 s."""
MANY = 10
"""So many times the first batch is sent among others, to stand out."""
RESOLUTION = 0.25
"""A miscount of a quarter of ours must be told from others' requests. Our choice."""
_STRATEGIES = ("cheapest", "fastest", "best_quality")


@dataclass(frozen=True, slots=True)
class Routed:
    """What one request was answered; status 0 when it was not."""

    user: str
    status: int
    model: str = ""
    variant: str = ""
    is_ab_test: bool = False
    exposure: str = ""
    duration_ms: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some requests, and the pages of all Pods on both sides of them.

    Attributes:
        took_s: To send them.
        window_s: From one reading of the pages to the other.
    """

    answers: tuple[Routed, ...]
    before: tuple[Page, ...]
    after: tuple[Page, ...]
    took_s: float
    window_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Counted:
    """One batch as one metric counted it.

    Attributes:
        at_least: What certainly happened: requests with an answer, events with an id.
        at_most: What may have happened: a request without an answer may have been served.
        risen: The rise over all Pods.
    """

    at_least: int
    at_most: int
    risen: float


@dataclass(frozen=True, slots=True)
class Moved:
    """How a metric moved while we sent one batch, or in doubt two.

    Attributes:
        present: Some Pod exposes the metric.
        batches: The second is twice the first; only the large one where others send as well.
        quiet_rise: How much it rose in a time in which we sent nothing; None when the first batch
            left no doubt.
        unfiltered: The rise in the first batch with any labels.
        others: What others added beside the large batch; None where nobody else sends.
    """

    present: bool
    batches: tuple[Counted, ...]
    quiet_rise: float | None = None
    unfiltered: float = 0.0
    others: Others | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """All that was sent, in order.

    Attributes:
        quiet: A batch of nothing between two of them.
        among: Where others send as well: nothing, a large batch, and nothing again.
    """

    batches: tuple[Batch, ...]
    quiet: Batch | None = None
    where: str = ""
    how: str = ""
    among: tuple[Batch, Batch, Batch] | None = None

    @property
    def answers(self) -> tuple[Routed, ...]:
        """Every answer of `batches`."""
        return tuple(answer for batch in self.batches for answer in batch.answers)


class Caller:
    """Sends as known users, and reads what every Pod of the router counted."""

    def __init__(
        self, inside: Inside, api: KubeApi, settings: TrafficSettings, *, name: str
    ) -> None:
        """Send nothing yet; `name` makes the users' ids our own."""
        self._inside, self._api, self._settings, self._name = inside, api, settings, name

    def measure(self, rows: Sequence[MetricMovesRow]) -> Traffic:
        """One batch; and where a metric rose by too much, a quiet time and twice the batch.

        Somebody else's requests come in a quiet time too; counting double goes with the batch.
        Where others send, a batch that stands out follows, between two quiet times.

        Raises:
            ObservationError: The sending Pod could not send, or no Pod's page could be read.
        """
        users = max(1, self._settings.requests // ROUNDS)
        first = self._batch("a", users, rows)
        if not _whole(first):
            first = self._batch("b", users, rows)
        where, how = f"{self._inside.where} -> {self._settings.service}", self._inside.how
        if not any(_is_excess(first, rule) for rule in rows):
            return Traffic((first,), None, where, f"{how}; {HOW}")
        quiet = self._nothing(QUIET_S)
        second = self._batch("c", 2 * users, rows)
        among = None
        if any(_are_others(quiet, (first, second), rule) for rule in rows):
            among = self._among(MANY * users)
        return Traffic((first, second), quiet, where, f"{how}; {HOW}", among)

    def _among(self, users: int) -> tuple[Batch, Batch, Batch]:
        before = self._nothing(AMONG_QUIET_S)
        first, began = before.after, time.monotonic()
        answers = tuple(self._send([f"{self._name}-d{one}" for one in range(users)]))
        took_s = time.monotonic() - began
        pause(FLUSHED_S)
        after = self._pages()
        large = Batch(answers, first, after, took_s, time.monotonic() - began)
        return before, large, self._nothing(AMONG_QUIET_S)

    def _nothing(self, for_s: float) -> Batch:
        """The pages on both sides of a time in which we send nothing."""
        before, began = self._pages(), time.monotonic()
        pause(for_s)
        after = self._pages()
        return Batch((), before, after, for_s, time.monotonic() - began)

    def _batch(self, turn: str, users: int, rows: Sequence[MetricMovesRow]) -> Batch:
        before = self._pages()
        started = time.monotonic()
        answers = tuple(self._send([f"{self._name}-{turn}{one}" for one in range(users)]))
        took_s = time.monotonic() - started

        def arrived(after: tuple[Page, ...]) -> bool:
            if any(page.reason for page in after):
                return False
            batch = Batch(answers, before, after, took_s)
            return not _whole(batch) or all(
                (one := counted(batch, rule)).risen >= one.at_least for rule in rows
            )

        after = last_within(self._pages, arrived, within_s=SETTLE_WITHIN_S, every_s=1.0)
        return Batch(answers, before, after, took_s)

    def _send(self, users: list[str]) -> Iterator[Routed]:
        request = {
            "url": f"http://{self._settings.service}:{self._settings.port}/api/v1/route",
            "users": users,
            "rounds": ROUNDS,
            "strategies": _STRATEGIES,
            "timeout_s": REQUEST_TIMEOUT_S,
            "at_once": AT_ONCE,
        }
        within_s = 15.0 + REQUEST_TIMEOUT_S * len(users) * ROUNDS / AT_ONCE
        for one in self._inside.ask("route", request, within_s=within_s)["answers"]:
            yield _routed(one)

    def _pages(self) -> tuple[Page, ...]:
        """The pages now, of the Pods that run now, ready or not.

        One that is not ready may be so again in a moment, with all that it counted before; one
        that does not run has counted nothing.
        """
        workload = self._settings.workload
        running = [
            pod
            for pod in Cluster(self._api).pods_of(workload)
            if (pod.get("status") or {}).get("phase") == "Running"
        ]
        if not running:
            raise ObservationError(
                f"no Pod of {workload} runs",
                next_command=f"kubectl -n {workload.namespace} get pods -o wide",
            )
        return read_pages(self._api, running, self._settings.metrics_port, "/metrics")


def _routed(one: Mapping[str, Any]) -> Routed:
    body = one["body"]
    return Routed(
        user=one["user"],
        status=one["status"],
        model=str(body.get("model_id") or ""),
        variant=str(body.get("variant_id") or ""),
        is_ab_test=body.get("is_ab_test") is True,
        exposure=one["exposure"],
        duration_ms=one["duration_ms"],
        error=one["error"],
    )


def read_moves(traffic: Traffic, rule: MetricMovesRow) -> Observed[Moved]:
    """How a metric moved over all Pods while we sent.

    Raises:
        ObservationError: Nothing was answered, Pods came or went, or others send too.
    """
    first = traffic.batches[0]
    if not any(_served(answer) for answer in first.answers):
        why = first.answers[0].error if first.answers else "nothing was sent"
        raise ObservationError(
            f"the router answered none of {len(first.answers)} requests ({why}): "
            "what a metric counts cannot be seen",
            next_command=f"kubectl {rule.workload.kubectl} logs --tail=50",
        )
    quiet = None
    if traffic.quiet is not None and _is_excess(first, rule):
        quiet = rise(traffic.quiet, rule.name, rule.labels)
        if _are_others(traffic.quiet, traffic.batches, rule):
            return _moves_among_others(traffic, rule, quiet)
    value = Moved(
        present=any(family_named(page, rule.name) for page in first.after),
        batches=tuple(counted(batch, rule) for batch in traffic.batches),
        quiet_rise=quiet,
        unfiltered=rise(first, rule.name, {}),
    )
    return Observed(
        value,
        where=f"{traffic.where}; {rule.workload}",
        evidence=tuple(_evidence(traffic, rule, value)),
        next_command=f"kubectl {rule.workload.kubectl} port-forward 9090:9090",
        how=traffic.how,
    )


def _moves_among_others(traffic: Traffic, rule: MetricMovesRow, quiet: float) -> Observed[Moved]:
    """As `read_moves`, where a part of the rise is not ours.

    Raises:
        ObservationError: What others add hides what we do.
    """
    seen = f"{rule.name} rose by {quiet:g} in {QUIET_S:g} s in which we sent nothing"
    if traffic.among is None:
        raise ObservationError(f"{seen}: others send as well, so a rise cannot be told to be ours")
    before, large, after = traffic.among
    one = counted(large, rule)
    calm = [(rise(each, rule.name, rule.labels), each.window_s) for each in (before, after)]
    beside = others(calm, large.window_s)
    if beside.slack > RESOLUTION * one.at_least:
        raise ObservationError(
            f"{seen}: others add {beside.expected:.0f}, give or take {beside.slack:.0f}, while we "
            f"send {one.at_least}, so a rise cannot be told to be ours; ask again when it is quiet"
        )
    return Observed(
        Moved(
            present=True,
            batches=(one,),
            quiet_rise=quiet,
            unfiltered=rise(large, rule.name, {}),
            others=beside,
        ),
        where=f"{traffic.where}; {rule.workload}",
        evidence=(
            f"{seen}: others send as well",
            f"sent {len(large.answers)} requests in {large.took_s:.1f} s, {one.at_least} "
            f"{rule.by}; rose by {one.risen:g} in {large.window_s:.1f} s",
            f"others add {beside.expected:.0f} in that time, by {AMONG_QUIET_S:g} s before and "
            f"after it: a miscount of up to {beside.slack:.0f} is not seen",
        ),
        next_command=f"kubectl {rule.workload.kubectl} port-forward 9090:9090",
        how=traffic.how,
    )


def _are_others(quiet: Batch, batches: Sequence[Batch], rule: MetricMovesRow) -> bool:
    """True where the metric rises without us, and by more than ours in each batch."""
    if not _whole(quiet) or not all(_is_excess(batch, rule) for batch in batches):
        return False
    return rise(quiet, rule.name, rule.labels) > 0


def _evidence(traffic: Traffic, rule: MetricMovesRow, value: Moved) -> Iterator[str]:
    for batch, one in zip(traffic.batches, value.batches, strict=True):
        served = sum(map(_served, batch.answers))
        yield (
            f"sent {len(batch.answers)} requests in {batch.took_s:.1f} s, {served} answered; "
            f"rose by {one.risen:g} over {len(batch.after)} Pods"
        )
    if rule.labels:
        yield f"with labels {dict(rule.labels)}; with any labels it rose by {value.unfiltered:g}"
    if value.quiet_rise is not None:
        yield f"rose by {value.quiet_rise:g} in {QUIET_S:g} s in which we sent nothing"


def counted(batch: Batch, rule: MetricMovesRow) -> Counted:
    """One batch as one metric counted it.

    Raises:
        ObservationError: As `rise` does.
    """
    units = {
        "requests": _served,
        "exposures": lambda one: _served(one) and one.is_ab_test,
        "events": lambda one: _served(one) and one.is_ab_test,
    }
    certain = sum(map(units[rule.by], batch.answers))
    doubtful = sum(not _served(one) for one in batch.answers)
    return Counted(certain, certain + doubtful, rise(batch, rule.name, rule.labels))


def _served(answer: Routed) -> bool:
    return 200 <= answer.status < 300  # noqa: PLR2004 - HTTP's success


def _is_excess(batch: Batch, rule: MetricMovesRow) -> bool:
    if not rule.exact or not _whole(batch):
        return False
    one = counted(batch, rule)
    return one.risen > one.at_most


def _whole(batch: Batch) -> bool:
    """The same Pods on both sides, but for those that were born in between."""
    try:
        _refuse_gaps(batch)
    except ObservationError:
        return False
    return True


def _refuse_gaps(batch: Batch) -> None:
    last = {page.pod: page for page in batch.after}
    for page in batch.before:
        if page.pod not in last:
            raise ObservationError(f"Pod {page.pod} ended while we counted")
        if last[page.pod].incarnation != page.incarnation:
            raise ObservationError(f"Pod {page.pod} started anew while we counted")
    for page in (*batch.before, *batch.after):
        if page.reason:
            raise ObservationError(f"{page.pod}: {page.reason}")


def rise(batch: Batch, name: str, labels: Mapping[str, str]) -> float:
    """How much a metric rose, summed over all Pods; one born in between counts from zero.

    Raises:
        ObservationError: A Pod ended, started anew or has no page: what it counted is not known.
    """
    _refuse_gaps(batch)
    first = {page.pod: page for page in batch.before}
    risen = 0.0
    for page in batch.after:
        start = total(first[page.pod], name, labels) if page.pod in first else None
        step = (total(page, name, labels) or 0.0) - (start or 0.0)
        if step < 0:
            raise ObservationError(f"{page.pod}: {name} fell by {-step:g}: it started anew")
        risen += step
    return risen

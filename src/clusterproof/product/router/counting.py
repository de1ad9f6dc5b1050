"""What the Pods counted while a batch of requests was sent, from their pages on both sides of it.

Counters are read from every Pod directly, before and after, and never from Prometheus: its
increase() extrapolates. Source: Prometheus docs, "Query functions" (read 2026-11-23).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.observe.metrics import Page, total
from clusterproof.spec.behaviour import MetricMovesRow


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

    @property
    def is_excess(self) -> bool:
        """True where it rose by more than the batch can explain."""
        return self.risen > self.at_most


def counted(batch: Batch, row: MetricMovesRow) -> Counted:
    """One batch as one metric counted it.

    Raises:
        ObservationError: As `rise` does.
    """
    units = {
        "requests": served,
        "exposures": lambda answer: served(answer) and answer.is_ab_test,
        "events": lambda answer: served(answer) and answer.is_ab_test,
    }
    certain = sum(map(units[row.by], batch.answers))
    doubtful = sum(not served(answer) for answer in batch.answers)
    return Counted(certain, certain + doubtful, rise(batch, row.name, row.labels))


def served(answer: Routed) -> bool:
    """True where the router answered it with success."""
    return 200 <= answer.status < 300  # noqa: PLR2004 - HTTP's success


def is_excess(batch: Batch, row: MetricMovesRow) -> bool:
    """True where an exact metric rose by more than the batch can explain: there is more to see."""
    return row.exact and whole(batch) and counted(batch, row).is_excess


def whole(batch: Batch) -> bool:
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

    NaN where a page has something for it that is no finite number.

    Raises:
        ObservationError: A Pod ended, started anew or has no page: what it counted is not known.
    """
    _refuse_gaps(batch)
    first = {page.pod: page for page in batch.before}
    risen = 0.0
    for page in batch.after:
        start = total(first[page.pod], name, labels) if page.pod in first else None
        step = (total(page, name, labels) or 0.0) - (start or 0.0)
        if not math.isfinite(step):
            return math.nan  # no number: nothing can be said of what it counted
        if step < 0:
            raise ObservationError(f"{page.pod}: {name} fell by {-step:g}: it started anew")
        risen += step
    return risen


def are_others(quiet: Batch, batches: Sequence[Batch], row: MetricMovesRow) -> bool:
    """True where the metric rises without us, and by more than ours in each batch."""
    if not whole(quiet) or not all(is_excess(batch, row) for batch in batches):
        return False
    return rise(quiet, row.name, row.labels) > 0

"""What the Pods counted while a batch of requests was sent, from their pages on both sides of it.

Counters are read from every Pod directly, before and after, and never from Prometheus: its
increase() extrapolates. Source: Prometheus docs, "Query functions" (read 2026-11-23).
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from clusterproof.errors import ObservationError
from clusterproof.observe.metrics import Page, has_sum, sum_of, total
from clusterproof.spec.behaviour import MetricMovesRow


@dataclass(frozen=True, slots=True)
class Routed:
    """What one request was answered; status 0 when it was not.

    Attributes:
        plain: It asked for no A/B test.
    """

    user: str
    status: int
    model: str = ""
    variant: str = ""
    is_ab_test: bool = False
    exposure: str = ""
    duration_ms: float = 0.0
    error: str = ""
    plain: bool = False


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
        at_least: What certainly happened: requests with an answer, events with an id; without
            plain requests where the row's labels may leave those out.
        at_most: What may have happened: a request without an answer may have been served.
        risen: The rise over all Pods.
        sent: All requests of the batch; 0 in a record of an earlier version.
    """

    at_least: int
    at_most: int
    risen: float
    sent: int = 0

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
    doubtful = sum(
        not served(answer) and not (answer.plain and row.by != "requests")
        for answer in batch.answers
    )
    risen = rise(batch, row.name, row.labels)
    hidden = _hidden(batch, row)
    return Counted(certain - hidden, certain + doubtful, risen, len(batch.answers))


_OF_TESTS = re.compile(
    r"(?:^|_|is)a_?b(?:_|$|test)|variant|experiment|(?:^|_)split(?:_|$|test)", re.IGNORECASE
)
"""In the name of a label that says which A/B test a request was in, or whether it was in one."""


def _hidden(batch: Batch, row: MetricMovesRow) -> int:
    """Plain requests that the row's labels may leave out, by the name of one of them.

    What samples with other labels counted is no excuse: probes and our own readings of the pages
    are counted by their paths in the same metric.
    """
    if row.by != "requests" or not any(map(_OF_TESTS.search, row.labels)):
        return 0
    return sum(served(answer) and answer.plain for answer in batch.answers)


@dataclass(frozen=True, slots=True)
class Spent:
    """How long requests took, by a histogram of seconds and by the clock of who sent them.

    Attributes:
        counted: Observations that the histogram got.
        summed: The rise of its sum over all Pods.
        by_clock_s: From the sending of each request to its answer, summed.
    """

    counted: float
    summed: float
    by_clock_s: float


def spent(batch: Batch, row: MetricMovesRow) -> Spent | None:
    """How long a batch took; None where the row's metric has no sum.

    None too where others' requests may be in it: one of ours was not answered, or the count is not
    exactly ours.

    Raises:
        ObservationError: As `rise` does.
    """
    count = counted(batch, row)
    if row.by != "requests" or not row.name.endswith("_seconds"):
        return None
    if not count.at_least == count.at_most == count.risen:
        return None
    if not any(has_sum(page, row.name) for page in batch.after):
        return None
    by_clock_s = sum(answer.duration_ms for answer in batch.answers) / 1000
    summed = rise(batch, row.name, row.labels, of=sum_of)
    return Spent(count.risen, summed, by_clock_s) if by_clock_s else None


def served(answer: Routed) -> bool:
    """True where the router answered it with success."""
    return is_success(answer.status)


def is_success(status: int) -> bool:
    """True for an HTTP status of success."""
    return 200 <= status < 300  # noqa: PLR2004 - HTTP's own bounds


def is_routed(answer: Routed) -> bool:
    """True where a request was answered as it asked: by an A/B test's variant, or plainly."""
    return served(answer) and (answer.plain or (answer.is_ab_test and bool(answer.variant)))


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


Total: TypeAlias = Callable[[Page, str, Mapping[str, str]], float | None]
"""What a page says of a metric, over the samples with some labels."""


def rise(batch: Batch, name: str, labels: Mapping[str, str], of: Total = total) -> float:
    """How much a metric rose, summed over all Pods; one born in between counts from zero.

    NaN where a page has something for it that is no finite number.

    Args:
        batch: The pages on both sides.
        name: Of the metric.
        labels: Of the samples.
        of: What rose: its count, or its sum.

    Raises:
        ObservationError: A Pod ended, started anew or has no page: what it counted is not known.
    """
    _refuse_gaps(batch)
    first = {page.pod: page for page in batch.before}
    risen = 0.0
    for page in batch.after:
        start = of(first[page.pod], name, labels) if page.pod in first else None
        step = (of(page, name, labels) or 0.0) - (start or 0.0)
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

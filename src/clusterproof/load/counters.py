"""Counters of pods that come, restart and go: how much each grew during the run.

A counter belongs to one process: (pod UID, process start). Its growth is last minus first, with
first = 0 for a process born in the run. What a pod counted after its last read is unseen; the
bound on that is stated (its last rate until it was gone; a process that was read once has none).
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

PROCESS_START = "process_start_time_seconds"
PROCESS_CPU = "process_cpu_seconds_total"
_STATUS = re.compile(
    r'[{,](?:\w*status\w*|(?:\w*(?:_|http|response))?code)="([1-5][0-9]{2})"', re.IGNORECASE
)
"""A label that is named for it (`status`, `httpStatus`, `code`, `responseCode`; not `returncode`):
a port, a shard or a tenant may be any such number."""
_OF_PROCESS = frozenset({PROCESS_START, PROCESS_CPU})


@dataclass(frozen=True, slots=True)
class Scrape:
    """One read of one pod's /metrics.

    Attributes:
        at: When it was read, seconds since the epoch.
        pod: Name of the pod.
        uid: UID of the pod.
        values: By series, as `name{label="value",...}` with the labels sorted.
    """

    at: float
    pod: str
    uid: str
    values: Mapping[str, float]

    def total(self, name: str, status: str = "") -> float:
        """The values of all series of the sample `name` together; 0 where there is none.

        Args:
            name: Of the sample.
            status: Only series with a label that has this value.
        """
        return sum(self.of(name, status).values())

    def of(self, name: str, status: str = "") -> Mapping[str, float]:
        """The series that `total` adds up."""
        return {
            key: value
            for key, value in self.values.items()
            if matches(key, name) and (not status or status in _STATUS.findall(key))
        }


@dataclass(frozen=True, slots=True)
class Life:
    """One process's counter over the run.

    Attributes:
        growth: What was seen.
        unseen_bound: The most that can have been counted after the last read.
        resets: Drops of the value within the same process (there should be none).
        has_ended: Whether it went before the end of the run.
    """

    pod: str
    uid: str
    process_start: float
    first_at: float
    last_at: float
    growth: float
    unseen_bound: float
    resets: int
    has_ended: bool = False


@dataclass(frozen=True, slots=True)
class Growth:
    """The growth of one series, or of several together, over all pods."""

    total: float
    unseen_bound: float
    lives: tuple[Life, ...]


def parse_metrics(
    text: str, names: Iterable[str], where: Mapping[str, str] | None = None
) -> dict[str, float]:
    """The samples with one of these names, by series; NaN, which counts nothing, is left out.

    A sample's name is the one on the page, as for Prometheus: by the TYPE of a counter the parser
    would add `_total` to one that has none (`nginx_ingress_controller_requests`).

    Args:
        text: A page of metrics.
        names: Of the samples.
        where: Labels that a series must have; those of the process itself need none.

    Raises:
        ValueError: Not the Prometheus text format.
    """
    wanted = frozenset(names)
    untyped = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    return {
        series(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(untyped)
        for sample in family.samples
        if sample.name in wanted
        and not math.isnan(sample.value)
        and (sample.name in _OF_PROCESS or (where or {}).items() <= sample.labels.items())
    }


def series(name: str, labels: Mapping[str, str]) -> str:
    """The name of one series."""
    inner = ",".join(f'{key}="{labels[key]}"' for key in sorted(labels))
    return f"{name}{{{inner}}}"


def matches(of: str, name: str) -> bool:
    """Whether series `of` is one of the sample `name`."""
    return of.startswith(f"{name}{{")


def statuses_of(scrapes: Iterable[Scrape], name: str) -> frozenset[str]:
    """The HTTP statuses by which the counter tells its series apart; none where it does not."""
    return frozenset(
        status
        for scrape in scrapes
        for key in scrape.values
        if matches(key, name)
        for status in _STATUS.findall(key)
    )


def growth(
    scrapes: Sequence[Scrape],
    name: str,
    *,
    since: float,
    status: str = "",
    ended: Mapping[str, float] | None = None,
    born: Mapping[str, float] | None = None,
) -> Growth:
    """How much the counter grew from `since` on.

    A process is new where its Pod is, by the watch and our own clock, or where the Pod had another
    process before; when it says itself that it began counts only where neither tells: the node's
    clock may be any other. Each series is reset by itself, as for Prometheus' increase(): an
    exporter that forgets an idle one has not started anew.

    Args:
        scrapes: Of all pods, in order of time.
        name: The sample's name.
        status: Only series of this HTTP status.
        since: Processes started later begin at 0; older ones at their last read before it (or
            their first read, when that came later).
        ended: When pods went away, by UID; absent pods still live.
        born: When pods came that were not there from the beginning, by UID; None when nobody
            watched them.
    """
    by_life: dict[tuple[str, float], list[Scrape]] = {}
    for scrape in scrapes:
        start = _process_start(scrape)
        by_life.setdefault((scrape.uid, start), []).append(scrape)
    starts: dict[str, list[float]] = {}
    for uid, start in by_life:
        starts.setdefault(uid, []).append(start)
    lives = []
    for (uid, start), reads in by_life.items():
        later = [s for s in starts[uid] if s > start]
        end = (ended or {}).get(uid)
        if later:  # by our clock: it had ended when the next one was read
            end = by_life[uid, min(later)][0].at
        is_new = start >= since
        if born is not None:
            is_new = uid in born or start > min(starts[uid])
        pages = [(read, read.of(name, status)) for read in reads]
        grown = [
            _grown([(read.at, page.get(key)) for read, page in pages], since, is_new=is_new)
            for key in sorted({key for _, page in pages for key in page})
        ]
        values = [(read.at, sum(page.values())) for read, page in pages]
        lives.append(_life(reads, values, grown, start=start, end=end))
    return Growth(
        total=sum(life.growth for life in lives),
        unseen_bound=sum(life.unseen_bound for life in lives),
        lives=tuple(sorted(lives, key=lambda life: (life.first_at, life.pod))),
    )


def _process_start(scrape: Scrape) -> float:
    """By its own word, whatever labels its metric has; 0 where it says nothing."""
    return scrape.total(PROCESS_START)


def _grown(
    values: Sequence[tuple[float, float | None]], since: float, *, is_new: bool
) -> tuple[float, int]:
    """How much one series of a process grew from `since` on, and how often it was reset.

    Args:
        values: At each read, in order of time; None where the page did not have it.
        since: When the run began.
        is_new: Whether the process began at zero.
    """
    known = [(at, value) for at, value in values if value is not None]
    before = [value for at, value in known if at <= since]
    came_later = values[0][1] is None
    last = before[-1] if before else (0.0 if is_new or came_later else known[0][1])
    total, resets = 0.0, 0
    for at, value in known:
        if at <= since:
            continue
        if value < last:
            resets += 1
            last = 0.0
        total += value - last
        last = value
    return total, resets


def _life(
    reads: Sequence[Scrape],
    values: Sequence[tuple[float, float]],
    grown: Sequence[tuple[float, int]],
    *,
    start: float,
    end: float | None,
) -> Life:
    last_at = values[-1][0]
    return Life(
        pod=reads[0].pod,
        uid=reads[0].uid,
        process_start=start,
        first_at=values[0][0],
        last_at=last_at,
        growth=sum(total for total, _ in grown),
        unseen_bound=0.0 if end is None else _late_rate(values) * max(0.0, end - last_at),
        resets=sum(resets for _, resets in grown),
        has_ended=end is not None,
    )


def _late_rate(values: Sequence[tuple[float, float]]) -> float:
    """The growth per second over the last two reads (of all, when they are too close)."""
    for earlier in (values[-2:-1], values[:1]):
        if earlier and values[-1][0] - earlier[0][0] > 0:
            seconds = values[-1][0] - earlier[0][0]
            return max(0.0, (values[-1][1] - earlier[0][1]) / seconds)
    return 0.0

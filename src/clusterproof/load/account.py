"""What one generator process counted: merged over processes without loss, and sent as JSON.

A report is the whole account so far, not a difference: a report that is lost, or sent twice,
changes nothing, and a worker that dies leaves its last one behind.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from clusterproof.load.latency import LONGEST_S, Latencies
from clusterproof.load.seconds import Second, cell_of
from clusterproof.load.split import Exposure

Json = dict[str, Any]


@dataclass(slots=True)
class NameAccount:
    """The requests of one name, or of one stage of the plan.

    Attributes:
        latency: From the moment that the request was due.
        service: From the moment that it was sent: what stock Locust would report.
        first: From the moment that it was due to the first token of a streamed answer.
        started: Requests that were handed to the HTTP client.
        dropped: How long each arrival that was given up had waited by then.
        ok: Answers that were right.
        failed: Answers that were wrong, by reason.
        unanswered: Requests without an HTTP answer, by reason.
    """

    latency: Latencies = field(default_factory=Latencies)
    service: Latencies = field(default_factory=Latencies)
    first: Latencies = field(default_factory=Latencies)
    started: int = 0
    dropped: Latencies = field(default_factory=Latencies)
    ok: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)

    @property
    def answered(self) -> int:
        """Requests with an HTTP answer."""
        return self.ok + sum(self.failed.values())

    @property
    def unended(self) -> int:
        """Requests that were started and of which nothing more is known."""
        return max(0, self.started - self.answered - sum(self.unanswered.values()))

    @property
    def scheduled(self) -> int:
        """All of them, sent or given up."""
        return self.started + self.dropped.count

    def whole(self) -> "NameAccount":
        """The same, where what was dropped or never ended is slow.

        An arrival that was dropped has its wait as its latency; a request that never ended has the
        most that is recorded, and so has the first token of an answer that had none.
        """
        made = NameAccount()
        made.merge(self)
        made.latency.merge(self.dropped)
        for _ in range(self.unended):
            made.latency.record(LONGEST_S)
        if self.first.count:
            made.first.merge(self.dropped)
            for _ in range(self.started - self.first.count):
                made.first.record(LONGEST_S)
        return made

    def merge(self, other: "NameAccount") -> None:
        """Add all of `other`."""
        self.latency.merge(other.latency)
        self.service.merge(other.service)
        self.first.merge(other.first)
        self.started += other.started
        self.dropped.merge(other.dropped)
        self.ok += other.ok
        self.failed += other.failed
        self.unanswered += other.unanswered

    def worded(self, words: Callable[[str], str]) -> "NameAccount":
        """The same with other words for each reason; reasons that become the same are added up."""
        return replace(
            self, failed=_worded(self.failed, words), unanswered=_worded(self.unanswered, words)
        )

    def to_json(self) -> Json:
        """As plain data."""
        return {
            "latency": self.latency.encode(),
            "service": self.service.encode(),
            **({"first": self.first.encode()} if self.first.count else {}),
            "started": self.started,
            **({"dropped": self.dropped.encode()} if self.dropped.count else {}),
            "ok": self.ok,
            "failed": dict(self.failed),
            "unanswered": dict(self.unanswered),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "NameAccount":
        """What `to_json` wrote."""
        given = {"first", "dropped"} & data.keys()
        return cls(
            latency=Latencies.decode(data["latency"]),
            service=Latencies.decode(data["service"]),
            **{name: Latencies.decode(data[name]) for name in given},
            started=data.get("started", 0),
            ok=data["ok"],
            failed=Counter(data["failed"]),
            unanswered=Counter(data["unanswered"]),
        )


class CpuShare(NamedTuple):
    """The five seconds until `at`, of one process, each in shares of a core.

    Attributes:
        used: In which it ran.
        waited: In which it was ready to run and got no CPU: another's, or a quota's.
    """

    at: float
    used: float
    waited: float = 0.0

    @property
    def busy(self) -> float:
        """What it would have used."""
        return self.used + self.waited


class Account:
    """All that one process, or a whole run, counted.

    Attributes:
        late: Start delay where a caller was waiting for the arrival: the generator's own.
        waited: Start delay where no caller was free when it was due.
        lag: Lag of the event loop.
        dropped: Arrivals that were never sent, since no caller was free for them in time.
        dropped_waits: How long each of these had waited by then.
        started: Requests that were handed to the HTTP client.
        faults: Our own, by reason: arrivals of which no request could be made, a watch that died.
        stages: The requests that were due in a stage, by its number, where it has limits.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.names: dict[str, NameAccount] = defaultdict(NameAccount)
        self.stages: dict[int, NameAccount] = defaultdict(NameAccount)
        self.seconds: dict[int, Second] = defaultdict(Second)
        self.late = Latencies()
        self.waited = Latencies()
        self.lag = Latencies()
        self.exposures: list[Exposure] = []
        self.dropped = 0
        self.dropped_waits = Latencies()
        self.started = 0
        self.faults: Counter[str] = Counter()
        self.cpu: list[CpuShare] = []

    def rows(self, name: str, stage: int | None = None) -> tuple[NameAccount, ...]:
        """Where a request of that name, due in that stage, is counted.

        A request without a name is counted as a whole only; None is no stage's.
        """
        if not name:
            return ()
        row = self.names[name]
        return (row,) if stage is None else (row, self.stages[stage])

    def begin(
        self,
        *,
        late_s: float,
        was_idle: bool,
        at_s: float,
        name: str = "",
        stage: int | None = None,
    ) -> None:
        """An arrival is being sent, `late_s` after it was due, at second `at_s` of the run."""
        self.started += 1
        (self.late if was_idle else self.waited).record(late_s)
        self.second(at_s).started += 1
        for row in self.rows(name, stage):
            row.started += 1

    def retract(self, at_s: float, name: str = "", stage: int | None = None) -> None:
        """A request that was begun at second `at_s` could not be made: nothing was sent."""
        self.started -= 1
        self.second(at_s).started -= 1
        for row in self.rows(name, stage):
            row.started -= 1

    def drop(self, waited_s: float, name: str = "", stage: int | None = None) -> None:
        """An arrival is given up, `waited_s` after it was due."""
        self.dropped += 1
        self.dropped_waits.record(waited_s)
        for row in self.rows(name, stage):
            row.dropped.record(waited_s)

    def end(
        self,
        name: str,
        *,
        latency_s: float,
        service_s: float,
        at_s: float,
        fault: str,
        answered: bool,
        first_s: float | None = None,
        stage: int | None = None,
    ) -> None:
        """A request is over.

        Args:
            name: Of the request.
            latency_s: Since it was due.
            service_s: Since it was sent.
            at_s: Second of the run.
            fault: "" when the answer was right.
            answered: Whether an HTTP answer came at all.
            first_s: From when it was due to the first token of a streamed answer.
            stage: In which it was due, where that has limits.
        """
        second = self.second(at_s)
        second.cells[cell_of(latency_s)] += 1
        if not fault:
            second.ok += 1
        elif answered:
            second.failed += 1
        else:
            second.unanswered += 1
            second.sent[int(at_s - service_s)] += 1
        for row in self.rows(name, stage):
            row.latency.record(latency_s)
            row.service.record(service_s)
            if first_s is not None:
                row.first.record(first_s)
            if not fault:
                row.ok += 1
            elif answered:
                row.failed[fault] += 1
            else:
                row.unanswered[fault] += 1

    def second(self, at_s: float) -> Second:
        """The bucket of second `at_s`."""
        return self.seconds[int(at_s)]

    @property
    def answered(self) -> int:
        """Requests with an HTTP answer."""
        return sum(row.answered for row in self.names.values())

    @property
    def failed(self) -> int:
        """Requests with a wrong answer, or none."""
        return sum(sum(a.failed.values()) + sum(a.unanswered.values()) for a in self.names.values())

    @property
    def unanswered(self) -> int:
        """Requests without an HTTP answer."""
        return sum(sum(a.unanswered.values()) for a in self.names.values())

    @property
    def unended(self) -> int:
        """Requests that were started and of which nothing more is known."""
        return self.started - self.answered - self.unanswered

    def total(self) -> NameAccount:
        """All names together; an arrival that was dropped has its wait as its latency.

        A request that never ended is slower than all others: it has the most that is recorded. The
        first tokens are those of the names that had some: each as in the `whole` of its name.
        """
        whole = NameAccount()
        whole.latency.merge(self.dropped_waits)
        for _ in range(self.unended):
            whole.latency.record(LONGEST_S)
        for account in self.names.values():
            whole.merge(replace(account, first=account.whole().first))
        return whole

    def merge(self, other: "Account") -> None:
        """Add all of `other`."""
        for name, account in other.names.items():
            self.names[name].merge(account)
        for number, stage in other.stages.items():
            self.stages[number].merge(stage)
        for number, second in other.seconds.items():
            self.seconds[number].merge(second)
        self.late.merge(other.late)
        self.waited.merge(other.waited)
        self.lag.merge(other.lag)
        self.exposures += other.exposures
        self.dropped += other.dropped
        self.dropped_waits.merge(other.dropped_waits)
        self.started += other.started
        self.faults += other.faults
        self.cpu = sorted(self.cpu + other.cpu)

    def worded(self, words: Callable[[str], str]) -> "Account":
        """The same with other words wherever a program or a scenario chose the text.

        Names and reasons that become the same are added up: no request is lost by it. Histograms
        are no text, though they are written as one.
        """
        made = copy(self)
        made.names = defaultdict(NameAccount)
        for name, account in self.names.items():
            made.names[words(name)].merge(account.worded(words))
        made.stages = {number: row.worded(words) for number, row in self.stages.items()}
        made.faults = _worded(self.faults, words)
        made.exposures = [
            replace(
                exposure,
                user=words(exposure.user),
                variant=words(exposure.variant),
                event_id=words(exposure.event_id),
            )
            for exposure in self.exposures
        ]
        return made

    def to_json(self, *, exposures_from: int = 0) -> Json:
        """As plain data; the exposures only from `exposures_from` on (they only grow)."""
        return {
            "names": {name: account.to_json() for name, account in self.names.items()},
            "stages": {str(number): row.to_json() for number, row in self.stages.items()},
            "seconds": {
                str(number): [
                    *(s.started, s.ok, s.failed, s.unanswered),
                    *(_text_keys(s.cells), _text_keys(s.sent)),
                ]
                for number, s in self.seconds.items()
            },
            "late": self.late.encode(),
            "waited": self.waited.encode(),
            "lag": self.lag.encode(),
            "exposures": [
                [e.user, e.variant, e.event_id, round(e.at, 3)]
                for e in self.exposures[exposures_from:]
            ],
            "dropped": self.dropped,
            "dropped_waits": self.dropped_waits.encode(),
            "started": self.started,
            "faults": dict(self.faults),
            "cpu": [list(share) for share in self.cpu],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Account":
        """What `to_json` wrote."""
        made = cls()
        made.names |= {name: NameAccount.from_json(a) for name, a in data["names"].items()}
        stages = data.get("stages", {})
        made.stages |= {int(number): NameAccount.from_json(a) for number, a in stages.items()}
        made.seconds |= {
            int(number): Second(*row[:4], *map(_number_keys, row[4:]))
            for number, row in data["seconds"].items()
        }
        made.late = Latencies.decode(data["late"])
        made.waited = Latencies.decode(data["waited"])
        made.lag = Latencies.decode(data["lag"])
        made.exposures = [Exposure(*e) for e in data["exposures"]]
        made.dropped = data["dropped"]
        made.dropped_waits = Latencies.decode(data["dropped_waits"])
        made.started = data["started"]
        made.faults = Counter(data["faults"])
        made.cpu = [CpuShare(*share) for share in data["cpu"]]
        return made


def _text_keys(counts: Mapping[int, int]) -> dict[str, int]:
    return {str(number): count for number, count in counts.items()}


def _number_keys(counts: Mapping[str, int]) -> Counter[int]:
    return Counter({int(number): count for number, count in counts.items()})


def _worded(counts: Counter[str], words: Callable[[str], str]) -> Counter[str]:
    worded: Counter[str] = Counter()
    for reason, count in counts.items():
        worded[words(reason)] += count
    return worded

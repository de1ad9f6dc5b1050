"""One test of a scenario, from its start to its verdict: why it ends, and what it came to."""

import time
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import gevent

from clusterproof.load.account import Account
from clusterproof.load.finding import Verdict
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.sections import Limits
from loadtests.lane import Lane
from loadtests.records import Records
from loadtests.verdict import few_callers, generator_figures, judge_callers
from loadtests.workers import Workers

_WRITE_EVERY_S = 5.0
Json = dict[str, Any]


@dataclass(eq=False)
class RunningTest:
    """A test that has begun; the web UI may run several in turn, and each is judged once.

    Attributes:
        lane: What this process sends of it, and the account of that.
        spec: The limits of a credible generator.
        limits: The objectives of each stage that has some, by its number from 0.
        about: What its record says first.
        workers: Of a master; None elsewhere.
        refused: Why no request is sent, or "".
        collapsed: Why the circuit breaker ended it, or "".
        under_way: Until it is judged.
        stopped_early: Why it ended before its plan, or "".
    """

    lane: Lane
    spec: LoadSpec
    limits: Mapping[int, Limits]
    about: Json
    workers: Workers | None
    refused: str
    collapsed: str = ""
    under_way: bool = True
    _shipped: int = 0

    def __post_init__(self) -> None:
        """It goes on to the end of its plan, unless it was refused."""
        self.stopped_early = self.refused
        self._stops_at_s = self.lane.plan.duration_s

    @property
    def counted(self) -> Account:
        """What was counted so far, by all processes."""
        return self.lane.account if self.workers is None else self.workers.account()

    @property
    def is_over(self) -> bool:
        """Whether the plan has ended, or was ended."""
        if self.stopped_early or self.collapsed:
            return True
        plan = self.lane.plan
        late_s = time.time() - self.lane.started_at - plan.duration_s
        if late_s <= 0:
            return False
        # The last arrivals have as long as all others to find a free caller.
        scheduled = 0 if self.workers is None else self.workers.scheduled
        all_claimed = self.lane.is_claimed or scheduled >= plan.total
        return all_claimed or late_s > self.lane.scenario.drop_after_s

    def follow(self, order: Mapping[str, Any]) -> None:
        """Take the lane that the master gave, before or after our own start."""
        if not order or self.refused:
            return
        lane = self.lane
        lane.started_at = order["started_at"]
        lane.origin = time.perf_counter() + lane.started_at - time.time()
        lane.seed = order["seed"]
        lane.assign(order["number"], order["of"], from_s=order["from_s"])

    def mark_stop(self) -> None:
        """No arrival is claimed any more from here on."""
        now_s = time.perf_counter() - self.lane.origin
        self._stops_at_s = max(0.0, min(self._stops_at_s, now_s))

    def settle(self) -> None:
        """What was due until the stop, and never sent, is counted as dropped."""
        self.lane.settle(self._stops_at_s)

    def snapshot(self, *, whole: bool = False) -> Json:
        """The account for the master, with the exposures that it has not had, or with all."""
        account = self.lane.account
        start = 0 if whole else self._shipped
        self._shipped = len(account.exposures)
        return {**account.to_json(exposures_from=start), "exposures_from": start}

    def end(self, drain_s: float) -> tuple[Account, Verdict, Json]:
        """What it came to; the workers have `drain_s` for the answers that are under way."""
        if self._stops_at_s < self.lane.plan.duration_s and not self.collapsed:
            self.stopped_early = self.stopped_early or "it was stopped before the plan ended"
        if self.workers is not None:
            self.workers.stop(drain_s)
        account = self.counted
        cut_short = self.stopped_early or self.collapsed
        ran_for_s = self._stops_at_s if cut_short else None
        return account, *self._judged(account, self.stopped_early, ran_for_s)

    def write_meanwhile(self, records: Records) -> None:
        """Every few seconds what is known: whoever kills this process has that as its record."""
        is_written = True
        while is_written:
            gevent.sleep(_WRITE_EVERY_S)
            if not self.under_way:
                return
            account = copy(self.counted)
            account.exposures = []  # these grow with the run, and writing them would stall it
            ran_for_s = min(self._stops_at_s, time.perf_counter() - self.lane.origin)
            _, record = self._judged(account, "it was killed", ran_for_s)
            is_written = records.keep(record, account)

    def _judged(
        self, account: Account, stopped_early: str, ran_for_s: float | None
    ) -> tuple[Verdict, Json]:
        """The verdict of what was counted, and the record that says so."""
        plan, scenario, workers = self.lane.plan, self.lane.scenario, self.workers
        lost = 0 if workers is None else workers.lost
        figures = generator_figures(
            account,
            plan,
            ran_for_s=ran_for_s,
            workers_lost=lost,
            stopped_early=stopped_early,
            few_callers="" if self.collapsed else few_callers(account, plan, scenario),
        )
        verdict = judge_callers(
            account,
            figures,
            self.spec,
            scenario,
            collapsed=self.collapsed,
            requests=self.lane.requests.sent,
            stages={n: row for n, row in self.limits.items() if n < len(plan.stages)},
        )
        return verdict, {
            **self.about,
            "seed": self.lane.seed,
            "callers": scenario.callers,
            "started_at": self.lane.started_at,
            "duration_s": plan.duration_s,
            "stages": [[s.rate, s.to_rate, s.for_s] for s in plan.stages],
            "planned": figures.planned,
            "workers": 1 if workers is None else max(1, workers.reported),
            "workers_lost": lost,
            "uncounted_bound": 0 if workers is None else round(workers.uncounted),
            "stopped_early": stopped_early or self.collapsed,
            "findings": [finding.to_json() for finding in verdict.findings],
            "outcome": verdict.outcome,
        }

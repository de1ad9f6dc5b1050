"""The arrivals that one process sends: whose each is, who claims it, and what was never sent."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.schedule import Mix, Plan, chance_of
from clusterproof.load.sections import Scenario

Task = Callable[[Any], None]


@dataclass(slots=True)
class Arrival:
    """One request that is due at `due` (perf_counter).

    Attributes:
        name: Of the request.
        stage: Number of the stage in which it is due, where that has objectives.
        chance: Its random numbers.
    """

    index: int
    due: float
    name: str
    stage: int | None
    lane: int
    chance: random.Random
    was_idle: bool = True
    sent: bool = False


class Requests:
    """What the arrivals of a run can be: the tasks of all its User classes, by name.

    A task's name is its function's, with dashes. Its weight is the mix's; without a mix it is the
    task's own share of its class, times the weight of the class.

    Attributes:
        tasks: By name.
        owners: The class of each.
        sent: The names that some arrivals have.
    """

    def __init__(self, classes: Iterable[Any], mix: Mapping[str, float]) -> None:
        """Read the tasks that are left after --tags.

        Raises:
            SpecError: There is none, two have one name, or one is no function.
        """
        self.tasks: dict[str, Task] = {}
        self.owners: dict[str, Any] = {}
        weights: dict[str, float] = {}
        for owner in classes:
            counts: Counter[Task] = Counter(owner.tasks)
            for task, count in counts.items():
                name = task.__name__.replace("_", "-")
                if isinstance(task, type):
                    raise SpecError(
                        f"{owner.__name__}.{task.__name__}: expected a function as task"
                    )
                if name in self.tasks:
                    raise SpecError(
                        f"task {name}: expected in one User class, found in"
                        f" {self.owners[name].__name__} and {owner.__name__}; a class that is only"
                        " a base is not imported by its name"
                    )
                self.tasks[name], self.owners[name] = task, owner
                own = owner.weight * count / counts.total()
                weights[name] = mix.get(name, 0.0) if mix else own
        if not any(weights.values()):
            raise SpecError("no request is left: expected tasks that --tags and the mix both leave")
        self._mix = Mix(weights)
        self.sent = frozenset(name for name, weight in weights.items() if weight)

    def draw(self, seed: int, index: int) -> tuple[str, random.Random]:
        """What arrival `index` is, and its random numbers: by seed and index alone."""
        chance = chance_of(seed, index)
        return self._mix.draw(chance), chance


class Lane:
    """The arrivals that this process sends, and the account of them.

    Attributes:
        origin: perf_counter at second 0 of the plan.
        is_claimed: Whether there is no arrival left to claim.
        seed: Of what they look like.
        started_at: Second 0 in seconds since the epoch; the id of a run in what it sends.
        host: Where all of them go, whatever the web UI's field says meanwhile.
    """

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        account: Account,
        requests: Requests,
        *,
        origin: float,
        host: str,
        judged_stages: frozenset[int] = frozenset(),
    ) -> None:
        """Take no arrivals yet: `assign` says which are ours."""
        self.plan = plan
        self.scenario = scenario
        self.account = account
        self.requests = requests
        self.origin = origin
        self.seed = scenario.seed or 0
        self.started_at = time.time() - time.perf_counter() + origin
        self.host = host.rstrip("/")
        self._judged_stages = judged_stages
        self._next: Iterator[tuple[int, float]] = iter(())
        self._claimed: dict[int, Arrival] = {}
        self.is_claimed = False
        self._assigned = 0
        self._from = 0.0

    def assign(self, number: int, of: int, *, from_s: float = 0.0) -> None:
        """Take lane `number` of `of` from second `from_s` on, in place of an earlier one."""
        self._next = self.plan.lane(number, of, from_s=from_s)
        self.is_claimed = False
        self._assigned += 1
        self._from = self.origin + from_s

    def leave(self) -> None:
        """Send none of it any more: others may have it by now. What was due so far is missing."""
        self._next, self._claimed = iter(()), {}
        self._assigned += 1
        self._from = -math.inf

    def holds(self, arrival: Arrival) -> bool:
        """Whether an arrival is still ours: after a new assignment another lane may have it."""
        return arrival.lane == self._assigned or arrival.due < self._from

    def claim(self) -> Arrival | None:
        """The next arrival worth sending; those that are too late are counted as dropped."""
        now = time.perf_counter()
        too_late = now - self.scenario.drop_after_s
        for index, due_s in self._next:
            arrival = self._arrival(index, due_s)
            if arrival.due < too_late:
                self._drop(arrival, now)
                continue
            arrival.was_idle = arrival.due >= now
            self._claimed[index] = arrival
            return arrival
        self.is_claimed = True
        return None

    def _arrival(self, index: int, due_s: float) -> Arrival:
        name, chance = self.requests.draw(self.seed, index)
        stage = None
        if self._judged_stages:
            number = self.plan.stage_at(due_s)
            stage = number if number in self._judged_stages else None
        return Arrival(index, self.origin + due_s, name, stage, self._assigned, chance)

    def _drop(self, arrival: Arrival, now: float) -> None:
        self.account.drop(now - arrival.due, arrival.name, arrival.stage)

    def release(self, arrival: Arrival) -> bool:
        """Whether a claimed arrival is to be sent now."""
        return self._claimed.pop(arrival.index, None) is arrival and self.holds(arrival)

    def settle(self, until_s: float) -> None:
        """The test is over: what was due until second `until_s`, and never sent, is dropped."""
        now, until = time.perf_counter(), self.origin + until_s
        for arrival in self._claimed.values():
            if self.holds(arrival) and arrival.due <= until:
                self._drop(arrival, now)
        for index, due_s in self._next:
            if due_s > until_s:
                break
            self._drop(self._arrival(index, due_s), now)
        self._claimed, self._next = {}, iter(())

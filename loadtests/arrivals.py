"""An open model inside Locust: callers wait for arrivals of a plan, and never set the pace.

A Locust user is a caller: it claims the next arrival of its process's lane, sleeps until that is
due (as its `wait_time`, so that a stop ends it at once), and sends. When no caller was free, the
arrival is sent late and its latency still counts from when it was due.
"""

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.url import URL
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse
from locust.env import Environment
from locust.exception import CatchResponseError

from clusterproof.load.account import Account
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Scenario
from clusterproof.load.split import Exposure

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING_DUE_S = 0.2
"""A caller without an arrival looks again this soon: the lane may change when a worker is lost."""
_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}


@dataclass(slots=True)
class Arrival:
    """One request that is due at `due` (perf_counter), claimed by a caller."""

    index: int
    due: float
    was_idle: bool
    lane: int


class Lane:
    """The arrivals that this process sends, and the account of them.

    Attributes:
        origin: perf_counter at second 0 of the plan.
    """

    def __init__(self, plan: Plan, scenario: Scenario, account: Account, *, origin: float) -> None:
        """Take no arrivals yet: `assign` says which are ours."""
        self.plan = plan
        self.scenario = scenario
        self.account = account
        self.origin = origin
        self._next: Iterator[tuple[int, float]] = iter(())
        self._assigned = 0
        self._from = 0.0

    def assign(self, number: int, of: int, *, from_s: float = 0.0) -> None:
        """Take lane `number` of `of` from second `from_s` on, in place of an earlier one."""
        self._next = self.plan.lane(number, of, from_s=from_s)
        self._assigned += 1
        self._from = self.origin + from_s

    def holds(self, arrival: Arrival) -> bool:
        """Whether an arrival is still ours: after a new assignment another lane may have it."""
        return arrival.lane == self._assigned or arrival.due < self._from

    def claim(self) -> Arrival | None:
        """The next arrival worth sending; those that are too late are counted as dropped."""
        now = time.perf_counter()
        too_late = now - self.scenario.drop_after_s
        for index, due_s in self._next:
            due = self.origin + due_s
            if due < too_late:
                self.account.dropped += 1
                continue
            return Arrival(index, due, due >= now, self._assigned)
        return None


class OncePool(HTTPClientPool):
    """Clients that send a request once: the library would send an idempotent one again.

    A request that is silently repeated hides a cut connection, and is counted twice by the server.
    """

    def get_client(self, url: str | URL) -> HTTPClient:
        """The client of that host; its pool's size is only its number of retries by now."""
        known = len(self.clients)
        client = super().get_client(url)
        if len(self.clients) > known:
            client._connection_pool.size = -1  # noqa: SLF001 - the only switch there is
        return client

    def drop_idle(self) -> None:
        """Close the kept connections, so that the next request opens one."""
        for client in self.clients.values():
            sockets = client._connection_pool._socket_queue  # noqa: SLF001
            while not sockets.empty():
                sockets.get(block=False).close()


class Caller(FastHttpUser):  # type: ignore[misc] # untyped
    """Sends the arrivals of its process's lane; a scenario says how one looks.

    Attributes:
        requests: The names that its mix may have.
        needs: Fields of the scenario that it cannot do without.
        authorization: The header for a host that asks for a user and a password; else empty.
    """

    abstract = True
    requests: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    lane: Lane
    authorization: ClassVar[dict[str, str]] = {}
    max_retries = 0

    def __init__(self, environment: Environment) -> None:
        """One connection of its own, renewed as the scenario says."""
        scenario = self.lane.scenario
        self.connection_timeout = scenario.timeout_s
        self.network_timeout = scenario.timeout_s
        self.client_pool = OncePool(
            concurrency=1,
            connection_timeout=scenario.timeout_s,
            network_timeout=scenario.timeout_s,
        )
        super().__init__(environment)
        self._arrival: Arrival | None = None
        self._connected_at = 0.0

    def wait_time(self) -> float:
        """Claim an arrival; the seconds until it is due."""
        self._arrival = self.lane.claim()
        if self._arrival is None:
            return _NOTHING_DUE_S
        return max(0.0, self._arrival.due - time.perf_counter())

    @task  # type: ignore[untyped-decorator] # Locust ships no types
    def send_arrival(self) -> None:
        """Send the claimed arrival (there is none before the first wait)."""
        arrival, self._arrival = self._arrival, None
        if arrival is None or not self.lane.holds(arrival):
            return
        now = time.perf_counter()
        if now - self._connected_at > self.lane.scenario.connection_max_age_s:
            self.client_pool.drop_idle()
            self._connected_at = now
        self.lane.account.begin(
            late_s=now - arrival.due, was_idle=arrival.was_idle, at_s=now - self.lane.origin
        )
        self.send(arrival)

    def send(self, arrival: Arrival) -> None:
        """Send one request: a scenario calls `call` with it."""
        raise NotImplementedError

    def call(
        self,
        arrival: Arrival,
        method: str,
        path: str,
        *,
        name: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send, judge and count one request; the JSON answer when it was right.

        Goes to Locust's HTTP client directly: its session would build a second response object and
        sniff the encoding of each answer. Locust's own statistics get the latency from the due
        time too, so that its charts tell the same story.
        """
        lane = self.lane
        payload = None if body is None else json.dumps(body)
        sent, wall = time.perf_counter(), time.time()
        fault, content, error = "", None, None
        try:
            answer = self.client.client.urlopen(
                f"{self.host}{path}",
                method=method,
                payload=payload,
                headers={**_JSON_HEADERS, **self.authorization, **(headers or {})},
            )
            size = len(answer.content)  # reads the body to its end
        except FAILURE_EXCEPTIONS as failure:
            error, size = failure, 0
            answer = getattr(failure, "response", None)
        ended = time.perf_counter()
        answered = answer is not None and answer.status_code > 0
        if error is not None:
            fault = f"HTTP {answer.status_code}" if answered else _cause(error)
        else:
            content, fault = self.read(name, answer)
        lane.account.end(
            name,
            latency_s=ended - arrival.due,
            service_s=ended - sent,
            at_s=ended - lane.origin,
            fault=fault,
            answered=answered,
        )
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=(ended - arrival.due) * 1000,
            response_length=size,
            response=answer,
            context={},
            exception=error or (CatchResponseError(fault) if fault else None),
            start_time=wall,
            url=path,
        )
        return None if fault else content

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """The content of an answer with a good status, and what is wrong with it ("" nothing)."""
        del name
        try:
            return json.loads(answer.content), ""
        except ValueError:
            return None, "not JSON"

    def expose(self, user: str, variant: str, event_id: str) -> None:
        """Remember that an answer carried a variant."""
        self.lane.account.exposures.append(Exposure(user, variant, event_id, time.time()))


def _cause(error: Exception) -> str:
    """The name of what kept the answer away: the library wraps it."""
    original = getattr(error, "original", None)
    return type(original or error).__name__

"""An open model inside Locust: callers wait for arrivals of a plan, and never set the pace.

A Locust user is a caller: it claims the next arrival of its process's lane, sleeps until that is
due (as its `wait_time`, so that a stop ends it at once), and sends. When no caller was free, the
arrival is sent late and its latency still counts from when it was due.
"""

import json
import math
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import gevent
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.url import URL
from locust import FastHttpUser, task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse
from locust.env import Environment
from locust.exception import CatchResponseError

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Scenario
from clusterproof.load.split import Exposure

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTHING_DUE_S = 0.2
"""A caller without an arrival looks again this soon: the lane may change when a worker is lost."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CUT = "not ended when the run was stopped"
_REASON = 160
_KINDS = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
}
_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}


@dataclass(slots=True)
class Arrival:
    """One request that is due at `due` (perf_counter), claimed by a caller."""

    index: int
    due: float
    was_idle: bool
    lane: int
    sent: bool = False


class Lane:
    """The arrivals that this process sends, and the account of them.

    Attributes:
        origin: perf_counter at second 0 of the plan.
        is_claimed: Whether there is no arrival left to claim.
        host: Where all of them go, whatever the web UI's field says meanwhile.
        seed: Of what they look like.
    """

    def __init__(
        self, plan: Plan, scenario: Scenario, account: Account, *, origin: float, host: str
    ) -> None:
        """Take no arrivals yet: `assign` says which are ours."""
        self.plan = plan
        self.scenario = scenario
        self.account = account
        self.origin = origin
        self.host = host.rstrip("/")
        self.seed = 0
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
            due = self.origin + due_s
            if due < too_late:
                self.account.drop(now - due)
                continue
            arrival = self._claimed[index] = Arrival(index, due, due >= now, self._assigned)
            return arrival
        self.is_claimed = True
        return None

    def release(self, arrival: Arrival) -> bool:
        """Whether a claimed arrival is to be sent now."""
        return self._claimed.pop(arrival.index, None) is arrival and self.holds(arrival)

    def settle(self, until_s: float) -> None:
        """The test is over: what was due until second `until_s`, and never sent, is dropped."""
        now = time.perf_counter()
        for arrival in self._claimed.values():
            if self.holds(arrival) and arrival.due - self.origin <= until_s:
                self.account.drop(now - arrival.due)
        for _, due_s in self._next:
            if due_s > until_s:
                break
            self.account.drop(now - self.origin - due_s)
        self._claimed, self._next = {}, iter(())


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

    def discard(self) -> None:
        """Forget the connections: one of them is in the middle of an answer."""
        self.drop_idle()
        self.clients.clear()

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
        environment_needs: Environment variables that it cannot do without.
        authorization: The header for a host that asks for a user and a password; else empty.
        tls: What the HTTP client needs to trust the target, beyond the system's authorities.
    """

    abstract = True
    requests: frozenset[str] = frozenset()
    needs: tuple[str, ...] = ()
    environment_needs: tuple[str, ...] = ()
    lane: Lane
    authorization: ClassVar[dict[str, str]] = {}
    tls: ClassVar[dict[str, Any]] = {}
    max_retries = 0
    max_redirects = 0

    def __init__(self, environment: Environment) -> None:
        """One connection of its own, renewed as the scenario says."""
        scenario = self.lane.scenario
        self.connection_timeout = scenario.timeout_s
        self.network_timeout = scenario.timeout_s
        self.client_pool = OncePool(
            concurrency=1,
            connection_timeout=scenario.timeout_s,
            network_timeout=scenario.timeout_s,
            **self.tls,
        )
        super().__init__(environment)
        self._arrival: Arrival | None = None
        self._connected_at = 0.0

    @classmethod
    def trust(cls, authority: str) -> None:
        """Trust the certificates that the PEM file `authority` has signed, and no others.

        Raises:
            SpecError: It cannot be read, or holds no certificate.
        """
        try:
            context = ssl.create_default_context(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise SpecError(f"--ca {authority}: {error}") from error
        cls.tls = {"ssl_context_factory": lambda: context}

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
        if arrival is None or not self.lane.release(arrival):
            return
        now = time.perf_counter()
        if now - self._connected_at > self.lane.scenario.connection_max_age_s:
            self.client_pool.drop_idle()
            self._connected_at = now
        try:
            self.send(arrival)
        except Exception as error:
            if arrival.sent:
                raise
            self.lane.account.faults[f"{type(error).__name__}: {error}"[:_REASON]] += 1

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

        Each request that is begun is ended in the account, whatever happens: `timeout_s` bounds the
        whole answer, not one read of it, and a request that a stop cuts off is unanswered.
        """
        lane = self.lane
        payload = None if body is None else json.dumps(body)
        sent, wall = time.perf_counter(), time.time()
        at_s = sent - lane.origin
        lane.account.begin(late_s=sent - arrival.due, was_idle=arrival.was_idle, at_s=at_s)
        arrival.sent = True
        fault, content, error, cut, size = "", None, None, None, 0
        answer: Any = None
        deadline = gevent.Timeout.start_new(lane.scenario.timeout_s)
        try:
            answer = self.client.client.urlopen(
                f"{lane.host}{path}",
                method=method,
                payload=payload,
                headers={**_JSON_HEADERS, **self.authorization, **(headers or {})},
            )
            size = len(answer.content)  # reads the body to its end
        except FAILURE_EXCEPTIONS as failure:
            original = getattr(failure, "original", failure)
            if isinstance(original, ssl.SSLCertVerificationError):
                # We do not trust it: nothing was sent, and the target has not failed.
                arrival.sent = False
                lane.account.retract(at_s)
                raise original from None
            error = failure
            answer = getattr(failure, "response", None)
        except gevent.GreenletExit as stop:
            error, cut, answer = CatchResponseError(_CUT), stop, None
        except Exception as failure:
            # Nothing that a connection does: no request could be made of it.
            arrival.sent = False
            lane.account.retract(at_s)
            raise failure from None
        finally:
            deadline.cancel()
        ended = time.perf_counter()
        answered = answer is not None and answer.status_code > 0
        if not answered:
            self.client_pool.discard()
        if error is not None:
            fault = f"HTTP {answer.status_code}" if answered else _cause(error)
        elif answer.status_code in _REDIRECTS:
            fault = f"HTTP {answer.status_code} to {_origin(answer)}, which is not followed"
        else:
            content, fault = self._read(name, answer)
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
        if cut is not None:
            raise cut
        return None if fault else content

    def _read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        try:
            return self.read(name, answer)
        except Exception as error:  # noqa: BLE001 - an answer can be anything; none is right by it
            return None, f"not the expected answer: {type(error).__name__}: {error}"[:_REASON]

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """The content of an answer with a good status, and what is wrong with it ("" nothing)."""
        del name
        try:
            content = json.loads(answer.content)
        except ValueError:
            return None, "not JSON"
        if not isinstance(content, dict):
            return None, f"expected a JSON object, got {_KINDS[type(content)]}"
        return content, ""

    def expose(self, user: str, variant: str, event_id: str) -> None:
        """Remember that an answer carried a variant."""
        self.lane.account.exposures.append(Exposure(user, variant, event_id, time.time()))


def _cause(error: BaseException) -> str:
    """The name of what kept the answer away: the library wraps it."""
    if isinstance(error, CatchResponseError):
        return str(error)
    original = getattr(error, "original", None)
    return type(original or error).__name__


def _origin(answer: FastResponse) -> str:
    """Scheme and host of a redirect's target: the rest of it may be nobody's business."""
    target = urlsplit(str(answer.headers.get("location", "")))
    return f"{target.scheme}://{target.hostname}" if target.hostname else "the same host"

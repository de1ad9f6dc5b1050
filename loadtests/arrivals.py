"""An open model inside Locust: callers wait for arrivals of a plan, and never set the pace.

A Locust user is a caller: it claims the next arrival of its process's lane, sleeps until that is
due (as its `wait_time`, so that a stop ends it at once), and runs its task, as a user of the task's
class. When no caller was free, the arrival is sent late and its latency still counts from when it
was due.
"""

import errno
import json
import random
import ssl
import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

import gevent
from locust import FastHttpUser
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, FastResponse, LocustUserAgent
from locust.env import Environment
from locust.exception import CatchResponseError

from clusterproof.load.sections import Scenario
from clusterproof.load.split import Exposure
from loadtests.client import Deadline, OncePool, cookies_for, read_events, send_once
from loadtests.lane import Arrival, Lane

_NOTHING_DUE_S = 0.2
"""A caller without an arrival looks again this soon: the lane may change when a worker is lost."""
_REDIRECTS = LocustUserAgent.redirect_response_codes
_STREAMED = LocustUserAgent.valid_response_codes - _REDIRECTS
_NO_CONTENT = frozenset({204, 205, 304})
"""Source: RFC 9110, 6.4.1 and 15.3.6; and an answer to HEAD."""
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS})
"""No descriptor, port or buffer is left for a socket: connect(2), socket(2)."""
_CUT = "not ended when the run was stopped"
_DONE = "[DONE]"
"""The last event of a stream, as the APIs of model providers have it."""
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
_STREAM_HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}


@dataclass(slots=True)
class _Exchange:
    """What came of one request.

    Attributes:
        events: Of a streamed answer; None of another.
        first_at: perf_counter at the first of them; 0 without any.
        error: What kept the answer away.
        cut: The stop that cut it off.
        size: Of the body, in bytes.
    """

    answer: Any = None
    events: list[str] | None = None
    first_at: float = 0.0
    error: BaseException | None = None
    cut: gevent.GreenletExit | None = None
    size: int = 0

    @property
    def is_answered(self) -> bool:
        """Whether an HTTP answer came at all."""
        return self.answer is not None and self.answer.status_code > 0


class Caller(FastHttpUser):  # type: ignore[misc] # untyped
    """Runs the tasks of arrivals; a subclass has the tasks, each makes one request by `call`.

    Attributes:
        needs: Fields of the scenario that it cannot do without.
        environment_needs: Environment variables that it cannot do without.
        headers: Sent with each request, with what a host's user and password or a token say.
        tls: What the HTTP client needs to trust the target, beyond the system's authorities.
    """

    abstract = True
    needs: tuple[str, ...] = ()
    environment_needs: tuple[str, ...] = ()
    lane: Lane
    headers: ClassVar[dict[str, str]] = {}
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
        self._users: dict[type, Caller] = {type(self): self}
        self._defaults: dict[str, str] | None = None
        self._deadline = Deadline(scenario.timeout_s)
        self.tasks = [type(self).send_arrival]  # which of the class's own, the arrival says

    @property
    def scenario(self) -> Scenario:
        """What the load spec says of it."""
        return self.lane.scenario

    @property
    def arrival(self) -> Arrival:
        """The one that is being sent."""
        assert self._arrival is not None  # noqa: S101 - tasks run for one
        return self._arrival

    @property
    def chance(self) -> random.Random:
        """Random numbers of the arrival: by the scenario's seed and its number alone."""
        return self.arrival.chance

    def wait_time(self) -> float:
        """Claim an arrival; the seconds until it is due."""
        self._arrival = self.lane.claim()
        if self._arrival is None:
            return _NOTHING_DUE_S
        return max(0.0, self._arrival.due - time.perf_counter())

    def send_arrival(self) -> None:
        """Run the task of the claimed arrival (there is none before the first wait)."""
        arrival = self._arrival
        if arrival is None or not self.lane.release(arrival):
            return
        now = time.perf_counter()
        if now - self._connected_at > self.scenario.connection_max_age_s:
            self.client_pool.drop_idle()
            self._connected_at = now
        self._arrival, fault = None, ""
        try:
            user = self._user_of(self.lane.requests.owners[arrival.name])
            user._arrival = arrival  # noqa: SLF001 - of this class
            self.lane.requests.tasks[arrival.name](user)
            if not arrival.sent:
                fault = "it made no request"
        except Exception as error:  # noqa: BLE001 - a task can be anything
            fault = f"{type(error).__name__}: {error}"
        if fault:
            self.lane.account.faults[f"{arrival.name}: {fault}"[:_REASON]] += 1

    def _user_of(self, owner: type["Caller"]) -> "Caller":
        """This caller as a user of that class, with its headers and the cookies of its on_start.

        It has one connection, whatever it sends.
        """
        user = self._users.get(owner)
        if user is None:
            user = self._users[owner] = owner(self.environment)
            user.client_pool = user.client.client.clientpool = self.client_pool
            user.on_start()
        return user

    def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: dict[str, str] | None = None,
        expect: str = "",
        stream: bool = False,
    ) -> Any:  # noqa: ANN401 - JSON
        """Send, judge and count the one request of a task; its JSON answer when it was right.

        Goes below Locust's HTTP client: its session would build a second response object and sniff
        the encoding of each answer. Cookies of an answer are not kept, for the next arrival is
        another visitor's; those that `self.client` got in on_start are sent. Locust's own
        statistics get the latency from the due time too, so that its charts tell the same story.

        Each request that is begun is ended in the account, whatever happens: `timeout_s` bounds the
        whole answer, not one read of it, and a request that a stop cuts off is unanswered.

        Args:
            method: Of HTTP.
            path: Below the host, with its query.
            body: Sent as JSON, if any.
            headers: Of this request alone.
            expect: A field that a right answer has.
            stream: Whether the answer is a stream of server-sent events, that ends with `[DONE]`;
                the time to the first counts by itself, and the answer is their list.

        Raises:
            RuntimeError: The task has made its request already.
        """
        lane, arrival = self.lane, self.arrival
        if arrival.sent:
            raise RuntimeError(f"{arrival.name}: expected one request of a task")
        name, stage = arrival.name, arrival.stage
        sent, wall = time.perf_counter(), time.time()
        at_s, late_s = sent - lane.origin, sent - arrival.due
        lane.account.begin(
            late_s=late_s, was_idle=arrival.was_idle, at_s=at_s, name=name, stage=stage
        )
        arrival.sent = True
        if self._defaults is None:  # on_start may have set some
            self._defaults = dict(self.client.client.default_headers.items())
        try:
            got = self._exchange(
                method,
                f"{lane.host}{path}",
                stream=stream,
                payload=None if body is None else json.dumps(body),
                headers={
                    **self._defaults,
                    **(_STREAM_HEADERS if stream else _JSON_HEADERS),
                    **self.headers,
                    **(headers or {}),
                },
            )
        except Exception:
            # Nothing that a connection does: no request could be made of it.
            arrival.sent = False
            lane.account.retract(at_s, name, stage)
            raise
        ended = time.perf_counter()
        if not got.is_answered:
            self.client_pool.discard()
        content, fault = self._judge(name, got, expect)
        lane.account.end(
            name,
            latency_s=ended - arrival.due,
            service_s=ended - sent,
            at_s=ended - lane.origin,
            fault=fault,
            answered=got.is_answered,
            first_s=got.first_at - arrival.due if got.first_at else None,
            stage=stage,
        )
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=(ended - arrival.due) * 1000,
            response_length=got.size,
            response=got.answer,
            context={},
            exception=got.error or (CatchResponseError(fault) if fault else None),
            start_time=wall,
            url=path,
        )
        if got.cut is not None:
            raise got.cut
        return None if fault else content

    def _exchange(
        self, method: str, url: str, *, stream: bool, payload: str | None, headers: dict[str, str]
    ) -> "_Exchange":
        """One request, and its answer to the end; what a connection can do is in the result."""
        got, jar = _Exchange(), self.client.cookiejar
        self._deadline.start()
        try:
            has_any = jar._cookies  # noqa: SLF001 - len looks at each of them
            if has_any and not any(name.lower() == "cookie" for name in headers):
                headers |= cookies_for(url, jar)
            response = send_once(self.client_pool, method, url, payload=payload, headers=headers)
            got.answer = FastResponse(response)
            self._receive(got, stream=stream)
        except FAILURE_EXCEPTIONS as failure:
            if isinstance(failure, OSError) and (
                isinstance(failure, ssl.SSLCertVerificationError) or failure.errno in _OURS
            ):
                # We do not trust it, or have no socket: nothing was sent, and it has not failed.
                raise
            got.error, got.answer = failure, None
        except gevent.GreenletExit as stop:
            got.error, got.cut, got.answer = CatchResponseError(_CUT), stop, None
        finally:
            self._deadline.stop()
        return got

    def _receive(self, got: "_Exchange", *, stream: bool) -> None:
        """The answer to its end."""
        answer = got.answer
        if _is_empty(answer):
            answer._response.read()  # noqa: SLF001 - content would decode what is not there
            answer._cached_content = b""  # noqa: SLF001
        elif stream and answer.status_code in _STREAMED:
            got.events, got.first_at = read_events(answer)
        else:
            response = answer._response  # noqa: SLF001 - content asks for its coding by exceptions
            try:
                if "content-encoding" not in response:
                    answer._cached_content = response.read()  # noqa: SLF001
                got.size = len(answer.content)
            except FAILURE_EXCEPTIONS:
                raise
            except Exception as error:  # noqa: BLE001 - of a Content-Encoding that it is not, or nobody knows
                got.error = CatchResponseError(_unexpected(error))

    def _judge(self, name: str, got: "_Exchange", expect: str) -> tuple[Any, str]:
        """The content of an answer, and what is wrong with it ("" nothing)."""
        status = got.answer.status_code if got.is_answered else 0
        if got.error is not None:
            return None, _cause(got.error)
        if status in _REDIRECTS:
            return None, f"HTTP {status} to {_origin(got.answer)}, which is not followed"
        if status not in LocustUserAgent.valid_response_codes:
            return None, f"HTTP {status}"
        content, fault = self._read(name, got.answer, got.events)
        if not fault and expect and expect not in content:
            fault = f"no {expect} in the answer"
        return content, fault

    def _read(self, name: str, answer: FastResponse, events: list[str] | None) -> tuple[Any, str]:
        try:
            if events is not None:
                return self.read_stream(name, events)
            return self.read(name, answer)
        except Exception as error:  # noqa: BLE001 - an answer can be anything; none is right by it
            return None, _unexpected(error)

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """The content of an answer with a good status, and what is wrong with it ("" nothing).

        It is a JSON object, an empty one for an answer that has no content by the rules of HTTP.
        """
        del name
        if _is_empty(answer):
            return {}, ""
        try:
            content = json.loads(answer.content)
        except ValueError:
            return None, "not JSON"
        if not isinstance(content, dict):
            return None, f"expected a JSON object, got {_KINDS[type(content)]}"
        return content, ""

    def read_stream(self, name: str, events: list[str]) -> tuple[Any, str]:
        """The data of its events but the last, and what is wrong with them ("" nothing)."""
        del name
        if not events:
            return None, "a stream without an event"
        if events[-1] != _DONE:
            return None, f"a stream that ended without {_DONE}"
        return events[:-1], ""

    def expose(self, user: str, variant: str, event_id: str) -> None:
        """Remember that an answer carried a variant."""
        self.lane.account.exposures.append(Exposure(user, variant, event_id, time.time()))


def _is_empty(answer: FastResponse) -> bool:
    """Whether it has no content by the rules of HTTP."""
    return answer.status_code in _NO_CONTENT or answer._response.method == "HEAD"  # noqa: SLF001


def _cause(error: BaseException) -> str:
    """What kept the answer away."""
    return str(error) if isinstance(error, CatchResponseError) else type(error).__name__


def _unexpected(error: Exception) -> str:
    return f"not the expected answer: {type(error).__name__}: {error}"[:_REASON]


def _origin(answer: FastResponse) -> str:
    """Scheme and host of a redirect's target: the rest of it may be nobody's business."""
    target = urlsplit(str(answer.headers.get("location", "")))
    return f"{target.scheme}://{target.hostname}" if target.hostname else "the same host"

"""The flow of requests, run here against a server on loopback: on schedule, each sent once."""

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from clusterproof.act.rehearsal.flow import SCRIPT, Flow
from clusterproof.act.rehearsal.seen import Flown
from clusterproof.errors import ObservationError
from clusterproof.observe.inside import Inside
from clusterproof.observe.sources import source_of
from clusterproof.spec.row import ObjectRef
from clusterproof.spec.settings import TrafficSettings
from clusterproof.wait import pause, wait_until
from tests.observe.loopback import Reply, Request, here, served

RATE = 100.0


class Router:
    """Counts the requests that it was asked, by id; answers each N-th badly."""

    def __init__(self, bad: Reply | None = None, *, every: int = 0, named: bool = True) -> None:
        """Answer well, but for each request of a number that `every` divides."""
        self.asked: list[str] = []
        self.lock = threading.Lock()
        self._bad, self._every, self._named = bad, every, named

    def answer(self, request: Request) -> Reply:
        """One request."""
        with self.lock:
            self.asked.append(request.headers["x-request-id"])
            number = len(self.asked)
        if self._bad is not None and number % self._every == 0:
            return self._bad
        named = {"x-exposure-event-id": str(uuid.uuid4())} if self._named else {}
        return Reply(body={"model_id": "m"}, headers=named)


def flown(router: Router, *, for_s: float = 20.0, flow_s: float = 1.5) -> tuple[Flown, int]:
    """What became of a flow of about `flow_s` seconds, and how many events it names."""
    with served(router.answer) as url:
        traffic = TrafficSettings(
            workload=ObjectRef(kind="Deployment", namespace="n", name="w"),
            service="127.0.0.1",
            port=int(url.rsplit(":", 1)[1]),
        )
        name = f"test-{uuid.uuid4().hex}"
        flow = Flow(Inside(here, "n/p", "here"), traffic, name, rate=RATE, for_s=for_s)
        flow.start()
        pause(flow_s)
        seen, uuids = flow.end()
    return seen, len(uuids)


def test_every_request_that_was_due_was_sent_once_and_answered() -> None:
    router = Router()
    seen, events = flown(router)
    assert seen.sent == seen.answered == events == len(router.asked) == len(set(router.asked))
    assert seen.sent == pytest.approx(seen.ran_s * RATE, abs=2)
    assert (seen.lost, seen.unnamed) == ((), 0)


def test_a_request_that_is_answered_badly_is_lost_and_not_sent_again() -> None:
    router = Router(Reply(503, {"error": "busy"}), every=50)
    seen, _ = flown(router)
    assert seen.sent - seen.answered == len(router.asked) // 50
    assert len(router.asked) == len(set(router.asked)) == seen.sent
    assert "status 503" in seen.lost[0]


def test_half_an_answer_is_none() -> None:
    seen, _ = flown(Router(Reply(200, "{"), every=50))
    assert seen.answered < seen.sent


def test_an_answer_without_an_event_is_counted() -> None:
    seen, events = flown(Router(named=False))
    assert seen.unnamed == seen.answered > 0
    assert events == 0


def test_a_flow_that_ended_by_itself_says_nothing_of_the_operation() -> None:
    with pytest.raises(ObservationError, match="before the operation did"):
        flown(Router(), for_s=1.0, flow_s=4.0)


def test_nobody_to_send_to_is_a_loss_not_an_error() -> None:
    traffic = TrafficSettings(
        workload=ObjectRef(kind="Deployment", namespace="n", name="w"), service="127.0.0.1", port=9
    )
    name = f"test-{uuid.uuid4().hex}"
    flow = Flow(Inside(here, "n/p", "here"), traffic, name, rate=RATE, for_s=20)
    flow.start()
    seen, uuids = flow.end()
    assert seen.answered == len(uuids) == 0
    assert "ConnectionRefusedError" in seen.lost[0]


def test_a_crowd_behind_a_silent_target_is_lost_and_not_waited_for() -> None:
    silent = threading.Event()

    def answer(_: Request) -> Reply:
        silent.wait(20)
        return Reply()

    name = f"test-{uuid.uuid4().hex}"
    with served(answer) as url, ThreadPoolExecutor(1) as pool:
        request = {"do": "send", "name": name, "host": "127.0.0.1", "rate": RATE, "for_s": 20}
        request |= {"port": int(url.rsplit(":", 1)[1]), "callers": 2, "timeout_s": 0.5}
        request |= {"connection_age_s": 5.0, "users": 5, "prefix": name}
        inside = Inside(here, "n/p", "here")
        sending = pool.submit(inside.ask, SCRIPT, request, within_s=15)
        pause(2.0)
        told = time.monotonic()
        assert inside.ask(SCRIPT, {"do": "end", "name": name}, within_s=5)["under_way"]
        said = sending.result()
        assert time.monotonic() - told < 5  # three timeouts, and a process that ends
        silent.set()
    assert said["answered"] == 0
    assert said["sent"] == pytest.approx(said["ran_s"] * RATE, abs=2)
    assert "no caller to send them" in said["lost"][-1]["error"]
    assert said["stood_still_s"] < 1.5  # what was late waited for the target


def test_a_sender_that_stood_still_says_so() -> None:
    """Stopped for 3 s, as by a quota of its CPU or a node that pauses."""
    name, router = f"test-{uuid.uuid4().hex}", Router()

    def wait_for(requests: int) -> None:
        asked = router.asked
        wait_until(lambda: len(asked), lambda n: n >= requests, waiting_for="requests", within_s=20)

    with served(router.answer) as url:
        request = {"do": "send", "name": name, "host": "127.0.0.1", "rate": RATE, "for_s": 60}
        request |= {"port": int(url.rsplit(":", 1)[1]), "callers": 8, "timeout_s": 5.0}
        request |= {"connection_age_s": 5.0, "users": 5, "prefix": name}
        program = [sys.executable, "-c", source_of(SCRIPT), json.dumps(request)]
        with subprocess.Popen(program, stdout=subprocess.PIPE) as sender:  # noqa: S603 - ours
            wait_for(1)
            sender.send_signal(signal.SIGSTOP)
            pause(3.0)
            sender.send_signal(signal.SIGCONT)
            wait_for(len(router.asked) + int(RATE))  # of those that were due meanwhile
            Inside(here, "n/p", "here").ask(SCRIPT, {"do": "end", "name": name}, within_s=5)
            said = json.loads(sender.communicate(timeout=20)[0])
    assert said["stood_still_s"] > 2
    assert said["answered"] == said["sent"]

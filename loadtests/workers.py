"""The master's side of a load on several processes: who has which lane, and what each counted.

By Locust's own protocol. Each worker is told its lane; when one is lost, the rest take its arrivals
over from then on, and the account says what was missed.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent
from locust.rpc import Message
from locust.runners import MasterRunner

from clusterproof.load.account import Account
from clusterproof.load.schedule import Plan
from clusterproof.load.seconds import Second
from clusterproof.load.sections import CircuitBreaker
from clusterproof.outcome import ExitCode
from loadtests.ending import AT_WORK
from loadtests.health import mostly_failing

LOG = logging.getLogger("clusterproof.load")
LANE, FINAL, THAWED = "clusterproof_lane", "clusterproof_final", "clusterproof_thawed"
TRIP = "clusterproof_trip"
"""A worker's circuit breaker opened."""
START_DELAY_S = 1.0
"""Between the order to start and second 0: callers are spawned and workers told by then."""
_TAKE_OVER_S = 0.3
"""From the order to take over to the first arrival of the new lanes: our choice, many RPC times."""
_LOOK_EVERY_S = 1.0
_FINALS_WITHIN_S = 5.0
"""After the last answer."""
_REPORT_EVERY_S = 3.0
"""Locust's WORKER_REPORT_INTERVAL: what a worker counted after its last report dies with it."""
Json = dict[str, Any]


class Workers:
    """All workers of one master.

    Attributes:
        lost: How many went away while they had a lane.
    """

    def __init__(
        self, runner: MasterRunner, breaker: CircuitBreaker, trip: Callable[[str], None]
    ) -> None:
        """Listen to what they say, and look after them from now on.

        Args:
            runner: The master.
            breaker: When most requests of all of them together fail.
            trip: Called with the reason then.
        """
        self._breaker, self._trip = breaker, trip
        self.lost = 0
        self._uncounted: dict[str, float] = {}
        self._runner = runner
        self._plan: Plan | None = None
        self._started_at = 0.0
        self._headers: dict[str, str] = {}
        self._seed = 0
        self._reports: dict[str, Json] = {}
        self._exposures: dict[str, list[Any]] = {}
        self._finals: set[str] = set()
        self._lanes: dict[str, int] = {}
        runner.register_message(FINAL, self._take_final)
        runner.register_message(THAWED, self._take_thawed)
        runner.register_message(TRIP, lambda msg, **_: trip(msg.data["why"]))
        runner.environment.events.worker_report.add_listener(self._take_report)
        gevent.spawn(self._watch)

    def expect(self, count: int, *, within_s: float) -> None:
        """Locust gives up waiting with exit code 1, which means something else here."""

        def give_up() -> None:
            ready = len(self._runner.clients.ready)
            if self._runner.state == "ready" and ready < count:
                text = f"{ready} of {count} workers came within {within_s:g} s"
                LOG.error("INCONCLUSIVE: %s", text)
                raise SystemExit(ExitCode.INCONCLUSIVE)

        gevent.spawn_later(max(0.0, within_s - 0.5), give_up)

    def begin(self, plan: Plan, started_at: float, headers: dict[str, str], seed: int) -> None:
        """A test starts: forget the last one, and share the plan out."""
        self._headers, self._seed = headers, seed
        self.lost, self._uncounted = 0, {}
        self._plan, self._started_at = plan, started_at
        self._reports, self._exposures, self._finals = {}, {}, set()
        self._share_out(from_s=0.0)

    def _take_report(self, client_id: str, data: Json, **_: object) -> None:
        if "clusterproof" in data:
            self._keep(client_id, data["clusterproof"])

    def _keep(self, client: str, snapshot: Json) -> None:
        """A worker's latest account; of its exposures it sends only the new ones."""
        known = self._exposures.setdefault(client, [])
        del known[snapshot["exposures_from"] :]
        known += snapshot["exposures"]
        self._reports[client] = snapshot

    def stop(self, drain_s: float) -> None:
        """Stop every worker, and give each the time to drain and to send all that it counted."""
        for client in set(self._lanes) - self._finals:
            self._runner.server.send_to_client(Message("stop", None, client))
        deadline = time.monotonic() + drain_s + _FINALS_WITHIN_S
        while time.monotonic() < deadline and self._awaited:
            gevent.sleep(0.1)
        if self._awaited:
            count = len(self._awaited)
            LOG.warning("%d workers sent no final account: their last report counts", count)

    @property
    def _awaited(self) -> set[str]:
        """Those that have a lane, are there, and have not sent their final account."""
        clients = self._runner.clients.values()
        there = {client.id for client in clients if client.state != "missing"}
        return set(self._lanes) & there - self._finals

    def account(self) -> Account:
        """What all of them counted."""
        merged = Account()
        for client, report in self._reports.items():
            merged.merge(Account.from_json({**report, "exposures": self._exposures[client]}))
        return merged

    @property
    def scheduled(self) -> int:
        """Arrivals that they sent or dropped, by their last reports."""
        return sum(report["started"] + report["dropped"] for report in self._reports.values())

    @property
    def uncounted(self) -> float:
        """What those that went away may have sent after their last report; a bound.

        One that was told to end, or came back, has sent all that it counted.
        """
        return sum(count for client, count in self._uncounted.items() if client not in self._finals)

    @property
    def reported(self) -> int:
        """How many have sent an account."""
        return len(self._reports)

    def _take_final(self, msg: Message, **_: object) -> None:
        self._keep(msg.node_id, msg.data)
        self._finals.add(msg.node_id)

    def _take_thawed(self, msg: Message, **_: object) -> None:
        """A worker that had stood still has left its lane: all of them get new ones."""
        if self._runner.state not in AT_WORK or msg.node_id in self._finals:
            return
        from_s = time.time() - self._started_at + _TAKE_OVER_S
        LOG.warning("a worker had stood still; all share the plan again from %.1f s", from_s)
        self._share_out(from_s=max(0.0, from_s))

    def _mostly_failing(self) -> str:
        """By the latest reports of all; one alone may have too few requests to tell."""
        now_s = int(time.time() - self._started_at - _REPORT_EVERY_S)
        counts = [
            {int(number): Second(*second[:4]) for number, second in report["seconds"].items()}
            for report in self._reports.values()
        ]
        return mostly_failing(self._breaker, now_s, *counts)

    def _share_out(self, *, from_s: float) -> None:
        clients = self._runner.clients.values()
        alive = sorted(client.id for client in clients if client.state != "missing")
        self._lanes = {client: number for number, client in enumerate(alive)}
        gevent.spawn(self._send_lanes, from_s)

    def _send_lanes(self, from_s: float) -> None:
        # Workers make their lane at the spawn message, which is sent right after test_start.
        gevent.sleep(START_DELAY_S / 2 if from_s == 0 else 0)
        for client, number in self._lanes.items():
            order = {
                "number": number,
                "of": len(self._lanes),
                "from_s": from_s,
                "started_at": self._started_at,
                "headers": self._headers,
                "seed": self._seed,
            }
            self._runner.send_message(LANE, order, client_id=client)

    def _watch(self) -> None:
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            if self._runner.state not in AT_WORK or self._plan is None:
                continue
            clients = self._runner.clients.values()
            # One that has the order to start and has not said so yet is not lost.
            alive = {client.id for client in clients if client.state != "missing"}
            lost = set(self._lanes) - alive
            if lost and alive:
                self._hand_over(self._plan, lost)
            if why := self._mostly_failing():
                self._trip(why)

    def _hand_over(self, plan: Plan, lost: set[str]) -> None:
        now_s = time.time() - self._started_at
        self.lost += len(lost)
        each = plan.rate(now_s) * _REPORT_EVERY_S / len(self._lanes)
        self._uncounted |= dict.fromkeys(lost, each)
        from_s = max(0.0, now_s + _TAKE_OVER_S)
        LOG.warning("%d workers lost; the rest take over from %.1f s", len(lost), from_s)
        self._share_out(from_s=from_s)

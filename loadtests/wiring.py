"""What a scenario adds to Locust: options, plan, lanes over all workers, health, verdict.

Works alone (`locust -f`), with `--processes N`, and as master and workers on several machines by
Locust's own protocol. The master tells each worker its lane; when a worker is lost, the rest take
its arrivals over from then on, and the account says what was missed.
"""

import atexit
import json
import logging
import signal
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import psutil  # type: ignore[import-untyped] # no stubs installed
from locust import LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.outcome import ExitCode, exit_code
from loadtests.arrivals import Caller, Lane
from loadtests.forward import Forward
from loadtests.target import Target, current_context
from loadtests.verdict import generator_figures, judge_callers, print_verdict

if TYPE_CHECKING:
    from clusterproof.load.schedule import Plan

LOG = logging.getLogger("clusterproof.load")
_LANE, _FINAL, _TRIP = "clusterproof_lane", "clusterproof_final", "clusterproof_trip"
_START_DELAY_S = 1.0
"""Between the order to start and second 0: callers are spawned and workers told by then."""
_TAKE_OVER_S = 0.3
"""From the order to take over to the first arrival of the new lanes: our choice, many RPC times."""
_ORDER_HOLDS_S = 5.0
"""A lane that came before our own test_start belongs to this test, if it is not older."""
_HEALTH_EVERY_S = 1.0
_LAG_EVERY_S = 0.05
_CPU_EVERY_S = 5.0
_FINALS_WITHIN_S = 15.0
_REPORT_EVERY_S = 3.0
"""Locust's WORKER_REPORT_INTERVAL: what a worker counted after its last report dies with it."""


class Run:
    """One scenario wired to one Locust process."""

    def __init__(self, scenario: str, caller: type[Caller], target: Target) -> None:
        """Read the load spec and register with Locust; nothing is sent."""
        self.name = scenario
        self.caller = caller
        self.target = target
        self.spec: LoadSpec = read_objectives()
        self.scenario = self.spec.scenario(scenario)
        self.account = Account()
        self.plan: Plan = self.spec.plan(scenario, next(iter(self.scenario.shapes)))
        self.lane: Lane | None = None
        self.started_at = 0.0
        self.stopped_early = ""
        self.workers_lost = 0
        self.uncounted = 0.0
        self._reports: dict[str, dict[str, Any]] = {}
        self._exposures_from: dict[str, list[Any]] = {}
        self._finals: set[str] = set()
        self._lanes: dict[str, int] = {}
        self._order: dict[str, Any] = {}
        self._shipped = 0
        self._judged = False
        self.environment: Environment = None
        for event, listener in (
            (events.init_command_line_parser, self.add_options),
            (events.init, self.prepare),
            (events.test_start, self.begin),
            (events.test_stop, self.finish),
            (events.report_to_master, self.report),
            (events.worker_report, self.take_report),
            (events.quitting, self.judge),
        ):
            event.add_listener(listener)

    def add_options(self, parser: LocustArgumentParser, **_: object) -> None:
        """The options of a run; the web UI shows them as fields."""
        parser.add_argument(
            "--shape",
            default=next(iter(self.scenario.shapes)),
            choices=list(self.scenario.shapes),
            help="Which load of spec/objectives.yaml to offer",
        )
        parser.add_argument("--rate-factor", type=float, default=1.0, help="Scales every rate")
        parser.add_argument("--time-factor", type=float, default=1.0, help="Scales every duration")
        parser.add_argument(
            "--allow-production",
            action="store_true",
            default=False,
            help="Load a host that the load spec calls production",
            include_in_web_ui=False,
        )
        parser.add_argument(
            "--out",
            default="reports/load",
            help="Folder for generator.json and account.json",
            include_in_web_ui=False,
        )

    def prepare(self, environment: Environment, runner: object, **_: object) -> None:
        """Check the options before anything is sent, and register with the other processes."""
        self.environment = environment
        options = environment.parsed_options
        try:
            self._read_plan(options)
            self.spec.refuse_production(
                host=environment.host or "", allowed=options.allow_production
            )
        except SpecError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(ExitCode.USAGE)
        if not environment.host and self.caller.host is None:
            self._forward(options)
        environment.stop_timeout = environment.stop_timeout or self.scenario.drain_s
        if not isinstance(runner, WorkerRunner):
            # Locust itself heeds it only when a shape has ended: a Job's deadline left no record.
            gevent.signal_handler(signal.SIGTERM, self.trip, "it was told to end (SIGTERM)")
        if isinstance(runner, MasterRunner):
            runner.register_message(_FINAL, self.take_final)
            runner.register_message(_TRIP, self.take_trip)
            gevent.spawn(self._watch_workers)
        if isinstance(runner, WorkerRunner):
            runner.register_message(_LANE, self.take_lane)

    def _forward(self, options: Namespace) -> None:
        """Outside a cluster and without --host: a port-forward by the kubeconfig's context."""
        if isinstance(self.environment.runner, WorkerRunner):
            return  # the master's host is sent to the workers
        try:
            self.spec.refuse_production(context=current_context(), allowed=options.allow_production)
        except SpecError as error:
            sys.stderr.write(f"{error}\n")
            sys.exit(ExitCode.USAGE)
        target = self.target
        forward = Forward(target.namespace, target.service, target.port)
        if not forward.start():
            sys.stderr.write(
                f"no --host, and no port-forward to service/{target.service} in"
                f" {target.namespace}: give --host URL, or a kubeconfig that reaches it\n"
            )
            sys.exit(ExitCode.USAGE)
        self.environment.host = forward.url
        atexit.register(forward.stop)

    def begin(self, environment: Environment, **_: object) -> None:
        """A test starts: a new account, and the plan that the options ask for."""
        self._read_plan(environment.parsed_options)
        self.account = Account()
        self._reports, self._exposures_from, self._finals = {}, {}, set()
        self.stopped_early, self.workers_lost, self._judged = "", 0, False
        self.uncounted = 0.0
        self._shipped = 0
        self.started_at = time.time() + _START_DELAY_S
        self.lane = Lane(
            self.plan, self.scenario, self.account, origin=time.perf_counter() + _START_DELAY_S
        )
        self.caller.lane = self.lane
        if isinstance(environment.runner, MasterRunner):
            self._share_out(from_s=0.0)
            return
        if not isinstance(environment.runner, WorkerRunner):
            self.lane.assign(0, 1)
        elif self._order.get("started_at", 0.0) > time.time() - _ORDER_HOLDS_S:
            self._follow_order()
        gevent.spawn(self._watch_health)
        gevent.spawn(self._watch_lag)

    def finish(self, environment: Environment, **_: object) -> None:
        """A worker's callers have drained: send the whole account once more."""
        if isinstance(environment.runner, WorkerRunner):
            self._shipped = 0
            environment.runner.send_message(_FINAL, self._snapshot())

    def report(self, client_id: str, data: dict[str, Any]) -> None:
        """Put the account so far on a worker's regular report."""
        del client_id
        if self.account.started:
            data["clusterproof"] = self._snapshot()

    def take_report(self, client_id: str, data: Mapping[str, Any]) -> None:
        """Keep a worker's latest account."""
        if "clusterproof" in data:
            self._keep(client_id, data["clusterproof"])

    def take_final(self, environment: Environment, msg: Message) -> None:
        """A worker has drained, and this is all that it counted."""
        del environment
        self._keep(msg.node_id, msg.data)
        self._finals.add(msg.node_id)

    def take_trip(self, environment: Environment, msg: Message) -> None:
        """A worker's circuit breaker opened: stop all of them."""
        self.stopped_early = msg.data["why"]
        environment.runner.quit()

    def take_lane(self, environment: Environment, msg: Message) -> None:
        """The master says which arrivals are ours, and when second 0 is on its clock."""
        del environment
        self._order = msg.data
        self._follow_order()

    def judge(self, environment: Environment, **_: object) -> None:
        """Drain, judge once, write the files; the exit code carries the verdict."""
        runner = environment.runner
        if isinstance(runner, WorkerRunner) or self._judged:
            return
        self._judged = True
        if time.time() < self.started_at + self.plan.duration_s:
            self.stopped_early = self.stopped_early or "it was stopped before the plan ended"
        if runner.state not in {"stopped", "stopping", "ready"}:
            runner.stop()
        if isinstance(runner, MasterRunner):
            self._await_finals()
        account = self.whole()
        figures = generator_figures(
            account,
            self.plan,
            ran_for_s=time.time() - self.started_at if self.stopped_early else None,
            workers_lost=self.workers_lost,
            stopped_early=self.stopped_early,
        )
        verdict = judge_callers(account, figures, self.spec, self.scenario)
        out = Path(environment.parsed_options.out)
        out.mkdir(parents=True, exist_ok=True)
        record = {
            "scenario": self.name,
            "shape": environment.parsed_options.shape,
            "host": environment.host,
            "started_at": self.started_at,
            "duration_s": self.plan.duration_s,
            "stages": [[s.rate, s.to_rate, s.for_s] for s in self.plan.stages],
            "planned": figures.planned,
            "workers": max(1, len(self._reports)),
            "workers_lost": self.workers_lost,
            "uncounted_bound": round(self.uncounted),
            "stopped_early": self.stopped_early,
            "findings": [finding.to_json() for finding in verdict.findings],
            "outcome": verdict.outcome,
        }
        (out / "generator.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        (out / "account.json").write_text(json.dumps(account.to_json()), encoding="utf-8")
        print_verdict(verdict, account, out)
        environment.process_exit_code = int(exit_code(verdict.outcome))

    def whole(self) -> Account:
        """The account of all processes."""
        if not isinstance(self.environment.runner, MasterRunner):
            return self.account
        merged = Account()
        for client, report in self._reports.items():
            merged.merge(
                Account.from_json({**report, "exposures": self._exposures_from.get(client, [])})
            )
        return merged

    def trip(self, why: str) -> None:
        """Stop the whole run at once, and say why."""
        LOG.error("the run is stopped: %s", why)
        self.stopped_early = why
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(_TRIP, {"why": why})
        else:
            gevent.spawn(runner.quit)

    def _follow_order(self) -> None:
        """Take the lane that the master gave, before or after our own test_start."""
        order, lane = self._order, self.lane
        if not order or lane is None or lane.account is not self.account:
            return
        self.started_at = order["started_at"]
        lane.origin = time.perf_counter() + self.started_at - time.time()
        lane.assign(order["number"], order["of"], from_s=order["from_s"])

    def _read_plan(self, options: Namespace) -> None:
        self.plan = self.spec.plan(
            self.name,
            options.shape,
            rate_factor=options.rate_factor,
            time_factor=options.time_factor,
        )

    def _snapshot(self) -> dict[str, Any]:
        start, self._shipped = self._shipped, len(self.account.exposures)
        return {**self.account.to_json(exposures_from=start), "exposures_from": start}

    def _keep(self, client: str, snapshot: dict[str, Any]) -> None:
        known = self._exposures_from.setdefault(client, [])
        del known[snapshot["exposures_from"] :]
        known += snapshot["exposures"]
        self._reports[client] = snapshot

    def _share_out(self, *, from_s: float) -> None:
        runner = self.environment.runner
        clients = sorted(
            client.id for client in runner.clients.values() if client.state != "missing"
        )
        self._lanes = {client: number for number, client in enumerate(clients)}
        gevent.spawn(self._send_lanes, from_s)

    def _send_lanes(self, from_s: float) -> None:
        # Workers make their lane at the spawn message, which is sent right after test_start.
        gevent.sleep(_START_DELAY_S / 2 if from_s == 0 else 0)
        for client, number in self._lanes.items():
            data = {
                "number": number,
                "of": len(self._lanes),
                "from_s": from_s,
                "started_at": self.started_at,
            }
            self.environment.runner.send_message(_LANE, data, client_id=client)

    def _watch_workers(self) -> None:
        while True:
            gevent.sleep(_HEALTH_EVERY_S)
            runner = self.environment.runner
            if runner.state not in {"spawning", "running"} or not self._lanes:
                continue
            alive = {c.id for c in runner.clients.values() if c.state in {"running", "spawning"}}
            lost = set(self._lanes) - alive - self._finals
            if lost and alive:
                self.workers_lost += len(lost)
                share = len(lost) / len(self._lanes)
                now_s = time.time() - self.started_at
                self.uncounted += share * self.plan.rate(now_s) * _REPORT_EVERY_S
                from_s = max(0.0, time.time() - self.started_at + _TAKE_OVER_S)
                LOG.warning("%d workers lost; the rest take over from %.1f s", len(lost), from_s)
                self._share_out(from_s=from_s)

    def _await_finals(self) -> None:
        deadline = time.monotonic() + _FINALS_WITHIN_S
        while time.monotonic() < deadline and set(self._lanes) - self._finals:
            gevent.sleep(0.1)
        missing = set(self._lanes) - self._finals
        if missing:
            LOG.warning("%d workers sent no final account: their last report counts", len(missing))

    def _watch_health(self) -> None:
        process = psutil.Process()
        process.cpu_percent()
        lane, next_cpu = self.lane, time.monotonic() + _CPU_EVERY_S
        while self.lane is lane and self.environment.runner.state != "stopped":
            gevent.sleep(_HEALTH_EVERY_S)
            if time.monotonic() >= next_cpu:
                next_cpu = time.monotonic() + _CPU_EVERY_S
                self.account.cpu.append((round(time.time(), 1), process.cpu_percent() / 100))
            breaker = self.spec.circuit_breaker
            now = int(time.perf_counter() - lane.origin) if lane else 0
            window = [
                self.account.seconds[n]
                for n in range(now - breaker.window_s, now)
                if n in self.account.seconds
            ]
            over = sum(s.failed + s.unanswered for s in window)
            ended = over + sum(s.ok for s in window)
            if ended >= breaker.fewest and over / ended > breaker.failure_ratio:
                self.trip(f"{over} of {ended} requests failed within {breaker.window_s} s")
                return

    def _watch_lag(self) -> None:
        lane = self.lane
        while self.lane is lane and self.environment.runner.state != "stopped":
            before = time.perf_counter()
            gevent.sleep(_LAG_EVERY_S)
            self.account.lag.record(max(0.0, time.perf_counter() - before - _LAG_EVERY_S))


class PlanShape(LoadTestShape):  # type: ignore[misc] # untyped
    """All callers from the start until the plan ends: the plan, not their number, sets the pace."""

    abstract = True
    run: Run

    def tick(self) -> tuple[int, float] | None:
        """Locust asks this every second."""
        run = self.run
        ends_at = run.started_at + run.plan.duration_s
        if run.stopped_early or (run.started_at and time.time() > ends_at):
            return None
        return run.scenario.callers, float(run.scenario.callers)

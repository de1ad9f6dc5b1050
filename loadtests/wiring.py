"""What a scenario adds to Locust: options, plan, its lane of it, health, verdict.

Works alone (`locust -f`), with `--processes N`, and as master and workers on several machines
(workers.py).
"""

import json
import logging
import signal
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from locust import LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from clusterproof.load.account import Account
from clusterproof.outcome import exit_code
from clusterproof.redact import Redactor
from loadtests.arrivals import Caller, Lane
from loadtests.forward import forward_to
from loadtests.health import Health
from loadtests.options import add_options, load_spec, scenario_for, wrong_input_ends
from loadtests.target import current_context, host_of, without_credentials
from loadtests.verdict import generator_figures, judge_callers, print_verdict
from loadtests.workers import FINAL, LANE, START_DELAY_S, Workers

if TYPE_CHECKING:
    from clusterproof.load.schedule import Plan

LOG = logging.getLogger("clusterproof.load")
_TRIP = "clusterproof_trip"
_ORDER_HOLDS_S = 5.0
"""A lane that came before our own test_start belongs to this test, if it is not older."""


class Run:
    """One scenario wired to one Locust process."""

    def __init__(self, scenario: str, caller: type[Caller]) -> None:
        """Read the load spec and register with Locust; nothing is sent."""
        self.name = scenario
        self.caller = caller
        self.spec = load_spec()
        self.scenario = scenario_for(caller, self.spec, scenario)
        caller.host = host_of(self.scenario.target)
        self.account = Account()
        self.plan: Plan = self.spec.plan(scenario, next(iter(self.scenario.shapes)))
        self.lane: Lane | None = None
        self.started_at = 0.0
        self.stopped_early = ""
        self.workers: Workers | None = None
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
        add_options(parser, self.scenario)

    def prepare(self, environment: Environment, runner: object, **_: object) -> None:
        """Check the options before anything is sent, and register with the other processes."""
        self.environment = environment
        options = environment.parsed_options
        self._split_host()
        host = environment.host or self.caller.host or ""
        with wrong_input_ends():
            self._read_plan(options)
            self.spec.refuse_production(host=host, allowed=options.allow_production)
        if not host and not isinstance(runner, WorkerRunner):  # the master tells its workers
            with wrong_input_ends():
                self.spec.refuse_production(
                    context=current_context(), allowed=options.allow_production
                )
                environment.host = forward_to(self.scenario.target)
        environment.stop_timeout = environment.stop_timeout or self.scenario.drain_s
        if not isinstance(runner, WorkerRunner):
            # Locust itself heeds it only when a shape has ended: a Job's deadline left no record.
            gevent.signal_handler(signal.SIGTERM, self.trip, "it was told to end (SIGTERM)")
        if isinstance(runner, MasterRunner):
            runner.register_message(_TRIP, self.take_trip)
            self.workers = Workers(runner)
        if isinstance(runner, WorkerRunner):
            runner.register_message(LANE, self.take_lane)

    def begin(self, environment: Environment, **_: object) -> None:
        """A test starts: a new account, and the plan that the options ask for."""
        self._split_host()
        self._read_plan(environment.parsed_options)
        self.account = Account()
        self.stopped_early, self._judged, self._shipped = "", False, 0
        self.started_at = time.time() + START_DELAY_S
        origin = time.perf_counter() + START_DELAY_S
        self.lane = lane = Lane(self.plan, self.scenario, self.account, origin=origin)
        self.caller.lane = lane
        runner = environment.runner
        if self.workers is not None:
            self.workers.begin(self.plan, self.started_at, self.caller.authorization)
            return
        if not isinstance(runner, WorkerRunner):
            lane.assign(0, 1)
        elif self._order.get("started_at", 0.0) > time.time() - _ORDER_HOLDS_S:
            self._follow_order()
        Health(
            lane,
            self.spec.circuit_breaker,
            goes_on=lambda: self.lane is lane and runner.state != "stopped",
            trip=self.trip,
        ).watch()

    def finish(self, environment: Environment, **_: object) -> None:
        """A worker's callers have drained: send the whole account once more."""
        if isinstance(environment.runner, WorkerRunner):
            self._shipped = 0
            environment.runner.send_message(FINAL, self._snapshot())

    def report(self, client_id: str, data: dict[str, Any]) -> None:
        """Put the account so far on a worker's regular report."""
        del client_id
        if self.account.started:
            data["clusterproof"] = self._snapshot()

    def take_report(self, client_id: str, data: Mapping[str, Any]) -> None:
        """The master keeps a worker's latest account."""
        if self.workers is not None and "clusterproof" in data:
            self.workers.take_report(client_id, data["clusterproof"])

    def take_trip(self, environment: Environment, msg: Message) -> None:
        """A worker's circuit breaker opened: stop all of them."""
        self.stopped_early = msg.data["why"]
        environment.runner.quit()

    def take_lane(self, environment: Environment, msg: Message) -> None:
        """The master says which arrivals are ours, and when second 0 is on its clock."""
        del environment
        self._order = msg.data
        self.caller.authorization = msg.data["authorization"]
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
        account, reported, lost, uncounted = self.account, 1, 0, 0.0
        if self.workers is not None:
            self.workers.await_finals()
            account, reported = self.workers.account(), self.workers.reported
            lost, uncounted = self.workers.lost, self.workers.uncounted
        figures = generator_figures(
            account,
            self.plan,
            ran_for_s=time.time() - self.started_at if self.stopped_early else None,
            workers_lost=lost,
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
            "workers": max(1, reported),
            "workers_lost": lost,
            "uncounted_bound": round(uncounted),
            "stopped_early": self.stopped_early,
            "findings": [finding.to_json() for finding in verdict.findings],
            "outcome": verdict.outcome,
        }
        record = Redactor().data(record)
        (out / "generator.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        (out / "account.json").write_text(json.dumps(account.to_json()), encoding="utf-8")
        print_verdict(verdict, account, out)
        environment.process_exit_code = int(exit_code(verdict.outcome))

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

    def _split_host(self) -> None:
        """Send the password of `--host http://user:password@...` as a header, and keep it nowhere.

        Locust's own session would do so too, but callers go round it.
        """
        environment = self.environment
        if "@" not in (environment.host or ""):
            return
        environment.host, self.caller.authorization = without_credentials(environment.host)
        environment.parsed_options.host = environment.host

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

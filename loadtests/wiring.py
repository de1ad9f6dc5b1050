"""What a scenario adds to Locust: options, plan, its lane of it, health, verdict.

Works alone (`locust -f`), with `--processes N`, and as master and workers on several machines
(workers.py). The web UI can run several tests in turn; each is judged when it ends.
"""

import logging
import math
import os
import secrets
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from locust import LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.folder import SCENARIO_VARIABLE
from clusterproof.outcome import ExitCode, exit_code, verdict
from loadtests.arrivals import Caller
from loadtests.client import tls_options
from loadtests.ending import AT_WORK, END_WITHIN_S, follow_master, listen
from loadtests.forward import forward_to
from loadtests.health import Health
from loadtests.lane import Lane, Requests
from loadtests.options import (
    add_options,
    headers_of,
    host_of_classes,
    load_spec,
    plan_of,
    requests_of,
    run_time_of,
    seed_of,
    spec_path,
    stop_timeout_of,
    with_callers,
    wrong_input_ends,
)
from loadtests.records import Records
from loadtests.running import RunningTest
from loadtests.target import Surroundings, host_of, without_credentials
from loadtests.verdict import print_verdict
from loadtests.web import refuse_starts, show_tests
from loadtests.workers import FINAL, LANE, START_DELAY_S, THAWED, TRIP, Workers

LOG = logging.getLogger("clusterproof.load")
_HURRY = "clusterproof_hurry"
_ORDER_HOLDS_S = 5.0
"""A lane that came before our own test_start belongs to this test, if it is not older."""
_SETTLED_WITHIN_S = 10.0
_SEED_BITS = 32


class Run:
    """One scenario wired to one Locust process.

    Attributes:
        test: The one that runs, or ran last; None before a test begins.
        plan: Of the options that were checked last.
        is_cut: Whether --run-time ends that plan before its own end.
        history: Record and account of each test that ended.
    """

    def __init__(self, scenario: str) -> None:
        """Read the load spec and register with Locust; nothing is sent."""
        self.name = scenario
        self.spec = load_spec()
        with wrong_input_ends():
            self.scenario = self.spec.scenario(scenario)
        Caller.host = host_of(self.scenario.target)
        self.requests: Requests | None = None
        self.around = Surroundings()
        self.plan = self.spec.plan(scenario, next(iter(self.scenario.shapes)))
        self.is_cut = False
        self.test: RunningTest | None = None
        self.health: Health | None = None
        self.workers: Workers | None = None
        self.records: Records | None = None
        self.unwritten = False
        self.history: list[tuple[dict[str, Any], Account]] = []
        self._order: dict[str, Any] = {}
        self._judging = BoundedSemaphore(1)
        self.environment: Environment = None
        for event, listener in (
            (events.init_command_line_parser, self.add_options),
            (events.init, self.prepare),
            (events.test_start, self.begin),
            (events.test_stopping, self.mark_stop),
            (events.test_stop, self.finish),
            (events.report_to_master, self.report),
            (events.quitting, self.conclude),
        ):
            event.add_listener(listener)

    def add_options(self, parser: LocustArgumentParser, **_: object) -> None:
        """The options of a run; the web UI shows them as fields."""
        with wrong_input_ends():
            add_options(parser, self.scenario)

    def prepare(self, environment: Environment, runner: object, **_: object) -> None:
        """Check the options before anything is sent, and register with the other processes."""
        self.environment = environment
        options = environment.parsed_options
        with wrong_input_ends():
            environment.host = environment.host or host_of_classes(environment.user_classes)
        self._split_host()
        with wrong_input_ends():
            Caller.tls = tls_options(options.ca, options.cert)
            self.requests = requests_of(environment.user_classes, self.name, self.scenario)
            if not isinstance(runner, WorkerRunner):  # the master tells its workers
                given = headers_of(self.scenario, options.header)
                Caller.headers = {**given, **Caller.headers}
            self.refuse(environment.host or Caller.host or "")
            # Locust would fill in defaults of 1; the web UI shows these in its fields.
            options.num_users = self.scenario.callers
            options.spawn_rate = options.spawn_rate or float(self.scenario.callers)
            environment.stop_timeout = stop_timeout_of(self.scenario, environment.stop_timeout)
            if not isinstance(runner, WorkerRunner):
                # Whatever ends Locust before a test was judged has shown nothing.
                environment.process_exit_code = int(ExitCode.INCONCLUSIVE)
                self.records = Records(Path(options.out), spec_path())
                if not (environment.host or Caller.host):  # the master tells its workers
                    environment.host = forward_to(self.scenario.target, self.around.context)
        if isinstance(runner, WorkerRunner):
            runner.register_message(LANE, self.take_lane)
            runner.register_message(_HURRY, self.hurry)
            follow_master(runner)
        else:
            listen(self.end)
        if isinstance(runner, MasterRunner):
            self.workers = Workers(runner, self.spec.circuit_breaker, self.trip)
            if options.headless and options.expect_workers_max_wait:
                most_s = options.expect_workers_max_wait
                self.workers.expect(options.expect_workers, within_s=most_s)
        if environment.web_ui is not None:
            refuse_starts(environment, self.refuse)
            show_tests(environment.web_ui, lambda: self.plan, self.current, self.history)

    def refuse(self, host: str, changed: Mapping[str, Any] | None = None) -> None:
        """Nothing, unless a test with these options may not start.

        Args:
            host: What the load would reach.
            changed: Options in place of those of the command line.

        Raises:
            SpecError: The plan leaves the bounds, a number is none, the host is no URL, or it is
                somebody's production: the host, or the cluster that this process is in or set up
                for.
        """
        options = Namespace(**{**vars(self.environment.parsed_options), **(changed or {})})
        allowed = options.allow_production
        self.spec.refuse_host(without_credentials(host)[0], allowed=allowed)
        self.around.refuse_production(self.spec, allowed=allowed)
        seed_of(options)
        scenario = with_callers(self.scenario, options)
        whole, most_s = plan_of(self.spec, self.name, scenario, options), run_time_of(options)
        self.is_cut = most_s < whole.duration_s
        self.plan = whole.cut(most_s) if self.is_cut else whole
        self.scenario = scenario

    def begin(self, environment: Environment, **_: object) -> None:
        """A test starts: a new account, and the plan that the options ask for.

        Asked again, by each process: the web UI may have changed the host since, or the plan.
        """
        refusal = ""
        self._split_host()
        host = environment.host or Caller.host or ""
        try:
            self.refuse(host)
            self.requests = Requests(environment.user_classes, self.scenario.mix)
        except SpecError as error:
            refusal = str(error)
        self.test = test = self._new_test(host, refusal)
        Caller.lane = lane = test.lane
        runner = environment.runner
        if self.records is not None:
            with suppress(OSError):  # the record itself says so
                self.records.begin()
        if refusal:
            LOG.error("no request is sent: %s", refusal)
            return
        if self.records is not None:
            gevent.spawn(test.write_meanwhile, self.records)
        if self.workers is not None:
            self.workers.begin(lane.plan, lane.started_at, Caller.headers, lane.seed)
            return
        if not isinstance(runner, WorkerRunner):
            lane.assign(0, 1)
        elif self._order.get("started_at", 0.0) > time.time() - _ORDER_HOLDS_S:
            test.follow(self._order)
        self.health = Health(
            lane,
            self.spec.circuit_breaker,
            goes_on=lambda: self.test is test and runner.state != "stopped",
            trip=self.trip,
            thaw=self.thaw if isinstance(runner, WorkerRunner) else None,
        )
        self.health.watch()

    def _new_test(self, host: str, refusal: str) -> RunningTest:
        options = self.environment.parsed_options
        rows = self.scenario.shapes[options.shape]
        stages = {number: row.objectives for number, row in enumerate(rows) if row.objectives}
        assert self.requests is not None  # noqa: S101 - read before any test
        lane = Lane(
            self.plan,
            self.scenario,
            Account(),
            self.requests,
            origin=time.perf_counter() + START_DELAY_S,
            host=host,
            judged_stages=frozenset(stages),
        )
        seed = seed_of(options)
        lane.seed = secrets.randbits(_SEED_BITS) if seed is None else seed
        about = {
            "scenario": self.name,
            "shape": options.shape,
            "rate_factor": options.rate_factor,
            "time_factor": options.time_factor,
            "is_cut": self.is_cut,
            "host": host,
        }
        return RunningTest(lane, self.spec, stages, about, self.workers, refusal)

    def mark_stop(self, **_: object) -> None:
        """No arrival is claimed any more from here on."""
        if self.test is not None:
            self.test.mark_stop()
            if self.health is not None and not self.test.lane.account.cpu:
                self.health.read_cpu()

    def finish(self, environment: Environment, **_: object) -> None:
        """The callers of a test have drained: what was never sent is settled, and all is judged."""
        if self.test is None:
            return
        self.test.settle()
        if isinstance(environment.runner, WorkerRunner):
            environment.runner.send_message(FINAL, self.test.snapshot(whole=True))
        else:
            self._judge()

    def conclude(self, environment: Environment, **_: object) -> None:
        """Locust is quitting: a test that is under way is stopped, which judges it."""
        runner = environment.runner
        if isinstance(runner, WorkerRunner):
            return
        if runner.state in AT_WORK:
            runner.stop()
        deadline = time.monotonic() + environment.stop_timeout + _SETTLED_WITHIN_S
        while self._under_way and time.monotonic() < deadline:  # another greenlet is stopping it
            gevent.sleep(0.05)
        self._judge()
        if not self.history and not environment.parsed_options.headless:
            LOG.warning("no test was started: nothing was judged")

    def report(self, data: dict[str, Any], **_: object) -> None:
        """Put the account so far on a worker's regular report."""
        if self.test is not None and self.test.lane.account.started:
            data["clusterproof"] = self.test.snapshot()

    def take_lane(self, msg: Message, **_: object) -> None:
        """The master says which arrivals are ours, and when second 0 is on its clock."""
        self._order = msg.data
        Caller.headers = msg.data["headers"]
        if self.test is not None:
            self.test.follow(self._order)

    def hurry(self, environment: Environment, **_: object) -> None:
        """The master was told to end: answers that are under way get less time."""
        environment.stop_timeout = min(environment.stop_timeout, END_WITHIN_S)

    def end(self, why: str) -> None:
        """This process was told to end."""
        environment, test = self.environment, self.test
        self.hurry(environment)
        if isinstance(environment.runner, MasterRunner):
            environment.runner.send_message(_HURRY, {})
        if test is not None and environment.runner.state in AT_WORK and not test.stopped_early:
            LOG.error("the run is stopped: %s", why)
            test.stopped_early = why
            self._cease()  # the shape ends within a second
        elif not self._under_way and environment.parsed_options.headless and not self.history:
            raise SystemExit(ExitCode.INCONCLUSIVE)

    def trip(self, why: str) -> None:
        """Most requests fail: leave the target alone."""
        LOG.error("the run is stopped: %s", why)
        if self.test is not None:
            self.test.collapsed = self.test.collapsed or why
        self._cease()
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(TRIP, {"why": why})

    def thaw(self) -> None:
        """This worker had stood still: its lane is left to those who may have it by now."""
        if self.test is not None:
            LOG.warning("this process had stood still: it asks for another lane")
            self.test.lane.leave()
            self.environment.runner.send_message(THAWED, {})

    def _cease(self) -> None:
        """Claim nothing more; the shape ends the test within a second."""
        self.mark_stop()
        if self.test is not None:
            self.test.settle()

    def current(self) -> tuple[float, Account]:
        """The second of the plan that is now, and what was counted so far."""
        if self.test is None:
            return math.inf, Account()
        return time.time() - self.test.lane.started_at, self.test.counted

    @property
    def _under_way(self) -> bool:
        return self.test is not None and self.test.under_way

    def arm(self) -> None:
        """The next test has not begun; a master says so in the middle of one as well."""
        if not self._under_way:
            self.test = None

    def _judge(self) -> None:
        """Judge the test that ended, once, and write its files; the exit code is that of all."""
        with self._judging:
            test = self.test
            if test is None or not test.under_way:
                return
            test.under_way = False
            account, judged, record = test.end(self.environment.stop_timeout)
            # With --json Locust's own statistics are all that may stand on stdout.
            out = sys.stderr if self.environment.parsed_options.json else sys.stdout
            print_verdict(judged, account, out)
            assert self.records is not None  # noqa: S101 - only workers have none
            self.unwritten |= not self.records.keep(record, account, judged.findings)
            self.history.append((record, account))
            code = exit_code(verdict([record["outcome"] for record, _ in self.history]))
            if self.unwritten:
                code = ExitCode.NOT_WRITTEN
            if test.refused:
                code = ExitCode.USAGE
            self.environment.process_exit_code = int(code)

    def _split_host(self) -> None:
        """Send the password of `--host http://user:password@...` as a header, and keep it nowhere.

        Locust's own session would do so too, but callers go round it.
        """
        environment = self.environment
        if "@" not in (environment.host or ""):
            return
        environment.host, authorization = without_credentials(environment.host)
        Caller.headers = {**Caller.headers, **authorization}
        environment.parsed_options.host = environment.host


class PlanShape(LoadTestShape):  # type: ignore[misc] # untyped
    """All callers from the start until the plan ends: the plan, not their number, sets the pace.

    Of Locust's own options --users is how many callers there are, --spawn-rate how many of them
    start in a second, and --run-time where the plan is cut.
    """

    abstract = True
    use_common_options = True
    run: Run

    def reset_time(self) -> None:
        """Locust is about to start a test."""
        super().reset_time()
        self.run.arm()

    def tick(self) -> tuple[int, float] | None:
        """Locust asks this every second."""
        test, options = self.run.test, self.run.environment.parsed_options
        if test is not None and test.is_over:
            return None
        return self.run.scenario.callers, float(options.spawn_rate)


def shape_of(scenario: str) -> type[PlanShape]:
    """What offers the shapes of a scenario to the callers of a locustfile; call it once there.

    Args:
        scenario: Its name in the load spec, unless LOCUST_SCENARIO names another.
    """
    run = Run(os.environ.get(SCENARIO_VARIABLE) or scenario)
    return type("Shape", (PlanShape,), {"abstract": False, "run": run})

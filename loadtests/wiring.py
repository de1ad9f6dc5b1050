"""What a scenario adds to Locust: options, plan, its lane of it, health, verdict.

Works alone (`locust -f`), with `--processes N`, and as master and workers on several machines
(workers.py). The web UI can run several tests in turn; each is judged when it ends.
"""

import logging
import os
import secrets
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
from gevent.lock import BoundedSemaphore
from locust import LoadTestShape, events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner
from locust.util.timespan import parse_timespan

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.finding import Finding, Verdict
from clusterproof.load.folder import SCENARIO_VARIABLE
from clusterproof.load.sections import Limits
from clusterproof.outcome import ExitCode, Outcome, exit_code, verdict
from clusterproof.redact import Redactor
from clusterproof.redact.errors import cannot_write
from loadtests.arrivals import Caller
from loadtests.client import tls_options
from loadtests.ending import END_WITHIN_S, follow_master, listen
from loadtests.forward import forward_to
from loadtests.health import Health
from loadtests.lane import Lane, Requests
from loadtests.options import (
    add_options,
    headers_of,
    load_spec,
    requests_of,
    spec_path,
    wrong_input_ends,
)
from loadtests.records import Records
from loadtests.target import Surroundings, host_of, without_credentials
from loadtests.verdict import few_callers, generator_figures, judge_callers, print_verdict
from loadtests.web import refuse_starts, show_tests
from loadtests.workers import FINAL, LANE, START_DELAY_S, THAWED, Workers

if TYPE_CHECKING:
    from clusterproof.load.schedule import Plan

LOG = logging.getLogger("clusterproof.load")
_TRIP, _HURRY = "clusterproof_trip", "clusterproof_hurry"
_ORDER_HOLDS_S = 5.0
"""A lane that came before our own test_start belongs to this test, if it is not older."""
_SETTLED_WITHIN_S = 10.0
_SEED_BITS = 32
_WRITE_EVERY_S = 5.0
_AT_WORK = frozenset({"spawning", "running"})


class Run:
    """One scenario wired to one Locust process."""

    def __init__(self, scenario: str) -> None:
        """Read the load spec and register with Locust; nothing is sent."""
        self.name = scenario
        self.spec = load_spec()
        with wrong_input_ends():
            self.scenario = self.spec.scenario(scenario)
        Caller.host = host_of(self.scenario.target)
        self.requests: Requests | None = None
        self.around = Surroundings()
        self.account = Account()
        self.plan: Plan = self.spec.plan(scenario, next(iter(self.scenario.shapes)))
        self.lane: Lane | None = None
        self.health: Health | None = None
        self.started_at = 0.0
        self.stopped_early = ""
        self.refused = ""
        self.collapsed = ""
        self.workers: Workers | None = None
        self.records: Records | None = None
        self.outcomes: list[Outcome] = []
        self.unwritten = False
        self.history: list[tuple[dict[str, Any], Account]] = []
        self._order: dict[str, Any] = {}
        self._shipped = 0
        self._under_way = False
        self._stops_at_s = 0.0
        self.spawn_rate = 0.0
        self._judging = BoundedSemaphore(1)
        self.environment: Environment = None
        for event, listener in (
            (events.init_command_line_parser, self.add_options),
            (events.init, self.prepare),
            (events.test_start, self.begin),
            (events.test_stopping, self.mark_stop),
            (events.test_stop, self.finish),
            (events.report_to_master, self.report),
            (events.worker_report, self.take_report),
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
        self._split_host()
        with wrong_input_ends():
            Caller.tls = tls_options(options.ca, options.cert)
            self.requests = requests_of(environment.user_classes, self.name, self.scenario)
            if not isinstance(runner, WorkerRunner):  # the master tells its workers
                given = headers_of(self.scenario, options.header)
                Caller.headers = {**given, **Caller.headers}
            # Locust fills in its own defaults of 1 later.
            self.spawn_rate = options.spawn_rate or 0.0
            if options.num_users:
                self.scenario = self.scenario.model_copy(update={"callers": options.num_users})
            self.refuse(environment.host or Caller.host or "")
            self._set_stop_timeout(environment)
            if not isinstance(runner, WorkerRunner):
                # Whatever ends Locust before a test was judged has shown nothing.
                environment.process_exit_code = int(ExitCode.INCONCLUSIVE)
                self.records = Records(Path(options.out), spec_path())
                if not (environment.host or Caller.host):  # the master tells its workers
                    environment.host = forward_to(self.scenario.target, self.around.context)
        if isinstance(runner, WorkerRunner):
            runner.register_message(LANE, self.take_lane)
            runner.register_message(_HURRY, self.hurry)
            follow_master()
        else:
            listen(self.end)
        if isinstance(runner, MasterRunner):
            runner.register_message(_TRIP, self.take_trip)
            self.workers = Workers(runner, self.spec.circuit_breaker, self.trip)
            self._await_workers(runner, options)
        if environment.web_ui is not None:
            refuse_starts(environment, self.refuse)
            show_tests(environment.web_ui, lambda: self.plan, self.current, self.history)

    def refuse(self, host: str, changed: Mapping[str, Any] | None = None) -> None:
        """Nothing, unless a test with these options may not start.

        Args:
            host: What the load would reach.
            changed: Options in place of those of the command line.

        Raises:
            SpecError: The plan leaves the bounds, the host is no URL, or it is somebody's
                production: the host, or the cluster that this process is in or set up for.
        """
        options = Namespace(**{**vars(self.environment.parsed_options), **(changed or {})})
        allowed = options.allow_production
        self.spec.refuse_host(without_credentials(host)[0], allowed=allowed)
        self.around.refuse_production(self.spec, allowed=allowed)
        self._read_plan(options)

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
        self.account = Account()
        self.collapsed, self._shipped = "", 0
        self.refused = self.stopped_early = refusal
        self._under_way = True
        self.started_at = time.time() + START_DELAY_S
        origin = time.perf_counter() + START_DELAY_S
        self._stops_at_s = self.plan.duration_s
        assert self.requests is not None  # noqa: S101 - read before any test
        self.lane = lane = Lane(
            self.plan,
            self.scenario,
            self.account,
            self.requests,
            origin=origin,
            host=host,
            judged_stages=frozenset(self._stage_limits()),
        )
        given = environment.parsed_options.seed
        lane.seed = secrets.randbits(_SEED_BITS) if given is None else int(given)
        Caller.lane = lane
        runner = environment.runner
        if self.records is not None:
            with suppress(OSError):  # the record itself says so
                self.records.begin()
        if refusal:
            LOG.error("no request is sent: %s", refusal)
            return
        if self.records is not None:
            gevent.spawn(self._write_meanwhile, lane)
        if self.workers is not None:
            self.workers.begin(self.plan, self.started_at, Caller.headers, lane.seed)
            return
        if not isinstance(runner, WorkerRunner):
            lane.assign(0, 1)
        elif self._order.get("started_at", 0.0) > time.time() - _ORDER_HOLDS_S:
            self._follow_order()
        self.health = Health(
            lane,
            self.spec.circuit_breaker,
            goes_on=lambda: self.lane is lane and runner.state != "stopped",
            trip=self.trip,
            thaw=self.thaw if isinstance(runner, WorkerRunner) else None,
        )
        self.health.watch()

    def mark_stop(self, **_: object) -> None:
        """No arrival is claimed any more from here on."""
        if self.lane is not None:
            now_s = time.perf_counter() - self.lane.origin
            self._stops_at_s = max(0.0, min(self._stops_at_s, now_s))
        if self.health is not None and not self.account.cpu:
            self.health.read_cpu()

    def finish(self, environment: Environment, **_: object) -> None:
        """The callers of a test have drained: what was never sent is settled, and all is judged."""
        if self.lane is not None:
            self.lane.settle(self._stops_at_s)
        if isinstance(environment.runner, WorkerRunner):
            self._shipped = 0
            environment.runner.send_message(FINAL, self._snapshot())
        else:
            self._judge()

    def conclude(self, environment: Environment, **_: object) -> None:
        """Locust is quitting: a test that is under way is stopped, which judges it."""
        runner = environment.runner
        if isinstance(runner, WorkerRunner):
            return
        if runner.state in _AT_WORK:
            runner.stop()
        deadline = time.monotonic() + environment.stop_timeout + _SETTLED_WITHIN_S
        while self._under_way and time.monotonic() < deadline:  # another greenlet is stopping it
            gevent.sleep(0.05)
        self._judge()
        if not self.outcomes and not environment.parsed_options.headless:
            LOG.warning("no test was started: nothing was judged")

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
        del environment
        self.trip(msg.data["why"])

    def take_lane(self, environment: Environment, msg: Message) -> None:
        """The master says which arrivals are ours, and when second 0 is on its clock."""
        del environment
        self._order = msg.data
        Caller.headers = msg.data["headers"]
        self._follow_order()

    def hurry(self, environment: Environment, msg: Message) -> None:
        """The master was told to end: answers that are under way get less time."""
        del msg
        environment.stop_timeout = min(environment.stop_timeout, END_WITHIN_S)

    def end(self, why: str) -> None:
        """This process was told to end."""
        environment = self.environment
        environment.stop_timeout = min(environment.stop_timeout, END_WITHIN_S)
        if isinstance(environment.runner, MasterRunner):
            environment.runner.send_message(_HURRY, {})
        if environment.runner.state in _AT_WORK and not self.stopped_early:
            LOG.error("the run is stopped: %s", why)
            self.stopped_early = why
            self._cease()  # the shape ends within a second
        elif not self._under_way and environment.parsed_options.headless and not self.outcomes:
            raise SystemExit(ExitCode.INCONCLUSIVE)

    def trip(self, why: str) -> None:
        """Most requests fail: leave the target alone."""
        LOG.error("the run is stopped: %s", why)
        self.collapsed = self.collapsed or why
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            self._cease()
            runner.send_message(_TRIP, {"why": why})
        else:
            self._cease()

    def thaw(self) -> None:
        """This worker had stood still: its lane is left to those who may have it by now."""
        if self.lane is not None:
            LOG.warning("this process had stood still: it asks for another lane")
            self.lane.leave()
            self.environment.runner.send_message(THAWED, {})

    def _cease(self) -> None:
        """Claim nothing more; the shape ends the test within a second."""
        self.mark_stop()
        if self.lane is not None:
            self.lane.settle(self._stops_at_s)

    def current(self) -> tuple[float, Account]:
        """The second of the plan that is now, and what was counted so far."""
        return time.time() - self.started_at, self._counted

    @property
    def _counted(self) -> Account:
        return self.account if self.workers is None else self.workers.account()

    def arm(self) -> None:
        """The next test has not begun; a master says so in the middle of one as well."""
        if self._under_way:
            return
        self.started_at = 0.0
        self.stopped_early, self.refused, self.collapsed = "", "", ""

    @property
    def is_over(self) -> bool:
        """Whether the plan of the test that is under way has ended, or was ended."""
        if self.stopped_early or self.collapsed:
            return True
        late_s = time.time() - self.started_at - self.plan.duration_s
        if not self.started_at or late_s <= 0 or self.lane is None:
            return False
        # The last arrivals have as long as all others to find a free caller.
        scheduled = 0 if self.workers is None else self.workers.scheduled
        all_claimed = self.lane.is_claimed or scheduled >= self.plan.total
        return all_claimed or late_s > self.scenario.drop_after_s

    def _judge(self) -> None:
        """Judge the test that ended, once, and write its files; the exit code is that of all."""
        with self._judging:
            if not self._under_way:
                return
            self._under_way = False
            outcome = self._judge_test()
            self.outcomes.append(outcome)
            code = exit_code(verdict(self.outcomes))
            if self.unwritten:
                code = ExitCode.NOT_WRITTEN
            if self.refused:
                code = ExitCode.USAGE
            self.environment.process_exit_code = int(code)

    def _judge_test(self) -> Outcome:
        if self._stops_at_s < self.plan.duration_s and not self.collapsed:
            self.stopped_early = self.stopped_early or "it was stopped before the plan ended"
        if self.workers is not None:
            self.workers.stop(self.environment.stop_timeout)
        account = self._counted
        cut_short = self.stopped_early or self.collapsed
        ran_for_s = self._stops_at_s if cut_short else None
        judged, record = self._judged(account, self.stopped_early, ran_for_s)
        print_verdict(judged, account)
        self.unwritten |= not self._write(record, account, judged.findings)
        self.history.append((record, account))
        return judged.outcome

    def _judged(
        self, account: Account, stopped_early: str, ran_for_s: float | None
    ) -> tuple[Verdict, dict[str, Any]]:
        """The verdict of what was counted, and the record that says so."""
        reported, lost, uncounted = 1, 0, 0.0
        if self.workers is not None:
            reported = self.workers.reported
            lost, uncounted = self.workers.lost, self.workers.uncounted
        figures = generator_figures(
            account,
            self.plan,
            ran_for_s=ran_for_s,
            workers_lost=lost,
            stopped_early=stopped_early,
            few_callers="" if self.collapsed else few_callers(account, self.plan, self.scenario),
        )
        judged = judge_callers(
            account,
            figures,
            self.spec,
            self.scenario,
            collapsed=self.collapsed,
            requests=() if self.requests is None else self.requests.sent,
            stages={n: row for n, row in self._stage_limits().items() if n < len(self.plan.stages)},
        )
        return judged, {
            "scenario": self.name,
            "shape": self.environment.parsed_options.shape,
            "host": self.environment.host,
            "seed": None if self.lane is None else self.lane.seed,
            "started_at": self.started_at,
            "duration_s": self.plan.duration_s,
            "stages": [[s.rate, s.to_rate, s.for_s] for s in self.plan.stages],
            "planned": figures.planned,
            "workers": max(1, reported),
            "workers_lost": lost,
            "uncounted_bound": round(uncounted),
            "stopped_early": stopped_early or self.collapsed,
            "findings": [finding.to_json() for finding in judged.findings],
            "outcome": judged.outcome,
        }

    def _write(
        self, record: Mapping[str, Any], account: Account, findings: Iterable[Finding] = ()
    ) -> bool:
        """Whether the files could be written; if not, the reason is in the log."""
        assert self.records is not None  # noqa: S101 - only workers have none
        redactor = Redactor()
        shown = account.worded(redactor.data)  # names and reasons hold what a scenario chose
        try:
            self.records.write(redactor.data(record), shown.to_json())
            if findings:
                self.records.report(record, findings)
        except OSError as error:
            LOG.error("the record cannot be written: %s", cannot_write(error))  # noqa: TRY400 - the sentence is enough
            return False
        return True

    def _write_meanwhile(self, lane: Lane) -> None:
        """Every few seconds what is known: whoever kills this process has that as its record."""
        is_written = True
        while is_written:
            gevent.sleep(_WRITE_EVERY_S)
            if not self._under_way or self.lane is not lane:
                return
            account = copy(self._counted)
            account.exposures = []  # these grow with the run, and writing them would stall it
            ran_for_s = min(self._stops_at_s, time.perf_counter() - lane.origin)
            _, record = self._judged(account, "it was killed", ran_for_s)
            is_written = self._write(record, account)

    def _await_workers(self, runner: MasterRunner, options: Namespace) -> None:
        """Locust gives up waiting for workers with exit code 1, which means something else here."""
        most_s = options.expect_workers_max_wait
        if not options.headless or not most_s:
            return

        def give_up() -> None:
            ready = len(runner.clients.ready)
            if runner.state == "ready" and ready < options.expect_workers:
                text = f"{ready} of {options.expect_workers} workers came within {most_s:g} s"
                LOG.error("INCONCLUSIVE: %s", text)
                raise SystemExit(ExitCode.INCONCLUSIVE)

        gevent.spawn_later(max(0.0, most_s - 0.5), give_up)

    def _set_stop_timeout(self, environment: Environment) -> None:
        given, least = environment.stop_timeout, self.scenario.timeout_s
        if given and given <= least:
            raise SpecError(
                f"--stop-timeout {given:g}: expected more than timeout_s {least:g} of the scenario:"
                " requests that are under way at the end would be cut off"
            )
        environment.stop_timeout = given or self.scenario.drain_s

    def _follow_order(self) -> None:
        """Take the lane that the master gave, before or after our own test_start."""
        order, lane = self._order, self.lane
        if not order or lane is None or lane.account is not self.account or self.refused:
            return
        self.started_at = order["started_at"]
        lane.started_at = self.started_at
        lane.origin = time.perf_counter() + self.started_at - time.time()
        lane.seed = order["seed"]
        lane.assign(order["number"], order["of"], from_s=order["from_s"])

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

    def _stage_limits(self) -> dict[int, Limits]:
        """The objectives of the stages that have some, by their number."""
        rows = self.scenario.shapes[self.environment.parsed_options.shape]
        return {number: row.objectives for number, row in enumerate(rows) if row.objectives}

    def _read_plan(self, options: Namespace) -> None:
        plan = self.spec.plan(
            self.name,
            options.shape,
            rate_factor=options.rate_factor,
            time_factor=options.time_factor,
            callers=self.scenario.callers,
        )
        most_s = options.run_time
        if isinstance(most_s, str):
            try:
                most_s = parse_timespan(most_s)
            except ValueError as error:
                raise SpecError(f"--run-time {options.run_time!r}: {error}") from error
        self.plan = plan.cut(most_s) if most_s else plan

    def _snapshot(self) -> dict[str, Any]:
        start, self._shipped = self._shipped, len(self.account.exposures)
        return {**self.account.to_json(exposures_from=start), "exposures_from": start}


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
        callers = self.run.scenario.callers
        return None if self.run.is_over else (callers, self.run.spawn_rate or float(callers))


def shape_of(scenario: str) -> type[PlanShape]:
    """What offers the shapes of a scenario to the callers of a locustfile; call it once there.

    Args:
        scenario: Its name in the load spec, unless LOCUST_SCENARIO names another.
    """
    run = Run(os.environ.get(SCENARIO_VARIABLE) or scenario)
    return type("Shape", (PlanShape,), {"abstract": False, "run": run})

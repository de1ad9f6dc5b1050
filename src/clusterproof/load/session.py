"""One load run from start to report: watch, offer the load, drain, read the rest, judge.

Locust runs as a process of its own (importing it here would patch `socket`), by `--via` in another
network namespace or wherever the load should come from. It ends when this process ends, however
that comes about: SIGTERM, Ctrl-C and SIGHUP are passed on, and after a SIGKILL the pipe on its
standard input is closed. What was seen until then is kept, and judged.
"""

import argparse
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from clusterproof.errors import ObservationError, SpecError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.hpa import scales_to_zero
from clusterproof.kube.kinds import KINDS
from clusterproof.load.account import Account
from clusterproof.load.analysis import Analysis, Inputs, analyse, find_demand
from clusterproof.load.evidence import ask_posthog, ask_prometheus, service_url
from clusterproof.load.folder import (
    CONTEXT_VARIABLE,
    FILES,
    LIFELINE_VARIABLE,
    RUN_VARIABLE,
    SCENARIO_VARIABLE,
    lock,
    refuse_mixture,
)
from clusterproof.load.hpa.rules import bounds_of
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE, LoadSpec
from clusterproof.load.page import set_aside
from clusterproof.load.recorder import Recorder
from clusterproof.load.recording import Recording, Stream
from clusterproof.load.schedule import Plan
from clusterproof.load.sections import Scaling
from clusterproof.load.target import HPAS, Target, find_target
from clusterproof.load.timeline import is_ready
from clusterproof.outcome import ExitCode
from clusterproof.project import LOAD_SCENARIOS
from clusterproof.redact import Redactor
from clusterproof.redact.files import clean_file
from clusterproof.report.files import replace_file
from clusterproof.wait import pause, wait_until

_SETTLE_WITHIN_S = 600.0
_BASELINE_S = 5.0
"""Two reads of every pod before the first request, so that each counter has a start."""
_PROGRESS_S = 5.0
_FLUSH_WITHIN_S = 30.0
"""The router flushes its events each second; PostHog's worker stores them within a few more."""
_LATE_S = 120.0
_END_WITHIN_S = 10.0
"""For a generator that was told to end: 3 s for answers under way, and its record."""
_REFUSED_BY_ARGPARSE = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, zlib.error)
"""What reading a file of a run raises where it is cut off, or none of ours."""
_STALE = ("events.json", "prometheus.json")
RECORDING = "recording.json.gz"
_STREAM = "recording.jsonl"
"""What is seen, while the run lasts; after it only where the run was killed."""


class ToldToEndError(KeyboardInterrupt):
    """A signal asked this process to end: no error, so that nothing takes it for one."""


@contextmanager
def told_to_end() -> Iterator[None]:
    """The first SIGTERM, SIGINT or SIGHUP within raises; later ones find us ending already.

    Raises:
        ToldToEndError: One came.
    """
    signals: list[str] = []

    def end(number: int, _frame: object) -> None:
        if not signals:
            signals.append(signal.Signals(number).name)
            raise ToldToEndError(signals[0])

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        if not signals:  # else the rest of the run is the end of it
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class Options:
    """What a run was asked for.

    Attributes:
        objectives: The load spec's file: the generator, a process of its own, reads it too.
        via: Words to put before the Locust command, e.g. to enter a network namespace.
        locustfile: Whose callers send it; default: that of the scenario's name, or the router's.
        extra: More Locust options.
    """

    shape: str
    out: Path
    objectives: Path = DEFAULT_PATH
    host: str = ""
    via: str = ""
    rate_factor: float = 1.0
    time_factor: float = 1.0
    allow_production: bool = False
    scenario: str = "router"
    locustfile: Path | None = None
    extra: Sequence[str] = ()

    @classmethod
    def of(cls, given: argparse.Namespace) -> "Options":
        """Those of a command line, which has each by the same name."""
        return cls(**{field.name: getattr(given, field.name) for field in fields(cls)})


def run(api: KubeApi, spec: LoadSpec, options: Options) -> None:
    """The whole run; its files lie in `options.out`, for `judge`.

    Raises:
        SpecError: The plan leaves the bounds, or the target is somebody's production.
        ObservationError: The target never settled, could not be watched, or got no load.
    """
    spec.refuse_production(
        context=api.connection.context,
        host=api.connection.server,
        cluster_uid=api.cluster_uid,
        allowed=options.allow_production,
    )
    plan = spec.plan(
        options.scenario,
        options.shape,
        rate_factor=options.rate_factor,
        time_factor=options.time_factor,
    )
    service = spec.scenario(options.scenario).target
    host = options.host or service_url(api, service)
    spec.refuse_host(host, allowed=options.allow_production)
    target = find_target(api, service, spec.scaling)
    with lock(options.out) as lock_file:
        set_aside(options.out)
        for stale in (*_STALE, RECORDING, *FILES):
            (options.out / stale).unlink(missing_ok=True)
        with told_to_end():
            if spec.scaling is not None:
                up = find_demand(plan, 0.0, spec.scaling.ceiling_rate).up_at is not None
                settle(api, target, spec.scaling, at_floor=up)
        stream = options.out / _STREAM
        recorder = Recorder(api, target, spec.scaling, spec.metrics, stream)
        recorder.recording.run = secrets.token_hex(6)
        recorder.recording.context = api.connection.context
        with suppress(ObservationError):  # a name for the history, and no reason to stop
            recorder.recording.cluster_uid = api.cluster_uid()
        recorder.start()
        try:
            with told_to_end():
                pause(_BASELINE_S)
                _offer(replace(options, host=host), plan, recorder, lock_file)
                _await_flush(recorder)
            ended = False
        except ToldToEndError as told:
            recorder.note(f"the run was ended: {told}")
            ended = True
        finally:
            recording = recorder.stop()
            recording.write(options.out / RECORDING)
            stream.unlink()
        if not (options.out / "generator.json").exists():
            raise ObservationError("the run was ended before the first request was sent")
        if not ended:
            _ask_the_rest(api, spec, options, recording)


def _ask_the_rest(api: KubeApi, spec: LoadSpec, options: Options, recording: Recording) -> None:
    """What PostHog and Prometheus say of it."""
    generator = json.loads((options.out / "generator.json").read_text(encoding="utf-8"))
    started_at = float(generator["started_at"])
    account = Account.from_json(json.loads((options.out / FILES[1]).read_text(encoding="utf-8")))
    announced = sorted({exposure.event_id for exposure in account.exposures if exposure.event_id})
    events = ask_posthog(
        api,
        spec.evidence,
        uuids=announced,
        since=started_at,
        out=options.out / "events.json",
        via=shlex.split(options.via),
    )
    if events is not None:
        write_facts(options.out / "events.json", events)
    namespace = spec.scenario(options.scenario).target.namespace
    window = ask_prometheus(api, spec, recording, namespace, since=started_at)
    if window is not None:
        facts = asdict(window)
        write_facts(options.out / "prometheus.json", facts)


def write_facts(path: Path, facts: object) -> None:
    """Write what was read for a run, without secrets."""
    replace_file(path, json.dumps(Redactor().data(facts)).encode())


def set_apart_killed(out: Path) -> Path | None:
    """Move what a run that was killed has left in `out` to a folder of its own, to be judged there.

    None where there is none, or where it was killed before its first request.

    Raises:
        SpecError: That run, or another one, is still writing there.
    """
    if not (out / _STREAM).exists():
        return None
    with lock(out):
        apart = out / f"killed-{_recover(out).run}"
        apart.mkdir(exist_ok=True)
        for name in (RECORDING, *FILES, "objectives.yaml", "locust.log"):
            if (out / name).exists():
                (out / name).replace(apart / name)
    return apart if all((apart / name).exists() for name in FILES) else None


def _recover(out: Path) -> Recording:
    """Make the recording of a run whose observer was killed of what it has streamed."""
    try:
        recording = Stream.read(out / _STREAM)
    except _DAMAGED as error:
        raise SpecError(f"{out / _STREAM}: damaged: {error}; remove it") from error
    recording.notes.append("the process that watched was killed: this is what it had seen")
    recording.write(out / RECORDING)
    (out / _STREAM).unlink()
    return recording


def judge(spec: LoadSpec, out: Path) -> tuple[Analysis, Inputs]:
    """Judge the run whose files lie in `out`, now or later.

    Raises:
        SpecError: There is no such run, a file of it is damaged, or the files are of several runs.
    """

    def read(name: str) -> Any:  # noqa: ANN401 - JSON
        path = out / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    if (out / _STREAM).exists():
        with lock(out):
            _recover(out)
    for name in (*FILES, RECORDING):
        if not (out / name).exists():
            raise SpecError(f"{out}: no {name}: expected the folder of a run that was watched")
    try:
        prometheus, generator, account = map(read, ("prometheus.json", *FILES))
        events = read("events.json")
        recording = Recording.read(out / RECORDING)
        runs = {
            name: facts.get("run", "")
            for name, facts in zip(FILES, (generator, account), strict=True)
        }
        refuse_mixture({**runs, RECORDING: recording.run})
        inputs = Inputs(
            generator=Redactor().data(generator),
            account=Account.from_json(account),
            recording=recording,
            events=None if events is None else dict(events),
            prometheus=None if prometheus is None else PrometheusWindow(**prometheus),
        )
    except _DAMAGED as error:
        raise SpecError(f"{out}: a file of the run is damaged: {error}") from error
    analysis = analyse(inputs, spec)
    return replace(analysis, verdict=Redactor().data(analysis.verdict)), inputs


def settle(api: KubeApi, target: Target, scaling: Scaling, *, at_floor: bool) -> None:
    """Wait until the target is rolled out and Ready: a run must start from there.

    Args:
        api: The API server.
        target: What the HPA scales.
        scaling: Names the HPA.
        at_floor: Whether it has to be at minReplicas, for a load that is to bring more; or at 0,
            where KEDA puts an idle one.

    Raises:
        ObservationError: It did not settle in time; says what was last seen.
    """
    hpa = api.get(f"{HPAS.collection(target.namespace)}/{scaling.hpa}")
    low, _ = bounds_of(hpa)
    pods = KINDS["Pod"].collection(target.namespace)
    shown = ""

    def look() -> str:
        nonlocal shown
        scale = api.get(target.scale)
        status = api.get(f"{target.collection}/{target.name}").get("status") or {}
        replicas = int(scale["spec"].get("replicas", 0))
        counts = {
            "spec.replicas": replicas,
            "replicas": (scale.get("status") or {}).get("replicas", 0),
            "Ready": sum(map(is_ready, api.list(pods, label_selector=target.selector))),
        }
        if "updatedReplicas" in status:
            counts["updated"] = status["updatedReplicas"]
        is_idle = not replicas and scales_to_zero(hpa)
        wanted = low if at_floor and not is_idle else replicas
        if all(count == wanted for count in counts.values()):
            return ""
        unsettled = ", ".join(f"{name} {count}" for name, count in counts.items())
        if unsettled != shown:
            shown = unsettled
            sys.stderr.write(f"waiting for {target.kind}/{target.name} to settle: {shown}\n")
        return unsettled

    at = f"at {low} replicas" if at_floor else "rolled out"
    wait_until(
        look,
        lambda unsettled: not unsettled,
        waiting_for=f"{target.kind}/{target.name} {at}, all Ready",
        within_s=_SETTLE_WITHIN_S,
        every_s=2.0,
    )


def _offer(options: Options, plan: Plan, recorder: Recorder, lock_file: IO[str]) -> None:
    named = LOAD_SCENARIOS / f"{options.scenario}.py"
    locustfile = options.locustfile or (named if named.exists() else LOAD_SCENARIOS / "router.py")
    command = [
        *shlex.split(options.via),
        *(sys.executable, "-m", "locust", "-f", str(locustfile), "--headless"),
        *("--host", options.host, "--shape", options.shape, "--out", str(options.out)),
        *("--rate-factor", str(options.rate_factor), "--time-factor", str(options.time_factor)),
        *("--only-summary", "--skip-log"),
        *(["--allow-production"] if options.allow_production else []),
        *options.extra,
    ]
    log = options.out / "locust.log"
    began = time.time()
    environment = {
        **os.environ,
        VARIABLE: str(options.objectives.resolve()),
        RUN_VARIABLE: recorder.recording.run,
        LIFELINE_VARIABLE: "1",
        SCENARIO_VARIABLE: options.scenario,
        CONTEXT_VARIABLE: recorder.recording.context,
        "PYTHONPATH": os.pathsep.join(  # a locustfile of one's own imports loadtests
            [str(LOAD_SCENARIOS.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        ),
    }
    with log.open("w", encoding="utf-8") as output:
        locust = subprocess.Popen(  # noqa: S603 - our own argv
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment,
            pass_fds=[lock_file.fileno()],  # the folder is ours until both have ended
        )
        try:
            _follow(locust, plan, recorder, began)
        finally:
            _end(locust)
            clean_file(log)
    if not (options.out / "generator.json").exists():
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-5:])
        if locust.returncode in {ExitCode.USAGE, _REFUSED_BY_ARGPARSE}:
            raise SpecError(f"the generator refused: {tail}")
        raise ObservationError(
            f"the generator ended with {locust.returncode} and no record: {tail}",
            next_command=f"cat {log}",
        )


def _end(locust: "subprocess.Popen[bytes]") -> None:
    """End the generator, if it has not ended: it writes its record on SIGTERM."""
    if locust.poll() is None:
        locust.terminate()
        try:
            locust.wait(timeout=_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            locust.kill()
            locust.wait()
    if locust.stdin is not None:
        locust.stdin.close()


def _follow(
    locust: "subprocess.Popen[bytes]", plan: Plan, recorder: Recorder, began: float
) -> None:
    shown = 0.0

    def look() -> int | None:
        nonlocal shown
        now = time.time() - began
        if now - shown >= _PROGRESS_S:
            shown = now
            sys.stderr.write(
                f"{now:6.0f} s of {plan.duration_s:.0f}: offered {plan.rate(now):6.1f}/s,"
                f" {recorder.status()}\n"
            )
        return locust.poll()

    wait_until(
        look,
        lambda code: code is not None,
        waiting_for="the generator to end",
        within_s=plan.duration_s + _LATE_S,
    )


def _await_flush(recorder: Recorder) -> None:
    """Wait until no pod holds events that it has not delivered."""
    try:
        wait_until(
            recorder.waiting_events,
            lambda waiting: waiting == 0,
            waiting_for="all events delivered",
            within_s=_FLUSH_WITHIN_S,
            every_s=1.0,
        )
    except ObservationError as error:
        recorder.note(str(error))
    pause(_BASELINE_S)

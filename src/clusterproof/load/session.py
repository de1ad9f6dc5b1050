"""One load run from start to report: watch, offer the load, drain, read the rest, judge.

Locust runs as a process of its own (importing it here would patch `socket`), by `--via` in another
network namespace or wherever the load should come from.
"""

import base64
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from clusterproof.errors import ObservationError
from clusterproof.load.account import Account
from clusterproof.load.analysis import Analysis, Inputs, analyse
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE, LoadSpec, Scaling
from clusterproof.load.posthog_events import KEY_VARIABLE
from clusterproof.load.recorder import Recorder
from clusterproof.load.recording import Recording
from clusterproof.load.schedule import Plan
from clusterproof.load.timeline import deletions
from clusterproof.observe.api import KubeApi
from clusterproof.wait import wait_until

_SETTLE_WITHIN_S = 600.0
_BASELINE_S = 5.0
"""Two reads of every pod before the first request, so that each counter has a start."""
_PROGRESS_S = 5.0
_FLUSH_WITHIN_S = 30.0
"""The router flushes its events each second; PostHog's worker stores them within a few more."""
_LATE_S = 120.0
_SCRAPE_S = 5.0


@dataclass(frozen=True)
class Options:
    """What a run was asked for.

    Attributes:
        objectives: The load spec's file: the generator, a process of its own, reads it too.
        via: Words to put before the Locust command, e.g. to enter a network namespace.
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
    prometheus: str = "monitoring/prometheus:9090"
    posthog: str = "posthog/posthog-web:8000"
    posthog_secret: str = "posthog/posthog-secret"  # noqa: S105 - a name, not a value
    scenario: str = "router"
    extra: tuple[str, ...] = ()


def run(api: KubeApi, spec: LoadSpec, options: Options) -> None:
    """The whole run; its files lie in `options.out`, for `judge`.

    Raises:
        SpecError: The plan leaves the bounds, or the context is somebody's production.
        ObservationError: The target never settled, or could not be watched.
    """
    spec.refuse_production(context=api.connection.context, allowed=options.allow_production)
    plan = spec.plan(
        options.scenario,
        options.shape,
        rate_factor=options.rate_factor,
        time_factor=options.time_factor,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    for stale in ("generator.json", "account.json", "events.json", "prometheus.json"):
        (options.out / stale).unlink(missing_ok=True)
    settle(api, spec.scaling)
    recorder = Recorder(api, spec.scaling)
    recorder.start()
    _hold(_BASELINE_S)
    _offer(api, spec, options, plan, recorder)
    _await_flush(recorder)
    recording = recorder.stop()
    recording.write(options.out / "recording.json.gz")
    generator = json.loads((options.out / "generator.json").read_text(encoding="utf-8"))
    events = _events(api, options, float(generator["started_at"]) - 1, recording.ended_at)
    if events is not None:
        (options.out / "events.json").write_text(json.dumps(events), encoding="utf-8")
    window = _prometheus(api, spec, options, recording, float(generator["started_at"]))
    if window is not None:
        facts = {name: getattr(window, name) for name in window.__slots__}
        (options.out / "prometheus.json").write_text(json.dumps(facts), encoding="utf-8")


def judge(spec: LoadSpec, out: Path) -> tuple[Analysis, Inputs]:
    """Judge the run whose files lie in `out`, now or later."""

    def read(name: str) -> Any:  # noqa: ANN401 - JSON
        path = out / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    prometheus = read("prometheus.json")
    inputs = Inputs(
        generator=read("generator.json"),
        account=Account.from_json(read("account.json")),
        recording=Recording.read(out / "recording.json.gz"),
        events=read("events.json"),
        prometheus=None if prometheus is None else PrometheusWindow(**prometheus),
    )
    return analyse(inputs, spec), inputs


def settle(api: KubeApi, scaling: Scaling) -> None:
    """Wait until the target is at its floor, rolled out and Ready: a run must start from there.

    Raises:
        ObservationError: It did not settle in time; says what was last seen.
    """
    path = f"/apis/apps/v1/namespaces/{scaling.namespace}/deployments/{scaling.deployment}"

    def look() -> str:
        found = api.get(path)
        status, replicas = found.get("status") or {}, found["spec"]["replicas"]
        seen = {
            "spec.replicas": replicas,
            "replicas": status.get("replicas", 0),
            "updated": status.get("updatedReplicas", 0),
            "ready": status.get("readyReplicas", 0),
        }
        settled = all(value == scaling.floor for value in seen.values())
        return "" if settled else ", ".join(f"{name} {value}" for name, value in seen.items())

    wait_until(
        look,
        lambda unsettled: not unsettled,
        waiting_for=f"Deployment/{scaling.deployment} at {scaling.floor} replicas, all Ready",
        within_s=_SETTLE_WITHIN_S,
        every_s=2.0,
    )


def _hold(seconds: float) -> None:
    ends = time.monotonic() + seconds
    wait_until(
        time.monotonic, lambda now: now >= ends, waiting_for="the pause", within_s=seconds + 5
    )


def _offer(api: KubeApi, spec: LoadSpec, options: Options, plan: Plan, recorder: Recorder) -> None:
    host = options.host or _service_url(api, spec.scaling.namespace, spec.scaling.deployment, 8080)
    command = [
        *shlex.split(options.via),
        *(sys.executable, "-m", "locust", "-f", f"loadtests/{options.scenario}.py", "--headless"),
        *("--host", host, "--shape", options.shape, "--out", str(options.out)),
        *("--rate-factor", str(options.rate_factor), "--time-factor", str(options.time_factor)),
        *("--only-summary", "--skip-log"),
        *(["--allow-production"] if options.allow_production else []),
        *options.extra,
    ]
    log = options.out / "locust.log"
    began = time.time()
    environment = {**os.environ, VARIABLE: str(options.objectives.resolve())}
    with log.open("w", encoding="utf-8") as output:
        locust = subprocess.Popen(  # noqa: S603 - our own argv
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _follow(locust, plan, recorder, began)
        finally:
            if locust.poll() is None:
                locust.terminate()
                locust.wait(timeout=30)
    if not (options.out / "generator.json").exists():
        tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-5:])
        raise ObservationError(
            f"the generator ended with {locust.returncode} and no record: {tail}",
            next_command=f"cat {log}",
        )


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
    _hold(_BASELINE_S)


def _service_url(api: KubeApi, namespace: str, name: str, port: int) -> str:
    service = api.get(f"/api/v1/namespaces/{namespace}/services/{name}")
    return f"http://{service['spec']['clusterIP']}:{port}"


def _events(api: KubeApi, options: Options, since: float, until: float) -> dict[str, str] | None:
    if not options.posthog:
        return None
    namespace, _, service = options.posthog.partition("/")
    name, _, port = service.partition(":")
    out = options.out / "events.json"
    try:
        url = _service_url(api, namespace, name, int(port))
        secret_namespace, _, secret = options.posthog_secret.partition("/")
        found = api.get(f"/api/v1/namespaces/{quote(secret_namespace)}/secrets/{quote(secret)}")
        key = base64.b64decode(found["data"][KEY_VARIABLE]).decode()
    except (ObservationError, KeyError) as error:
        sys.stderr.write(f"PostHog's events cannot be read: {type(error).__name__}: {error}\n")
        return None
    command = [
        *shlex.split(options.via),
        *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
        *("--since", str(since), "--until", str(until), "--out", str(out)),
    ]
    ended = subprocess.run(  # noqa: S603 - our own argv
        command,
        env={**os.environ, KEY_VARIABLE: key},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ended.returncode:
        sys.stderr.write(f"PostHog's events cannot be read: {ended.stderr.strip()[-500:]}\n")
        return None
    events: dict[str, str] = json.loads(out.read_text(encoding="utf-8"))
    return events


def _ask(api: KubeApi, prometheus: str, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Ask a URL directly, or NAMESPACE/SERVICE:PORT through the API server's service proxy."""
    if prometheus.startswith("http"):
        answer = httpx.get(f"{prometheus}/api/v1/query", params=query, trust_env=False)
        return answer.raise_for_status().json()
    namespace, _, service = prometheus.partition("/")
    path = f"/api/v1/namespaces/{namespace}/services/http:{service}/proxy/api/v1/query"
    return api.get(path, **query)


def _prometheus(
    api: KubeApi, spec: LoadSpec, options: Options, recording: Recording, since: float
) -> PrometheusWindow | None:
    if not options.prometheus:
        return None
    until = recording.ended_at
    # From before the first request: increase() drops what a counter had at its first sample.
    range_s = until - since + 2 * _SCRAPE_S
    selector = f'model_router_requests_total{{namespace="{spec.scaling.namespace}"}}'
    try:
        query = {"query": f"sum(increase({selector}[{range_s:.0f}s]))", "time": f"{until:.3f}"}
        result = _ask(api, options.prometheus, query)["data"]["result"]
    except (ObservationError, httpx.HTTPError, KeyError) as error:
        sys.stderr.write(f"Prometheus cannot be asked: {error}\n")
        return None
    if not result:
        return None
    pods = {c.object["metadata"]["uid"] for c in recording.of("pod")}
    listed = {c.object["metadata"]["uid"] for c in recording.of("pod") if c.type == "LISTED"}
    rates: dict[str, list[tuple[float, float]]] = {}
    for scrape in recording.scrapes:
        total = sum(
            v for k, v in scrape.values.items() if k.startswith("model_router_requests_total")
        )
        rates.setdefault(scrape.uid, []).append((scrape.at, total))
    fastest = max(
        (
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for reads in rates.values()
            for earlier, later in zip(reads, reads[5:], strict=False)
            if later[0] - earlier[0] >= 1.0
        ),
        default=0.0,
    )
    return PrometheusWindow(
        increase=float(result[0]["value"][1]),
        scrape_s=_SCRAPE_S,
        range_s=range_s,
        births=len(pods - listed),
        deaths=len(deletions(recording)),
        pod_rate=fastest,
    )

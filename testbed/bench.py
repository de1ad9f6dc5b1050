"""What a verification costs: wall time, memory, API calls, bytes, and the bare round trips.

`python -m testbed.bench --kubeconfig PATH`: the read-only part and the whole, each as a user runs
it; then the requests of the read-only part alone, one after another with nothing between them.
`--simulated 1000,5000`: the read-only part again with so many simulated Pods in the namespace, and
its requests alone.
`--rounds 5`: the read-only part beside two calls of kubectl that fetch the same lists, in turn.
`--broken`: the whole of it while the router is broken in each way of BROKEN, beside a clean one.
`--start`: only what a start costs, and no cluster: the import of our plugins, and whole processes.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.connection import connect
from clusterproof.report.record import RunRecord
from testbed.calls import VARIABLE
from testbed.cluster.binaries import program
from testbed.cluster.kubectl import environment
from testbed.cluster.run import exit_code, run
from testbed.prove.change import Change
from testbed.prove.heal import heal
from testbed.prove.journal import Journal
from testbed.prove.run import JOURNAL
from testbed.prove.steps import Step

PROJECT = Path(__file__).resolve().parents[1]
NAMESPACE = "voicehelper-prod"
ROUTER = f"Deployment/{NAMESPACE}/model-router"
SETTLED_S = 60
"""How long a broken state lasts before it is measured: a run between two states is not compared."""
_QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "bench", "namespace": NAMESPACE},
    "spec": {"hard": {"pods": "1"}},
}
STARTS = 9
PODS_ON_A_NODE = 100
"""Below the 110 that a kubelet takes."""
_IMPORT = """
import importlib, sys, time
import pytest
sys.path.insert(0, "")
began = time.perf_counter(), time.process_time()
for name in importlib.import_module("conftest").pytest_plugins:
    importlib.import_module(name)
print(time.perf_counter() - began[0], time.process_time() - began[1])
"""
"""What our plugins take, once pytest itself is there: wall time, and CPU time beside it."""
_LISTED = re.compile(
    r"/(?:api|apis/([a-z0-9.-]+))/v[a-z0-9]+(?:/namespaces/([a-z0-9-]+))?/([a-z]+)"
)
"""The path of a list: group, namespace, resource."""


def _of_router(spec: Json) -> list[Json]:
    """The steps that make this the spec of the router's Pods."""
    return [{"patch": {"of": ROUTER, "with": {"spec": {"template": {"spec": spec}}}}}]


_COMMAND = {"name": "model-router", "command": ["python3", "-c", "exit(1)"]}
_IMAGE = {"name": "model-router", "image": "clusterproof.dev/not-there:1.0.0"}
_INIT = {
    "name": "waits",
    "image": "clusterproof.dev/model-router:1.0.0",
    "command": ["sh", "-c", "until nc -z not-there 5432; do sleep 1; done"],
}
BROKEN: dict[str, list[Json]] = {
    "crash loop": _of_router({"containers": [_COMMAND]}),
    "no image": _of_router({"containers": [_IMAGE]}),
    "init waits": _of_router({"initContainers": [_INIT]}),
    "quota": [{"create": _QUOTA}, *_of_router({"terminationGracePeriodSeconds": 31})],
}
"""States of the router that cannot end well, each as steps of the proof."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One verification as a whole process.

    Attributes:
        reads: The paths that it asked the API server for, in their order.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    record: RunRecord
    reads: tuple[str, ...]

    def __str__(self) -> str:
        """One line of the bench."""
        record = self.record
        return (
            f"{self.wall_s:6.2f} s wall, {self.cpu_s:.2f} s of CPU, "
            f"{record.duration_s:6.2f} s in the run, "
            f"{self.peak_bytes / 1e6:4.0f} MB, {record.api_calls} API calls, "
            f"{record.api_bytes / 1e6:.2f} MB answered, {len(record.rows)} rows: {record.verdict}"
        )


def verify(kubeconfig: Path, *options: str) -> Cost:
    """The cost of a whole pytest run; its peak memory is the kernel's own figure."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "suites", "-q", "--tb=no"]
        command += ["--kubeconfig", str(kubeconfig), "--report-dir", folder, *options]
        calls = Path(folder) / "calls.json"
        command += ["-p", "testbed.calls"]
        environment = {**_with_bytecode(), VARIABLE: str(calls)}
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, cwd=PROJECT, env=environment
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall_s = time.perf_counter() - began
        (path,) = Path(folder).glob("*/run.json")
        record = RunRecord.read(path)
        made = json.loads(calls.read_text(encoding="utf-8"))
    reads = tuple(path for method, path in made if method == "GET")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Cost(wall_s, cpu_s, usage.ru_maxrss * 1024, record, reads)


def _with_bytecode() -> dict[str, str]:
    """The environment of a machine on which Python keeps what it compiled, as it does by itself."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def bare_round_trips(kubeconfig: Path, paths: Sequence[str]) -> float:
    """Seconds for a GET of each path, one after another, answers read and dropped."""
    api = KubeApi(connect(str(kubeconfig)))
    began = time.perf_counter()
    for path in paths:
        api.request("GET", path, expect_ok=False)
    return time.perf_counter() - began


def kubectl_calls(kubeconfig: Path, reads: Sequence[str]) -> list[list[str]]:
    """Two calls of kubectl that fetch the lists of these reads: one for each namespace with most.

    Lists that are in no namespace come with the first.
    """
    by_namespace: dict[str, set[str]] = {}
    for path in reads:
        listed = _LISTED.fullmatch(path.partition("?")[0])
        if listed:
            group, namespace, resource = listed.groups()
            kind = f"{resource}.{group}" if group else resource
            by_namespace.setdefault(namespace or "", set()).add(kind)
    cluster = by_namespace.pop("", set())
    most = sorted(by_namespace, key=lambda name: -len(by_namespace[name]))[:2]
    by_namespace[most[0]] |= cluster
    get = [str(program("kubectl")), f"--kubeconfig={kubeconfig}", "get", "-o", "json"]
    return [[*get, "-n", name, ",".join(sorted(by_namespace[name]))] for name in most]


def beside_kubectl(kubeconfig: Path, rounds: int) -> None:
    """The read-only part and kubectl's two calls in turn, so that all meet the same load."""
    first = verify(kubeconfig, "--read-only")
    calls = kubectl_calls(kubeconfig, first.reads)
    for call in calls:
        run(call, env=environment())  # says what kubectl refuses; the ones that are timed do not
    costs, kubectl_s = [], []
    for _ in range(rounds):
        costs.append(verify(kubeconfig, "--read-only"))
        kubectl_s.append(sum(_process_s(call, PROJECT) for call in calls))
    wall_s = statistics.median(cost.wall_s for cost in costs)
    cpu_s = statistics.median(cost.cpu_s for cost in costs)
    two_s = statistics.median(kubectl_s)
    _say("beside", f"{two_s:6.2f} s for two calls of kubectl: {wall_s / two_s:.1f} times that, "
         f"{cpu_s:.2f} s of CPU, medians of {rounds}")  # fmt: skip


def broken(kubeconfig: Path, clean: Cost) -> None:
    """The whole of it in each state of BROKEN, after `clean`; all is put back between two."""
    api = KubeApi(connect(str(kubeconfig)))
    for name, steps in BROKEN.items():
        journal = Journal(JOURNAL)
        change = Change(api, journal)
        try:
            change.apply([Step.model_validate(step) for step in (*steps, {"settle_s": SETTLED_S})])
            cost = verify(kubeconfig)
        finally:
            change.restore()
            journal.close()
        heal(api, (NAMESPACE,))
        _say("broken", f"{name}: {cost}, {cost.wall_s / clean.wall_s:.2f} times a clean one")


def starts() -> None:
    """What a start costs: STARTS processes of each kind, in turn, so that all meet the same load.

    "bare" is pytest in an empty folder, without any plugin of ours.
    """
    python, quiet = [sys.executable, "-m", "pytest", "-q"], ["-p", "no:cacheprovider"]
    figures: dict[str, list[float]] = {"import": [], "its CPU": [], "bare": [], "plan": []}
    with tempfile.TemporaryDirectory() as empty:
        for _ in range(STARTS):
            done = subprocess.run(
                [sys.executable, "-c", _IMPORT],
                capture_output=True,
                check=True,
                cwd=PROJECT,
                env=_with_bytecode(),
            )
            wall_s, cpu_s = map(float, done.stdout.split())
            figures["import"].append(wall_s)
            figures["its CPU"].append(cpu_s)
            figures["bare"].append(_process_s([*python, *quiet, "--collect-only"], Path(empty)))
            figures["plan"].append(_process_s([*python, *quiet, "suites", "--plan"], PROJECT))
    for name, times in figures.items():
        _say(name, f"{min(times):6.2f} s least, {statistics.median(times):.2f} s median")
    ratio = statistics.median(figures["plan"]) / statistics.median(figures["bare"])
    _say("ratio", f"{ratio:6.2f} of a plan to a bare pytest, by their medians")


def _process_s(command: list[str], folder: Path) -> float:
    began = time.perf_counter()
    variables = {**_with_bytecode(), **environment()}
    subprocess.run(command, stdout=subprocess.DEVNULL, cwd=folder, env=variables, check=False)
    return time.perf_counter() - began


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", type=Path, default=PROJECT / ".testbed" / "kubeconfig")
    parser.add_argument("--simulated", default="", help="numbers of Pods, such as 1000,5000")
    parser.add_argument("--start", action="store_true", help="only what a start costs")
    parser.add_argument("--broken", action="store_true", help="in broken states as well")
    parser.add_argument("--rounds", type=int, default=5, help="beside kubectl; 0 for none")
    options = parser.parse_args()
    if options.start:
        starts()
        return 0
    _read_only(options.kubeconfig, "read-only")
    whole = verify(options.kubeconfig)
    _say("whole", str(whole))
    if options.rounds:
        beside_kubectl(options.kubeconfig, options.rounds)
    if options.broken:
        broken(options.kubeconfig, whole)
    for pods in (int(text) for text in options.simulated.split(",") if text):
        _at_scale(options.kubeconfig, pods)
    return 0


def _read_only(kubeconfig: Path, name: str) -> None:
    cost = verify(kubeconfig, "--read-only")
    _say(name, str(cost))
    bare_s = bare_round_trips(kubeconfig, cost.reads)
    times = cost.record.duration_s / bare_s
    _say("bare", f"{bare_s:6.2f} s for its {len(cost.reads)} reads alone: {times:.1f} times that")


def _at_scale(kubeconfig: Path, pods: int) -> None:
    """The read-only part with simulated Pods in the router's namespace, which go again."""
    kwok = [sys.executable, "-m", "testbed.cluster", "kwok"]
    nodes = str(-(-pods // PODS_ON_A_NODE))
    added = [*kwok, "up", "--nodes", nodes, "--pods", str(pods), "--namespace", NAMESPACE]
    subprocess.run(added, check=True, stdout=subprocess.DEVNULL, cwd=PROJECT)
    try:
        _read_only(kubeconfig, f"{pods} Pods")
    finally:
        subprocess.run([*kwok, "down"], check=True, stdout=subprocess.DEVNULL, cwd=PROJECT)


def _say(name: str, text: str) -> None:
    sys.stdout.write(f"{name:10} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(exit_code("bench", main))

"""`python -m loadtests.prove_faults [ID...]`: each seeded fault must get its own broken link.

Faults are data (testbed/defects/load/faults.yaml). Each is proved on a copy of the router in a
namespace of its own, beside whatever else the local cluster does; only for the local cluster.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from clusterproof.errors import ClusterproofError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.objectives import DEFAULT_PATH
from clusterproof.load.sections import ServiceRef
from loadtests.faulty import faulty_router, restart

FAULTS = Path("testbed/defects/load/faults.yaml")
KUBECONFIG = ".testbed/kubeconfig"
VIA = f"{sys.executable} -m testbed.cluster enter cp-load --"
AHEAD = "chrt --rr 10"
"""The generator must be on time beside its target, on the same two cores: it comes before all that
is not real-time. It needs a fifth of a core."""
PROMETHEUS = "http://127.0.0.1:19090"
"""The local cluster's is no Pod, and the API server proxies to Pods only."""
_BEFORE_LOAD_S = 12.0
"""From the start of a run to its first request: settling, two reads of each pod, Locust's start."""
_RUN_S = 1200
Json = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of one fault."""

    id: str
    expected: str
    observed: str
    found: bool
    took_s: float


def main() -> int:
    """Prove the faults that are named, or all; 0 when each got its link every time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="default: all")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1, help="how many beside each other")
    parser.add_argument("--out", type=Path, default=Path("reports/load-faults"))
    options = parser.parse_args()
    listed = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))["faults"]
    by_id = {fault["id"]: fault for fault in listed}
    chosen = [by_id[name] for name in options.ids] if options.ids else listed
    runs = [(fault, number) for fault in chosen for number in range(1, options.times + 1)]
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []

    def one(run: tuple[Json, int]) -> None:
        fault, number = run
        results.append(prove(fault, options.out / f"{fault['id']}-{number}"))
        sys.stdout.write(f"{'ok  ' if results[-1].found else 'MISS'} {results[-1]}\n")
        sys.stdout.flush()
        rows = [asdict(result) for result in results]
        (options.out / "faults.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")

    with ThreadPoolExecutor(max_workers=options.at_once) as workers:
        list(workers.map(one, runs))
    sys.stdout.writelines(f"{line}\n" for line in summary(results))
    return 0 if results and all(result.found for result in results) else 1


def summary(results: Sequence[Result]) -> list[str]:
    """How often each fault got its link, a line each."""
    times: dict[tuple[str, str], list[bool]] = {}
    for result in sorted(results, key=lambda result: result.id):
        times.setdefault((result.id, result.expected), []).append(result.found)
    return [
        f"{fault}: {expected}: {sum(runs)} of {len(runs)}"
        for (fault, expected), runs in times.items()
    ]


def prove(fault: Mapping[str, Any], out: Path) -> Result:
    """One fault, once."""
    began = time.monotonic()
    api = KubeApi(connect(KUBECONFIG))
    namespace = f"fault-{fault['id']}-{int(time.time()) % 100_000}"
    out.mkdir(parents=True, exist_ok=True)
    expected = f"{fault['outcome']}, {fault['link']}"
    try:
        with ExitStack() as stack:
            stack.enter_context(faulty_router(api, fault, namespace))
            if "component" in fault:
                _component("stop", fault["component"])
                stack.callback(_component, "start", fault["component"])
            if "restart_at_s" in fault:
                timer = threading.Timer(
                    fault["restart_at_s"] + _BEFORE_LOAD_S,
                    restart,
                    args=(api, namespace, str(time.time())),
                )
                timer.start()
                stack.callback(timer.cancel)
            observed = _run(fault, namespace, out)
    except (ClusterproofError, subprocess.SubprocessError) as error:
        observed = f"not run: {error}"
    took_s = round(time.monotonic() - began, 1)
    return Result(fault["id"], expected, observed, observed == expected, took_s)


def _run(fault: Mapping[str, Any], namespace: str, out: Path) -> str:
    spec = yaml.safe_load(DEFAULT_PATH.read_text(encoding="utf-8"))
    target = ServiceRef.model_validate(spec["scenarios"]["router"]["target"])
    there = str(target.model_copy(update={"namespace": namespace}))
    spec["scenarios"]["router"] |= {"target": there, **fault.get("scenario", {})}
    objectives = out / "objectives.yaml"
    objectives.write_text(yaml.safe_dump(spec), encoding="utf-8")
    via = f"{VIA} {AHEAD}"
    if "generator_cpu" in fault:  # a quota does not hold what is real-time
        via = f"{VIA} {sys.executable} -m loadtests.throttle {fault['generator_cpu']}"
    command: Sequence[str] = [
        *(sys.executable, "-m", "clusterproof.load", "run", "--kubeconfig", KUBECONFIG),
        *("--shape", fault["shape"], "--out", str(out), "--objectives", str(objectives)),
        *("--via", via, "--prometheus", PROMETHEUS),
    ]
    if "through" in fault:
        command = [*command, "--host", fault["through"]]
    page = out / "load.json"
    page.unlink(missing_ok=True)
    with (out / "run.log").open("w", encoding="utf-8") as log:
        subprocess.run(  # noqa: S603 - our own argv
            command, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=_RUN_S
        )
    if not page.exists():
        return "no verdict"
    found = json.loads(page.read_text(encoding="utf-8"))
    return f"{found['outcome']}, {found['broken']}"


def _component(do: str, name: str) -> None:
    command = [sys.executable, "-m", "testbed.cluster", "component", do, name]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - ours


if __name__ == "__main__":
    sys.exit(main())

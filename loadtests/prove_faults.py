"""`python -m loadtests.prove_faults [ID...]`: each seeded fault must get its own broken link.

Faults are data (testbed/defects/load/faults.yaml). For each: set the local cluster's router back to
the lab overlay, do the fault, offer the load, judge, compare the link, undo. Only for the local
cluster: it changes what it finds there.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FAULTS = Path("testbed/defects/load/faults.yaml")
OVERLAY = "testbed/manifests/overlays/lab"
KUBECONFIG = ".testbed/kubeconfig"
VIA = f"{sys.executable} -m testbed.cluster enter cp-load --"
_DURING_AT_S = 25.0
_STEP_S = 240
_RUN_S = 1200
Json = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of one fault."""

    id: str
    expected: str
    outcome: str
    broken: str
    found: bool
    took_s: float


def main() -> int:
    """Prove the faults that are named, or all; 0 when each got its link."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("reports/load-faults"))
    options = parser.parse_args()
    listed = yaml.safe_load(FAULTS.read_text(encoding="utf-8"))
    namespace = listed["namespace"]
    chosen = [f for f in listed["faults"] if not options.ids or f["id"] in options.ids]
    options.out.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    try:
        for fault in chosen:
            for number in range(options.times):
                out = options.out / f"{fault['id']}-{number + 1}"
                results.append(prove(fault, namespace, out))
                _write(options.out, results)
    finally:
        reset(namespace, restart=True)
    return 0 if results and all(result.found for result in results) else 1


def prove(fault: Json, namespace: str, out: Path) -> Result:
    """One fault, once."""
    began = time.monotonic()
    reset(namespace, restart=False)
    restart = bool(fault.get("faults")) and fault.get("restart", True)
    timers: list[threading.Timer] = []
    try:
        if fault.get("faults"):
            _set_fault(namespace, fault["faults"])
        for step in fault.get("do", []):
            _step(namespace, step)
        if restart:
            _renew_pods(namespace)
        for step in fault.get("during", []):
            timers.append(threading.Timer(_DURING_AT_S, _step, args=(namespace, step)))
            timers[-1].start()
        verdict = _run(fault, out)
    finally:
        for timer in timers:
            timer.cancel()
        for step in fault.get("undo", []):
            _step(namespace, step)
        reset(namespace, restart=restart)
    broken, outcome = verdict.get("broken") or "", verdict.get("outcome", "none")
    result = Result(
        id=fault["id"],
        expected=f"{fault['outcome']}: {fault['link']}",
        outcome=outcome,
        broken=broken,
        found=(broken, outcome) == (fault["link"], fault["outcome"]),
        took_s=round(time.monotonic() - began, 1),
    )
    sys.stdout.write(f"{'ok  ' if result.found else 'MISS'} {result}\n")
    sys.stdout.flush()
    return result


def reset(namespace: str, *, restart: bool) -> None:
    """The lab overlay as it is in the checkout, three routers, an HPA without a memory."""
    nothing = json.dumps({"data": {"ROUTER_FAULT": None, "ROUTER_FAULTS_ALLOWED": None}})
    _step(namespace, ["patch", "configmap", "model-router-config", "--type=merge", "-p", nothing])
    _step(namespace, ["delete", "quota", "seven", "--ignore-not-found"])
    _step(namespace, ["delete", "hpa", "model-router-hpa", "--ignore-not-found"])
    _kubectl(["apply", "-k", OVERLAY, "-l", "app=model-router"])
    _step(namespace, ["scale", "deployment", "model-router", "--replicas=3"])
    if restart:
        _renew_pods(namespace)
    _step(namespace, ["rollout", "status", "deployment/model-router", "--timeout=180s"])


def _renew_pods(namespace: str) -> None:
    """All pods at once: nobody is being served, and a rolling restart takes a minute."""
    _step(namespace, ["delete", "pods", "-l", "app=model-router", "--grace-period=3"])
    _step(namespace, ["rollout", "status", "deployment/model-router", "--timeout=180s"])


def _set_fault(namespace: str, fault: str) -> None:
    data = {"data": {"ROUTER_FAULT": fault, "ROUTER_FAULTS_ALLOWED": "1"}}
    patch = ["patch", "configmap", "model-router-config", "--type=merge", "-p", json.dumps(data)]
    _step(namespace, patch)


def _run(fault: Json, out: Path) -> Json:
    out.mkdir(parents=True, exist_ok=True)
    via = VIA
    if "generator_cpu" in fault:
        via = f"{VIA} {sys.executable} -m loadtests.throttle {fault['generator_cpu']}"
    command = [
        *(sys.executable, "-m", "clusterproof.load", "run", "--kubeconfig", KUBECONFIG),
        *("--shape", fault["shape"], "--out", str(out), "--via", via),
    ]
    with (out / "run.log").open("w", encoding="utf-8") as log:
        subprocess.run(  # noqa: S603 - our own argv
            command, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=_RUN_S
        )
    page = out / "load.json"
    found: Json = json.loads(page.read_text(encoding="utf-8")) if page.exists() else {}
    return found


def _step(namespace: str, words: Sequence[str]) -> None:
    if words[0].startswith("@"):
        command = [sys.executable, "-m", "testbed.cluster", words[0][1:], *words[1:]]
        subprocess.run(command, check=True, capture_output=True, timeout=_STEP_S)  # noqa: S603
        return
    _kubectl(["-n", namespace, *words])


def _kubectl(words: Sequence[str]) -> None:
    command = [sys.executable, "-m", "testbed.cluster", "kubectl", *words]
    ended = subprocess.run(  # noqa: S603 - our own argv
        command, check=False, capture_output=True, text=True, timeout=_STEP_S
    )
    if ended.returncode:
        sys.stderr.write(f"kubectl {' '.join(words)}: {ended.stderr.strip()[-300:]}\n")


def _write(out: Path, results: Sequence[Result]) -> None:
    rows = [{name: getattr(r, name) for name in r.__dataclass_fields__} for r in results]
    (out / "faults.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""The demo on each Kubernetes in turn: `python -m testbed.versions`, or `make versions`.

Writes testbed/versions/measured.json after each, and docs/versions.md from it.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.record import RowResult
from testbed.cluster import binaries, packages, paths, preflight, teardown
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.minor import MINORS, named
from testbed.cluster.pins import required
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code, run
from testbed.prove.run import check
from testbed.settings import patient
from testbed.versions.measured import Measured, merged, pairs, read, write
from testbed.versions.page import page
from testbed.vm.image import version as commit

PAGE: Final = paths.CHECKOUT / "docs" / "versions.md"
SPEC: Final = paths.CHECKOUT / "spec" / "self-hosted.yaml"
STEP_WITHIN_S: Final = 900.0


def main(arguments: Sequence[str]) -> int:
    """Run, and write the page; 0 when every row passed on each of them."""
    parser = argparse.ArgumentParser(prog="python -m testbed.versions", description=__doc__)
    parser.add_argument("--only", choices=MINORS, default="", help="the minor of the control plane")
    parser.add_argument("--kubelet", choices=MINORS, default="", help="that of the nodes")
    parser.add_argument("--page", type=Path, default=PAGE, help="%(default)s")
    parser.add_argument("--render", action="store_true", help="only write the page")
    options = parser.parse_args(arguments)
    differed = False
    if not options.render:
        try:
            differed = _run_all(pairs(options.only, options.kubelet), options.page)
        except PreflightError as error:
            sys.stderr.write(f"versions: {error}\n")
            return ExitCode.USAGE
    options.page.write_text(page(read()), encoding="utf-8")
    return ExitCode.FAILED if differed else ExitCode.PASSED


def _run_all(chosen: Sequence[tuple[str, str]], file: Path) -> bool:
    """Run each; whether a row did not pass.

    Raises:
        PreflightError: It cannot be run here, or a cluster runs that is somebody's.
        TestbedError: A cluster or the deployment did not come up.
    """
    preflight.check_root()
    if teardown.leftovers():
        raise PreflightError(
            "expected no cluster on this machine, each is started anew; remove it first:"
            " make cluster-down"
        )
    packages.use()
    progress, differed = Progress(), False
    checkout = commit()  # before the first page is written, which is a change
    for pair in chosen:
        binaries.ensure(progress.say, (*binaries.chosen(*pair), *binaries.BESIDE))
        with progress.step(f"Kubernetes {named(*pair)}"):
            measured = measure(*pair, checkout)
        differed = differed or bool(measured.differed)
        progress.say(f"Kubernetes {named(*pair)}: {measured.passed} of {measured.rows} rows passed")
        write(merged(read(), measured))
        file.write_text(page(read()), encoding="utf-8")
    return differed


def measure(control: str, kubelet: str, checkout: str) -> Measured:
    """Start a cluster of these minors, deploy, verify, and take it down again.

    Args:
        control: The minor of the control plane.
        kubelet: That of kubelet and kube-proxy.
        checkout: The commit that is run.

    Raises:
        TestbedError: A step before the verification failed.
    """
    of = {"KUBERNETES": control, "KUBELET": kubelet}
    try:
        up_s = _timed("testbed.cluster", "up", settings=of)
        deploy_s = _timed("testbed.deploy", "up", "--profile", "self-hosted", settings=of)
        began = time.monotonic()
        rows = check(paths.KUBECONFIG, SPEC)
        verify_s = time.monotonic() - began
        server, nodes = _versions()
    finally:
        _timed("testbed.cluster", "down", settings=of)
    differed = tuple(
        (row.id, row.outcome.value, _said(row)) for row in rows if row.outcome is not Outcome.PASSED
    )
    return Measured(
        control=control,
        kubelet=kubelet,
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        commit=checkout,
        server=server,
        kubelets=_one(nodes, "kubeletVersion"),
        runtime=_one(nodes, "containerRuntimeVersion").removeprefix("containerd://"),
        runc=run(["runc", "--version"]).split()[2],
        etcd=required("etcd", "go.etcd.io/etcd/server/v3"),
        nodes=len(nodes),
        passed=len(rows) - len(differed),
        rows=len(rows),
        up_s=up_s,
        deploy_s=deploy_s,
        verify_s=verify_s,
        differed=differed,
    )


def _timed(*command: str, settings: Mapping[str, str]) -> float:
    """Seconds that one of our modules took.

    Raises:
        TestbedError: It did not end well, or not in time.
    """
    began = time.monotonic()
    try:
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=paths.CHECKOUT,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            timeout=patient(STEP_WITHIN_S),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TestbedError(f"{' '.join(command)}: did not end in time") from error
    if ended.returncode:
        raise TestbedError(
            f"{' '.join(command)}: expected exit 0, got {ended.returncode}; its words are above"
        )
    return time.monotonic() - began


def _versions() -> tuple[str, list[dict[str, str]]]:
    """What the API server calls itself, and what each kubelet says of its node."""
    with closing(KubeApi(connect(str(paths.KUBECONFIG)))) as api:
        nodes = api.list("/api/v1/nodes")
        return api.get("/version")["gitVersion"], [each["status"]["nodeInfo"] for each in nodes]


def _one(nodes: Sequence[Mapping[str, str]], name: str) -> str:
    """What all nodes say.

    Raises:
        TestbedError: They say different things: that is a mixed cluster.
    """
    answers = {each[name] for each in nodes}
    if len(answers) != 1:
        raise TestbedError(f"{name}: expected the same of every node, got {sorted(answers)}")
    return answers.pop()


def _said(row: RowResult) -> str:
    return "; ".join(row.differences) or row.cause


if __name__ == "__main__":
    sys.exit(exit_code("versions", lambda: main(sys.argv[1:])))

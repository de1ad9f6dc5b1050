"""`python -m testbed.loadjobs`: the Jobs of deploy/load on the local cluster, to their verdict.

Applies the folder as a user would, shows what the master says, and deletes the namespace again. The
exit code is the master's: 0 passed, 1 failed, 6 inconclusive.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from clusterproof.errors import ClusterproofError
from clusterproof.outcome import ExitCode
from clusterproof.wait import pause
from testbed.cluster import binaries, paths
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.deploy.kubectl import SERVER_SIDE, Kubectl
from testbed.waits import wait_until

FOLDER = paths.CHECKOUT / "deploy" / "load"
NAMESPACE = "clusterproof-load"
MASTER, WORKER = "app=load-master", "app=load-worker"
WORKERS = 3
START_WITHIN_S = 120.0
END_WITHIN_S = 1800.0
"""The Jobs' own deadline."""
GONE_WITHIN_S = 120.0


def main() -> int:
    """Run the Jobs; the exit code is the verdict."""
    options = _options()
    if not options.kubeconfig.exists():
        sys.stderr.write(
            f"loadjobs: no kubeconfig at {options.kubeconfig}; start the cluster: make deploy\n"
        )
        return int(ExitCode.USAGE)
    kubectl = Kubectl(binaries.program("kubectl"), options.kubeconfig)
    progress = Progress()
    try:
        with applied(kubectl, {"scenario": options.scenario, "shape": options.shape}):
            _await_running(kubectl)
            progress.say(f"one master and {WORKERS} workers run")
            if options.lose_worker_after_s is not None:
                pause(options.lose_worker_after_s)
                progress.say(f"{lose_worker(kubectl)} is killed")
            ended = kubectl.end_of_pod(NAMESPACE, MASTER, within_s=END_WITHIN_S)
            code = int(ended["exitCode"])
            sys.stdout.write(kubectl.run("logs", "-n", NAMESPACE, "-l", MASTER, "--tail=-1"))
            progress.say(f"the master ended with {code}")
    except ClusterproofError as error:
        sys.stderr.write(f"loadjobs: {error}\n")
        return int(ExitCode.INCONCLUSIVE)
    return code


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.loadjobs", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, default=paths.KUBECONFIG, help="%(default)s")
    parser.add_argument("--scenario", default="loadtests/router.py", help="%(default)s")
    parser.add_argument("--shape", default="steady", help="of spec/objectives.yaml: %(default)s")
    parser.add_argument(
        "--lose-worker-after-s",
        type=float,
        help="kill a worker's Pod so long after all run: its arrivals must be taken over",
    )
    return parser.parse_args()


@contextmanager
def applied(kubectl: Kubectl, load: dict[str, str]) -> Iterator[None]:
    """The folder with these options of the load; its namespace is gone before and afterwards."""
    kubectl.delete_namespaces(NAMESPACE, within_s=GONE_WITHIN_S)
    objects: list[dict[str, Any]] = list(yaml.safe_load_all(kubectl.run("kustomize", str(FOLDER))))
    for each in objects:
        if each["kind"] == "ConfigMap":
            each["data"] |= load
        elif each["kind"] == "Job":
            # The local router's namespace is named as production is.
            for container in each["spec"]["template"]["spec"]["containers"]:
                container["args"].append("--allow-production")
    try:
        kubectl.run("apply", *SERVER_SIDE, "-f", "-", given=yaml.safe_dump_all(objects))
        yield
    finally:
        kubectl.delete_namespaces(NAMESPACE, within_s=GONE_WITHIN_S)


def lose_worker(kubectl: Kubectl) -> str:
    """Kill the first worker's Pod without a warning; its name."""
    name: str = kubectl.read("pods", "-n", NAMESPACE, "-l", WORKER)[0]["metadata"]["name"]
    kubectl.run("delete", "pod", name, "-n", NAMESPACE, "--grace-period=0", "--force")
    return name


def _await_running(kubectl: Kubectl) -> None:
    wait_until(
        lambda: kubectl.read("pods", "-n", NAMESPACE),
        lambda pods: sum(pod["status"].get("phase") == "Running" for pod in pods) == 1 + WORKERS,
        waiting_for=f"one master and {WORKERS} workers to run in {NAMESPACE}",
        within_s=START_WITHIN_S,
        every_s=1.0,
    )


if __name__ == "__main__":
    sys.exit(exit_code("loadjobs", main))

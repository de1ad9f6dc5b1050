"""kubectl of the local cluster, as a program that is run."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterproof.errors import ObservationError
from testbed.cluster.errors import TestbedError
from testbed.cluster.kubectl import environment, request_timeout
from testbed.cluster.run import completed
from testbed.waits import wait_until

_TIMEOUT_S = 90
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Kubectl:
    """One kubectl with one kubeconfig."""

    program: Path
    kubeconfig: Path

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run it; what it printed.

        Raises:
            TestbedError: It refused; its own words say why.
        """
        done = self._run(arguments, given)
        if done.returncode:
            # The arguments name objects only: Secrets are given on standard input.
            raise TestbedError(
                f"expected kubectl {arguments[0]} to succeed, observed exit {done.returncode}\n"
                f"  command   kubectl {' '.join(arguments)}\n"
                f"  evidence  {done.stderr.strip()[-2000:]}"
            )
        return done.stdout

    def read(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that `get` finds.

        Raises:
            ObservationError: The API server could not be asked.
        """
        done = self._run(["get", *arguments, "-o", "json"], None)
        if done.returncode:
            raise ObservationError(f"kubectl get {' '.join(arguments)}: {done.stderr.strip()}")
        answer = json.loads(done.stdout) if done.stdout else {}
        return list(answer["items"]) if "items" in answer else [answer] if answer else []

    def apply(self, objects: Sequence[dict[str, Any]]) -> None:
        """Apply objects on the server's side: a Secret's value is then in no annotation."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.run("apply", *SERVER_SIDE, "-f", "-", given=given)

    def delete_namespaces(self, *names: str, within_s: float) -> None:
        """Delete them, those that there are, and wait until they are gone.

        Raises:
            ObservationError: One is still there after `within_s`.
        """
        self.run("delete", "namespace", *names, "--ignore-not-found", "--wait=false")
        wait_until(
            lambda: self.read("namespace", *names, "--ignore-not-found"),
            lambda left: not left,
            waiting_for=f"namespace {' and '.join(names)} to be gone",
            within_s=within_s,
            every_s=1.0,
        )

    def end_of_pod(self, namespace: str, selector: str, *, within_s: float) -> dict[str, Any]:
        """Wait until the Pod of a Job has ended; its container's `state.terminated`.

        Raises:
            ObservationError: It runs still after `within_s`.
        """
        pods = wait_until(
            lambda: self.read("pods", "-n", namespace, "-l", selector),
            lambda ended: bool(ended) and ended[0]["status"].get("phase") in _ENDED,
            waiting_for=f"the Pod {selector} to end",
            within_s=within_s,
            every_s=1.0,
        )
        ended: dict[str, Any] = pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]
        return ended

    def _run(self, arguments: Sequence[str], given: str | None) -> subprocess.CompletedProcess[str]:
        return completed(
            [
                str(self.program),
                f"--kubeconfig={self.kubeconfig}",
                request_timeout(_TIMEOUT_S),
                *arguments,
            ],
            stdin=given,
            env=environment(),
            timeout_s=_TIMEOUT_S,
        )


# Forced: whatever a trial left behind (a patched policy, another image) is taken back.
SERVER_SIDE = ("--server-side", "--force-conflicts", "--field-manager=clusterproof-deploy")

"""kubectl of the local cluster, as a program that is run."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterproof.errors import ObservationError
from testbed.cluster.errors import TestbedError

_TIMEOUT_S = 90


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

    def _run(self, arguments: Sequence[str], given: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=given,
            timeout=_TIMEOUT_S,
        )


# Forced: whatever a trial left behind (a patched policy, another image) is taken back.
SERVER_SIDE = ("--server-side", "--force-conflicts", "--field-manager=clusterproof-deploy")

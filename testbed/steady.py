"""`python -m testbed.steady`: whole verifications in a row, on an idle cluster and under load.

Nothing is changed between them: a row that is not green each time is a flake. The load is the
scenario `router`, shape `steady`, from the load generator's own place on the cluster's network.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.load.account import Account
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.wait import pause
from testbed.cluster.run import exit_code
from testbed.prove.run import PROJECT, check
from testbed.settings import patient

SERVICE = "/api/v1/namespaces/voicehelper-prod/services/model-router"
AT_MOST = 5.0
"""The shape lasts two minutes; times this, it outlasts every run, and ends by itself."""
WARM_S = 5.0
ENDS_WITHIN_S = 60.0


def main() -> int:
    """Run, say each run, and the flakes; 0 when there was none."""
    parser = argparse.ArgumentParser(prog="steady", description=__doc__.splitlines()[0])
    parser.add_argument("--kubeconfig", type=Path, default=PROJECT / ".testbed" / "kubeconfig")
    parser.add_argument("--spec", type=Path, default=PROJECT / "spec" / "self-hosted.yaml")
    parser.add_argument("--idle", type=int, default=3, help="runs without load")
    parser.add_argument("--loaded", type=int, default=10, help="runs under load")
    options = parser.parse_args()
    bad = sum(_run(options, f"idle {number}") for number in range(1, options.idle + 1))
    if options.loaded:
        with load(options.kubeconfig):
            bad += sum(_run(options, f"loaded {number}") for number in range(1, options.loaded + 1))
    sys.stdout.write(f"{bad} of {options.idle + options.loaded} runs were not green\n")
    return ExitCode.FAILED if bad else ExitCode.PASSED


def _run(options: argparse.Namespace, name: str) -> bool:
    began = time.monotonic()
    rows = check(options.kubeconfig, options.spec)
    took_s = time.monotonic() - began
    not_green = [row for row in rows if row.outcome is not Outcome.PASSED]
    sys.stdout.write(
        f"{name:10} {len(rows) - len(not_green)} of {len(rows)} passed, {took_s:.1f} s\n"
    )
    for row in not_green:
        reason = "; ".join(row.differences) or row.cause
        sys.stdout.write(f"    {row.outcome}: {row.id}: {reason[:300]}\n")
    sys.stdout.flush()
    return bool(not_green)


@contextmanager
def load(kubeconfig: Path) -> Iterator[None]:
    """40 requests per second on the router, for as long as the context lasts."""
    api = KubeApi(connect(str(kubeconfig)))
    address = api.get(SERVICE)["spec"]["clusterIP"]
    api.close()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "testbed.cluster", "enter", "cp-load", "--"]
        command += [sys.executable, "-m", "locust", "-f", "loadtests/router.py", "--headless"]
        command += ["--host", f"http://{address}:8080", "--shape", "steady", "--out", out]
        command += ["--time-factor", str(AT_MOST), "--only-summary", "--skip-log"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT
        ) as generator:
            pause(WARM_S)
            try:
                yield
            finally:
                generator.terminate()
                output, _ = generator.communicate(timeout=patient(ENDS_WITHIN_S))
                sys.stdout.write(f"the load: {_carried(Path(out)) or output[-400:]}\n")


def _carried(out: Path) -> str:
    """What the generator wrote of the load when it was ended; "" where it wrote nothing."""
    copy = out / "account.json"
    if not copy.is_file():
        return ""
    account = Account.from_json(json.loads(copy.read_text(encoding="utf-8")))
    return f"{account.started} requests sent, {account.answered} answered"


if __name__ == "__main__":
    sys.exit(exit_code("steady", main, failed=ExitCode.INCONCLUSIVE))

"""`python -m testbed.faultproxy.kills --points 200`: kill -9 at random moments of a writing run.

After each kill a whole run follows; then nothing with a run label may be left.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.wait import pause
from testbed.faultproxy import scratch
from testbed.settings import patient
from testbed.waits import wait_until

PROJECT = Path(__file__).resolve().parents[2]
GONE_WITHIN_S = 20.0
"""A Pod that was told to end in 1 s, on a busy kubelet."""


def main() -> int:
    """Kill, run, look; say each point and the sum."""
    parser = argparse.ArgumentParser(prog="kills", description=__doc__.splitlines()[0])
    default = PROJECT / ".testbed" / "kubeconfig"
    parser.add_argument("--kubeconfig", type=Path, default=default)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--for-s", type=float, default=3600.0)
    parser.add_argument("--namespace", default="safety-kills")
    parser.add_argument("--seed", type=int, default=None, help="the same moments again")
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed  # noqa: S311
    moments = random.Random(seed)  # noqa: S311 - moments, not secrets
    api = KubeApi(connect(str(options.kubeconfig)))
    ends_at = time.monotonic() + options.for_s
    points = dirty = bad = 0
    with (
        scratch.deployed(api, options.namespace),
        tempfile.TemporaryDirectory(prefix="kills-") as reports,
    ):
        command = scratch.command(options.kubeconfig, options.namespace, reports)
        whole_s = _run(command)[1]
        sys.stdout.write(f"seed {seed}, a whole run takes {whole_s:.2f} s\n")
        while points < options.points and time.monotonic() < ends_at:
            at_s = moments.uniform(0.0, whole_s)
            victim = scratch.start(*command)
            pause(at_s)
            victim.kill()
            victim.communicate()
            before = scratch.left_over(api, options.namespace)
            code, took_s = _run(command)
            left = _left(api, options.namespace)
            points += 1
            dirty += bool(before)
            bad += bool(left) or code != 0
            sys.stdout.write(
                f"{points:4} killed at {at_s:5.2f} s, left {before}; next run: exit {code} in "
                f"{took_s:.1f} s, left {left}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(
        f"seed {seed}: {points} kill points over {whole_s:.1f} s of a run, {dirty} left something; "
        f"after the next run {bad} had something left, or it ended otherwise than with 0\n"
    )
    return 1 if bad or not points else 0


def _run(command: list[str]) -> tuple[int, float]:
    began = time.monotonic()
    whole = scratch.start(*command)
    output, _ = whole.communicate(timeout=patient(300))
    if whole.returncode != 0:
        sys.stdout.write(output[-1500:])
    return whole.returncode, time.monotonic() - began


def _left(api: KubeApi, namespace: str) -> list[str]:
    try:
        return wait_until(
            lambda: scratch.left_over(api, namespace),
            lambda remains: not remains,
            waiting_for="nothing left over",
            within_s=GONE_WITHIN_S,
        )
    except ObservationError:
        return scratch.left_over(api, namespace)


if __name__ == "__main__":
    sys.exit(main())

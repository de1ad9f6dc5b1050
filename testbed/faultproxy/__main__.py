"""`python -m testbed.faultproxy FAULT`: run the proxy and say where its kubeconfig is."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from clusterproof.kube.connection import connect
from testbed.faultproxy.faults import FAULTS
from testbed.faultproxy.server import running

PROJECT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Serve until a signal comes; then count what was hit."""
    parser = argparse.ArgumentParser(prog="faultproxy", description=__doc__.splitlines()[0])
    parser.add_argument("fault", choices=sorted(FAULTS), metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--kubeconfig", default=str(PROJECT / ".testbed" / "kubeconfig"))
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with running(connect(options.kubeconfig), FAULTS[options.fault]) as proxy:
        sys.stdout.write(f"{proxy.kubeconfig}\n")
        sys.stdout.flush()
        ended.wait()
        hit = sum(each.faulted for each in proxy.hits)
        sys.stdout.write(f"{len(proxy.hits)} requests, {hit} of them hit\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m testbed.nightly run|rehearse|down`: the nightly run on the local cluster, now."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from testbed.cluster import binaries, paths
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.deploy.kubectl import Kubectl
from testbed.nightly import job, rehearsal, rules

OVERLAYS = paths.CHECKOUT / "deploy" / "nightly" / "overlays"
NAMESPACE = "clusterproof"
_USAGE = 4


def main(arguments: Sequence[str]) -> int:
    """Run the command line; for `run` the exit code is the verdict of the night."""
    parser = argparse.ArgumentParser(prog="python -m testbed.nightly", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, default=paths.KUBECONFIG, help="%(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="apply deploy/nightly, run its CronJob now, show it")
    run.add_argument(
        "--overlay", choices=sorted(path.name for path in OVERLAYS.iterdir()), default="read-only"
    )
    commands.add_parser("rehearse", help="green, a seeded defect, red, alert, message, mended")
    commands.add_parser("down", help="delete it with its results")
    options = parser.parse_args(arguments)
    if not options.kubeconfig.exists():
        sys.stderr.write(
            f"nightly: no kubeconfig at {options.kubeconfig}; start the cluster: make cluster\n"
        )
        return _USAGE
    kubectl = Kubectl(binaries.program("kubectl"), options.kubeconfig)
    progress = Progress()
    if options.command == "run":
        return _run(kubectl, OVERLAYS / options.overlay, progress)
    if options.command == "rehearse":
        rehearsal.rehearse(kubectl, progress.say)
    else:
        kubectl.run("delete", "-k", str(OVERLAYS / "full"), "--ignore-not-found")
        rules.unload()
    return 0


def _run(kubectl: Kubectl, overlay: Path, progress: Progress) -> int:
    job.apply(kubectl, overlay, NAMESPACE)
    rules.load()
    progress.say(f"applied {overlay.relative_to(paths.CHECKOUT)}; the history is served")
    ended = job.run_now(kubectl, NAMESPACE)
    sys.stdout.write(ended.log)
    progress.say(f"Job {ended.name}: exit {ended.exit_code} after {ended.took_s:.0f} s")
    progress.say(
        "the pages:  python -m testbed.cluster kubectl port-forward --namespace clusterproof"
        " service/clusterproof-history 8088:80  and  http://127.0.0.1:8088/index.html"
    )
    return ended.exit_code


if __name__ == "__main__":
    sys.exit(exit_code("nightly", lambda: main(sys.argv[1:])))

"""`python -m testbed.deploy up|down|status`: the deployment on the local cluster."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterproof.errors import ClusterproofError
from testbed.cluster import binaries, paths
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.deploy import deployment
from testbed.deploy.kubectl import Kubectl
from testbed.deploy.profiles import PROFILES

_FAILED, _USAGE = 1, 4
_WITHIN_S = 300.0


def main(arguments: Sequence[str]) -> int:
    """Run the command line; 0 when what was asked for is so."""
    parser = argparse.ArgumentParser(prog="python -m testbed.deploy", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, default=paths.KUBECONFIG, help="%(default)s")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="deploy, or bring back to what the manifests say")
    up.add_argument("--profile", choices=tuple(PROFILES), default="self-hosted", help="%(default)s")
    up.add_argument(
        "--within", type=float, default=_WITHIN_S, metavar="SECONDS", help="%(default)s"
    )
    commands.add_parser("down", help="delete it")
    commands.add_parser("status", help="print the profile that is deployed")
    options = parser.parse_args(arguments)
    if not options.kubeconfig.exists():
        sys.stderr.write(
            f"deploy: no kubeconfig at {options.kubeconfig}; start the cluster: make cluster\n"
        )
        return _USAGE
    progress = Progress()
    try:
        kubectl = Kubectl(binaries.program("kubectl"), options.kubeconfig)
        if options.command == "up":
            profile = PROFILES[options.profile]
            deployment.up(kubectl, profile, within_s=options.within, say=progress.say)
            progress.say(f"profile {profile.name} is up")
        elif options.command == "down":
            deployment.down(kubectl, say=progress.say)
        else:
            sys.stdout.write(f"{deployment.deployed_profile(kubectl) or 'nothing'}\n")
    except ClusterproofError as error:
        sys.stderr.write(f"deploy: {error}\n")
        return _FAILED
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("deploy", lambda: main(sys.argv[1:])))

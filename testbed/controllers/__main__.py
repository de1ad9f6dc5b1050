"""`python -m testbed.controllers policy|volumes`, on `--kubeconfig` or `$KUBECONFIG`."""

import argparse
import logging
import os
import sys
from pathlib import Path

from testbed.cluster.paths import RUN, STATE
from testbed.cluster.topology import NETNS_PREFIX
from testbed.controllers.kube import Api, ApiError
from testbed.controllers.loop import StatusFile, Wake
from testbed.controllers.policy import run_policy
from testbed.controllers.volumes import run_volumes

USAGE = 4


def main() -> int:
    """Run one controller until SIGTERM; 4 means that the kubeconfig is not usable."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    wake = Wake()
    wake.end_on_signals()
    try:
        api = Api.from_kubeconfig(arguments.kubeconfig)
    except ApiError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    status = StatusFile(arguments.run_dir / "controllers" / f"{arguments.controller}.json")
    match arguments.controller:
        case "policy":
            run_policy(api, status, wake, arguments.netns_format)
        case "volumes":
            run_volumes(api, status, wake, arguments.root)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testbed.controllers", description=__doc__)
    commands = parser.add_subparsers(dest="controller", required=True)
    policy = commands.add_parser("policy", help="enforce NetworkPolicies with nftables")
    policy.add_argument(
        "--netns-format",
        default=f"{NETNS_PREFIX}{{node}}",
        help="network namespace of a node (%(default)s)",
    )
    volumes = commands.add_parser("volumes", help="provision the claims of StorageClass standard")
    volumes.add_argument("--root", type=Path, default=STATE / "volumes", help="%(default)s")
    for command in (policy, volumes):
        command.add_argument(
            "--kubeconfig",
            type=Path,
            default=os.environ.get("KUBECONFIG"),
            required="KUBECONFIG" not in os.environ,
            help="default: $KUBECONFIG",
        )
        command.add_argument("--run-dir", type=Path, default=RUN, help="%(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())

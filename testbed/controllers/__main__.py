"""`python -m testbed.controllers policy|ingress|volumes --kubeconfig PATH`."""

import argparse
import logging
import sys
from pathlib import Path

from testbed.controllers.kube import Api, ApiError
from testbed.controllers.loop import StatusFile, Wake
from testbed.controllers.policy import run_policy

RUN_DIRECTORY = Path("/run/clusterproof-testbed")


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
        return 4
    status = StatusFile(arguments.run_dir / "controllers" / f"{arguments.controller}.json")
    match arguments.controller:
        case "policy":
            run_policy(api, status, wake, arguments.netns_format)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testbed.controllers", description=__doc__)
    commands = parser.add_subparsers(dest="controller", required=True)
    policy = commands.add_parser("policy", help="enforce NetworkPolicies with nftables")
    policy.add_argument(
        "--netns-format", default="cp-{node}", help="network namespace of a node (%(default)s)"
    )
    for command in (policy,):
        command.add_argument("--kubeconfig", type=Path, required=True)
        command.add_argument("--run-dir", type=Path, default=RUN_DIRECTORY)
    return parser


if __name__ == "__main__":
    sys.exit(main())

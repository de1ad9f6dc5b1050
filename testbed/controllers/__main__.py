"""`python -m testbed.controllers policy|volumes`, on `--kubeconfig` or `$KUBECONFIG`."""

import argparse
import logging
import sys

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from testbed.cluster.run import exit_code
from testbed.controllers.loop import Wake, run
from testbed.controllers.policy import Enforcer
from testbed.controllers.volumes import Provisioner
from testbed.settings import USAGE

CONTROLLERS: dict[str, type[Enforcer | Provisioner]] = {"policy": Enforcer, "volumes": Provisioner}


def main() -> int:
    """Run one controller until SIGTERM; 4 means that the kubeconfig is not usable."""
    parser = argparse.ArgumentParser(prog="python -m testbed.controllers", description=__doc__)
    parser.add_argument("controller", choices=CONTROLLERS)
    parser.add_argument("--kubeconfig", help="default: $KUBECONFIG")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log every request
    api = KubeApi(connect(options.kubeconfig))
    wake = Wake()
    wake.end_on_signals()
    controller = CONTROLLERS[options.controller](api, wake.changed)
    try:
        run(controller.mirrors, controller.reconcile, wake)
    finally:
        controller.end()
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("controllers", main, failed=USAGE))

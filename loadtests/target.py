"""Where a scenario finds its target when no --host is given."""

import os


def default_host(namespace: str, service: str, port: int) -> str | None:
    """The Service's name in a cluster; elsewhere None, and `--host` or `loadtests.forward` serves.

    Inside a Pod the cluster's DNS answers, so workers need no option.
    """
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"http://{service}.{namespace}.svc.cluster.local:{port}"
    return None

"""Where a scenario finds its target when no --host is given."""

import os
import shutil
import subprocess

from clusterproof.load.sections import ServiceRef


def host_of(target: ServiceRef) -> str | None:
    """Its URL inside a cluster, where DNS answers; None elsewhere."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"http://{target.name}.{target.namespace}.svc.cluster.local:{target.port}"
    return None


def current_context() -> str:
    """The kubeconfig's context, or "" without kubectl or kubeconfig."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return ""
    ended = subprocess.run(  # noqa: S603 - our own argv
        [kubectl, "config", "current-context"],
        check=False,
        capture_output=True,
        text=True,
        timeout=10,
    )
    return ended.stdout.strip()

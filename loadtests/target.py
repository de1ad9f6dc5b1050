"""Where a scenario finds its target when no --host is given."""

import base64
import os
import shutil
import subprocess
from urllib.parse import unquote, urlsplit, urlunsplit

from clusterproof.load.sections import ServiceRef


def host_of(target: ServiceRef) -> str | None:
    """Its URL inside a cluster, where DNS answers; None elsewhere."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return f"http://{target.name}.{target.namespace}.svc.cluster.local:{target.port}"
    return None


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its `user:password@`, and the header that says the same.

    Source: RFC 7617; the user and the password are percent-decoded first, as curl and requests do.
    """
    parts = urlsplit(url)
    credentials, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    user, _, password = credentials.partition(":")
    pair = f"{unquote(user)}:{unquote(password)}"
    header = {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return urlunsplit(parts._replace(netloc=host)), header


def current_context() -> str:
    """The kubeconfig's context, or "" without kubectl or kubeconfig."""
    return _kubectl("config", "current-context")


def cluster_uid(context: str) -> str:
    """The UID of namespace kube-system, which a cluster keeps under every context's name; or ""."""
    return _kubectl(
        *("--context", context, "--request-timeout", "5s"),
        *("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"),
    )


def _kubectl(*arguments: str) -> str:
    """What it prints, or "" where it is not there or refuses."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return ""
    try:
        ended = subprocess.run(  # noqa: S603 - our own argv
            [kubectl, *arguments], check=False, capture_output=True, text=True, timeout=10
        )
    except subprocess.TimeoutExpired:
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""

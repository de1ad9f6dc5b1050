"""kubectl as every program of the testbed runs it: patient, with its cache in a folder of ours.

Source: kubectl's own `--help`, and k8s.io/cli-runtime, `getDefaultCacheDir`: KUBECACHEDIR, else
~/.kube/cache, which would be left in the user's home.
"""

import os
from pathlib import Path

from testbed.cluster import paths
from testbed.settings import patient


def cache() -> Path:
    """Where kubectl keeps what API servers told it of their resources."""
    return paths.cache() / "kubectl"


def environment() -> dict[str, str]:
    """What kubectl is told by its environment, added to ours."""
    return {"KUBECACHEDIR": os.environ.get("KUBECACHEDIR") or str(cache())}


def request_timeout(within_s: float) -> str:
    """The option that bounds each request to `patient(within_s)`.

    Without it, kubectl waits 32 s for what it looks up by itself: the API server's resources and
    its OpenAPI document, which is built at the first request (client-go, discovery).
    """
    return f"--request-timeout={patient(within_s):g}s"

"""Tells Prometheus which Pods to scrape: `python -m testbed.cluster.discovery`.

Debian's Prometheus is built without Kubernetes service discovery. This process watches the Pods
and writes the ones that ask for it by annotation (prometheus.io/scrape, /port, /path) to a file
that Prometheus' file discovery reads again as soon as it changes.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.objects import Json
from clusterproof.report.files import replace_file
from testbed.cluster import kubeconfigs, paths
from testbed.controllers.loop import Wake, run
from testbed.controllers.mirror import Mirror

TARGETS = paths.STATE / "prometheus-targets.json"


def target(pod: Json) -> Json | None:
    """What Prometheus is told of a Pod; None for one that is not to be scraped."""
    metadata, status = pod["metadata"], pod.get("status", {})
    annotations = metadata.get("annotations") or {}
    address, port = status.get("podIP"), annotations.get("prometheus.io/port", "")
    ended = status.get("phase") in {"Succeeded", "Failed"}
    if annotations.get("prometheus.io/scrape") != "true" or not address or ended:
        return None
    return {
        "targets": [f"{address}:{port}" if port else address],
        "labels": {
            "__metrics_path__": annotations.get("prometheus.io/path", "/metrics"),
            "namespace": metadata["namespace"],
            "pod": metadata["name"],
            "node": pod.get("spec", {}).get("nodeName", ""),
            "app": (metadata.get("labels") or {}).get("app", ""),
        },
    }


def write(targets: Sequence[Json], path: Path) -> None:
    """Replace the file where it differs, in one step: it is never read half written."""
    text = json.dumps(targets, indent=1)
    if not path.exists() or path.read_text() != text:
        replace_file(path, text.encode())


def main() -> int:
    """Follow the Pods until ended."""
    wake = Wake()
    wake.end_on_signals()
    api = KubeApi(connect(str(kubeconfigs.path_of("prometheus"))))
    mirror = Mirror(api, "/api/v1/pods", target, wake.changed)
    run([mirror], lambda: write(mirror.snapshot(), TARGETS), wake)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Tells Prometheus which Pods to scrape: `python -m testbed.cluster.discovery`.

Debian's Prometheus is built without Kubernetes service discovery. This process watches the Pods
and writes the ones that ask for it by annotation (prometheus.io/scrape, /port, /path) to a file
that Prometheus' file discovery reads again as soon as it changes.
"""

import json
import sys
from pathlib import Path
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.wait import NeverAcceptedError
from testbed.cluster import kubeconfigs, paths
from testbed.waits import wait_until

TARGETS = paths.STATE / "prometheus-targets.json"
PODS = "/api/v1/pods"
RETRY_WITHIN_S = 3600.0
RETRY_EVERY_S = 2.0

Json = dict[str, Any]


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


def write(targets: dict[str, Json], path: Path) -> None:
    """Replace the file in one step, so that it is never read half written."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps([targets[uid] for uid in sorted(targets)], indent=1))
    unfinished.replace(path)


def follow(api: KubeApi, path: Path) -> None:
    """List, then follow the watch until it ends; the file is written at each change."""
    listed = api.get(PODS)
    targets = {pod["metadata"]["uid"]: found for pod in listed["items"] if (found := target(pod))}
    write(targets, path)
    version = listed["metadata"]["resourceVersion"]
    for event in api.watch(PODS, resource_version=version):
        pod = event["object"]
        if event["type"] == "BOOKMARK":
            continue
        uid = pod["metadata"]["uid"]
        found = None if event["type"] == "DELETED" else target(pod)
        if targets.get(uid) == found:
            continue
        if found is None:
            del targets[uid]
        else:
            targets[uid] = found
        write(targets, path)


def main() -> int:
    """Follow the Pods until ended; exits 1 when the API server stays away for an hour."""
    api = KubeApi(connect(str(kubeconfigs.path_of("prometheus"))))
    try:
        wait_until(
            lambda: follow(api, TARGETS),
            lambda _: False,
            waiting_for="the end of this process",
            within_s=RETRY_WITHIN_S,
            every_s=RETRY_EVERY_S,
        )
    except (NeverAcceptedError, ObservationError) as error:
        sys.stderr.write(f"{error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

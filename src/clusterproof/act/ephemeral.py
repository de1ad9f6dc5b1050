"""An ephemeral container in somebody's Pod: in its very network, and it can never be removed.

Only where the spec opts in. Right: `patch pods/ephemeralcontainers`.
Source: Kubernetes docs, "Ephemeral Containers" (v1.35).
"""

from urllib.parse import quote

from clusterproof.act.own_pods import START_WITHIN_S, Place
from clusterproof.kube.client import Json, KubeApi
from clusterproof.spec.settings import DiallerSettings
from clusterproof.wait import wait_until

LIFETIME_S = 120


def start_ephemeral(api: KubeApi, pod: Json, settings: DiallerSettings, run_id: str) -> Place:
    """A container added to `pod`, once it runs; it ends by itself after LIFETIME_S.

    Raises:
        ObservationError: Not permitted, or it does not run in time.
    """
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    place = Place(namespace, name, f"clusterproof-{run_id}".lower())
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(name)}"
    container = {
        "name": place.container,
        "image": settings.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [settings.python, "-c", f"import time; time.sleep({LIFETIME_S})"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    api.request(
        "PATCH",
        f"{path}/ephemeralcontainers",
        body={"spec": {"ephemeralContainers": [container]}},
        content_type="application/strategic-merge-patch+json",
    )

    def running() -> bool:
        status = api.get(path).get("status") or {}
        return any(
            each["name"] == place.container and "running" in (each.get("state") or {})
            for each in status.get("ephemeralContainerStatuses") or []
        )

    wait_until(
        running,
        lambda runs: runs,
        waiting_for=f"ephemeral container in Pod {place}",
        within_s=START_WITHIN_S,
    )
    return place

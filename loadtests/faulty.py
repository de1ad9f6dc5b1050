"""A copy of the lab's router in a namespace of its own, made with a fault, and gone afterwards."""

import copy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import yaml

from clusterproof.kube.client import KubeApi
from clusterproof.wait import wait_until

OVERLAY = "testbed/manifests/overlays/lab"
SOURCE = "voicehelper-prod"
LABEL = "clusterproof.dev/fault"
_COPIED = ("ConfigMap", "ServiceAccount", "Service", "Deployment", "HorizontalPodAutoscaler")
POSTED_TO = {
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "ResourceQuota": "/api/v1/namespaces/{}/resourcequotas",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "HTTPProxy": "/apis/projectcontour.io/v1/namespaces/{}/httpproxies",
}
_MERGE = "application/merge-patch+json"
_READY_WITHIN_S = 120.0
Json = dict[str, Any]


def lab_objects() -> list[Json]:
    """The router's objects of the lab overlay, rendered by kubectl."""
    command = [sys.executable, "-m", "testbed.cluster", "kubectl", "kustomize", OVERLAY]
    said = subprocess.run(  # noqa: S603 - our own argv
        command, check=True, capture_output=True, text=True, timeout=60
    ).stdout
    return [
        item
        for item in yaml.safe_load_all(said)
        if item["metadata"].get("namespace") == SOURCE
        and item["kind"] in _COPIED
        and item["metadata"]["name"].startswith("model-router")
    ]


def mutated(objects: list[Json], fault: Mapping[str, Any], namespace: str) -> list[Json]:
    """The objects with the fault, for that namespace."""
    made = copy.deepcopy(objects)
    for item in made:
        item["metadata"]["namespace"] = namespace
        for kind, fields in fault.get("merge", []):
            if item["kind"] == kind:
                _overlay(item, fields)
        if item["kind"] == "ConfigMap":
            item["data"] |= fault.get("config", {})
        if item["kind"] == "Deployment":
            item["spec"]["replicas"] = 3
            _overlay(item["spec"]["template"]["spec"]["containers"][0], fault.get("container", {}))
    return made + list(fault.get("objects", []))


@contextmanager
def faulty_router(api: KubeApi, fault: Mapping[str, Any], namespace: str) -> Iterator[None]:
    """The copy, Ready; its namespace is deleted on the way out.

    Raises:
        ObservationError: It could not be made, or three Pods did not become Ready in time.
    """
    labels = {LABEL: fault["id"]}
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": labels},
    }
    api.request("POST", "/api/v1/namespaces", body=body)
    try:
        secret = api.get(f"/api/v1/namespaces/{SOURCE}/secrets/model-router-secret")
        kept = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "model-router-secret"},
            "data": secret["data"],
        }
        api.request("POST", POSTED_TO["Secret"].format(namespace), body=kept)
        for item in mutated(lab_objects(), fault, namespace):
            api.request("POST", POSTED_TO[item["kind"]].format(namespace), body=item)
        _await_ready(api, namespace)
        _await_proxies(api, namespace, fault)
        if "config_later" in fault:
            path = POSTED_TO["ConfigMap"].format(namespace) + "/model-router-config"
            patch = {"data": fault["config_later"]}
            api.request("PATCH", path, body=patch, content_type=_MERGE)
        yield
    finally:
        api.request("DELETE", f"/api/v1/namespaces/{namespace}", expect_ok=False)


def restart(api: KubeApi, namespace: str, stamp: str) -> None:
    """A rolling restart, as `kubectl rollout restart` does it."""
    template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": stamp}}}
    path = POSTED_TO["Deployment"].format(namespace) + "/model-router"
    api.request("PATCH", path, body={"spec": {"template": template}}, content_type=_MERGE)


def _await_ready(api: KubeApi, namespace: str) -> None:
    path = POSTED_TO["Deployment"].format(namespace) + "/model-router"
    wait_until(
        lambda: (api.get(path).get("status") or {}).get("readyReplicas", 0),
        lambda ready: ready >= 3,  # noqa: PLR2004 - the floor
        waiting_for=f"three routers Ready in {namespace}",
        within_s=_READY_WITHIN_S,
        every_s=1.0,
    )


def _await_proxies(api: KubeApi, namespace: str, fault: Mapping[str, Any]) -> None:
    """Contour serves the address by none while one of a run before is still there."""
    for proxy in fault.get("objects", []):
        if proxy["kind"] == "HTTPProxy":
            path = f"{POSTED_TO['HTTPProxy'].format(namespace)}/{proxy['metadata']['name']}"
            wait_until(
                partial(_proxy_status, api, path),
                lambda status: status == "valid",
                waiting_for=f"HTTPProxy {proxy['metadata']['name']} valid in {namespace}",
                within_s=_READY_WITHIN_S,
                every_s=1.0,
            )


def _proxy_status(api: KubeApi, path: str) -> str:
    return str((api.get(path).get("status") or {}).get("currentStatus"))


def _overlay(item: Json, fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        if value is None:
            item.pop(key, None)
        elif isinstance(value, Mapping):
            _overlay(item.setdefault(key, {}), value)
        else:
            item[key] = value

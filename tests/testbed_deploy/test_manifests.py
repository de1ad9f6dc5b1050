"""The manifests hold together: known images, no secret, limits everywhere, room on the cluster."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.utils import parse_quantity

from testbed.cluster.topology import BRIDGE_CIDR, POD_CIDR, SERVICE_CIDR
from testbed.images.recipes import IMAGES

MANIFESTS = Path(__file__).parents[2] / "testbed" / "manifests"
ROUTERS_AT_MOST = 10
SCHEDULABLE_CPU = 10  # five nodes of two cores


def documents() -> list[dict[str, Any]]:
    return [
        document
        for path in sorted((MANIFESTS / "base").rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text())
        if document and "metadata" in document
    ]


def deployments() -> list[dict[str, Any]]:
    return [item for item in documents() if item["kind"] == "Deployment"]


def containers(deployment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pod = deployment["spec"]["template"]["spec"]
    yield from (*pod.get("initContainers", ()), *pod["containers"])


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = [
        item for item in documents() if (item["kind"], item["metadata"]["name"]) == (kind, name)
    ]
    return found


@pytest.mark.parametrize("deployment", deployments(), ids=lambda item: item["metadata"]["name"])
def test_every_container_runs_a_known_image_within_limits_and_locked_down(
    deployment: dict[str, Any],
) -> None:
    known = {image.reference for image in IMAGES}
    for container in containers(deployment):
        assert container["image"] in known
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert set(container["resources"]) == {"requests", "limits"}
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False


def test_ten_routers_and_all_the_rest_fit_the_cluster() -> None:
    total = 0.0
    for deployment in deployments():
        replicas = deployment["spec"].get("replicas", ROUTERS_AT_MOST)
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            total += replicas * float(parse_quantity(container["resources"]["requests"]["cpu"]))
    assert total <= SCHEDULABLE_CPU - 0.5  # DNS, and one router more during a rolling update


def test_no_manifest_holds_a_secret() -> None:
    assert [item for item in documents() if item["kind"] == "Secret"] == []


def test_the_policy_excepts_every_network_of_the_cluster_from_the_way_out() -> None:
    policy = named("NetworkPolicy", "model-router-netpol")
    peers = [peer for rule in policy["spec"]["egress"] for peer in rule["to"]]
    (block,) = [peer["ipBlock"] for peer in peers if "ipBlock" in peer]
    assert set(block["except"]) == {str(POD_CIDR), str(SERVICE_CIDR), str(BRIDGE_CIDR)}


def test_the_literal_policy_is_the_one_rule_of_the_readme() -> None:
    policy = yaml.safe_load((MANIFESTS / "literal-netpol.yaml").read_text())
    peers = [{"namespaceSelector": {"matchLabels": {"name": "posthog"}}}]
    assert policy["spec"]["egress"] == [{"to": peers}]


@pytest.mark.parametrize("overlay", ["self-hosted", "lab", "cloud", "cloud-local"])
def test_each_overlay_names_folders_that_exist(overlay: str) -> None:
    folder = MANIFESTS / "overlays" / overlay
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert all((folder / item / "kustomization.yaml").exists() for item in listed)

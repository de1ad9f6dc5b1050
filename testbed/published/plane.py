"""A control plane with its controllers and simulated nodes, on loopback, while it is needed."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import yaml

from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import CLUSTER_WIDE, KINDS
from clusterproof.kube.rollout import is_observed, progress_of
from testbed.cluster import kwok
from testbed.deploy.kubectl import Kubectl
from testbed.plane import Plane, api_server, free_ports, running
from testbed.published.sets import Json, ManifestSet
from testbed.settings import patient
from testbed.waits import wait_until

NODES: Final = 4
_NAME: Final = "published"
_READY_WITHIN_S: Final = 90.0
_LAST: Final = frozenset(
    {"APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
)
"""Nobody answers behind these on simulated nodes: applied before, they would refuse the rest."""
_FIRST: Final = frozenset({"CustomResourceDefinition"})


@contextmanager
def plane_of(programs: Path, work: Path, sets: Iterable[ManifestSet]) -> Iterator[Plane]:
    """Start all, apply the sets, and wait until their Pods are Ready.

    Raises:
        ObservationError: They did not become Ready in time.
    """
    chosen = tuple(sets)
    with (
        api_server(programs, work, _NAME) as plane,
        running(work, _commands(programs, plane.kubeconfig, work)),
    ):
        kubectl = Kubectl(programs / "kubectl", plane.kubeconfig)
        kubectl.apply([_node(number) for number in range(NODES)])
        kubectl.apply(_storage(_claims(chosen)))
        _apply(kubectl, chosen)
        _wait_until_ready(plane.api, chosen)
        _serve_ingresses(kubectl, chosen)
        yield plane


def _commands(programs: Path, kubeconfig: Path, work: Path) -> dict[str, list[str]]:
    manager, scheduler, player = free_ports(3)
    common = [f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--bind-address=127.0.0.1"]
    rates = ["--kube-api-qps=200", "--kube-api-burst=400"]
    return {
        "kube-controller-manager": [
            str(programs / "kube-controller-manager"),
            *common,
            *rates,
            f"--secure-port={manager}",
            f"--cert-dir={work}/manager-certs",
            "--controllers=*,-horizontal-pod-autoscaler-controller",
        ],
        "kube-scheduler": [
            str(programs / "kube-scheduler"),
            *common,
            *rates,
            f"--secure-port={scheduler}",
            f"--cert-dir={work}/scheduler-certs",
        ],
        "kwok": [
            str(programs / "kwok"),
            f"--kubeconfig={kubeconfig}",
            "--manage-all-nodes=true",
            f"--config={kwok.stages()}",
            "--cidr=10.129.0.0/16",
            "--node-ip=10.128.0.1",  # an EndpointSlice may not have a loopback address
            "--node-lease-duration-seconds=40",
            f"--node-port={player}",
            f"--server-address=127.0.0.1:{player}",
        ],
    }


def _node(number: int) -> Json:
    node = kwok.node(number)
    labels = {
        **node["metadata"]["labels"],
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/zone": f"zone-{number % 2}",
    }
    capacity = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "1Ti"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {**node["metadata"], "labels": labels},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _storage(volumes: int) -> list[Json]:
    """The default class, and so many volumes of it."""
    text = Path(__file__).with_name("storage.yaml").read_text(encoding="utf-8")
    storage_class, volume = yaml.safe_load_all(text)
    names = [f"simulated-{number:03d}" for number in range(volumes)]
    return [storage_class, *({**volume, "metadata": {"name": name}} for name in names)]


def _claims(sets: Iterable[ManifestSet]) -> int:
    """How many volumes they ask for."""
    objects = [each for one_set in sets for each in one_set.objects]
    alone: int = sum(each["kind"] == "PersistentVolumeClaim" for each in objects)
    of_templates: int = sum(
        len(each["spec"].get("volumeClaimTemplates") or []) * int(each["spec"].get("replicas", 1))
        for each in objects
        if each["kind"] == "StatefulSet"
    )
    return alone + of_templates


def _apply(kubectl: Kubectl, sets: Iterable[ManifestSet]) -> None:
    objects = [each for one_set in sets for each in one_set.objects]
    places = {each["metadata"].get("namespace") for each in objects} - {None}
    kubectl.apply(
        [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
            for place in sorted(places)
        ]
    )
    kinds = [each for each in objects if each["kind"] in _FIRST]
    if kinds:
        kubectl.apply(kinds)
        kubectl.run("wait", "--for=condition=Established", "crd", "--all")
    kubectl.apply([each for each in objects if each["kind"] not in _FIRST | _LAST])
    last = [each for each in objects if each["kind"] in _LAST]
    if last:
        kubectl.apply(last)


def _wait_until_ready(api: KubeApi, sets: Iterable[ManifestSet]) -> None:
    places = {one_set.name for one_set in sets}

    def waiting() -> list[str]:
        return [
            f"{workload['metadata']['namespace']}/{workload['metadata']['name']}"
            for kind in ("Deployment", "StatefulSet", "DaemonSet")
            for workload in api.list(KINDS[kind].collection(CLUSTER_WIDE))
            if workload["metadata"]["namespace"] in places and not _is_ready(kind, workload)
        ]

    wait_until(
        waiting,
        lambda names: not names,
        waiting_for="every workload to be ready",
        within_s=_READY_WITHIN_S,
        every_s=1.0,
    )


def _is_ready(kind: str, workload: Json) -> bool:
    """Whether it is complete; a DaemonSet only with a node, for here are some for each."""
    progress = progress_of(kind, workload)
    chosen = kind != "DaemonSet" or progress.desired > 0
    return is_observed(workload) and progress.is_complete and chosen


def _serve_ingresses(kubectl: Kubectl, sets: Iterable[ManifestSet]) -> None:
    """Give each Ingress an address, as its controller would."""
    status = '{"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.80"}]}}}'
    for one_set in sets:
        for each in one_set.objects:
            if each["kind"] == "Ingress":
                metadata = each["metadata"]
                place = ("-n", metadata["namespace"], "ingress", metadata["name"])
                kubectl.run("patch", *place, "--subresource=status", "--type=merge", "-p", status)


def clusterproof(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`clusterproof WORDS`, run in this folder."""
    return subprocess.run(
        [sys.executable, "-m", "clusterproof", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=patient(300),
        check=False,
    )

"""NetworkPolicies as they stand, with the Pods and namespaces that they are about.

Reads networkpolicies, namespaces, pods, services and endpointslices; dials nothing.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.objects import labels_of
from clusterproof.observe.cluster import CLUSTER_WIDE, Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.policy_model import (
    Decision,
    Destination,
    Policy,
    decide_egress,
    read_policy,
)
from clusterproof.spec.behaviour import PolicyRow
from clusterproof.spec.need import NAME_LABEL, Need, parse_need
from clusterproof.spec.row import ObjectRef

_SERVICE_NAME = "kubernetes.io/service-name"
_SERVICE_WORDS = 3  # name.namespace.svc


@dataclass(frozen=True, slots=True)
class Labelled:
    """A Pod or a namespace, by its name and labels."""

    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NeedView:
    """Something that the workload needs, and where that is in this cluster.

    Attributes:
        found: False where no Pod has the labels: then `destinations` is what such a Pod would be.
    """

    need: Need
    destinations: tuple[Destination, ...]
    found: bool


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy, the others beside it, and what they select.

    Attributes:
        policy: None where there is none of that name.
        policies: All of the namespace.
        pods: The workload's; where it has none, its template.
    """

    namespace: str
    policy: Policy | None
    policies: tuple[Policy, ...]
    pods: tuple[Labelled, ...]
    namespaces: tuple[Labelled, ...]
    needs: tuple[NeedView, ...] = ()


def read_policies(cluster: Cluster, rule: PolicyRow) -> Observed[PolicyView]:
    """The policy of the row with all that is needed to say what it does."""
    policies = policies_of(cluster, rule.of.namespace)
    policy = next((one for one in policies if one.name == rule.of.name), None)
    value = PolicyView(
        namespace=rule.of.namespace,
        policy=policy,
        policies=policies,
        pods=pods_or_template(cluster, rule.workload),
        namespaces=tuple(
            Labelled(one["metadata"]["name"], labels_of(one))
            for one in cluster.objects("Namespace", CLUSTER_WIDE)
        ),
        needs=tuple(_view(cluster, parse_need(*item)) for item in rule.needs.items()),
    )
    evidence = [f"{len(policies)} NetworkPolicies in {rule.of.namespace}"]
    if policy is not None:
        evidence += [f"{policy.name} egress[{n}]: {one}" for n, one in enumerate(policy.egress)]
    if policy is not None and policy.is_literal_readme:
        evidence.append("this is the README's literal policy: it allows namespaces and no need")
    for view in value.needs:
        missing = "" if view.found else " (no such Pod is there now)"
        by = "; ".join(one.by for one in readings(value, view.destinations)) or "no Pod to ask for"
        evidence.append(f"{view.need.name}: {by}{missing}")
    next_command = f"kubectl -n {rule.of.namespace} describe networkpolicy"
    return Observed(value, str(rule.of), tuple(evidence), next_command)


def readings(value: PolicyView, destinations: Iterable[Destination]) -> tuple[Decision, ...]:
    """What the policies say of each destination, for each set of labels that the Pods have."""
    return decisions(value.policies, value.namespace, value.pods, destinations)


def decisions(
    policies: tuple[Policy, ...],
    namespace: str,
    pods: Iterable[Labelled],
    destinations: Iterable[Destination],
) -> tuple[Decision, ...]:
    """The distinct decisions, refusals first."""
    found = {
        decide_egress(policies, namespace, pod.labels, to): None
        for to in destinations
        for pod in pods
    }
    return tuple(sorted(found, key=lambda one: one.allowed))


def policies_of(cluster: Cluster, namespace: str) -> tuple[Policy, ...]:
    """Every NetworkPolicy of a namespace."""
    return tuple(read_policy(item) for item in cluster.objects("NetworkPolicy", namespace))


def pods_or_template(cluster: Cluster, workload: ObjectRef) -> tuple[Labelled, ...]:
    """The workload's Pods by their labels; where it has none, the labels of its template."""
    pods = tuple(
        Labelled(pod["metadata"]["name"], labels_of(pod)) for pod in cluster.pods_of(workload)
    )
    item = cluster.find(workload)
    if pods or item is None:
        return pods
    return (Labelled("(template)", labels_of(item["spec"]["template"])),)


def destinations_of(
    cluster: Cluster, host: str, port: int, protocol: str, addresses: Iterable[str] = ()
) -> tuple[Destination, ...]:
    """Where a connection to `host` ends: a Service's backends, or else `addresses`.

    A policy sees a backend's address and port, not those of the Service before it. What may not be
    read is left out: this explains a dial, it does not stand for one.
    """
    ref = service_named(host)
    if ref is not None:
        try:
            return _backends(cluster, ref, port, transport_of(protocol))
        except ObservationError:
            return ()
    return tuple(Destination(host, port, transport_of(protocol), address=one) for one in addresses)


def transport_of(protocol: str) -> str:
    """What a packet of a row's protocol is, to a policy."""
    return "UDP" if protocol in {"UDP", "DNS"} else "TCP"


def service_named(host: str) -> ObjectRef | None:
    """The Service that a DNS name of the cluster stands for; None for another name."""
    parts = host.rstrip(".").split(".")
    if len(parts) < _SERVICE_WORDS or parts[2] != "svc":
        return None
    return ObjectRef(kind="Service", namespace=parts[1], name=parts[0])


def endpoints_of(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    """The endpoints of a Service that are ready: `namespace/pod` and address, without labels.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    service = cluster.find(ref)
    if service is None:
        return ()
    names = {
        one.get("name", "")
        for one in service["spec"].get("ports") or []
        if one["port"] == port and one.get("protocol", "TCP") == protocol
    }
    found = []
    for piece in cluster.objects("EndpointSlice", ref.namespace):
        if labels_of(piece).get(_SERVICE_NAME) != ref.name:
            continue
        ports = [one["port"] for one in piece.get("ports") or [] if one.get("name", "") in names]
        for endpoint in piece.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            pod = (endpoint.get("targetRef") or {}).get("name")
            for address in endpoint["addresses"]:
                label = f"{ref.namespace}/{pod}" if pod else address
                found += [Destination(label, one, protocol, address=address) for one in ports]
    return tuple(found)


def _backends(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    pods = {
        f"{ref.namespace}/{pod['metadata']['name']}": pod
        for pod in cluster.objects("Pod", ref.namespace)
    }
    return tuple(
        destination(cluster, pods[one.label], one.port, protocol) if one.label in pods else one
        for one in endpoints_of(cluster, ref, port, protocol)
    )


def destination(cluster: Cluster, pod: Json, port: int, protocol: str) -> Destination:
    """A Pod as a policy sees it; with the host's network it is an address and no Pod."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    address = (pod.get("status") or {}).get("podIP", "")
    if pod["spec"].get("hostNetwork"):
        return Destination(f"{namespace}/{name}", port, protocol, address=address)
    return Destination(
        f"{namespace}/{name}",
        port,
        protocol,
        address=address,
        namespace=namespace,
        namespace_labels=_namespace_labels(cluster, namespace),
        labels=labels_of(pod),
        named_ports={
            one["name"]: one["containerPort"]
            for container in lasting_containers(pod["spec"])
            for one in container.spec.get("ports") or []
            if one.get("name") and one.get("protocol", "TCP") == protocol
        },
    )


def _view(cluster: Cluster, need: Need) -> NeedView:
    if need.cidr:
        block = ipaddress.ip_network(need.cidr)
        address = str(block.network_address) if block.num_addresses == 1 else need.cidr
        to = Destination(need.cidr, need.port, need.protocol, address=address)
        return NeedView(need, (to,), found=True)
    try:
        pods = [
            pod
            for pod in cluster.objects("Pod", need.namespace)
            if dict(need.labels).items() <= labels_of(pod).items()
            and (pod.get("status") or {}).get("phase") == "Running"
        ]
    except ObservationError:
        pods = []
    found = tuple(destination(cluster, pod, need.port, need.protocol) for pod in pods)
    imagined = Destination(
        need.place,
        need.port,
        need.protocol,
        namespace=need.namespace,
        namespace_labels=_namespace_labels(cluster, need.namespace),
        labels=need.labels,
    )
    return NeedView(need, found or (imagined,), found=bool(found))


def _namespace_labels(cluster: Cluster, name: str) -> dict[str, str]:
    ref = ObjectRef(kind="Namespace", namespace=CLUSTER_WIDE, name=name)
    item = cluster.find(ref)
    return {NAME_LABEL: name, **(labels_of(item) if item else {})}

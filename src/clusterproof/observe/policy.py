"""NetworkPolicies as they stand, with the Pods and namespaces that they are about.

Reads networkpolicies, namespaces, pods, services and endpointslices; dials nothing.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterproof.errors import ObservationError
from clusterproof.kube.dns import services_meant
from clusterproof.kube.endpoints import endpoints_of
from clusterproof.kube.kinds import CLUSTER_WIDE
from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.policies import (
    Decision,
    Destination,
    Policy,
    allowances,
    decide_egress,
    read_policy,
)
from clusterproof.kube.selectors import selects
from clusterproof.kube.services import port_of, serving_ports
from clusterproof.kube.workloads import pod_spec_of, template_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import PolicyRow
from clusterproof.spec.need import NAME_LABEL, Need, parse_need
from clusterproof.spec.row import ObjectRef

HOST_NETWORK = "the Pod is in its host's network, to which no NetworkPolicy applies"
"""In most plugins; what the others do is not defined (Kubernetes docs, "Network Policies")."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A Pod or a namespace, by its name and labels.

    Attributes:
        host_network: Of a Pod: it has no network of its own.
    """

    name: str
    labels: Mapping[str, str]
    host_network: bool = False


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
        beyond: What the policies allow to the Pods and no need names, for the aspect `only`.
    """

    namespace: str
    policy: Policy | None
    policies: tuple[Policy, ...]
    pods: tuple[Labelled, ...]
    namespaces: tuple[Labelled, ...]
    needs: tuple[NeedView, ...] = ()
    beyond: tuple[str, ...] = ()


def read_policies(cluster: Cluster, rule: PolicyRow) -> Observed[PolicyView]:
    """The policy of the row with all that is needed to say what it does."""
    policies = policies_of(cluster, rule.of.namespace)
    policy = next((one for one in policies if one.name == rule.of.name), None)
    needs = [parse_need(*item) for item in rule.needs.items()]
    pods = pods_or_template(cluster, rule.workload)
    namespaces = tuple(
        Labelled(one["metadata"]["name"], labels_of(one))
        for one in cluster.objects("Namespace", CLUSTER_WIDE)
    )
    only = rule.aspect == "only"
    value = PolicyView(
        namespace=rule.of.namespace,
        policy=policy,
        policies=policies,
        pods=pods,
        namespaces=namespaces,
        needs=() if only else tuple(_view(cluster, need) for need in needs),
        beyond=_beyond(policies, pods, namespaces, needs) if only else (),
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
        Decision(allowed=True, by=HOST_NETWORK)
        if pod.host_network
        else decide_egress(policies, namespace, pod.labels, to): None
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
        Labelled(pod["metadata"]["name"], labels_of(pod), bool(pod["spec"].get("hostNetwork")))
        for pod in cluster.pods_of(workload)
    )
    item = cluster.find(workload)
    if pods or item is None:
        return pods
    template, spec = template_of(item) or {}, pod_spec_of(item)
    return (Labelled("(template)", labels_of(template), bool(spec.get("hostNetwork"))),)


def _beyond(
    policies: Iterable[Policy],
    pods: tuple[Labelled, ...],
    namespaces: tuple[Labelled, ...],
    needs: Iterable[Need],
) -> tuple[str, ...]:
    """The egress rules that allow more to these Pods than the needs, each said with its policy."""
    wanted = list(needs)
    restricting = [policy for policy in policies if "Egress" in policy.types]
    # Pods that no policy selects for a direction are not isolated in it (Kubernetes docs,
    # "Network Policies").
    found = [
        f"everything, from {pod.name}, which no policy selects for Egress"
        for pod in pods
        if not any(policy.selects(policy.namespace, pod.labels) for policy in restricting)
    ]
    for policy in restricting:
        selecting = any(policy.selects(policy.namespace, pod.labels) for pod in pods)
        if not selecting:
            continue
        for place, allowance in allowances(policy):
            selected = [
                space.name
                for space in namespaces
                if (
                    space.name == policy.namespace
                    if allowance.peer is None or allowance.peer.namespace_selector is None
                    else selects(allowance.peer.namespace_selector, space.labels)
                )
            ]
            if not any(allowance.is_within(need, selected) for need in wanted):
                found.append(f"{policy.name} {place}: {allowance}")
    return tuple(found)


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
    meant = services_meant(host, "")
    if not meant or meant[0].hostname:
        return None
    return ObjectRef(kind="Service", namespace=meant[0].namespace, name=meant[0].name)


def ready_endpoints(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    """The endpoints of a Service that are ready: `namespace/pod` and address, without labels.

    Raises:
        ObservationError: The Service or its EndpointSlices may not be read.
    """
    served = port_of(cluster.find(ref), port, protocol)
    if served is None:
        return ()
    return tuple(
        Destination(
            f"{ref.namespace}/{entry.pod}" if entry.pod else entry.address,
            entry.port,
            protocol,
            address=entry.address,
        )
        for entry in endpoints_of(cluster.objects("EndpointSlice", ref.namespace), ref.name)
        if entry.ready
        and entry.port is not None
        and (entry.port_name, entry.protocol) == (served.name, protocol)
    )


def _backends(
    cluster: Cluster, ref: ObjectRef, port: int, protocol: str
) -> tuple[Destination, ...]:
    pods = {
        f"{ref.namespace}/{pod['metadata']['name']}": pod
        for pod in cluster.objects("Pod", ref.namespace)
    }
    return tuple(
        destination(cluster, pods[one.label], one.port, protocol) if one.label in pods else one
        for one in ready_endpoints(cluster, ref, port, protocol)
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
            for one in serving_ports(pod["spec"])
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

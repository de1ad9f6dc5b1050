"""What the policy enforcer needs of NetworkPolicies, Namespaces and Pods, read from raw JSON.

Source: Kubernetes API reference, networking.k8s.io/v1 NetworkPolicy (v1.35).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from clusterproof.kube.selectors import Selector, read_selector
from testbed.controllers.kube import Json

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FINISHED_PHASES = ("Succeeded", "Failed")


@dataclass(frozen=True)
class ContainerPort:
    """A named port of a Pod's container."""

    name: str
    protocol: str
    number: int


@dataclass(frozen=True)
class PodFacts:
    """A Pod with a network of its own and an address in it."""

    namespace: str
    name: str
    node: str
    addresses: tuple[Address, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()
    created: str = ""

    def port_number(self, name: str, protocol: str) -> int | None:
        """The number of the port of that name, or None."""
        for port in self.ports:
            if (port.name, port.protocol) == (name, protocol):
                return port.number
        return None


@dataclass(frozen=True)
class NamespaceFacts:
    """A Namespace and its labels."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """An `ipBlock`: `cidr` without the `holes`."""

    cidr: Network
    holes: tuple[Network, ...] = ()

    def contains(self, address: Address) -> bool:
        """True if the block reaches `address`."""
        return address in self.cidr and not any(address in hole for hole in self.holes)


@dataclass(frozen=True)
class Peer:
    """One `from` or `to` entry: a block, or Pods by their own and their Namespace's labels.

    `namespaces` None means the policy's own Namespace.
    """

    block: Block | None = None
    pods: Selector = field(default_factory=Selector)
    namespaces: Selector | None = None


@dataclass(frozen=True)
class PortMatch:
    """One `ports` entry; with neither numbers nor name, every port of the protocol."""

    protocol: str = "TCP"
    first: int | None = None
    last: int | None = None
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """One ingress or egress rule: no peers means every peer, no ports means all traffic."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PortMatch, ...] = ()


@dataclass(frozen=True)
class PolicyFacts:
    """A NetworkPolicy; a direction that is None is not restricted by it."""

    namespace: str
    name: str
    pods: Selector
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None
    generation: int = 0


def read_pod(raw: Json) -> PodFacts | None:
    """The Pod, or None while policies do not concern it.

    A Pod on the host's network is its node to every policy; a finished Pod's address may already
    be another's.
    """
    spec, status = raw["spec"], raw.get("status") or {}
    addresses = {entry["ip"] for entry in status.get("podIPs") or () if entry.get("ip")}
    if status.get("podIP"):
        addresses.add(status["podIP"])
    if spec.get("hostNetwork") or not addresses or status.get("phase") in FINISHED_PHASES:
        return None
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return PodFacts(
        namespace=raw["metadata"]["namespace"],
        name=raw["metadata"]["name"],
        node=spec.get("nodeName", ""),
        addresses=tuple(ipaddress.ip_address(text) for text in sorted(addresses)),
        labels=raw["metadata"].get("labels") or {},
        ports=tuple(
            ContainerPort(port["name"], port.get("protocol", "TCP"), port["containerPort"])
            for container in containers
            for port in container.get("ports") or ()
            if port.get("name")
        ),
        created=raw["metadata"].get("creationTimestamp") or "",
    )


def read_namespace(raw: Json) -> NamespaceFacts:
    """The Namespace's labels (the API server itself adds kubernetes.io/metadata.name)."""
    return NamespaceFacts(raw["metadata"]["name"], raw["metadata"].get("labels") or {})


def read_policy(raw: Json) -> PolicyFacts:
    """The policy, with `policyTypes` defaulted as the API defines it."""
    spec = raw.get("spec") or {}
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return PolicyFacts(
        namespace=raw["metadata"]["namespace"],
        name=raw["metadata"]["name"],
        pods=read_selector(spec.get("podSelector") or {}),
        ingress=_rules(spec.get("ingress"), "from") if "Ingress" in types else None,
        egress=_rules(spec.get("egress"), "to") if "Egress" in types else None,
        generation=raw["metadata"].get("generation", 0),
    )


def _rules(raw: list[Json] | None, peers_key: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            tuple(_peer(peer) for peer in rule.get(peers_key) or ()),
            tuple(_port(port) for port in rule.get("ports") or ()),
        )
        for rule in raw or ()
    )


def _peer(raw: Json) -> Peer:
    if block := raw.get("ipBlock"):
        holes = tuple(
            ipaddress.ip_network(hole, strict=False) for hole in block.get("except") or ()
        )
        return Peer(block=Block(ipaddress.ip_network(block["cidr"], strict=False), holes))
    namespaces = raw.get("namespaceSelector")
    return Peer(
        pods=read_selector(raw.get("podSelector") or {}),
        namespaces=None if namespaces is None else read_selector(namespaces),
    )


def _port(raw: Json) -> PortMatch:
    protocol, port = raw.get("protocol", "TCP"), raw.get("port")
    if port is None:
        return PortMatch(protocol)
    if isinstance(port, str):
        return PortMatch(protocol, name=port)
    return PortMatch(protocol, first=port, last=raw.get("endPort", port))

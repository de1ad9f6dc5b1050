"""What NetworkPolicies mean, without a cluster: which rule lets a connection out of a Pod.

Policies add up: a Pod that some policy selects for Egress may reach what any rule of any of them
allows, and nothing else; a Pod that none selects may reach everything.
Source: Kubernetes docs, "Network Policies", and networking.k8s.io/v1 NetworkPolicySpec (v1.35).
"""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clusterproof.kube.client import Json
from clusterproof.kube.selectors import selects


@dataclass(frozen=True, slots=True)
class RulePort:
    """One entry of `ports`; a port of None is every port of the protocol."""

    protocol: str
    port: int | str | None
    end_port: int | None = None

    def allows(self, destination: "Destination") -> bool:
        """True for the destination's port; a name is looked up in the destination's containers."""
        if self.protocol != destination.protocol:
            return False
        if self.port is None:
            return True
        if isinstance(self.port, str):
            return destination.named_ports.get(self.port) == destination.port
        return self.port <= destination.port <= (self.end_port or self.port)

    def __str__(self) -> str:
        """As in `5432/TCP`."""
        last = f"-{self.end_port}" if self.end_port else ""
        return f"{'every port' if self.port is None else self.port}{last}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class RulePeer:
    """One entry of `to` or `from`, as the API has it; each part is None where it is absent."""

    pod_selector: Mapping[str, Any] | None = None
    namespace_selector: Mapping[str, Any] | None = None
    cidr: str = ""
    excepted: tuple[str, ...] = ()

    def allows(self, destination: "Destination", own_namespace: str) -> bool:
        """True for a destination that is one of these peers."""
        if self.cidr:
            return destination.is_within(self.cidr) and not any(
                destination.is_within(one) for one in self.excepted
            )
        if destination.namespace is None:
            return False
        if self.namespace_selector is None:
            if destination.namespace != own_namespace:
                return False
        elif not selects(dict(self.namespace_selector), dict(destination.namespace_labels)):
            return False
        return self.pod_selector is None or selects(
            dict(self.pod_selector), dict(destination.labels)
        )

    def __str__(self) -> str:
        """As a reader of the policy would name it."""
        if self.cidr:
            return self.cidr + (f" except {', '.join(self.excepted)}" if self.excepted else "")
        parts = []
        if self.namespace_selector is not None:
            parts.append(f"namespaces {show_selector(self.namespace_selector)}")
        if self.pod_selector is not None:
            parts.append(f"Pods {show_selector(self.pod_selector)}")
        return ", ".join(parts) or "nothing"


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `egress` or `ingress`; no peers is everywhere, no ports is every port."""

    peers: tuple[RulePeer, ...] = ()
    ports: tuple[RulePort, ...] = ()

    def allows(self, destination: "Destination", own_namespace: str) -> bool:
        """True when a peer and a port of the rule both do."""
        return (
            not self.peers or any(peer.allows(destination, own_namespace) for peer in self.peers)
        ) and (not self.ports or any(port.allows(destination) for port in self.ports))

    def __str__(self) -> str:
        """Peers and ports in one clause."""
        to = " or ".join(str(peer) for peer in self.peers) or "everywhere"
        on = ", ".join(str(port) for port in self.ports)
        return f"to {to}" + (f" on {on}" if on else "")


@dataclass(frozen=True, slots=True)
class Policy:
    """A NetworkPolicy."""

    namespace: str
    name: str
    pod_selector: Mapping[str, Any]
    types: tuple[str, ...]
    egress: tuple[Rule, ...] = ()
    ingress: tuple[Rule, ...] = ()

    def selects(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """True for a Pod that the policy is about."""
        return namespace == self.namespace and selects(dict(self.pod_selector), dict(labels))

    @property
    def is_literal_readme(self) -> bool:
        """True for the README's own text: Egress, one rule, to namespaces labelled name=posthog."""
        if self.types != ("Egress",) or len(self.egress) != 1:
            return False
        rule = self.egress[0]
        only = RulePeer(namespace_selector={"matchLabels": {"name": "posthog"}})
        return rule.peers == (only,) and not rule.ports


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a connection ends, after a Service's address was replaced by that of a backend.

    Attributes:
        namespace: None for what is no Pod.
        address: "" where it is not known.
        named_ports: Container port name to number.
    """

    label: str
    port: int
    protocol: str = "TCP"
    address: str = ""
    namespace: str | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    named_ports: Mapping[str, int] = field(default_factory=dict)

    def is_within(self, cidr: str) -> bool:
        """True for an address of the block; a block is met only by another within it."""
        if not self.address:
            return False
        block = ipaddress.ip_network(cidr, strict=False)
        own = ipaddress.ip_network(self.address, strict=False)
        return own.version == block.version and own.subnet_of(block)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """As a report shows it."""
        return f"{self.label} on {self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies of a Pod say of one destination, and which of them says so."""

    allowed: bool
    by: str


def decide_egress(
    policies: Iterable[Policy], namespace: str, labels: Mapping[str, str], to: Destination
) -> Decision:
    """May a Pod with these labels reach `to`, and which rule says so."""
    selecting = [
        one for one in policies if "Egress" in one.types and one.selects(namespace, labels)
    ]
    if not selecting:
        return Decision(allowed=True, by="no NetworkPolicy selects the Pod for Egress")
    for policy in selecting:
        for number, rule in enumerate(policy.egress):
            if rule.allows(to, policy.namespace):
                return Decision(
                    allowed=True, by=f"NetworkPolicy {policy.name} egress[{number}]: {rule}"
                )
    names = ", ".join(one.name for one in selecting)
    count = sum(len(one.egress) for one in selecting)
    return Decision(allowed=False, by=f"NetworkPolicy {names}: none of {count} egress rules")


def read_policy(item: Json) -> Policy:
    """A NetworkPolicy from its raw JSON, with the API's defaults."""
    spec = item.get("spec") or {}
    types = spec.get("policyTypes")
    if types is None:
        types = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return Policy(
        namespace=item["metadata"]["namespace"],
        name=item["metadata"]["name"],
        pod_selector=spec.get("podSelector") or {},
        types=tuple(types),
        egress=tuple(_read_rule(rule, "to") for rule in spec.get("egress") or []),
        ingress=tuple(_read_rule(rule, "from") for rule in spec.get("ingress") or []),
    )


def _read_rule(rule: Json, direction: str) -> Rule:
    return Rule(
        peers=tuple(
            RulePeer(
                pod_selector=one.get("podSelector"),
                namespace_selector=one.get("namespaceSelector"),
                cidr=(one.get("ipBlock") or {}).get("cidr", ""),
                excepted=tuple((one.get("ipBlock") or {}).get("except") or ()),
            )
            for one in (rule or {}).get(direction) or []
        ),
        ports=tuple(
            RulePort(one.get("protocol", "TCP"), one.get("port"), one.get("endPort"))
            for one in (rule or {}).get("ports") or []
        ),
    )


def show_selector(selector: Mapping[str, Any]) -> str:
    """A label selector as kubectl writes it, in braces."""
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or []:
        values = f" ({', '.join(term['values'])})" if term.get("values") else ""
        terms.append(f"{term['key']} {term['operator']}{values}")
    return "{" + ", ".join(terms) + "}" if terms else "{} (all)"

"""What NetworkPolicies mean, without a cluster: which rule lets a connection out of a Pod.

Policies add up: a Pod that some policy selects for Egress may reach what any rule of any of them
allows, and nothing else; a Pod that none selects may reach everything.
Source: Kubernetes docs, "Network Policies", and networking.k8s.io/v1 NetworkPolicySpec (v1.35).
"""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from clusterproof.kube.objects import Json, labels_of
from clusterproof.kube.selectors import in_one_form, selects
from clusterproof.kube.services import serving_ports

Block = ipaddress.IPv4Network | ipaddress.IPv6Network


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
        """True for a destination that is one of these peers, a block for one of which all is."""
        if self.cidr:
            block = destination.block
            return block is not None and not self.left_of([block])
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

    def left_of(self, blocks: Iterable[Block]) -> list[Block]:
        """What of some blocks this peer does not allow: outside of its CIDR, or excepted."""
        if not self.cidr:
            return list(blocks)
        allowed = ipaddress.ip_network(self.cidr, strict=False)
        excepted = [ipaddress.ip_network(cidr, strict=False) for cidr in self.excepted]
        left: list[Block] = []
        for block in blocks:
            left += _without(block, allowed)
            inside = _common(block, allowed)
            if inside is not None:
                left += [part for hole in excepted if (part := _common(inside, hole)) is not None]
        return left

    def overlaps(
        self, need: "Allowed", own_namespace: str, namespace_labels: Mapping[str, str]
    ) -> bool:
        """True where some of these peers are what `need` names."""
        if need.cidr or self.cidr:
            blocks = [ipaddress.ip_network(need.cidr)] if need.cidr and self.cidr else []
            return self.left_of(blocks) != blocks
        if self.namespace_selector is None:
            is_namespace = need.namespace == own_namespace
        else:
            is_namespace = selects(dict(self.namespace_selector), dict(namespace_labels))
        wanted = in_one_form(dict(self.pod_selector or {})).get("matchLabels") or {}
        return is_namespace and all(
            need.labels.get(key, text) == text for key, text in wanted.items()
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

    @property
    def block(self) -> Block | None:
        """Its address, or all of its addresses; None where they are not known."""
        return ipaddress.ip_network(self.address, strict=False) if self.address else None

    def __str__(self) -> str:
        """As a report shows it."""
        return f"{self.label} on {self.port}/{self.protocol}"


def destination_of(
    pod: Json, namespace_labels: Mapping[str, str], port: int, protocol: str, address: str
) -> Destination:
    """A Pod as a policy sees it; with the host's network it is an address and no Pod."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    label = f"{namespace}/{name}"
    if pod["spec"].get("hostNetwork"):
        return Destination(label, port, protocol, address)
    return Destination(
        label,
        port,
        protocol,
        address,
        namespace,
        namespace_labels,
        labels_of(pod),
        {
            serving["name"]: serving["containerPort"]
            for serving in serving_ports(pod["spec"])
            if serving.get("name") and serving.get("protocol", "TCP") == protocol
        },
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies of a Pod say of one destination, and which of them says so.

    Attributes:
        isolated: Whether a policy selects the Pod for Egress: one that none selects may all.
    """

    allowed: bool
    by: str
    isolated: bool = True


def decide_egress(
    policies: Iterable[Policy], namespace: str, labels: Mapping[str, str], to: Destination
) -> Decision:
    """May a Pod with these labels reach `to`, and which rule says so."""
    selecting = [
        selected
        for selected in policies
        if "Egress" in selected.types and selected.selects(namespace, labels)
    ]
    if not selecting:
        by = "no NetworkPolicy selects the Pod for Egress"
        return Decision(allowed=True, by=by, isolated=False)
    for policy in selecting:
        for number, rule in enumerate(policy.egress):
            if rule.allows(to, policy.namespace):
                return Decision(
                    allowed=True, by=f"NetworkPolicy {policy.name} egress[{number}]: {rule}"
                )
    if _is_covered_together(to, selecting):
        names = ", ".join(selected.name for selected in selecting)
        return Decision(allowed=True, by=f"NetworkPolicy {names}: several egress rules together")
    names = ", ".join(selected.name for selected in selecting)
    count = sum(len(selected.egress) for selected in selecting)
    return Decision(allowed=False, by=f"NetworkPolicy {names}: none of {count} egress rules")


def _is_covered_together(to: Destination, policies: Iterable[Policy]) -> bool:
    """True for a block that the address blocks of several rules allow, each a part of it."""
    left = [to.block] if to.block is not None else []
    if not left or to.namespace is not None:
        return False
    for policy in policies:
        for rule in policy.egress:
            if not rule.ports or any(port.allows(to) for port in rule.ports):
                for peer in rule.peers:
                    left = peer.left_of(left)
    return not left


def _without(block: Block, taken: Block) -> list[Block]:
    """What is left of a block when another is taken out of it."""
    if block.version != taken.version or not block.overlaps(taken):
        return [block]
    if block.subnet_of(taken):  # type: ignore[arg-type]
        return []
    return list(block.address_exclude(taken))  # type: ignore[arg-type]


def _common(block: Block, other: Block) -> Block | None:
    """What two blocks have in common: the smaller one, or nothing."""
    if block.version != other.version or not block.overlaps(other):
        return None
    return min(block, other, key=lambda network: network.num_addresses)


@dataclass(frozen=True, slots=True)
class Allowance:
    """One peer of a rule on one of its ports; a peer of None is everywhere, a port every port."""

    peer: RulePeer | None
    port: RulePort | None

    def is_within(
        self,
        need: "Allowed",
        namespaces: Iterable[str],
        named_ports: Iterable[tuple[str, int]] = (),
    ) -> bool:
        """True where all that it allows is what `need` names.

        Args:
            need: A peer and a port.
            namespaces: Those that its peer selects in this cluster.
            named_ports: Names and numbers of the ports of the Pods that `need` names.
        """
        if self.peer is None or not self._port_is_within(need, named_ports):
            return False
        if self.peer.cidr:
            block = ipaddress.ip_network(self.peer.cidr, strict=False)
            wanted = ipaddress.ip_network(need.cidr) if need.cidr else None
            return wanted is not None and not _without(block, wanted)
        if need.cidr or set(namespaces) - {need.namespace}:
            return False
        selected = in_one_form(dict(self.peer.pod_selector or {})).get("matchLabels") or {}
        return need.labels.items() <= selected.items()

    def overlaps(
        self, need: "Allowed", own_namespace: str, namespace_labels: Mapping[str, str]
    ) -> bool:
        """True where some of what it allows is what `need` names."""
        if not self._port_overlaps(need):
            return False
        return self.peer is None or self.peer.overlaps(need, own_namespace, namespace_labels)

    def _port_overlaps(self, need: "Allowed") -> bool:
        if self.port is None:
            return True
        if need.protocol not in {"", self.port.protocol}:
            return False
        port = self.port.port
        if not need.port or port is None or isinstance(port, str):
            return True  # a name stands for whatever number the Pods give it
        return port <= need.port <= (self.port.end_port or port)

    def _port_is_within(self, need: "Allowed", named_ports: Iterable[tuple[str, int]]) -> bool:
        if self.port is None:
            return not need.port and not need.protocol
        if need.protocol not in {"", self.port.protocol}:
            return False
        port = self.port.port
        numbers = {number for name, number in named_ports if name == port}
        is_it = numbers == {need.port} if isinstance(port, str) else port == need.port
        return not need.port or (is_it and self.port.end_port in {None, need.port})

    def __str__(self) -> str:
        """As a report shows it."""
        return f"to {self.peer or 'everywhere'} on {self.port or 'every port'}"


class Allowed(Protocol):
    """What may be allowed: a port of 0, or a protocol of "", is every one."""

    @property
    def namespace(self) -> str:
        """Empty for an address block."""

    @property
    def labels(self) -> Mapping[str, str]:
        """None for every Pod of the namespace."""

    @property
    def cidr(self) -> str:
        """Empty for Pods."""

    @property
    def port(self) -> int:
        """A number."""

    @property
    def protocol(self) -> str:
        """TCP, UDP or SCTP."""


def allowances(
    policy: Policy, direction: Literal["egress", "ingress"] = "egress"
) -> Iterator[tuple[str, Allowance]]:
    """Each peer on each port that a policy's rules of a direction allow, with its place."""
    for number, rule in enumerate(policy.egress if direction == "egress" else policy.ingress):
        for peer in rule.peers or (None,):
            for port in rule.ports or (None,):
                yield f"{direction}[{number}]", Allowance(peer, port)


def allows_some(
    policies: Iterable[Policy],
    namespace: str,
    labels: Mapping[str, str],
    need: "Allowed",
    namespace_labels: Mapping[str, str],
) -> bool:
    """May a Pod with these labels reach anything of a need that is a whole range.

    Args:
        policies: Those of its namespace.
        namespace: Of the Pod.
        labels: Of the Pod.
        need: A block of addresses, or Pods on any port.
        namespace_labels: Of the need's namespace.
    """
    selecting = [
        policy
        for policy in policies
        if "Egress" in policy.types and policy.selects(namespace, labels)
    ]
    return not selecting or any(
        allowance.overlaps(need, policy.namespace, namespace_labels)
        for policy in selecting
        for _, allowance in allowances(policy)
    )


def read_policy(item: Json) -> Policy:
    """A NetworkPolicy from its raw JSON, with the API's defaults."""
    spec = item.get("spec") or {}
    types = spec.get("policyTypes")
    if not types:
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
                pod_selector=peer.get("podSelector"),
                namespace_selector=peer.get("namespaceSelector"),
                cidr=(peer.get("ipBlock") or {}).get("cidr", ""),
                excepted=tuple((peer.get("ipBlock") or {}).get("except") or ()),
            )
            for peer in (rule or {}).get(direction) or []
        ),
        ports=tuple(
            RulePort(port.get("protocol") or "TCP", port.get("port"), port.get("endPort"))
            for port in (rule or {}).get("ports") or []
        ),
    )


def show_selector(selector: Mapping[str, Any]) -> str:
    """A label selector as kubectl writes it, in braces."""
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or []:
        values = f" ({', '.join(term['values'])})" if term.get("values") else ""
        terms.append(f"{term['key']} {term['operator']}{values}")
    return "{" + ", ".join(terms) + "}" if terms else "{} (all)"

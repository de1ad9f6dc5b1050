"""What each Pod is allowed, with every selector and port name resolved. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from testbed.controllers.netpol import (
    Address,
    Block,
    NamespaceFacts,
    Peer,
    PodFacts,
    PolicyFacts,
    Rule,
)

Direction = Literal["egress", "ingress"]

LAST_PORT = 65535


@dataclass(frozen=True, order=True)
class Ports:
    """A range of one protocol; the whole range 0 to 65535 stands for any port."""

    protocol: str
    first: int = 0
    last: int = LAST_PORT

    def text(self) -> str:
        """The nft match."""
        protocol = self.protocol.lower()
        if (self.first, self.last) == (0, LAST_PORT):
            return f"meta l4proto {protocol}"
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{protocol} dport {span}"


@dataclass(frozen=True)
class Allowance:
    """Traffic that one rule lets through, with every name and selector already resolved.

    `peers` None means everyone; `ports` None means any traffic, ICMP too.
    """

    peers: Block | frozenset[Address] | None
    ports: tuple[Ports, ...] | None


class Resolver:
    """Resolves the policies of one direction against the Pods that there are."""

    def __init__(
        self,
        policies: Sequence[PolicyFacts],
        namespaces: Sequence[NamespaceFacts],
        pods: Sequence[PodFacts],
        direction: Direction,
    ) -> None:
        """Index once; `allowances` is then asked for each local Pod."""
        self._namespaces = namespaces
        self._pods = pods
        self._direction = direction
        self._rules = [
            (policy, rules)
            for policy in policies
            if (rules := getattr(policy, direction)) is not None
        ]
        self._by_namespace: dict[str, list[PodFacts]] = {}
        for pod in pods:
            self._by_namespace.setdefault(pod.namespace, []).append(pod)
        self._known_peers: dict[tuple[str, Peer], tuple[PodFacts, ...]] = {}
        self._known_addresses: dict[tuple[str, Peer], frozenset[Address]] = {}

    def allowances(self, pod: PodFacts) -> tuple[Allowance, ...] | None:
        """What `pod` is allowed, or None if no policy restricts it in this direction."""
        selecting = [
            (policy, rules)
            for policy, rules in self._rules
            if policy.namespace == pod.namespace and policy.pods.matches(pod.labels)
        ]
        if not selecting:
            return None
        return tuple(
            allowed
            for policy, rules in selecting
            for rule in rules
            for allowed in self._of_rule(policy, rule, pod)
        )

    def _of_rule(self, policy: PolicyFacts, rule: Rule, pod: PodFacts) -> Iterator[Allowance]:
        for peer in rule.peers or (None,):
            if not rule.ports:
                yield Allowance(self._addresses(policy, peer), None)
                continue
            numbered = tuple(
                Ports(port.protocol)
                if port.first is None
                else Ports(port.protocol, port.first, port.last or port.first)
                for port in rule.ports
                if not port.name
            )
            if numbered:
                yield Allowance(self._addresses(policy, peer), numbered)
            for port in rule.ports:
                if port.name:
                    yield from self._of_named_port(policy, peer, (port.name, port.protocol), pod)

    def _of_named_port(
        self, policy: PolicyFacts, peer: Peer | None, port: tuple[str, str], pod: PodFacts
    ) -> Iterator[Allowance]:
        """A name is looked up in the Pod that is dialled: each may give it another number."""
        name, protocol = port
        if self._direction == "ingress":
            number = pod.port_number(name, protocol)
            if number is not None:
                yield Allowance(self._addresses(policy, peer), (Ports(protocol, number, number),))
            return
        by_number: dict[int, set[Address]] = {}
        for dialled in self._pods_of(policy, peer):
            number = dialled.port_number(name, protocol)
            if number is not None:
                reached = {a for a in dialled.addresses if _in_block(a, peer)}
                by_number.setdefault(number, set()).update(reached)
        for number, addresses in sorted(by_number.items()):
            yield Allowance(frozenset(addresses), (Ports(protocol, number, number),))

    def _addresses(
        self, policy: PolicyFacts, peer: Peer | None
    ) -> Block | frozenset[Address] | None:
        if peer is None:
            return None
        if peer.block is not None:
            return peer.block
        key = (policy.namespace, peer)
        if key not in self._known_addresses:
            self._known_addresses[key] = frozenset(
                address for pod in self._pods_of(policy, peer) for address in pod.addresses
            )
        return self._known_addresses[key]

    def _pods_of(self, policy: PolicyFacts, peer: Peer | None) -> tuple[PodFacts, ...]:
        if peer is None or peer.block is not None:
            return tuple(self._pods)
        key = (policy.namespace, peer)
        if key not in self._known_peers:
            chosen = (
                [policy.namespace]
                if peer.namespaces is None
                else [n.name for n in self._namespaces if peer.namespaces.matches(n.labels)]
            )
            self._known_peers[key] = tuple(
                pod
                for namespace in chosen
                for pod in self._by_namespace.get(namespace, ())
                if peer.pods.matches(pod.labels)
            )
        return self._known_peers[key]


def _in_block(address: Address, peer: Peer | None) -> bool:
    return peer is None or peer.block is None or peer.block.contains(address)

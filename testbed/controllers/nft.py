"""NetworkPolicies as one nftables ruleset per node. Pure: facts in, text out.

Source: Kubernetes docs, "Network Policies" (v1.35); nft(8) 1.0.6.

How the text is built, and why it is right:

* Both base chains sit at the forward hook, where kube-proxy's DNAT (prerouting) is done and its
  SNAT (postrouting) is not: a Service is judged by the Pod behind it, from the Pod that asked.
* `accept` ends one base chain only, so a packet must pass `egress` and `ingress` in turn; `drop` in
  either is final. The source's node enforces egress, the destination's node ingress.
* The node's own traffic to and from its Pods uses the output and input hooks: kubelet probes are
  never judged, and a Pod always reaches its node.
* What a direction allows depends on the allowed peers and ports only, so Pods with equal rules
  share a chain, found through one verdict map: the cost of a packet does not grow with the Pods.
"""

import hashlib
import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from clusterproof.kube.policies import Destination, Policy, RulePeer, RulePort, allowances
from testbed.controllers.pods import Address, PodFacts

Direction = Literal["egress", "ingress"]
Chains = dict[str, list[str]]
"""Name to lines."""

TABLE = "clusterproof_policy"
REMOVAL = f"table inet {TABLE}\ndelete table inet {TABLE}\n"
"""Leaves no table of ours, whether there was one or not."""

# A direction looks at the far end of a packet; the verdict map is keyed by its own end.
OWN_END: dict[Direction, str] = {"egress": "saddr", "ingress": "daddr"}
FAR_END: dict[Direction, str] = {"egress": "daddr", "ingress": "saddr"}
CHAIN: dict[Direction, str] = {"egress": "from_pods", "ingress": "to_pods"}
PRIORITY: dict[Direction, str] = {"egress": "filter", "ingress": "filter + 1"}
FAMILY = {4: "ip", 6: "ip6"}


class Rulesets:
    """The tables of all nodes, from one look at the cluster."""

    def __init__(
        self,
        policies: Sequence[Policy],
        namespaces: Mapping[str, Mapping[str, str]],
        pods: Sequence[PodFacts],
    ) -> None:
        """Resolve every selector and port name once, as far as no single Pod decides it.

        Args:
            policies: All that there are.
            namespaces: Name to labels.
            pods: Those that policies concern.
        """
        self._pods = pods
        self._addresses = [
            (
                address,
                pod,
                Destination(
                    pod.namespace,
                    0,
                    address=str(address),
                    namespace=pod.namespace,
                    namespace_labels=namespaces.get(pod.namespace, {}),
                    labels=pod.labels,
                ),
            )
            for pod in pods
            for address in pod.addresses
        ]
        self._allowed = {
            direction: [
                (policy, list(self._resolved(policy, direction)))
                for policy in policies
                if direction.capitalize() in policy.types
            ]
            for direction in CHAIN
        }

    def of(self, node: str) -> str:
        """The complete table for `node`; loading it replaces what was there in one transaction."""
        # While an address changes hands, the younger Pod has it.
        by_age = sorted((pod for pod in self._pods if pod.node == node), key=lambda p: p.created)
        local = {address: pod for pod in by_age for address in pod.addresses}
        chains: Chains = {}
        base = [self._base(direction, local, chains) for direction in CHAIN]
        bodies = [_chain(name, lines) for name, lines in sorted(chains.items())]
        return "\n".join([f"{REMOVAL}table inet {TABLE} {{", *bodies, *base, "}", ""])

    def _base(self, direction: Direction, local: dict[Address, PodFacts], chains: Chains) -> str:
        """The base chain of one direction; adds the chains that it goes to."""
        lines = [
            f"type filter hook forward priority {PRIORITY[direction]}; policy accept;",
            "ct state established,related accept",
        ]
        for version, family in FAMILY.items():
            jumps = {
                address: name
                for address in sorted(each for each in local if each.version == version)
                if (name := self._chain_of(local[address], direction, chains))
            }
            if jumps:
                # A Pod cannot be cut off from itself, by way of a Service either.
                itself = ", ".join(f"{address} . {address}" for address in jumps)
                targets = ", ".join(f"{address} : goto {name}" for address, name in jumps.items())
                lines.append(f"{family} saddr . {family} daddr {{ {itself} }} accept")
                lines.append(f"{family} {OWN_END[direction]} vmap {{ {targets} }}")
        return _chain(CHAIN[direction], lines)

    def _chain_of(self, pod: PodFacts, direction: Direction, chains: Chains) -> str:
        """The chain of what a Pod is allowed, by its name; "" if no policy restricts it."""
        selecting = [
            allowed
            for policy, allowed in self._allowed[direction]
            if policy.selects(pod.namespace, pod.labels)
        ]
        if not selecting:
            return ""
        lines = {
            " ".join(part for part in (peers, ports, "accept") if part)
            for allowed in selecting
            for peers, port in allowed
            if (ports := _port_text(port, pod)) is not None
        }
        text = "\n".join(sorted(lines))
        name = f"{direction}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        chains[name] = [*sorted(lines), "counter drop"]
        return name

    def _resolved(
        self, policy: Policy, direction: Direction
    ) -> Iterator[tuple[str, RulePort | None]]:
        """The matches of the far end that a policy allows, each with one port; "" is everyone."""
        end = FAR_END[direction]
        for _, allowance in allowances(policy, direction):
            peer, port = allowance.peer, allowance.port
            chosen = (
                (address, pod)
                for address, pod, destination in self._addresses
                if peer is None or peer.allows(destination, policy.namespace)
            )
            if direction == "egress" and port is not None and isinstance(port.port, str):
                # A name is looked up in the Pod that is dialled: each may give it another number.
                by_number: dict[int, set[Address]] = defaultdict(set)
                for address, pod in chosen:
                    if (number := pod.ports.get((port.port, port.protocol))) is not None:
                        by_number[number].add(address)
                for number, addresses in by_number.items():
                    for text in _address_texts(addresses, end):
                        yield text, RulePort(port.protocol, number)
            elif peer is None or peer.cidr:
                yield ("" if peer is None else _block_text(peer, end)), port
            else:
                for text in _address_texts({address for address, _ in chosen}, end):
                    yield text, port


def _chain(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"\tchain {name} {{", *(f"\t\t{line}" for line in lines), "\t}"])


def _port_text(port: RulePort | None, pod: PodFacts) -> str | None:
    """The match of a port, "" for all traffic; None for a name that `pod` has not."""
    if port is None:
        return ""
    protocol, first = port.protocol, port.port
    if isinstance(first, str) and (first := pod.ports.get((first, protocol))) is None:
        return None
    if first is None:
        return f"meta l4proto {protocol.lower()}"
    # nft refuses a range of one port.
    span = str(first) if port.end_port in {None, first} else f"{first}-{port.end_port}"
    return f"{protocol.lower()} dport {span}"


def _address_texts(addresses: Iterable[Address], end: str) -> Iterator[str]:
    for version, family in FAMILY.items():
        if texts := [str(at) for at in sorted(a for a in addresses if a.version == version)]:
            yield f"{family} {end} {{ {', '.join(texts)} }}"


def _block_text(peer: RulePeer, end: str) -> str:
    block = ipaddress.ip_network(peer.cidr, strict=False)
    family = FAMILY[block.version]
    # nft has no match for a prefix of length 0: the family alone says the same.
    text = f"{family} {end} {block}" if block.prefixlen else f"meta nfproto ipv{block.version}"
    excepted = [ipaddress.ip_network(hole, strict=False) for hole in peer.excepted]
    if same_family := [hole for hole in excepted if hole.version == block.version]:
        holes = ", ".join(map(str, ipaddress.collapse_addresses(same_family)))  # type: ignore[type-var]
        text += f" {family} {end} != {{ {holes} }}"
    return text

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
from collections.abc import Iterable, Iterator, Sequence

from testbed.controllers.allowances import Allowance, Direction, Resolver
from testbed.controllers.netpol import Address, Block, NamespaceFacts, PodFacts, PolicyFacts

TABLE = "clusterproof_policy"
# A direction looks at the far end of a packet; the verdict map is keyed by its own end.
OWN_END: dict[Direction, str] = {"egress": "saddr", "ingress": "daddr"}
FAR_END: dict[Direction, str] = {"egress": "daddr", "ingress": "saddr"}
CHAIN: dict[Direction, str] = {"egress": "from_pods", "ingress": "to_pods"}
PRIORITY: dict[Direction, str] = {"egress": "filter", "ingress": "filter + 1"}
FAMILY = {4: "ip", 6: "ip6"}


def ruleset(
    policies: Sequence[PolicyFacts],
    namespaces: Sequence[NamespaceFacts],
    pods: Sequence[PodFacts],
    node: str,
) -> str:
    """The complete table for `node`; loading it replaces what was there in one transaction."""
    local = _local_pods(pods, node)
    chains: dict[str, list[str]] = {}
    base = [
        _base_chain(direction, local, Resolver(policies, namespaces, pods, direction), chains)
        for direction in ("egress", "ingress")
    ]
    bodies = [_chain(name, lines) for name, lines in sorted(chains.items())]
    return "\n".join([*removal(), f"table inet {TABLE} {{", *bodies, *base, "}", ""])


def removal() -> tuple[str, str]:
    """Lines that leave no table of ours, whether there was one or not."""
    return (f"table inet {TABLE}", f"delete table inet {TABLE}")


def _local_pods(pods: Sequence[PodFacts], node: str) -> dict[Address, PodFacts]:
    """The node's Pods by address; while an address changes hands, the younger Pod has it."""
    by_age = sorted((pod for pod in pods if pod.node == node), key=lambda pod: pod.created)
    return {address: pod for pod in by_age for address in pod.addresses}


def _base_chain(
    direction: Direction,
    local: dict[Address, PodFacts],
    resolver: Resolver,
    chains: dict[str, list[str]],
) -> str:
    """The base chain of one direction; adds the chains that it goes to."""
    jumps: dict[int, list[str]] = {4: [], 6: []}
    itself: dict[int, list[str]] = {4: [], 6: []}
    # Many Pods have the same allowances, and each may list thousands of addresses.
    known: dict[Allowance, list[str]] = {}
    for address, pod in sorted(local.items(), key=lambda item: (item[0].version, item[0])):
        allowances = resolver.allowances(pod)
        if allowances is None:
            continue
        for allowed in allowances:
            if allowed not in known:
                known[allowed] = list(_lines(allowed, direction))
        lines = sorted({line for allowed in allowances for line in known[allowed]})
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
        name = f"{direction}_{digest}"
        chains[name] = [*lines, "counter drop"]
        jumps[address.version].append(f"{address} : goto {name}")
        itself[address.version].append(f"{address} . {address}")
    lines = [
        f"type filter hook forward priority {PRIORITY[direction]}; policy accept;",
        "ct state established,related accept",
    ]
    for version, family in FAMILY.items():
        if jumps[version]:
            # A Pod cannot be cut off from itself, by way of a Service either.
            own = ", ".join(itself[version])
            lines.append(f"{family} saddr . {family} daddr {{ {own} }} accept")
            lines.append(f"{family} {OWN_END[direction]} vmap {{ {', '.join(jumps[version])} }}")
    return _chain(CHAIN[direction], lines)


def _chain(name: str, lines: Iterable[str]) -> str:
    return "\n".join([f"\tchain {name} {{", *(f"\t\t{line}" for line in lines), "\t}"])


def _lines(allowed: Allowance, direction: Direction) -> Iterator[str]:
    peers = _peer_texts(allowed.peers, FAR_END[direction])
    ports = [""] if allowed.ports is None else [ports.text() for ports in allowed.ports]
    for peer in peers:
        for port in ports:
            yield " ".join(part for part in (peer, port, "accept") if part)


def _peer_texts(peers: Block | frozenset[Address] | None, end: str) -> list[str]:
    if peers is None:
        return [""]
    if isinstance(peers, Block):
        return [_block_text(peers, end)]
    texts = []
    for version, family in FAMILY.items():
        mine = sorted((one for one in peers if one.version == version), key=int)
        if mine:
            texts.append(f"{family} {end} {{ {', '.join(map(str, mine))} }}")
    return texts


def _block_text(block: Block, end: str) -> str:
    family = FAMILY[block.cidr.version]
    # nft has no match for a prefix of length 0: the family alone says the same.
    text = f"{family} {end} {block.cidr}"
    if not block.cidr.prefixlen:
        text = f"meta nfproto ipv{block.cidr.version}"
    same_family = [hole for hole in block.holes if hole.version == block.cidr.version]
    if same_family:
        holes = ", ".join(map(str, ipaddress.collapse_addresses(same_family)))  # type: ignore[type-var]
        text += f" {family} {end} != {{ {holes} }}"
    return text

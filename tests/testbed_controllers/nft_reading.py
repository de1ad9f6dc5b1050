"""Reads a ruleset text back and judges a packet by it, as the kernel would at the forward hook."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from testbed.oracles.policies.world import Flow, World

MATCHES = re.compile(
    r"(?P<family>ip6?) (?P<end>[sd]addr) (?P<differs>!= )?"
    r"(?:\{ (?P<many>[^}]*) \}|(?P<one>[0-9a-f.:/]+))"
    r"|meta nfproto ipv(?P<version>[46])"
    r"|meta l4proto (?P<layer4>\w+)"
    r"|(?P<protocol>tcp|udp|sctp) dport (?P<first>\d+)(?:-(?P<last>\d+))?"
)
ITSELF = re.compile(r"(ip6?) saddr \. ip6? daddr \{ (.*) \} accept")
JUMPS = re.compile(r"(ip6?) ([sd]addr) vmap \{ (.*) \}")


@dataclass(frozen=True)
class Ruleset:
    """The chains of one table, by name."""

    chains: Mapping[str, tuple[str, ...]]

    def passes(self, flow: Flow) -> bool:
        """True if both base chains let a packet of a new connection through."""
        return self._base("from_pods", flow) and self._base("to_pods", flow)

    def _base(self, name: str, flow: Flow) -> bool:
        for line in self.chains[name]:
            if line.startswith(("type filter hook forward", "ct state established,related")):
                continue
            if found := ITSELF.fullmatch(line):
                pair = f"{flow.source} . {flow.destination}"
                if pair in found[2].split(", "):
                    return True
            elif found := JUMPS.fullmatch(line):
                own = flow.source if found[2] == "saddr" else flow.destination
                targets = dict(entry.split(" : goto ") for entry in found[3].split(", "))
                if str(own) in targets:
                    return self._verdict(targets[str(own)], flow)
            else:
                message = f"unknown line in a base chain: {line}"
                raise ValueError(message)
        return True

    def _verdict(self, name: str, flow: Flow) -> bool:
        for line in self.chains[name]:
            if line == "counter drop":
                return False
            assert line.endswith("accept"), line
            if _holds(line.removesuffix("accept").strip(), flow):
                return True
        message = f"chain {name} has no last word"
        raise ValueError(message)


def read_ruleset(text: str) -> Ruleset:
    """The chains of a text that the enforcer wrote."""
    chains = re.findall(r"\tchain (\w+) \{\n(.*?)\n?\t\}", text, flags=re.DOTALL)
    assert len(chains) == len({name for name, _ in chains}), "a chain is there twice"
    return Ruleset(
        {name: tuple(line.strip() for line in body.splitlines()) for name, body in chains}
    )


def arrives(world: World, rulesets: Mapping[str, Ruleset], flow: Flow) -> bool:
    """True if the packet passes the forward hook of each node on its way."""
    on_the_way = []
    for own, far in ((flow.source, flow.destination), (flow.destination, flow.source)):
        pod = world.pod_at(own)
        if pod and world.hosts[pod["spec"]["nodeName"]] != far:
            on_the_way.append(pod["spec"]["nodeName"])
    return all(rulesets[node].passes(flow) for node in dict.fromkeys(on_the_way))


def _holds(text: str, flow: Flow) -> bool:
    position, all_hold = 0, True
    while position < len(text):
        found = MATCHES.match(text, position)
        if not found:
            message = f"unknown match: {text[position:]}"
            raise ValueError(message)
        all_hold = all_hold and _match_holds(found.groupdict(), flow)
        position = found.end() + 1
    return all_hold


def _match_holds(part: Mapping[str, str | None], flow: Flow) -> bool:
    version = flow.source.version
    if part["version"]:
        return version == int(part["version"])
    if part["layer4"]:
        return flow.protocol.lower() == part["layer4"]
    if part["protocol"]:
        first = int(part["first"] or 0)
        last = int(part["last"] or first)
        return flow.protocol.lower() == part["protocol"] and first <= flow.port <= last
    if version != {"ip": 4, "ip6": 6}[part["family"] or ""]:
        return False
    address = flow.source if part["end"] == "saddr" else flow.destination
    members = (part["many"] or part["one"] or "").split(", ")
    inside = any(address in ipaddress.ip_network(member) for member in members)
    return inside != bool(part["differs"])

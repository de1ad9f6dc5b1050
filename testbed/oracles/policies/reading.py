"""NetworkPolicy read a second time, straight from the API reference, to judge engines by.

It shares no code with our enforcer and works on the raw objects.
"""

import ipaddress
from collections.abc import Iterable

from clusterproof.kube.answer import Json
from testbed.oracles.policies.world import Address, Flow, World


def reaches(world: World, policies: Iterable[Json], flow: Flow) -> bool:
    """True if the policies let the first packet of `flow` arrive."""
    source, destination = world.pod_at(flow.source), world.pod_at(flow.destination)
    if flow.source == flow.destination or _node_and_its_pod(world, flow):
        return True
    if source and not _direction(world, policies, flow, source, "Egress"):
        return False
    return not destination or _direction(world, policies, flow, destination, "Ingress")


def _node_and_its_pod(world: World, flow: Flow) -> bool:
    for near, far in ((flow.source, flow.destination), (flow.destination, flow.source)):
        pod = world.pod_at(near)
        if pod and world.hosts.get(pod["spec"]["nodeName"]) == far:
            return True
    return False


def _direction(
    world: World, policies: Iterable[Json], flow: Flow, pod: Json, direction: str
) -> bool:
    isolated = False
    for policy in policies:
        spec = policy["spec"]
        if policy["metadata"]["namespace"] != pod["metadata"]["namespace"]:
            continue
        if not _selects(spec["podSelector"], pod["metadata"].get("labels", {})):
            continue
        types = spec.get("policyTypes")
        applies = direction in types if types else direction == "Ingress" or "egress" in spec
        if not applies:
            continue
        isolated = True
        rules = spec.get(direction.lower()) or []
        if any(_permits(world, policy, rule, flow, direction) for rule in rules):
            return True
    return not isolated


def _permits(world: World, policy: Json, rule: Json, flow: Flow, direction: str) -> bool:
    far = flow.destination if direction == "Egress" else flow.source
    peers = rule.get("to" if direction == "Egress" else "from") or []
    ports = rule.get("ports") or []
    peer_fits = not peers or any(_is_peer(world, policy, peer, far) for peer in peers)
    return peer_fits and (not ports or any(_is_port(world, port, flow) for port in ports))


def _is_peer(world: World, policy: Json, peer: Json, address: Address) -> bool:
    if block := peer.get("ipBlock"):
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(
            address in ipaddress.ip_network(hole) for hole in block.get("except", [])
        )
    pod = world.pod_at(address)
    if not pod:
        return False
    namespace = pod["metadata"]["namespace"]
    if "namespaceSelector" in peer:
        labels = next(
            n["metadata"]["labels"] for n in world.namespaces if n["metadata"]["name"] == namespace
        )
        if not _selects(peer["namespaceSelector"], labels):
            return False
    elif namespace != policy["metadata"]["namespace"]:
        return False
    return _selects(peer.get("podSelector", {}), pod["metadata"].get("labels", {}))


def _is_port(world: World, port: Json, flow: Flow) -> bool:
    if port.get("protocol", "TCP") != flow.protocol:
        return False
    wanted = port.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return bool(wanted <= flow.port <= port.get("endPort", wanted))
    dialled = world.pod_at(flow.destination)
    return dialled is not None and any(
        (has.get("name"), has["protocol"], has["containerPort"])
        == (wanted, flow.protocol, flow.port)
        for has in dialled["spec"]["containers"][0]["ports"]
    )


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if key not in labels or labels[key] != value:
            return False
    for line in selector.get("matchExpressions", []):
        there, values = line["key"] in labels, line.get("values", [])
        fits = {
            "In": there and labels.get(line["key"]) in values,
            "NotIn": not there or labels[line["key"]] not in values,
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not fits[line["operator"]]:
            return False
    return True

"""NetworkPolicies of chance over the world of the table: every field, and odd combinations."""

from random import Random

from clusterproof.kube.answer import Json
from testbed.oracles.policies.world import Case, World

_KEYS = ("app", "tier", "trust", "name", "team")
_VALUES = ("web", "db", "api", "front", "back", "high", "shop", "blue")
_BLOCKS: tuple[Json, ...] = (
    {"cidr": "0.0.0.0/0"},
    {"cidr": "0.0.0.0/0", "except": ["10.200.0.0/24", "10.200.0.8/29", "203.0.113.8/29"]},
    {"cidr": "10.0.0.0/8", "except": ["10.200.0.12/32"]},
    {"cidr": "10.200.0.12/32"},
    {"cidr": "fd99::/16", "except": ["fd99::2:0/112"]},
    {"cidr": "::/0"},
)
_PORTS: tuple[Json, ...] = (
    {"protocol": "TCP"},
    {"protocol": "UDP"},
    {"protocol": "SCTP"},
    {"port": 80},
    {"port": 8080, "endPort": 9004},
    {"protocol": "UDP", "port": 53},
    {"port": "http"},
    {"protocol": "UDP", "port": "dns"},
    {"protocol": "SCTP", "port": 9000},
)
TARGETS = (
    *(("TCP", port) for port in (80, 443, 8080, 8081, 9005)),
    *(("UDP", port) for port in (53, 8125)),
    ("SCTP", 9000),
    ("ICMP", 0),
)


def draw_policy(random: Random) -> Json:
    """One NetworkPolicy; `name` and `generation` are any."""
    spec: Json = {"podSelector": _selector(random)}
    if _comes(random, 0.7):
        spec["policyTypes"] = random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if _comes(random, 0.7):
        spec["ingress"] = _rules(random, "from", 0)
    if _comes(random, 0.7):
        spec["egress"] = _rules(random, "to", 1)
    namespace = random.choice(["shop", "partner", "lobby"])
    return {"metadata": {"name": "any", "namespace": namespace}, "spec": spec}


def draw_dials(random: Random, world: World, count: int) -> list[Case]:
    """Dials between any two places, one of them a Pod (IPv4)."""
    pods = [pod["metadata"]["name"] for pod in world.pods]
    places = [*pods, *world.hosts]
    dials: list[Case] = []
    while len(dials) < count:
        source, destination = random.sample(places, 2)
        if source in pods or destination in pods:
            protocol, port = random.choice(TARGETS)
            name = f"{source} -> {destination} {port}/{protocol}"
            dials.append(Case(name, (), source, destination, port, protocol, 4, "", {}))
    return dials


def _comes(random: Random, share: float) -> bool:
    return random.random() < share


def _rules(random: Random, peers_key: str, least: int) -> list[Json]:
    rules = []
    for _ in range(random.randint(least, 2)):
        rule: Json = {}
        if _comes(random, 0.7):
            rule[peers_key] = [_peer(random) for _ in range(random.randint(0, 2))]
        if _comes(random, 0.5):
            rule["ports"] = random.sample(_PORTS, random.randint(0, 2))
        rules.append(rule)
    return rules


def _peer(random: Random) -> Json:
    if _comes(random, 0.3):
        return {"ipBlock": random.choice(_BLOCKS)}
    keys = random.choice(
        [("podSelector",), ("namespaceSelector",), ("podSelector", "namespaceSelector")]
    )
    return {key: _selector(random) for key in keys}


def _selector(random: Random) -> Json:
    selector: Json = {}
    if _comes(random, 0.4):
        selector["matchLabels"] = {random.choice(_KEYS): random.choice(_VALUES)}
    if _comes(random, 0.3):
        selector["matchExpressions"] = [_expression(random)]
    return selector


def _expression(random: Random) -> Json:
    operator = random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    expression: Json = {"key": random.choice(_KEYS), "operator": operator}
    if operator in {"In", "NotIn"}:
        expression["values"] = random.sample(_VALUES, random.randint(1, 3))
    return expression

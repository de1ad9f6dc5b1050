"""NetworkPolicies of chance over the world of the table: every field, and odd combinations."""

from itertools import permutations, product
from random import Random

from clusterproof.kube.answer import Json
from testbed.oracles.policies.world import Case, World

MOST_POLICIES = 4
DIALS = 200
"""Different packets under each set of policies."""

_LABELS = (
    *(("app", "web"), ("app", "db"), ("app", "api"), ("tier", "front"), ("tier", "back")),
    *(("name", "shop"), ("name", "partner"), ("trust", "high"), ("team", "blue")),
)
"""Those of the world; a selector for Pods may have one of a Namespace, and selects none then."""
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
    {"protocol": "UDP", "port": 50, "endPort": 60},
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


def draw_policy(random: Random, name: str = "any") -> Json:
    """One NetworkPolicy of that name."""
    spec: Json = {"podSelector": _selector(random)}
    if _comes(random, 0.7):
        spec["policyTypes"] = random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    if _comes(random, 0.7):
        spec["ingress"] = _rules(random, "from", 0)
    if _comes(random, 0.7):
        spec["egress"] = _rules(random, "to", 1)
    namespace = random.choice(["shop", "shop", "partner", "partner", "lobby"])
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def draw_dials(random: Random, world: World, count: int) -> list[Case]:
    """So many different dials between two places, one of them a Pod (IPv4).

    None between a Pod and its own node, which no policy closes.
    """
    nodes = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in world.pods}
    ends = [
        (source, to)
        for source, to in permutations([*nodes, *world.hosts], 2)
        if (source in nodes or to in nodes) and to != nodes.get(source) and source != nodes.get(to)
    ]
    drawn = random.sample(list(product(ends, TARGETS)), count)
    return [
        Case(f"{source} -> {to} {port}/{protocol}", (), source, to, port, protocol, 4, "", {})
        for (source, to), (protocol, port) in drawn
    ]


def draw_set(random: Random, world: World) -> tuple[list[Json], list[Case]]:
    """Policies that stand together, and packets to dial under them."""
    count = random.randint(1, MOST_POLICIES)
    policies = [draw_policy(random, f"policy-{number}") for number in range(count)]
    return policies, draw_dials(random, world, DIALS)


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
        selector["matchLabels"] = dict([random.choice(_LABELS)])
    if _comes(random, 0.4):
        selector["matchExpressions"] = [_expression(random)]
    return selector


def _expression(random: Random) -> Json:
    operator = random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    key, text = random.choice(_LABELS)
    expression: Json = {"key": key, "operator": operator}
    if operator in {"In", "NotIn"}:
        others = random.sample([other for _, other in _LABELS if other != text], 2)
        expression["values"] = [text, *others] if _comes(random, 0.7) else others
    return expression

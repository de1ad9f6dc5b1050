"""Nodes: whether one would take a Pod by itself - taints, labels, ports, room.

Restates the scheduler's filters NodeUnschedulable, NodeName, TaintToleration, NodeAffinity,
NodePorts and NodeResourcesFit (pkg/scheduler/framework/plugins).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from clusterproof.kube.containers import lasting_containers
from clusterproof.kube.objects import Json, condition, labels_of
from clusterproof.kube.quota import is_extended
from clusterproof.kube.requests import Amounts, amounts_of, bounds_of_pod, total_requests
from clusterproof.kube.selectors import selects

_HARD = frozenset({"NoSchedule", "NoExecute"})
_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_INTEGER = re.compile(r"^[+-]?[0-9]+$", re.ASCII)
_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - a host port without an address


def tolerates(toleration: Json, taint: Json) -> bool:
    """Whether a toleration is one for a taint (v1.Toleration.ToleratesTaint)."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Equal":
        return (toleration.get("value") or "") == (taint.get("value") or "")
    return bool(operator == "Exists")


def untolerated(taints: Iterable[Json], tolerations: Iterable[Json]) -> Json | None:
    """The first taint that keeps a Pod away (v1helper.FindMatchingUntoleratedTaint)."""
    tolerations = list(tolerations)
    for taint in taints:
        if taint.get("effect") in _HARD and not any(tolerates(each, taint) for each in tolerations):
            return taint
    return None


def daemon_tolerations(spec: Json) -> list[Json]:
    """What each Pod of a DaemonSet tolerates besides (daemonset_util, AddOrUpdateDaemonPod…)."""
    names = ["disk-pressure", "memory-pressure", "pid-pressure", "unschedulable"]
    names += ["network-unavailable"] * bool(spec.get("hostNetwork"))
    effects = [("not-ready", "NoExecute"), ("unreachable", "NoExecute")]
    effects += [(name, "NoSchedule") for name in names]
    return [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        for name, effect in effects
    ]


def is_selected(spec: Json, node: Json) -> bool:
    """Whether nodeSelector and required node affinity take a node (GetRequiredNodeAffinity)."""
    labels = labels_of(node)
    if any(labels.get(key) != wanted for key, wanted in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity is None:
        return True
    return any(_term_matches(term, node) for term in affinity.get("nodeSelectorTerms") or [])


def _term_matches(term: Json, node: Json) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    name = {"metadata.name": node["metadata"]["name"]}
    return all(_expression_matches(each, labels_of(node)) for each in expressions) and all(
        selects({"matchExpressions": [each]}, name) for each in fields
    )


def _expression_matches(expression: Json, labels: dict[str, str]) -> bool:
    operator, key = expression["operator"], expression["key"]
    if operator not in {"Gt", "Lt"}:
        return selects({"matchExpressions": [expression]}, labels)
    (bound,) = expression["values"]
    has = labels.get(key, "")
    if not (_INTEGER.match(has) and _INTEGER.match(bound)):
        return False
    return int(has) > int(bound) if operator == "Gt" else int(has) < int(bound)


_MADE_ON_DEMAND = ("karpenter.sh/nodepool", "karpenter.sh/provisioner-name")
"""Labels of nodes that Karpenter makes for Pods that wait (its docs, "NodePools"; the older name);
EKS Auto Mode and AKS's node auto-provisioning are Karpenter too."""


def maker_of(node: Json) -> str:
    """The label that says that a node was made for Pods that waited for one; or ""."""
    labels = labels_of(node)
    return next((f"{key}={labels[key]}" for key in _MADE_ON_DEMAND if key in labels), "")


def platform_of(node: Json) -> str:
    """The operating system and architecture that a node pulls images for, as in `linux/arm64`."""
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return f"{info.get('operatingSystem', '')}/{info.get('architecture', '')}".strip("/")


def host_ports(spec: Json) -> list[tuple[str, str, int]]:
    """Address, protocol and number of each host port (schedutil.GetHostPorts).

    In the network of the host each port of a container is one (defaults.go, SetDefaults_PodSpec);
    a template does not say so, the Pod made from it does.
    """
    on_host = bool(spec.get("hostNetwork"))
    return [
        (port.get("hostIP") or _ANY_ADDRESS, port.get("protocol") or "TCP", number)
        for container in lasting_containers(spec)
        for port in container.spec.get("ports") or []
        if (number := port.get("hostPort") or (port["containerPort"] if on_host else 0))
    ]


@dataclass(slots=True)
class NodeRoom:
    """What a node has left, as the scheduler's NodeInfo counts it.

    Attributes:
        node: The node.
        pods: Those bound to it that have not finished; those about to end still hold their room.
        requested: By all of them together.
        host_ports: That they hold.
    """

    node: Json
    pods: list[Json] = field(default_factory=list)
    requested: Amounts = field(default_factory=dict)
    host_ports: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The node's."""
        return str(self.node["metadata"]["name"])

    def add(self, pod: Json) -> None:
        """Bind a Pod to it."""
        self.pods.append(pod)
        self.host_ports += host_ports(pod["spec"])
        for name, amount in scheduled_requests(pod).items():
            self.requested[name] = self.requested.get(name, Decimal(0)) + amount

    def refusals(self, pod: Json) -> Iterator[str]:
        """Why it would not take a Pod, in the scheduler's words; nothing where it would."""
        spec, node_spec = pod["spec"], self.node.get("spec") or {}
        if condition(self.node, "Ready") != "True":
            yield "not Ready"
        if node_spec.get("unschedulable") and untolerated(
            [_UNSCHEDULABLE], spec.get("tolerations") or []
        ):
            yield "cordoned"
        if spec.get("nodeName") and spec["nodeName"] != self.name:
            yield f"not the node {spec['nodeName']} of the Pod"
        yield from self.mismatches(spec)
        yield from self._taken_ports(spec)
        yield from self._insufficient(pod)

    def mismatches(self, spec: Json) -> Iterator[str]:
        """Why no other node of its kind would take a Pod either, however empty."""
        taints = (self.node.get("spec") or {}).get("taints") or []
        taint = untolerated(taints, spec.get("tolerations") or [])
        if taint is not None:
            mark = f"{taint['key']}={taint['value']}" if taint.get("value") else taint["key"]
            yield f"untolerated taint {mark}:{taint['effect']}"
        if not is_selected(spec, self.node):
            yield "not selected by nodeSelector or node affinity"

    def _taken_ports(self, spec: Json) -> Iterator[str]:
        for address, protocol, number in host_ports(spec):
            if any(
                (protocol, number) == (other_protocol, other_number)
                and (_ANY_ADDRESS in {address, other_address} or address == other_address)
                for other_address, other_protocol, other_number in self.host_ports
            ):
                yield f"host port {number}/{protocol} is taken"

    def _insufficient(self, pod: Json) -> Iterator[str]:
        allocatable = (self.node.get("status") or {}).get("allocatable") or {}
        room = _scheduler_amounts(amounts_of(allocatable))
        if len(self.pods) + 1 > room.get("pods", 0):
            yield f"too many Pods: {len(self.pods)} of {allocatable.get('pods', '0')}"
        for name, amount in scheduled_requests(pod).items():
            left = room.get(name, Decimal(0)) - self.requested.get(name, Decimal(0))
            if amount > max(left, Decimal(0)):
                yield f"insufficient {name}: {_plain(left)} of {allocatable.get(name, '0')} left"


def scheduled_requests(pod: Json) -> Amounts:
    """What the scheduler counts of a Pod's requests (NodeResourcesFit; framework.Resource.Add)."""
    return _scheduler_amounts(total_requests(bounds_of_pod(pod)))


def _scheduler_amounts(amounts: Amounts) -> Amounts:
    """CPU in whole thousandths, the rest in whole units; without names that it does not know."""
    milli, whole = Decimal("0.001"), Decimal(1)
    return {
        name: amount.quantize(milli if name == "cpu" else whole, ROUND_CEILING)
        for name, amount in amounts.items()
        if name in {"cpu", "memory", "ephemeral-storage", "pods"} or _is_scalar(name)
    }


def _is_scalar(name: str) -> bool:
    """Restates schedutil.IsScalarResourceName."""
    return (
        is_extended(name)
        or name.startswith(("hugepages-", "attachable-volumes-"))
        or "kubernetes.io/" in name
    )


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"

"""Each rule of `clusterproof.kube`, and the HPA model, beside Kubernetes' own answer to a case."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from clusterproof.kube import limits, quota, requests
from clusterproof.kube.endpoints import endpoints_of
from clusterproof.kube.objects import controlled_by, labels_of
from clusterproof.kube.pods import is_finished, is_healthy
from clusterproof.kube.quantity import parse_quantity
from clusterproof.kube.scheduling import Places
from clusterproof.kube.selectors import selects, service_selects
from clusterproof.kube.services import ports_of, publishes_unready, target_port
from testbed.oracles.kubernetes import cases, scaling
from testbed.oracles.program import Json, Program

TIMES = 5
"""How often the same Pod is created against the quotas of a case."""

Decision = tuple[str, object, object]
"""What was decided, by us, by Kubernetes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with its cases.

    Attributes:
        cases: What is generated.
        decide: The decisions on one case, ours beside theirs.
        upstream: The functions of Kubernetes that decide.
    """

    cases: st.SearchStrategy[Any]
    decide: Callable[[Program, Any], Iterator[Decision]]
    upstream: str


def quantities(oracle: Program, text: str) -> Iterator[Decision]:
    """A text is a quantity, and which."""
    answer = oracle.ask("quantity", text=text)
    try:
        ours: Decimal | None = parse_quantity(text)
    except ValueError:
        ours = None
    yield text, ours, Decimal(answer["amount"]) if "amount" in answer else None


def amounts(oracle: Program, pod: Json) -> Iterator[Decision]:
    """The requests and limits of a Pod, without and with its status."""
    for status, bounds in (
        (False, requests.bounds_of(pod["spec"])),
        (True, requests.bounds_of_pod(pod)),
    ):
        answer = oracle.ask("amounts", pod=pod, status=status)
        yield "requests", requests.total_requests(bounds), _exact(answer["requests"])
        yield "limits", requests.total_limits(bounds), _exact(answer["limits"])


def admissions(oracle: Program, case: Json) -> Iterator[Decision]:
    """What LimitRanges set, whether they refuse, and how many Pods the quotas admit."""
    answer = oracle.ask("admit", times=TIMES, **case)
    spec = case["pod"]["spec"]
    bounds = requests.bounds_of(spec)
    for limit_range in case["limitRanges"]:
        bounds, _ = limits.defaulted(limit_range, bounds)
    for container in bounds.containers:
        theirs = answer["resources"][container.name]
        yield "requests set", container.bounds.requests, _exact(theirs["requests"])
        yield "limits set", container.bounds.limits, _exact(theirs["limits"])
    ours = [limits.refusals(each, bounds) for each in case["limitRanges"]]
    yield "LimitRanges that refuse", _reasons(ours), _their_reasons(answer)
    rooms = quota.room_in(case["quotas"], spec, bounds)
    more = min((room.more for room in rooms), default=TIMES)
    yield "Pods that the quotas admit", min(more, TIMES), answer["created"]


def claims(oracle: Program, case: Json) -> Iterator[Decision]:
    """Which LimitRanges refuse a claim."""
    answer = oracle.ask("claim", **case)
    spec = case["claim"]["spec"]
    ours = [limits.claim_refusals(each, spec) for each in case["limitRanges"]]
    yield "LimitRanges that refuse", _reasons(ours), _their_reasons(answer)


_REASON = re.compile(
    r"(?P<rule>minimum|maximum) (?P<resource>\S+) usage per (?P<subject>\w+)"
    r"|(?P<of_ratio>\S+) max limit to request ratio per (?P<with_ratio>\w+)"
)
Reason = tuple[str, str, bool]
_RULES_OF = {"minimum": "min", "maximum": "max", None: "maxLimitRequestRatio"}


def _reasons(refusals: Iterable[Iterable[limits.Refusal]]) -> list[set[Reason]]:
    """For each LimitRange that refuses: its rule, the resource, and a container or all of it."""
    reasons = [{(why.rule, why.resource, bool(why.subject)) for why in each} for each in refusals]
    return [each for each in reasons if each]


def _their_reasons(answer: Json) -> list[set[Reason]]:
    """The same, of what LimitRanger says."""
    return [
        {
            (
                _RULES_OF[match["rule"]],
                match["resource"] or match["of_ratio"].strip("["),
                (match["subject"] or match["with_ratio"]) == "Container",
            )
            for match in _REASON.finditer(text)
        }
        for text in answer["refusals"]
    ]


_PLUGINS = (
    ("cordoned", "NodeUnschedulable"),
    ("not the node", "NodeName"),
    ("untolerated taint", "TaintToleration"),
    ("not selected", "NodeAffinity"),
    ("host port", "NodePorts"),
    ("too many Pods", "NodeResourcesFit"),
    ("insufficient", "NodeResourcesFit"),
    ("topology spread", "PodTopologySpread"),
    ("pod affinity", "InterPodAffinity"),
    ("pod anti-affinity", "InterPodAffinity"),
)


def places(oracle: Program, case: Json) -> Iterator[Decision]:
    """Which of the scheduler's filters refuse a Pod on which node."""
    answer = oracle.ask("places", **case)
    namespaces = {
        each["metadata"]["name"]: each["metadata"]["labels"] for each in case["namespaces"]
    }
    ours = Places.of(case["nodes"], case["pods"], namespaces).refusals(case["pod"])
    for node, theirs in answer["refused"].items():
        refusing = {
            plugin for words in ours[node] for start, plugin in _PLUGINS if words.startswith(start)
        }
        yield node, refusing, {each.partition(":")[0] for each in theirs}


def members(oracle: Program, case: Json) -> Iterator[Decision]:
    """Which Pods a Service, a budget and a controller take, and which of them count."""
    answer = oracle.ask("members", **case)
    service, budget, pods = case["service"], case["budget"]["spec"], case["pods"]
    chosen = [pod for pod in pods if service_selects(service, labels_of(pod))]
    yield "Pods of the Service", _names(chosen), set(answer["chosen"])
    ours = {
        (pod["metadata"]["name"], port.name, port.protocol, number)
        for pod in chosen
        if not is_finished(pod) and (is_healthy(pod) or publishes_unready(service))
        for port in ports_of(service)
        if (number := target_port(pod["spec"], port)) is not None
    }
    theirs = {
        (entry.pod, entry.port_name, entry.protocol, entry.port)
        for entry in endpoints_of(answer["slices"], "web")
        if entry.ready and entry.port is not None
    }
    yield "ready endpoints", ours, theirs
    owned = controlled_by([case["owner"]], pods)
    yield "Pods of the controller", _names(owned), set(answer["controlled"])
    counted = [pod for pod in pods if selects(budget.get("selector"), labels_of(pod))]
    status = answer["budget"]
    yield "Pods of the budget", len(counted), status["expectedPods"]
    yield "healthy ones", sum(map(is_healthy, counted)), status["currentHealthy"]


def _names(pods: Iterable[Json]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def _exact(listed: Json) -> dict[str, Decimal]:
    return {name: Decimal(text) for name, text in listed.items()}


RULES = {
    "quantities": Rule(cases.QUANTITY_TEXTS, quantities, "resource.ParseQuantity"),
    "requests": Rule(
        cases.resized_pods(), amounts, "SetDefaults_Pod, resource.PodRequests, resource.PodLimits"
    ),
    "admission": Rule(
        cases.admissions(),
        admissions,
        "limitranger.PodMutateLimitFunc, PodValidateLimitFunc, resourcequota.CheckRequest",
    ),
    "scaling": Rule(
        scaling.scalings(),
        scaling.decide,
        "HorizontalController: GetResourceReplicas, GetRawResourceReplicas, GetMetricReplicas, "
        "GetObjectMetricReplicas, GetObjectPerPodMetricReplicas, GetExternalMetricReplicas, "
        "GetExternalPerPodMetricReplicas, computeReplicasForMetrics, normalizeDesiredReplicas",
    ),
    "claims": Rule(cases.claims(), claims, "limitranger.PersistentVolumeClaimValidateLimitFunc"),
    "places": Rule(
        cases.clusters(),
        places,
        "the scheduler's filters: NodeUnschedulable, NodeName, TaintToleration, NodeAffinity, "
        "NodePorts, NodeResourcesFit, PodTopologySpread, InterPodAffinity",
    ),
    "members": Rule(
        cases.members(),
        members,
        "endpointslice: GetServicesToUpdate, Reconciler.Reconcile; metav1.IsControlledBy; "
        "DisruptionController: getPodsForPdb, countHealthyPods",
    ),
}

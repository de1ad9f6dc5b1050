"""How each kind of row is read: where it differs, and what it rests on.

One function for each kind; a kind without one is read by the object that it names. What explains a
row is taken from what the run observed: from its differences, and from rows of the same run.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from clusterproof.causes.finding import Finding
from clusterproof.causes.place import ANY, LEADS, RUNS, SERVES, Need, Part, Place, Reading
from clusterproof.causes.relations import Relations
from clusterproof.judgement import Difference
from clusterproof.kube.dns import services_meant
from clusterproof.product.posthog.stores import store_named

AnyRow: TypeAlias = Any
"""A row of whatever kind: each has its own fields."""
Rule = Callable[[Finding, AnyRow, Relations], Reading]

_NAMED: Final = tuple(
    (re.compile(pattern), kind, part)
    for pattern, kind, part in (
        (r'configmaps? "([^"]+)" not found', "ConfigMap", Part.EXISTS),
        (r'secrets? "([^"]+)" not found', "Secret", Part.EXISTS),
        (r'persistentvolumeclaim "([^"]+)" not found', "PersistentVolumeClaim", Part.EXISTS),
        (r'serviceaccount "([^"]+)" not found', "ServiceAccount", Part.EXISTS),
        (r"couldn't find key \S+ in ConfigMap [^/\s]+/([a-z0-9.-]+)", "ConfigMap", Part.DATA),
        (r"couldn't find key \S+ in Secret [^/\s]+/([a-z0-9.-]+)", "Secret", Part.DATA),
        (r"waits for Service/[^/\s]+/([a-z0-9.-]+), which does not exist", "Service", Part.EXISTS),
        (r"exceeded quota: ([a-z0-9.-]+)", "ResourceQuota", Part.SPEC),
    )
)
"""What the API server, a kubelet or our own look names as the reason."""
_REF: Final = re.compile(r"\b([A-Z][A-Za-z]+/[a-z0-9.-]*/[a-z0-9][a-z0-9.-]*)")
_NAMESPACE: Final = re.compile(r"\(?namespace ([a-z0-9-]+) has ")
_POLICY: Final = re.compile(r"NetworkPolicy ([a-z0-9.-]+?)(?::| egress| ingress)")
_UNAVAILABLE: Final = re.compile(
    r"\b5\d\d\b|no answer|refused|timeout|unsent|not read back|Error|no event came back|False"
)
_REFUSED: Final = re.compile(
    r'cannot (\w+) resource "([^"]+)" in API group "[^"]*"(?: in the namespace "([^"]+)")?'
)
"""As the API server's authorizer says it (k8s.io/apiserver, endpoints/handlers/responsewriters)."""
RIGHT: Final = "Right/"
"""A place that is a right: `Right/NAMESPACE/VERB RESOURCE`."""
REASON: Final = "Reason//"
"""A place that is a reason alone, which several rows may share."""
NODES: Final = "Node//"
METRICS_API: Final = "APIService//v1beta1.metrics.k8s.io"
CUSTOM_METRICS_API: Final = "APIService//v1beta1.custom.metrics.k8s.io"
EXTERNAL_METRICS_API: Final = "APIService//v1beta1.external.metrics.k8s.io"
_NO_METRICS: Final = re.compile(r"unable to (get|fetch) metrics|metrics\.k8s\.io")
_TYPED_METRIC: Final = re.compile(
    r"\b(?:Pods|Object|External) metric\b|from (?:custom|external) metrics API"
)
_NO_OBJECT: Final = ("event-clock", "flag-quota-limited")
"""A clock, and a plan: no object of the cluster."""
_DATABASES: Final = MappingProxyType({"db": "postgres"})
_ABSENT: Final = frozenset(
    {
        "autoscaler-absent",
        "config-map-missing",
        "gateway-missing",
        "ingress-missing",
        "object-absent",
        "policy-missing",
        "route-missing",
        "secret-absent",
        "service-missing",
        "workload-absent",
    }
)


def read(finding: Finding, relations: Relations) -> Reading:
    """Where a finding differs and what could explain it."""
    row: AnyRow = finding.row
    if finding.doubt:
        return _doubt(finding, row, relations)
    proven = tuple(_named(finding, _namespace_of(row)))
    absent = _absent(finding, row)
    if absent is not None:
        return Reading(absent, proven=proven)
    reading = _RULES.get(row.check, _declared)(finding, row, relations)
    return Reading(reading.at, reading.also, reading.needs, (*proven, *reading.proven))


def _named(finding: Finding, namespace: str) -> Iterator[Place]:
    for pattern, kind, part in _NAMED:
        for match in pattern.finditer(finding.words):
            yield Place(f"{kind}/{namespace}/{match[1]}", part)


def _namespace_of(row: AnyRow) -> str:
    for holder in (getattr(row, "operation", None), row):
        for name in ("workload", "of", "service", "runs"):
            ref = getattr(holder, name, None)
            if ref is not None and hasattr(ref, "namespace"):
                return str(ref.namespace)
    workloads = getattr(row, "workloads", None)
    return str(workloads[0].namespace if workloads else getattr(row, "namespace", ""))


def _absent(finding: Finding, row: AnyRow) -> Place | None:
    """The object that the API server does not have, where the row says which."""
    for difference in finding.differences:
        named = _REF.fullmatch(difference.what.split(" ")[0])
        if difference.code in _ABSENT and named:
            return Place(named[1], Part.EXISTS)
        if difference.code in {"ingress-missing", "route-missing"}:
            return Place(str(row.of), Part.EXISTS)
    return None


def _first(finding: Finding) -> Difference:
    return finding.differences[0]


def _doubt(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    """What a row that could not be looked at rests on."""
    needs = [Need(ref, RUNS | LEADS) for ref in _REF.findall(finding.doubt)]
    for name in ("workload", "of", "service"):
        ref = getattr(row, name, None)
        if ref is not None and hasattr(ref, "namespace"):
            needs += [Need(str(ref), SERVES), *_behind(str(ref), relations)]
    proven = tuple(_named(finding, _namespace_of(row)))
    refused = _REFUSED.search(finding.doubt)
    if refused:
        right = f"{RIGHT}{refused[3] or ''}/{refused[1]} {refused[2]}"
        return Reading(Place(right, Part.EXISTS), proven=(*proven, Place(right, Part.EXISTS)))
    if store := _refusing(finding, relations.asked(finding.where), relations):
        return Reading(_program_of(store), needs=(Need(store, RUNS),))
    at = Place(f"{REASON}{finding.doubt}", Part.STATUS)
    return Reading(at, needs=tuple(needs), proven=proven)


def _behind(service: str, relations: Relations) -> tuple[Need, ...]:
    return _programs(relations.behind(service))


def _exists(ref: object) -> Need:
    """The object itself, written as `Kind/namespace/name`."""
    return Need(str(ref), frozenset({Part.EXISTS}))


def _declared(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    """A row about one object: the object itself, by the part that the row reads."""
    ref = getattr(row, "of", None) or getattr(row, "workload", None)
    if ref is None or not hasattr(ref, "namespace"):
        refs = _REF.findall(finding.words)
        return Reading(Place(refs[0], Part.SPEC) if refs else None)
    return Reading(Place.of(ref, Part.SPEC), needs=(_exists(ref),))


def _template(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    return Reading(Place.of(row.workload, Part.TEMPLATE), needs=(_exists(row.workload),))


def _quantity(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    return Reading(Place.of(row.workload, Part.RESOURCES), needs=(_exists(row.workload),))


def _field(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    exists = _exists(row.of)
    if row.path.startswith("status"):
        spec = Need(str(row.of), frozenset({Part.EXISTS, Part.SELECTOR, Part.SPEC}))
        pods = Need(f"*/{row.of.namespace}/", RUNS)
        return Reading(Place.of(row.of, Part.STATUS), needs=(exists, spec, pods))
    part = Part.SPEC
    if row.path.startswith("spec.template"):
        part = Part.RESOURCES if "resources" in row.path else Part.TEMPLATE
    elif row.path.startswith(("data", "stringData")):
        part = Part.DATA
    elif "elector" in row.path:
        part = Part.SELECTOR
    return Reading(Place.of(row.of, part), needs=(exists,))


def _replicas(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    ref = str(row.workload)
    exists = _exists(ref)
    if finding.has("replicas-outside-bounds", "rollout-paused"):
        return Reading(Place(ref, Part.REPLICAS), needs=(exists,))
    quota = Need(f"ResourceQuota/{row.workload.namespace}/", ANY)
    before = Need(ref, frozenset({Part.REPLICAS}))
    return Reading(Place(ref, Part.PODS), needs=(exists, before, quota, Need(NODES)))


def _starts(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    ref = str(row.workload)
    before = Need(ref, frozenset({Part.EXISTS, Part.REPLICAS}))
    return Reading(Place(ref, Part.PODS), needs=(before,))


def _service(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    ref, workload = str(row.of), str(row.workload)
    exists = _exists(ref)
    if finding.has("pod-not-selected", "foreign-pod-selected"):
        return Reading(Place(ref, Part.SELECTOR), needs=(exists,))
    if finding.has("port-missing", "target-port-differs", "endpoint-foreign"):
        return Reading(Place(ref, Part.SPEC), needs=(exists,))
    runs = Need(workload, RUNS)
    if finding.has("no-pod-ready"):
        return Reading(Place(workload, Part.PODS), (Place(ref, Part.ENDPOINTS),), (exists, runs))
    return Reading(Place(ref, Part.ENDPOINTS), needs=(exists, runs))


def _reference(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    if finding.has("service-missing") and not finding.has("host-differs"):
        return Reading(Place.of(row.service, Part.EXISTS))
    exists = _exists(row.of)
    if finding.has("port-differs") and not finding.has("host-differs"):
        spec = Need(str(row.service), frozenset({Part.SPEC}))
        return Reading(Place.of(row.of, Part.DATA), needs=(exists, spec))
    return Reading(Place.of(row.of, Part.DATA), needs=(exists,))


def _consumed(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    needs = (Need(str(row.of), frozenset({Part.EXISTS, Part.DATA})),)
    if finding.has("key-absent"):
        return Reading(Place.of(row.of, Part.DATA), needs=needs)
    gone = _exists(row.workload)
    return Reading(Place.of(row.workload, Part.TEMPLATE), needs=(gone, *needs))


def _fresh(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    exists = Need(str(row.of), frozenset({Part.EXISTS, Part.DATA}))
    return Reading(Place.of(row.of, Part.STATUS), needs=(exists,))


def _secret(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    exists = _exists(row.of)
    return Reading(Place.of(row.of, Part.DATA), needs=(exists,))


def _certificate(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    refs = [ref for ref in _REF.findall(finding.words) if ref.startswith("Secret/")]
    place = Place(refs[0] if refs else str(row.of), Part.DATA)
    return Reading(place, needs=(_exists(place.ref),))


def _dns(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    service = _exists(row.service)
    if finding.has("name-not-resolved"):
        needs = (service, Need(str(row.workload), frozenset({Part.DNS})))
        return Reading(Place.of(row.workload, Part.DNS), needs=needs)
    spec = Need(str(row.service), LEADS)
    return Reading(Place.of(row.service, Part.SPEC), needs=(service, spec))


def _policy(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    label = _NAMESPACE.search(finding.words)
    if label:
        return Reading(Place(f"Namespace//{label[1]}", Part.LABELS))
    exists = _exists(row.of)
    if row.aspect == "selects":
        return Reading(Place.of(row.of, Part.SELECTOR), needs=(exists,))
    before = Need(str(row.of), frozenset({Part.SELECTOR}))
    return Reading(Place.of(row.of, Part.SPEC), needs=(exists, *_labels(finding), before))


def _labels(finding: Finding) -> tuple[Need, ...]:
    """The label of a namespace that the same words name as a peer."""
    peers = {
        word.partition("/")[0].rpartition(".")[2] or word
        for difference in finding.differences
        for word in re.findall(r"[a-z0-9.-]+/[a-z0-9.=-]+", difference.expected)
    }
    return tuple(Need(f"Namespace//{peer}", frozenset({Part.LABELS})) for peer in sorted(peers))


def _egress(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    workload, namespace = str(row.workload), row.workload.namespace
    words = finding.words
    meant = services_meant(row.host, namespace)
    service = f"Service/{meant[0].namespace}/{meant[0].name}" if meant else ""
    labels = (Need(f"Namespace//{meant[0].namespace}", frozenset({Part.LABELS})),) if meant else ()
    also = (Place(workload, Part.DNS),) if row.protocol == "DNS" else ()
    if finding.has("policy-not-enforced"):
        return Reading(Place(workload, Part.NETWORK), also)
    if finding.has("name-not-resolved"):
        dns = Need(workload, frozenset({Part.DNS}))
        exists = _exists(service)
        return Reading(Place(workload, Part.DNS), needs=(exists, dns))
    policy = _POLICY.search(words)
    if policy and "allows it: look at the peer" not in words:
        place = Place(f"NetworkPolicy/{namespace}/{policy[1]}", Part.SPEC)
        exists = Need(place.ref, frozenset({Part.EXISTS, Part.SELECTOR}))
        return Reading(place, also, (exists, *labels))
    if finding.has("pod-not-isolated"):
        parts = frozenset({Part.EXISTS, Part.SELECTOR, Part.SPEC})
        policies = tuple(Need(ref, parts) for ref in relations.policies_of(workload))
        return Reading(Place(workload, Part.NETWORK), also, policies)
    places = dict.fromkeys((namespace, *(name.namespace for name in meant[:1])))
    policies = tuple(Need(f"NetworkPolicy/{place}/") for place in places)
    leads = (Need(service, LEADS), *_behind(service, relations)) if service else ()
    return Reading(None, also, (*policies, *leads))


def _answer(_finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    service = str(row.service)
    behind = relations.behind(service)
    place = Place(behind[0], Part.PROGRAM) if behind else Place(service, Part.PROGRAM)
    policy = Need(f"NetworkPolicy/{row.service.namespace}/")
    return Reading(place, needs=(Need(service, LEADS), *_programs(behind), policy))


def _programs(workloads: tuple[str, ...]) -> tuple[Need, ...]:
    return tuple(Need(workload, SERVES) for workload in workloads)


def _ingress(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    exists = _exists(row.of)
    if finding.has("service-missing", "service-port-missing"):
        service = f"Service/{row.of.namespace}/{row.service}"
        return Reading(Place(service, Part.EXISTS), needs=(exists,))
    return Reading(Place.of(row.of, Part.SPEC), needs=(exists,))


def _ingress_answer(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    ingress = str(row.of)
    before = frozenset({Part.EXISTS, Part.SPEC})
    services = relations.services_of(ingress)
    needs = [Need(ref, ANY) for ref in relations.certificates_of(row.host)]
    needs += [Need(ingress, before), *(Need(service, LEADS) for service in services)]
    needs += [Need(str(row.gateway), before)] if row.gateway else []
    behind = tuple(ref for service in services for ref in relations.behind(service))
    needs += _programs(behind)
    in_program = behind and any("HTTP" in each.observed for each in finding.differences)
    place = Place(behind[0], Part.PROGRAM) if in_program else Place(ingress, Part.STATUS)
    return Reading(place, needs=tuple(needs))


def _route(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    needs = (_exists(row.of), Need(str(row.gateway), frozenset({Part.EXISTS, Part.SPEC})))
    for difference in finding.differences:
        if difference.code in {"service-missing", "service-port-missing"}:
            return Reading(Place(difference.what, Part.EXISTS), needs=needs)
        if difference.code == "route-differs":
            other = re.match(r"([a-z0-9-]+/[a-z0-9.-]+) ", difference.observed)
            if other:
                return Reading(Place(f"HTTPRoute/{other[1]}", Part.SPEC), needs=needs)
    if finding.has("gateway-not-programmed", "route-refused"):
        return Reading(Place.of(row.gateway, Part.SPEC), needs=needs)
    if finding.has("grant-missing"):
        namespaces = {backend.service.namespace for backend in row.backends}
        grants = tuple(Need(f"ReferenceGrant/{namespace}/") for namespace in sorted(namespaces))
        return Reading(Place.of(row.of, Part.STATUS), needs=(*needs, *grants))
    return Reading(Place.of(row.of, Part.SPEC), needs=needs)


def _http(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    workload, namespace = str(row.workload), row.workload.namespace
    needs = [Need(workload, RUNS)]
    if _UNAVAILABLE.search(finding.words) or finding.has("field-differs"):
        stores = re.findall(r'"([a-z]+)(?:_[a-z_]+)?": ?false', finding.words)
        needs += [Need(f"*/{namespace}/", SERVES, named=store) for store in stores]
        for service in relations.used_by(workload):
            needs += [Need(service, LEADS), *_behind(service, relations)]
        if not finding.has("no-answer"):
            needs.append(Need(f"*/{namespace}/", RUNS | {Part.ENDPOINTS}))
    return Reading(Place(workload, Part.PROGRAM), needs=tuple(needs))


def _program(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    return Reading(Place.of(row.workload, Part.STATUS), needs=(Need(str(row.workload), RUNS),))


def _targets(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    ref = str(row.workload)
    needs = (Need(ref, RUNS), Need(ref, frozenset({Part.TEMPLATE})))
    if finding.has("target-down"):
        needs = (Need(ref, RUNS), Need(ref, frozenset({Part.PROGRAM, Part.TEMPLATE})))
    return Reading(Place(ref, Part.PROGRAM), needs=needs)


def _hpa(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    ref, namespace = str(row.of), row.of.namespace
    exists = _exists(ref)
    for difference in finding.differences:
        target = re.search(r"([A-Z][A-Za-z]+)/([a-z0-9.-]+), absent", difference.observed)
        if target:
            gone = Need(f"{target[1]}/{namespace}/{target[2]}", frozenset({Part.EXISTS}))
            return Reading(Place(ref, Part.SPEC), needs=(exists, gone))
    if "ScalingDisabled" in finding.words:
        none = Need(f"*/{namespace}/", frozenset({Part.REPLICAS}))
        return Reading(Place(ref, Part.STATUS), needs=(exists, none))
    if "missing request for" in finding.words or finding.has("request-absent"):
        template = Need(f"*/{namespace}/", frozenset({Part.RESOURCES}))
        return Reading(Place(ref, Part.STATUS), needs=(exists, template))
    api = _metrics_api(finding)
    if _NO_METRICS.search(finding.words):
        return Reading(Place(api, Part.STATUS), needs=(exists,))
    needs = (exists, Need(api), Need(ref, frozenset({Part.SPEC})))
    return Reading(Place(ref, Part.STATUS), needs=needs)


def _metrics_api(finding: Finding) -> str:
    """The API that an autoscaler's figures come from, by the type of the first that lacks one.

    Source: podautoscaler/metrics, client.go (Pods and Object metrics: the custom metrics API).
    """
    metric = _TYPED_METRIC.search(finding.words)
    if metric is None:
        return METRICS_API
    return EXTERNAL_METRICS_API if "xternal" in metric[0] else CUSTOM_METRICS_API


def _totals(_finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    parts = frozenset({Part.EXISTS, Part.RESOURCES, Part.REPLICAS})
    return Reading(None, needs=tuple(Need(str(workload), parts) for workload in row.workloads))


def _placeholders(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    """Objects of one namespace, each named without it."""
    places = [
        Place(f"{match[1]}/{row.namespace}/{match[2]}", Part.DATA)
        for difference in finding.differences
        if (match := re.match(r"([A-Z][A-Za-z]+)/([a-z0-9.-]+) ", difference.what))
    ]
    return Reading(places[0], tuple(places[1:])) if places else Reading(None)


def _limit_range(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    refusal = re.match(r"([a-z0-9.-]+) refuses ", _first(finding).observed)
    if refusal:
        return Reading(Place(f"LimitRange/{row.namespace}/{refusal[1]}", Part.SPEC))
    return Reading(None)


def _room(finding: Finding, row: AnyRow, _relations: Relations) -> Reading:
    parts = {Part.EXISTS, Part.RESOURCES} | ({Part.TEMPLATE} if row.within == "nodes" else set())
    exists = Need(str(row.workload), frozenset(parts))
    quota = re.search(r"quota ([a-z0-9.-]+):", _first(finding).reason)
    if quota:
        place = Place(f"ResourceQuota/{row.workload.namespace}/{quota[1]}", Part.SPEC)
        return Reading(place, needs=(exists,))
    if row.within == "nodes":
        return Reading(Place(NODES, Part.SPEC), needs=(exists, Need(NODES)))
    return Reading(None, needs=(exists,))


def _status(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    """A figure of PostHog's status page; `X_alive` names the program that it speaks of."""
    web = relations.asked(finding.where)
    subject, _, alive = row.figure.rpartition("_")
    named = _DATABASES.get(subject, subject) if alive == "alive" else ""
    named = "worker" if row.figure == "queue_depth" else named
    if named and (store := _refusing(finding, web, relations)):
        return Reading(_program_of(store), needs=(Need(store, RUNS),))
    workload = (relations.beside(web, "worker") if named == "worker" else "") or web
    needs = (Need("*/*/", SERVES, named=named),) if named else ()
    return Reading(_program_of(workload), needs=needs)


def _refusing(finding: Finding, web: str, relations: Relations) -> str:
    """The workload of the store that refuses what PostHog writes, or ""."""
    word = store_named(finding.words)
    return relations.beside(web, word) if word and web else ""


def _program_of(workload: str) -> Place | None:
    return Place(workload, Part.PROGRAM) if workload else None


def _flag(finding: Finding, _row: AnyRow, relations: Relations) -> Reading:
    """What PostHog says of a flag: it rests on all that serves it."""
    if finding.has(*_NO_OBJECT):
        return Reading(None)
    return Reading(_program_of(relations.asked(finding.where)), needs=_served(finding))


def _ingestion(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    """What became of events: what was asked accepts them, and its workers store them."""
    web = relations.asked(finding.where)
    worker = relations.beside(web, "worker")
    if finding.has(*_NO_OBJECT):
        return Reading(None)
    if store := _refusing(finding, web, relations):
        return Reading(_program_of(store), needs=(Need(store, RUNS),))
    if finding.has("store-refuses"):
        return Reading(_program_of(worker or web), needs=(Need("*/*/", SERVES),))
    if finding.has("event-waiting"):
        waits = (Need("*/*/", RUNS, named="worker"), Need("*/*/", SERVES))
        return Reading(_program_of(worker), needs=waits)
    if row.figure not in {"durable", "lost"}:
        stores = worker if row.figure != "accepted" else ""
        return Reading(_program_of(stores or web), needs=_served(finding))
    stored = (Need(worker, SERVES),) if worker else ()
    return Reading(_program_of(web), needs=(*_served(finding), *stored))


def _exposure(finding: Finding, _row: AnyRow, relations: Relations) -> Reading:
    """What the router answered, and said of it to PostHog."""
    router = relations.asked(finding.where)
    return Reading(_program_of(router), needs=_served(finding))


def _served(finding: Finding) -> tuple[Need, ...]:
    unavailable = _UNAVAILABLE.search(finding.words) or "404" in finding.words
    return (Need("*/*/", SERVES),) if unavailable else ()


def _rehearsal(finding: Finding, row: AnyRow, relations: Relations) -> Reading:
    """An operation went wrong: what it names, what it was done to, or who lost a request."""
    runs = tuple(Need(str(workload), RUNS) for workload in row.workloads)
    of = getattr(row.operation, "of", None)
    for difference in finding.differences:
        if difference.code != "step-not-reached":
            continue
        if "may not be evicted" in difference.observed:
            workload = row.operation.runs
            budgets = relations.budgets_of(workload.namespace)
            proven = tuple(Place(ref, Part.SPEC) for ref in budgets) if len(budgets) == 1 else ()
            return Reading(None, needs=runs, proven=proven)
        if of is not None and row.operation.do == "forward":
            return Reading(Place.of(of, Part.SPEC), needs=runs)
        return Reading(Place.of(of, Part.PODS) if of else None, needs=runs)
    asked = relations.asked(finding.where)
    if not finding.has("no-request-sent", "request-lost"):
        asked = asked if f"/{_namespace_of(row)}/" in asked else ""  # of another: who lost it?
    return Reading(_program_of(asked), needs=runs)


_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        "answer": _answer,
        "certificate": _certificate,
        "consumed": _consumed,
        "dns": _dns,
        "egress": _egress,
        "exposure": _exposure,
        "field": _field,
        "flag": _flag,
        "fresh": _fresh,
        "hpa-state": _hpa,
        "http": _http,
        "images": _template,
        "ingestion": _ingestion,
        "ingress": _ingress,
        "ingress-answer": _ingress_answer,
        "limit-range": _limit_range,
        "metric": _program,
        "metric-moves": _program,
        "placeholders": _placeholders,
        "policy": _policy,
        "posthog-status": _status,
        "probe": _template,
        "quantity": _quantity,
        "reference": _reference,
        "rehearsal": _rehearsal,
        "replicas": _replicas,
        "room": _room,
        "route": _route,
        "secret-shape": _secret,
        "service": _service,
        "starts": _starts,
        "targets": _targets,
        "totals": _totals,
    }
)

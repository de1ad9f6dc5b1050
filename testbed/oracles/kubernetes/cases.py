"""Generated Pods, nodes, quotas and LimitRanges: valid objects, odd as people write them."""

import re
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

QUANTITY_TEXTS = st.one_of(
    st.from_regex(
        r"\A[+-]?([0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,12})"
        r"([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?\Z"
    ),
    # A suffix alone, and the largest that a binary suffix may stand for.
    st.from_regex(r"\A[+-]?\.?([KMGTPE]i|[numkMGTPE]|[eE]-?[0-9]{1,2})\Z"),
    st.sampled_from(["8Ei", "9007199254740991Ki", "9007199254740992Ki", "8191Pi", "-8Ei"]),
    # No exponent of four digits: the real parser computes with it for hours.
    st.text(alphabet="0123456789.eE+-KMGTPimnuk _\u0661", max_size=8).filter(
        lambda text: re.search(r"[eE][+-]?[0-9]{3}", text) is None
    ),
)
_CPU = st.sampled_from(
    ["0", "1m", "50m", "100m", "0.25", "500m", "1", "1.5", "2", "0.0001", "1e-1"]
)
_MEMORY = st.sampled_from(["0", "64Mi", "128974848", "100M", "0.5Gi", "1Gi", "2Gi", "1500m", "1e9"])
_WHOLE = st.sampled_from(["0", "1", "2", "4"])
AMOUNTS = {
    "cpu": _CPU,
    "memory": _MEMORY,
    "ephemeral-storage": _MEMORY,
    "hugepages-2Mi": st.sampled_from(["0", "2Mi", "4Mi"]),
    "example.com/gpu": _WHOLE,
}
_COMMON = ("cpu", "memory")


def _some(values: dict[str, Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=values)


def resource_lists(*names: str) -> st.SearchStrategy[Json]:
    """Some of these resources, all of them by default."""
    return _some({name: AMOUNTS[name] for name in names or AMOUNTS})


def resources(*names: str) -> st.SearchStrategy[Json]:
    """Requests, limits, both or none."""
    return _some({"requests": resource_lists(*names), "limits": resource_lists(*names)})


_PORTS = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.just(80), "hostPort": st.sampled_from([8080, 8081])},
        optional={
            "hostIP": st.sampled_from(["0.0.0.0", "10.0.0.1", "10.0.0.2"]),  # noqa: S104 - as is
            "protocol": st.sampled_from(["TCP", "UDP"]),
        },
    ),
    max_size=1,
)


@st.composite
def containers(draw: st.DrawFn, prefix: str, *, init: bool, at_most: int, least: int) -> list[Json]:
    """Containers with bounds; init ones are sometimes native sidecars."""
    made = []
    for index in range(draw(st.integers(least, at_most))):
        container: Json = {"name": f"{prefix}{index}", "image": "x:1"}
        container["resources"] = draw(resources())
        if draw(st.booleans()):
            container["ports"] = draw(_PORTS)
        if init and draw(st.booleans()):
            container["restartPolicy"] = draw(st.sampled_from(["Always", "Always", "OnFailure"]))
        made.append(container)
    return made


LABELS = _some(
    {
        "app": st.sampled_from(["web", "db"]),
        "track": st.sampled_from(["canary", "stable"]),
        "size": st.sampled_from(["1", "5", "10", "x"]),
    }
)


def _metadata(name: str) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "name": st.just(name),
            "namespace": st.sampled_from(["a", "b"]),
            "labels": LABELS,
            "uid": st.just(name),
        }
    )


_EXPRESSIONS = st.one_of(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["app", "track", "size"]),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.lists(
                st.sampled_from(["web", "db", "canary", "1", "5"]), min_size=1, max_size=2
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["app", "track", "size"]),
            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
        }
    ),
)
SELECTORS = _some(
    {
        "matchLabels": _some({"app": st.sampled_from(["web", "db"])}),
        "matchExpressions": st.lists(_EXPRESSIONS, max_size=2),
    }
)
_NODE_EXPRESSIONS = st.one_of(
    _EXPRESSIONS,
    st.fixed_dictionaries(
        {
            "key": st.just("size"),
            "operator": st.sampled_from(["Gt", "Lt"]),
            "values": st.sampled_from([["0"], ["4"], ["5"], ["9"]]),
        }
    ),
)
_FIELDS = st.fixed_dictionaries(
    {
        "key": st.just("metadata.name"),
        "operator": st.sampled_from(["In", "NotIn"]),
        "values": st.sampled_from([["node-0"], ["node-1"]]),
    }
)
_NODE_TERMS = _some(
    {
        "matchExpressions": st.lists(_NODE_EXPRESSIONS, max_size=2),
        "matchFields": st.lists(_FIELDS, max_size=1),
    }
)
_KEYS = st.sampled_from(["kubernetes.io/hostname", "zone"])
_POD_TERMS = st.fixed_dictionaries(
    {"topologyKey": _KEYS},
    optional={
        "labelSelector": SELECTORS,
        "namespaces": st.sampled_from([["a"], ["b"]]),
        "namespaceSelector": st.sampled_from([{}, {"matchLabels": {"team": "x"}}]),
    },
)
_TOLERATIONS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"key": st.sampled_from(["dedicated", "node.kubernetes.io/unschedulable"])},
            optional={
                "operator": st.sampled_from(["Exists", "Equal"]),
                "value": st.sampled_from(["gpu", "db", ""]),
                "effect": st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"]),
            },
        ),
        st.fixed_dictionaries(
            {"operator": st.just("Exists")},
            optional={"effect": st.sampled_from(["NoSchedule", "NoExecute"])},
        ),
    ),
    max_size=2,
)
_TAINTS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.just("dedicated"),
            "effect": st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"]),
        },
        optional={"value": st.sampled_from(["gpu", "db", ""])},
    ),
    max_size=2,
)
_POLICY = st.sampled_from(["Honor", "Ignore", None])
_SPREAD = st.fixed_dictionaries(
    {
        "nodeAffinityPolicy": _POLICY,
        "nodeTaintsPolicy": _POLICY,
        "maxSkew": st.integers(1, 2),
        "topologyKey": _KEYS,
        "whenUnsatisfiable": st.sampled_from(["DoNotSchedule", "DoNotSchedule", "ScheduleAnyway"]),
    },
    optional={
        "labelSelector": SELECTORS,
        "minDomains": st.integers(1, 4),
        "matchLabelKeys": st.sampled_from([["track"], ["size", "track"]]),
    },
).map(lambda rules: {key: rule for key, rule in rules.items() if rule is not None})


@st.composite
def affinities(draw: st.DrawFn) -> Json:
    """Node affinity, pod affinity and anti-affinity."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    made: Json = {}
    if draw(st.booleans()):
        terms = draw(st.lists(_NODE_TERMS, min_size=1, max_size=2))
        made["nodeAffinity"] = {required: {"nodeSelectorTerms": terms}}
    for kind in ("podAffinity", "podAntiAffinity"):
        if draw(st.integers(0, 2)) == 0:
            made[kind] = {required: draw(st.lists(_POD_TERMS, min_size=1, max_size=2))}
        elif draw(st.integers(0, 4)) == 0:
            term = {"weight": 1, "podAffinityTerm": draw(_POD_TERMS)}
            made[kind] = {"preferredDuringSchedulingIgnoredDuringExecution": [term]}
    return made


_STATUS = st.fixed_dictionaries(
    {}, optional={"resources": resources(*_COMMON), "allocatedResources": resource_lists(*_COMMON)}
)


@st.composite
def pods(draw: st.DrawFn, name: str = "new") -> Json:
    """A Pod with all ways to state what it asks for."""
    spec: Json = {
        "initContainers": draw(containers("init", init=True, least=0, at_most=3)),
        "containers": draw(containers("main", init=False, least=1, at_most=2)),
    }
    if draw(st.integers(0, 2)) == 0:
        spec["resources"] = draw(resources("cpu", "memory", "hugepages-2Mi"))
    if draw(st.integers(0, 2)) == 0:
        spec["overhead"] = draw(resource_lists(*_COMMON))
    if draw(st.integers(0, 2)) == 0:
        spec["activeDeadlineSeconds"] = 60
    if draw(st.booleans()):
        spec["priorityClassName"] = draw(st.sampled_from(["batch", "high"]))
    if draw(st.booleans()):
        spec["affinity"] = draw(affinities())
    return {"metadata": draw(_metadata(name)), "spec": spec}


@st.composite
def resized_pods(draw: st.DrawFn) -> Json:
    """A Pod whose kubelet says what it has really been given."""
    pod = draw(pods())
    status: Json = {}
    for place, key in (
        ("initContainers", "initContainerStatuses"),
        ("containers", "containerStatuses"),
    ):
        status[key] = [
            {"name": each["name"], **draw(_STATUS)}
            for each in pod["spec"][place]
            if draw(st.booleans())
        ]
    if draw(st.booleans()):
        reason = draw(st.sampled_from(["Infeasible", "Deferred"]))
        status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": reason}]
    return {**pod, "status": status}


@st.composite
def placed_pods(draw: st.DrawFn, name: str) -> Json:
    """A Pod for the scheduler: smaller, and with everything that decides about its place."""
    names = draw(
        st.sampled_from([("cpu",), ("cpu", "memory"), ("example.com/gpu",), ("hugepages-2Mi",), ()])
    )
    spec: Json = {"containers": [{"name": "main", "image": "x:1"}]}
    if names:
        requests = draw(resource_lists(*names))
        spec["containers"][0]["resources"] = {"requests": requests, "limits": {}}
    if draw(st.integers(0, 2)) == 0:
        spec["containers"][0]["ports"] = draw(_PORTS)
    elif draw(st.integers(0, 4)) == 0:
        spec["hostNetwork"] = True
        spec["containers"][0]["ports"] = [{"containerPort": 8080}]
    if draw(st.integers(0, 3)) == 0:
        sidecar = {"name": "proxy", "image": "x:1", "restartPolicy": "Always"}
        spec["initContainers"] = [
            {**sidecar, "ports": draw(_PORTS), "resources": draw(resources("cpu"))}
        ]
    if draw(st.booleans()):
        spec["affinity"] = draw(affinities())
    if draw(st.booleans()):
        spec["tolerations"] = draw(_TOLERATIONS)
    if draw(st.integers(0, 3)) == 0:
        spec["nodeSelector"] = draw(_some({"app": st.sampled_from(["web", "db"])}))
    if draw(st.booleans()):
        spec["topologySpreadConstraints"] = draw(st.lists(_SPREAD, min_size=1, max_size=2))
    return {"metadata": draw(_metadata(name)), "spec": spec}


@st.composite
def clusters(draw: st.DrawFn) -> Json:
    """A Pod to place, with the nodes, Pods and namespaces that decide about it."""
    nodes = []
    for index in range(draw(st.integers(1, 4))):
        labels = {"kubernetes.io/hostname": f"node-{index}", **draw(LABELS)}
        if draw(st.integers(0, 4)):
            labels["zone"] = draw(st.sampled_from(["z0", "z1"]))
        allocatable = {
            "cpu": draw(st.sampled_from(["0", "500m", "2", "4"])),
            "memory": draw(st.sampled_from(["128Mi", "1Gi", "4Gi"])),
            "pods": draw(st.sampled_from(["1", "3", "110", "110"])),
            **draw(resource_lists("example.com/gpu", "hugepages-2Mi")),
        }
        spec: Json = {"taints": draw(_TAINTS)} if draw(st.booleans()) else {}
        if draw(st.integers(0, 5)) == 0:
            spec["unschedulable"] = True
        metadata = {"name": f"node-{index}", "labels": labels}
        nodes.append({"metadata": metadata, "spec": spec, "status": {"allocatable": allocatable}})
    others = []
    for index in range(draw(st.integers(0, 4))):
        other = draw(placed_pods(f"pod-{index}"))
        other["spec"]["nodeName"] = draw(st.sampled_from(nodes))["metadata"]["name"]
        if draw(st.integers(0, 4)) == 0:
            other["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        others.append(other)
    pod = draw(placed_pods("new"))
    if draw(st.integers(0, 6)) == 0:
        pod["spec"]["nodeName"] = "node-0"
    namespaces = [
        {"metadata": {"name": "a", "labels": draw(_some({"team": st.just("x")}))}},
        {"metadata": {"name": "b", "labels": draw(_some({"team": st.just("x")}))}},
    ]
    return {"pod": pod, "nodes": nodes, "pods": others, "namespaces": namespaces}


@st.composite
def limit_ranges(draw: st.DrawFn, name: str) -> Json:
    """A LimitRange of the types Container, Pod and PersistentVolumeClaim."""
    entries = []
    for _ in range(draw(st.integers(1, 2))):
        kind = draw(st.sampled_from(["Container", "Container", "Pod"]))
        names = draw(
            st.sampled_from([("cpu",), ("memory",), ("cpu", "memory"), ("hugepages-2Mi",)])
        )
        keys = ["min", "max"] + (["default", "defaultRequest"] if kind == "Container" else [])
        entry = draw(_some({key: resource_lists(*names) for key in keys}))
        if draw(st.integers(0, 2)) == 0:
            entry["maxLimitRequestRatio"] = draw(
                _some({each: st.sampled_from(["1", "1.5", "2", "10"]) for each in names})
            )
        entries.append({"type": kind, **entry})
    return {"metadata": {"name": name, "namespace": "a"}, "spec": {"limits": entries}}


_HARD = {
    **dict.fromkeys(("cpu", "requests.cpu", "limits.cpu"), _CPU),
    **dict.fromkeys(("memory", "requests.memory", "limits.memory"), _MEMORY),
    **dict.fromkeys(("pods", "count/pods", "requests.example.com/gpu", "services"), _WHOLE),
    **dict.fromkeys(("example.com/gpu", "requests.storage"), _WHOLE),
    "requests.ephemeral-storage": _MEMORY,
    "limits.ephemeral-storage": _MEMORY,
    "hugepages-2Mi": AMOUNTS["hugepages-2Mi"],
    "requests.hugepages-2Mi": AMOUNTS["hugepages-2Mi"],
}
_HARD_NAMES = (
    *sorted(_HARD),
    *("requests.cpu", "limits.cpu", "requests.memory", "limits.memory", "pods", "count/pods"),
)
"""Those that quotas have most often come twice, so that they meet what else is rare."""
SCOPES = (
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
)
_SCOPE_TERMS = st.one_of(
    st.fixed_dictionaries(
        {
            "scopeName": st.just("PriorityClass"),
            "operator": st.sampled_from(["In", "NotIn"]),
            "values": st.sampled_from([["batch"], ["high"], ["batch", "high"]]),
        }
    ),
    st.fixed_dictionaries(
        {
            "scopeName": st.just("PriorityClass"),
            "operator": st.sampled_from(["Exists", "DoesNotExist"]),
        }
    ),
    st.fixed_dictionaries({"scopeName": st.sampled_from(SCOPES), "operator": st.just("Exists")}),
)


@st.composite
def quotas(draw: st.DrawFn, name: str) -> Json:
    """A ResourceQuota with its controller's account."""
    names = draw(st.lists(st.sampled_from(_HARD_NAMES), min_size=1, max_size=4, unique=True))
    hard = {name: draw(_HARD[name]) for name in names}
    spec: Json = {"hard": hard}
    if draw(st.booleans()):
        scopes = st.sampled_from((*SCOPES, "BestEffort", "CrossNamespacePodAffinity"))
        spec["scopes"] = draw(st.lists(scopes, min_size=1, max_size=3, unique=True))
    if draw(st.booleans()):
        terms = draw(st.lists(_SCOPE_TERMS, min_size=1, max_size=2))
        spec["scopeSelector"] = {"matchExpressions": terms}
    used = {key: draw(st.one_of(st.just("0"), _HARD[key])) for key in hard}
    if draw(st.integers(0, 9)) == 0:
        used.popitem()
    status = {"hard": hard, "used": used}
    if draw(st.integers(0, 4)) == 0:
        # Changed, and the controller has not seen it yet.
        spec["hard"] = {each: draw(_HARD[each]) for each in names}
    if draw(st.integers(0, 9)) == 0:
        status = {}
    return {"metadata": {"name": name, "namespace": "a"}, "spec": spec, "status": status}


@st.composite
def admissions(draw: st.DrawFn) -> Json:
    """A Pod with what stands between it and being admitted."""
    number = st.sampled_from([0, 1, 2, 2])
    ranges = [draw(limit_ranges(f"range-{i}")) for i in range(draw(number))]
    bounded = [draw(quotas(f"quota-{i}")) for i in range(draw(number))]
    return {"pod": draw(pods()), "limitRanges": ranges, "quotas": bounded}


_HUGE = ("9223372036854775", "9223372036854775500m", "9223372036854775700m", "9223372036854776")
"""About what is the most that is compared by thousandths."""
_STORAGE = _some(
    {
        "storage": st.sampled_from(["0", "1500m", "0.5Gi", "1Gi", "1073741824", "2Gi", *_HUGE]),
        "cpu": _CPU,
    }
)


@st.composite
def claims(draw: st.DrawFn) -> Json:
    """A claim and the LimitRanges of its namespace, of which some entries are for claims."""
    ranges = []
    for number in range(draw(st.integers(1, 2))):
        entries = []
        for _ in range(draw(st.integers(1, 2))):
            kinds = ["PersistentVolumeClaim", "PersistentVolumeClaim", "Container"]
            bounds = draw(_some({"min": _STORAGE, "max": _STORAGE}))
            entries.append({"type": draw(st.sampled_from(kinds)), **bounds})
        ranges.append({"metadata": {"name": f"claims-{number}"}, "spec": {"limits": entries}})
    resources = draw(_some({"requests": _STORAGE, "limits": _STORAGE}))
    claim = {"metadata": {"name": "data"}, "spec": {"resources": resources}}
    return {"claim": claim, "limitRanges": ranges}


_PORT = st.fixed_dictionaries(
    {"containerPort": st.integers(8080, 8082)},
    optional={
        "name": st.sampled_from(["http", "dns"]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
    },
)
_SERVICE_PORTS = st.lists(
    st.fixed_dictionaries(
        {
            "port": st.just(80),
            "targetPort": st.sampled_from([8080, "http", "http", "dns", "gone"]),
            "protocol": st.sampled_from(["TCP", "TCP", "UDP"]),
        }
    ),
    min_size=1,
    max_size=2,
).map(lambda ports: [{"name": f"p{number}", **port} for number, port in enumerate(ports)])
_PHASES = st.sampled_from(["Running", "Running", "Running", "Pending", "Succeeded", "Failed"])
_NO_CONTROLLER: st.SearchStrategy[Json] = st.sampled_from([{}, {"controller": False}])
_BUDGETS_SELECTORS = st.one_of(
    SELECTORS,
    st.fixed_dictionaries(
        {"matchExpressions": st.lists(_EXPRESSIONS, min_size=2, max_size=3)},
        optional={"matchLabels": st.fixed_dictionaries({"app": st.sampled_from(["web", "db"])})},
    ),
)
_CONTROLLERS = ("web-uid", "web-uid", "other-uid")


@st.composite
def member_pods(draw: st.DrawFn, name: str) -> Json:
    """A Pod at any moment of its life, of some controller or of none."""
    metadata: Json = {"name": name, "uid": name, "labels": draw(LABELS)}
    if draw(st.booleans()):
        owners = draw(st.lists(st.sampled_from(_CONTROLLERS), min_size=1, max_size=2, unique=True))
        controller = draw(st.sampled_from([*owners, "none"]))
        marks = [
            {"controller": True} if uid == controller else draw(_NO_CONTROLLER) for uid in owners
        ]
        metadata["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, **mark}
            for uid, mark in zip(owners, marks, strict=True)
        ]
    if draw(st.integers(0, 4)) == 0:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status: Json = {"podIPs": [{"ip": f"10.0.0.{name[-1]}"}]}
    if draw(st.integers(0, 5)):
        status["phase"] = draw(_PHASES)
    if draw(st.integers(0, 5)):
        ready = draw(st.sampled_from(["True", "True", "True", "False", "Unknown"]))
        status["conditions"] = [
            {"type": "ContainersReady", "status": "True"},
            {"type": "Ready", "status": ready},
        ]
    container = {"name": "main", "image": "x:1", "ports": draw(st.lists(_PORT, max_size=2))}
    spec: Json = {"nodeName": "node-0", "containers": [container]}
    if draw(st.integers(0, 3)) == 0:
        sidecar = {"name": "proxy", "image": "x:1", "ports": draw(st.lists(_PORT, max_size=1))}
        policy = draw(st.sampled_from([{"restartPolicy": "Always"}, {}]))
        spec["initContainers"] = [{**sidecar, **policy}]
    return {"metadata": metadata, "spec": spec, "status": status}


@st.composite
def members(draw: st.DrawFn) -> Json:
    """Pods, and a Service, a budget and a controller that may take them."""
    pods = [draw(member_pods(f"pod-{number}")) for number in range(draw(st.integers(1, 4)))]
    labels = _some({"app": st.sampled_from(["web", "web", "db"]), "track": st.just("stable")})
    service: Json = {"ports": draw(_SERVICE_PORTS), "clusterIP": "10.96.0.1"}
    service |= {"ipFamilies": ["IPv4"], "type": "ClusterIP"}
    if selector := draw(labels):
        service["selector"] = selector
    if draw(st.integers(0, 3)) == 0:
        service["publishNotReadyAddresses"] = True
    budget: Json = {"minAvailable": draw(st.integers(0, 3))}
    if draw(st.integers(0, 9)):
        budget["selector"] = draw(_BUDGETS_SELECTORS)
    return {
        "pods": pods,
        "service": {"metadata": {"name": "web"}, "spec": service},
        "budget": {"metadata": {"name": "web"}, "spec": budget},
        "owner": {"metadata": {"name": "web", "uid": "web-uid"}},
    }

"""Room, LimitRanges, sums and autoscalers as other deployments have them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusterproof.checks.hpa_state import look as look_at_hpa_state
from clusterproof.checks.limit_range import look as look_at_limit_range
from clusterproof.checks.room import look as look_at_room
from clusterproof.checks.totals import look as look_at_totals
from clusterproof.errors import ObservationError
from tests.judge.rows import row
from tests.judging import at_cluster, differences, doubt
from tests.observe.cluster_objects import cluster_of, owned_by
from tests.observe.test_workloads import WEB, cron_job, running, workload

read_limit_ranges = at_cluster(look_at_limit_range)
read_room = at_cluster(look_at_room)
read_totals = at_cluster(look_at_totals)
read_hpa_state = at_cluster(look_at_hpa_state)

Json = dict[str, Any]
HPA = "HorizontalPodAutoscaler/ns/web"


def said(rule: Any, read: Any, *objects: Json) -> list[str]:  # noqa: ANN401 - any row, any observer
    with cluster_of(*objects) as cluster:
        return [str(each) for each in differences(rule, read(cluster, rule).value)]


def asking(**resources: Json) -> Json:
    return {"name": "web", "image": "web:1", "resources": resources}


CPU = {"requests": {"cpu": "500m"}}


def node(name: str = "n1", cpu: str = "2", **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    labels = {"kubernetes.io/hostname": name, **more.pop("labels", {})}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": more,
        "status": {
            "allocatable": {"cpu": cpu, "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def bound(name: str, node_name: str | None = "n1", **more: Any) -> Json:  # noqa: ANN401 - raw JSON
    place = {"nodeName": node_name} if node_name else {}
    return running(name, spec={"containers": [asking(**CPU)], **place}, **more)


def room(within: str, replicas: int = 4) -> Any:  # noqa: ANN401 - a row
    return row("room", workload=WEB, replicas=replicas, within=within)


def asks(**spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    item = workload(containers=[asking(**CPU)])
    item["spec"]["template"]["spec"] |= spec
    return item


def test_pods_that_wait_for_a_node_are_no_room() -> None:
    pods = [bound("web-1"), bound("web-2"), *(bound(f"web-{i}", None) for i in range(3, 11))]
    (found,) = said(room("nodes", 10), read_room, asks(), node(cpu="1"), *pods)
    assert "observed 2 (2 run, 0 more fit)" in found
    assert "n1: insufficient cpu: 0 of 1 left" in found


DAEMON = "DaemonSet/ns/web"


def daemon_room(replicas: int) -> Any:  # noqa: ANN401 - a row
    return row("room", workload=DAEMON, replicas=replicas, within="nodes")


def daemon(**spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    return {**asks(**spec), "kind": "DaemonSet"}


def test_a_daemon_set_has_one_pod_on_each_node() -> None:
    """However much room a node has beside it."""
    nodes = [node("n1", cpu="8"), node("n2", cpu="8"), node("n3", cpu="250m")]
    objects = [daemon(), bound("web-1"), *nodes]
    assert said(daemon_room(2), read_room, *objects) == []
    (words,) = said(daemon_room(3), read_room, *objects)
    assert "observed 2 (1 run, 1 more fit)" in words
    assert "n1: has its one Pod; n2: has its one Pod; n3: insufficient cpu" in words


def test_a_pod_of_a_daemon_set_goes_to_a_node_that_is_cordoned_and_to_none_that_is_not_its() -> (
    None
):
    cordoned = node("n1", unschedulable=True)
    assert said(daemon_room(1), read_room, daemon(), cordoned) == []
    pinned = daemon(nodeSelector={"disk": "ssd"})
    (words,) = said(daemon_room(1), read_room, pinned, cordoned)
    assert "n1: not selected by nodeSelector" in words
    made = node("n1", labels={"karpenter.sh/nodepool": "p"})
    assert said(daemon_room(2), read_room, daemon(), made), "none is made for a DaemonSet's Pod"


def test_a_pod_of_the_same_name_in_another_namespace_is_no_replica() -> None:
    ours = bound("web-1", None)
    theirs = bound("web-1", namespace="other")
    words = said(room("nodes", 1), read_room, asks(), ours, theirs, node(cpu="500m"))
    assert words, "the only node is taken by another namespace's Pod"


def test_pods_in_the_network_of_the_host_take_its_ports() -> None:
    container = {**asking(**CPU), "ports": [{"containerPort": 80}]}
    item = asks(containers=[container], hostNetwork=True)
    assert said(room("nodes", 2), read_room, item, node(cpu="8"))


def test_a_claim_for_each_replica_decides_about_its_place() -> None:
    item = asks()
    item["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "files"}, "spec": {}}]
    with pytest.raises(ObservationError, match="files"):
        said(room("nodes", 1), read_room, item, node())


@pytest.mark.parametrize("within", ["nodes", "quota"])
def test_a_workload_without_a_template_leaves_nothing_to_find_room_for(within: str) -> None:
    item = asks()
    item["spec"]["template"] = {"spec": {}}
    with pytest.raises(ObservationError, match="no Pod template of its own"):
        said(room(within, 1), read_room, item, node())


def test_two_metrics_of_one_name_are_told_apart_by_their_selector() -> None:
    first, second = (
        {"name": "queue", "selector": {"matchLabels": {"q": name}}} for name in ("a", "b")
    )
    target = {"type": "AverageValue", "averageValue": "30"}
    metrics = [
        {"type": "External", "external": {"metric": each, "target": target}}
        for each in (first, second)
    ]
    current = (
        {"type": "External", "external": {"metric": first, "current": {"averageValue": "9"}}},
    )
    item = autoscaler(*metrics, current=current)
    words = said(
        row("hpa-state", of="HorizontalPodAutoscaler/ns/web", aspect="metrics"),
        read_hpa_state,
        item,
        asks(),
    )
    assert words, "the second one has no figure"


def test_pods_of_others_that_wait_take_their_room_first() -> None:
    other = bound("other-1", None)
    other["metadata"] |= owned_by("other", app="other")
    objects = (asks(), node(cpu="2"), bound("web-1"), other)
    assert said(room("nodes", 3), read_room, *objects) == []
    (found,) = said(room("nodes", 4), read_room, *objects)
    assert "1 Pods of others wait for a place" in found


def ending(pod: Json, ends_in_s: float) -> Json:
    end = datetime.now(UTC) + timedelta(seconds=ends_in_s)
    pod["metadata"] |= {
        "deletionTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "deletionGracePeriodSeconds": 30,
    }
    return pod


@pytest.mark.parametrize(("ends_in_s", "is_room"), [(20, True), (-20, True), (-40, False)])
def test_pods_that_a_rollout_ends_leave_their_room_until_they_outstay_their_grace(
    ends_in_s: float, *, is_room: bool
) -> None:
    old = [ending(bound(f"web-old-{i}"), ends_in_s) for i in range(2)]
    pods = [bound("web-1"), bound("web-2"), *old]
    on_nodes = said(room("nodes", 4), read_room, asks(), node(cpu="2"), *pods)
    assert (on_nodes == []) is is_room
    counted = quota({"pods": "4"}, {"pods": "4" if is_room else "2"})
    assert said(room("quota", 4), read_room, asks(), counted, *pods) == []


def test_a_pod_that_outstayed_its_grace_counts_for_no_quota() -> None:
    pods = [bound("web-1"), ending(bound("web-old"), -40)]
    found = said(room("quota", 2), read_room, asks(), quota({"pods": "1"}, {"pods": "1"}), *pods)
    assert "observed 1 (1 run, 0 more fit)" in found[0]


ANTI = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": {"matchLabels": {"app": "web"}},
            }
        ]
    }
}
SPREAD = [
    {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
]
TAINT = {"key": "pool", "value": "gpu", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "nodes", "words"),
    [
        ({"nodeSelector": {"gpu": "true"}}, [node()], "n1: not selected by nodeSelector"),
        ({"affinity": ANTI}, [node(), node("n2")], "pod anti-affinity"),
        (
            {"topologySpreadConstraints": SPREAD},
            [node(), node("n2", cpu="500m")],
            "topology spread over kubernetes.io/hostname",
        ),
        ({}, [node(taints=[TAINT])], "n1: untolerated taint pool=gpu:NoSchedule"),
        ({}, [node(unschedulable=True)], "n1: cordoned"),
        ({"nodeName": "n2"}, [node()], "n1: not the node n2 of the Pod"),
    ],
)
def test_what_keeps_replicas_from_a_node_is_named(
    spec: Json, nodes: list[Json], words: str
) -> None:
    (found,) = said(room("nodes"), read_room, asks(**spec), *nodes)
    assert words in found


@pytest.mark.parametrize(
    "toleration",
    [
        {"operator": "Exists"},
        {"key": "pool", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "pool", "value": "gpu"},
    ],
)
def test_a_pool_whose_taint_is_tolerated_is_room(toleration: Json) -> None:
    objects = (asks(tolerations=[toleration]), node(taints=[TAINT]))
    assert said(room("nodes"), read_room, *objects) == []


def test_what_is_not_looked_at_is_no_verdict() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    with pytest.raises(ObservationError, match=r"volume data of .* decides where its Pods go"):
        said(room("nodes"), read_room, asks(volumes=volumes), node())


def test_replicas_that_all_have_a_node_need_no_other_place() -> None:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    objects = (asks(volumes=volumes), node(), bound("web-1"))
    assert said(room("nodes", 1), read_room, *objects) == []
    with pytest.raises(ObservationError, match=r"volume data of .* decides where its Pods go"):
        said(room("nodes", 2), read_room, *objects)


def quota(hard: Json, used: Json | None = None, **spec: Any) -> Json:  # noqa: ANN401 - raw JSON
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "namespace": "ns"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used or dict.fromkeys(hard, "0")},
    }


PRIORITY = {"scopeName": "PriorityClass", "operator": "In", "values": ["batch-low"]}


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["NotTerminating"]}, True),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["NotBestEffort"]}, True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, False),
        ({"scopeSelector": {"matchExpressions": [PRIORITY]}}, False),
    ],
)
def test_a_quota_counts_the_pods_in_its_scopes(spec: Json, *, counts: bool) -> None:
    found = said(room("quota"), read_room, asks(), quota({"pods": "2"}, **spec))
    assert (found != []) is counts


def test_a_quota_demands_that_each_container_states_what_it_counts() -> None:
    (found,) = said(room("quota"), read_room, asks(), quota({"limits.cpu": "100"}))
    assert found.endswith("(quota q: must specify limits.cpu for: web)")


def test_a_quota_that_its_controller_has_not_seen_is_no_verdict() -> None:
    unseen = {**quota({"pods": "2"}), "status": {}}
    with pytest.raises(ObservationError, match="has not seen q of ns yet"):
        said(room("quota"), read_room, asks(), unseen)


def test_a_quota_enforces_what_its_controller_has_seen() -> None:
    changed = quota({"pods": "2"})
    changed["spec"] = {"hard": {"pods": "100"}}
    (found,) = said(room("quota"), read_room, asks(), changed)
    assert "observed 2 (0 run, 2 more fit)" in found


def test_pods_of_a_job_with_the_same_labels_are_no_replicas() -> None:
    jobs = [running(f"job-{i}") for i in range(3)]
    for job in jobs:
        job["metadata"] |= owned_by("job", app="web")
    found = said(room("quota"), read_room, asks(), *jobs, quota({"pods": "3"}, {"pods": "3"}))
    assert "observed 0 (0 run, 0 more fit)" in found[0]


def limit_range(**entry: Any) -> Json:  # noqa: ANN401 - raw JSON
    limits = [{"type": "Container", **entry}]
    return {
        "kind": "LimitRange",
        "metadata": {"name": "r", "namespace": "ns"},
        "spec": {"limits": limits},
    }


RANGES = row("limit-range", namespace="ns", workloads=[WEB])


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"defaultRequest": {"memory": "1Gi"}}, "sets web/wait requests.memory to 1Gi"),
        ({"min": {"cpu": "100m"}}, "refuses web/wait: min cpu 100m, has request 0.05"),
        ({"maxLimitRequestRatio": {"cpu": "2"}}, "refuses web/web: maxLimitRequestRatio cpu 2"),
        ({"type": "Pod", "max": {"cpu": "1"}}, "refuses a Pod of web: max cpu 1"),
    ],
)
def test_a_limit_range_is_held_against_all_containers_and_the_pod(entry: Json, words: str) -> None:
    init = {"name": "wait", "image": "w:1", "resources": {"requests": {"cpu": "50m"}}}
    item = workload(containers=[asking(**CPU)], init=[init])
    assert words in "\n".join(said(RANGES, read_limit_ranges, item, limit_range(**entry)))


def test_a_request_that_is_the_limit_is_not_the_default() -> None:
    item = workload(containers=[asking(limits={"memory": "1Gi"})])
    default = {"default": {"memory": "2Gi"}, "defaultRequest": {"memory": "256Mi"}}
    assert said(RANGES, read_limit_ranges, item, limit_range(**default)) == []


def test_a_claim_of_a_stateful_set_is_held_against_the_limit_range() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "50Gi"}}}}
    item = workload("StatefulSet", volumeClaimTemplates=[claim])
    rule = row("limit-range", namespace="ns", workloads=["StatefulSet/ns/web"])
    entry = {"type": "PersistentVolumeClaim", "max": {"storage": "10Gi"}}
    (found,) = said(rule, read_limit_ranges, item, limit_range(**entry))
    assert "r refuses the claim data of web: max storage 10Gi" in found


def autoscaler(*metrics: Json, current: tuple[Json, ...] = ()) -> Json:
    conditions = [{"type": kind, "status": "True"} for kind in ("AbleToScale", "ScalingActive")]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "ns"},
        "spec": {"scaleTargetRef": reference, "metrics": list(metrics)},
        "status": {"conditions": conditions, "currentMetrics": list(current)},
    }


def resource(name: str, **target: Any) -> Json:  # noqa: ANN401 - raw JSON
    key = "current" if "type" not in target else "target"
    return {"type": "Resource", "resource": {"name": name, key: target}}


PER_CONTAINER = {"type": "Utilization", "averageUtilization": 60}
CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "web", "target": PER_CONTAINER},
}
EXTERNAL = {
    "type": "External",
    "external": {
        "metric": {"name": "queue"},
        "target": {"type": "AverageValue", "averageValue": "30"},
    },
}
UTILIZATION = resource("cpu", type="Utilization", averageUtilization=70)
MESH = {"name": "mesh", "image": "m:1"}


@pytest.mark.parametrize(
    ("metric", "containers", "words"),
    [
        (CONTAINER, [asking(**CPU), MESH], []),
        (UTILIZATION, [asking(limits={"cpu": "1"})], []),
        (UTILIZATION, [asking(**CPU), MESH], ["mesh cpu"]),
    ],
)
def test_requests_are_asked_of_the_containers_that_a_metric_divides_by(
    metric: Json, containers: list[Json], words: list[str]
) -> None:
    rule = row("hpa-state", of=HPA, aspect="requests")
    found = said(rule, read_hpa_state, workload(containers=containers), autoscaler(metric))
    assert [each.partition(":")[0] for each in found] == words


@pytest.mark.parametrize(
    "metric",
    [EXTERNAL, resource("memory", type="AverageValue", averageValue="1Gi")],
    ids=["External", "AverageValue"],
)
def test_metrics_that_need_no_request_leave_nothing_to_compare(metric: Json) -> None:
    rule = row("hpa-state", of=HPA, aspect="requests")
    with cluster_of(workload(containers=[asking(), MESH]), autoscaler(metric)) as cluster:
        state = read_hpa_state(cluster, rule).value
    assert state.needed == ()
    assert (
        doubt(rule, state) == f"{HPA} scales by no utilization: it needs no request to compute one"
    )


def test_a_row_that_names_resources_asks_for_their_requests_whatever_it_scales_by() -> None:
    rule = row("hpa-state", of=HPA, aspect="requests", resources=["cpu"])
    objects = (workload(containers=[asking(**CPU), MESH]), autoscaler(EXTERNAL))
    with cluster_of(*objects) as cluster:
        state = read_hpa_state(cluster, rule).value
    assert state.needed == ("mesh cpu", "web cpu")
    assert [each.what for each in differences(rule, state)] == ["mesh cpu"]


def test_a_native_sidecar_without_a_request_is_named() -> None:
    item = workload(containers=[asking(**CPU)], init=[{**MESH, "restartPolicy": "Always"}])
    rule = row("hpa-state", of=HPA, aspect="requests")
    (found,) = said(rule, read_hpa_state, item, autoscaler(UTILIZATION))
    assert found.startswith("mesh cpu: expected a request, observed none")


CURRENT_EXTERNAL = {
    "type": "External",
    "external": {"metric": {"name": "queue"}, "current": {"averageValue": "12"}},
}
CURRENT_CONTAINER = {
    "type": "ContainerResource",
    "containerResource": {"name": "cpu", "container": "web", "current": {"averageUtilization": 9}},
}


@pytest.mark.parametrize(
    ("metrics", "current", "words"),
    [
        ((CONTAINER,), (CURRENT_CONTAINER,), []),
        ((EXTERNAL,), (CURRENT_EXTERNAL,), []),
        ((EXTERNAL, CONTAINER), (CURRENT_EXTERNAL,), ["current cpu of container web"]),
        ((UTILIZATION,), (resource("cpu", averageValue="1m"),), ["current cpu"]),
        (
            (resource("memory", type="AverageValue", averageValue="1Gi"),),
            (resource("memory", averageValue="900Mi"),),
            [],
        ),
    ],
)
def test_each_metric_has_the_figure_that_its_target_compares_with(
    metrics: tuple[Json, ...], current: tuple[Json, ...], words: list[str]
) -> None:
    rule = row("hpa-state", of=HPA, aspect="metrics")
    found = said(rule, read_hpa_state, workload(), autoscaler(*metrics, current=current))
    assert [each.partition(":")[0] for each in found] == words


def test_pods_of_a_canary_that_the_autoscaler_averages_over_are_named() -> None:
    canary = running("web-canary-1")
    canary["metadata"] |= owned_by("canary", app="web", track="canary")
    rule = row("hpa-state", of=HPA, aspect="target")
    (found,) = said(rule, read_hpa_state, workload(), running(), canary, autoscaler(UTILIZATION))
    assert "expected those of Deployment/web, observed web-canary-1 of Owner/canary" in found


@pytest.mark.parametrize(
    ("generation", "observed", "right"),
    [(2, 1, False), (2, 2, True), (2, None, True), (0, 1, True)],
)
@pytest.mark.parametrize("aspect", ["conditions", "metrics"])
def test_a_status_of_an_older_spec_says_nothing_good_of_this_one(
    aspect: str, generation: int, observed: int | None, *, right: bool
) -> None:
    """The controller says which it has seen since v1.37."""
    scaled = autoscaler(EXTERNAL, current=(CURRENT_EXTERNAL,))
    scaled["metadata"] |= {"generation": generation} if generation else {}
    scaled["status"] |= {"observedGeneration": observed} if observed else {}
    words = said(row("hpa-state", of=HPA, aspect=aspect), read_hpa_state, workload(), scaled)
    assert [each.partition(":")[0] for each in words] == (
        [] if right else ["status.observedGeneration"]
    )


def migration(phase: str, *containers: Json) -> Json:
    """A Pod of a Job with the labels of the workload, as a chart's hook has it."""
    pod = running("migrate-1", spec={"containers": list(containers)})
    pod["metadata"] |= owned_by("migrate", app="web")
    pod["status"]["phase"] = phase
    return pod


@pytest.mark.parametrize(("phase", "counts"), [("Succeeded", True), ("Failed", False)])
def test_a_pod_of_others_that_succeeded_is_averaged_over_and_lacks_a_figure_for_ever(
    phase: str, *, counts: bool
) -> None:
    rule = row("hpa-state", of=HPA, aspect="target")
    pod = migration(phase, asking(**CPU))
    words = said(rule, read_hpa_state, workload(), running(), pod, autoscaler(UTILIZATION))
    assert ["observed migrate-1 of Owner/migrate" in each for each in words] == [True] * counts


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed"])
@pytest.mark.parametrize(("metric", "needs"), [(UTILIZATION, "migrate"), (CONTAINER, "web")])
def test_requests_are_asked_of_every_pod_that_the_selector_takes(
    phase: str, metric: Json, needs: str
) -> None:
    rule = row("hpa-state", of=HPA, aspect="requests")
    item = workload(containers=[asking(**CPU)])
    own = running(spec={"containers": [asking(**CPU)]})
    pod = migration(phase, {"name": "migrate", "image": "m:1"})
    (found,) = said(rule, read_hpa_state, item, own, pod, autoscaler(metric))
    assert found.startswith(f"{needs} cpu: expected a request, observed none")
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert said(rule, read_hpa_state, item, own, pod, autoscaler(metric)) == []


def test_pods_of_others_that_a_replication_controller_selects_are_named() -> None:
    older = workload("ReplicationController", replicas=1)
    older["spec"]["selector"] = {"app": "web"}
    own, other = running(), running("job-1")
    own["metadata"] |= owned_by("web", app="web")
    other["metadata"] |= owned_by("job", app="web")
    scaled = autoscaler(UTILIZATION)
    scaled["spec"]["scaleTargetRef"] = {"kind": "ReplicationController", "name": "web"}
    rule = row("hpa-state", of=HPA, aspect="target")
    (found,) = said(rule, read_hpa_state, older, own, other, scaled)
    assert "expected those of ReplicationController/web, observed job-1" in found


def test_rows_that_could_only_be_green_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        row("limit-range", namespace="ns", workloads=[])
    with pytest.raises(ValueError, match="at least 1 item"):
        row("hpa-state", of=HPA, aspect="metrics", resources=[])


def totals(quantity: str, ref: str = WEB, bound: str = "requests") -> Any:  # noqa: ANN401 - a row
    return row("totals", workloads=[ref], bound=bound, resource="cpu", quantity=quantity)


@pytest.mark.parametrize(
    ("resources", "bound", "words"),
    [
        ({"requests": {"cpu": "500m"}}, "requests", []),
        ({"limits": {"cpu": "500m"}}, "requests", []),
        ({"limits": {"cpu": "500m"}}, "limits", []),
        (
            {"requests": {"cpu": "500m"}},
            "limits",
            ["web/web: expected limits.cpu, observed none"],
        ),
    ],
)
def test_a_request_that_is_not_declared_is_summed_as_the_limit(
    resources: Json, bound: str, words: list[str]
) -> None:
    item = workload(replicas=3, containers=[asking(**resources)])
    quantity = "0" if words else "1500m"
    assert said(totals(quantity, bound=bound), read_totals, item) == words


@pytest.mark.parametrize(
    ("of_the_pod", "bound", "quantity"),
    [
        ({"requests": {"cpu": "1"}}, "requests", "3"),
        ({"limits": {"cpu": "2"}}, "limits", "6"),
        ({"limits": {"cpu": "2"}}, "requests", "1500m"),
        ({"requests": {"memory": "1Gi"}}, "requests", "1500m"),
    ],
)
def test_a_bound_of_the_pod_stands_for_those_of_its_containers(
    of_the_pod: Json, bound: str, quantity: str
) -> None:
    item = workload(replicas=3, containers=[asking(**CPU)])
    item["spec"]["template"]["spec"]["resources"] = of_the_pod
    assert said(totals(quantity, bound=bound), read_totals, item) == []


@pytest.mark.parametrize(
    ("spec", "quantity"),
    [
        ({}, "500m"),
        ({"parallelism": 4}, "2"),
        ({"parallelism": 4, "completions": 2}, "1"),
        ({"parallelism": 0}, "0"),
    ],
)
def test_a_run_of_a_cron_job_is_summed_by_its_parallelism(spec: Json, quantity: str) -> None:
    item = cron_job(**spec)
    item["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"] = [asking(**CPU)]
    assert said(totals(quantity, "CronJob/ns/web"), read_totals, item) == []

"""Room for replicas as admission and the scheduler leave it: not by the template alone."""

from typing import Any

import pytest

from clusterproof.errors import ObservationError
from clusterproof.kube.admission import as_admitted
from tests.judging import doubt
from tests.observe.cluster_objects import cluster_of, owned_by
from tests.observe.test_resources import (
    CPU,
    SPREAD,
    asking,
    asks,
    bound,
    limit_range,
    node,
    quota,
    read_room,
    room,
    said,
)
from tests.observe.test_workloads import ago, workload

Json = dict[str, Any]
PROXY = {"name": "istio-proxy", "image": "proxy:1", "resources": {"requests": {"cpu": "1500m"}}}
ZONE = [SPREAD[0] | {"topologyKey": "zone"}]


def placeholder(name: str, priority: int = -10) -> Json:
    """A Pod that only keeps room free, as with a cluster autoscaler, of nobody's workload."""
    spec = {"containers": [asking(**CPU)], "nodeName": "n1", "priority": priority}
    pod = bound(name, ownerReferences=[])
    pod["spec"] = spec
    return pod


def test_a_pod_of_lower_priority_goes_for_a_replica() -> None:
    full = [node(cpu="1"), bound("web-1"), placeholder("balloon")]
    assert said(room("nodes", 2), read_room, asks(), *full) == []
    (found,) = said(room("nodes", 3), read_room, asks(), *full)
    assert "observed 2 (1 run, 1 more fit)" in found
    assert "1 Pods of lower priority would go for them" in found


def test_a_pod_of_the_same_priority_or_a_polite_replica_makes_no_room() -> None:
    assert said(room("nodes", 1), read_room, asks(), node(cpu="500m"), placeholder("other", 0))
    polite = asks(preemptionPolicy="Never")
    assert said(room("nodes", 1), read_room, polite, node(cpu="500m"), placeholder("balloon"))


def test_a_pod_of_lower_priority_waits_longer() -> None:
    waiting = placeholder("batch")
    del waiting["spec"]["nodeName"]
    assert said(room("nodes", 1), read_room, asks(), node(cpu="500m"), waiting) == []


def test_a_node_whose_zone_is_spread_over_does_not_vanish_when_it_is_not_ready() -> None:
    """Its zone has the fewest replicas, and none may come anywhere else (PodTopologySpread)."""
    lost = node("n2", labels={"zone": "b"})
    lost["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    nodes = [node("n1", labels={"zone": "a"}), lost]
    item = asks(topologySpreadConstraints=ZONE)
    (found,) = said(room("nodes", 2), read_room, item, bound("web-1"), *nodes)
    assert "n1: topology spread over zone" in found
    assert "n2: not Ready" in found


def test_a_container_that_a_webhook_adds_takes_room_too() -> None:
    pod = bound("web-1")
    pod["spec"]["containers"].append(PROXY)
    (found,) = said(room("nodes", 2), read_room, asks(), node(cpu="2500m"), pod)
    assert "n1: insufficient cpu" in found
    counted = quota({"requests.cpu": "3"}, {"requests.cpu": "2"})
    assert (
        "observed 1 (1 run, 0 more fit)"
        in said(room("quota", 2), read_room, asks(), pod, counted)[0]
    )


def test_the_requests_of_a_vertical_autoscaler_are_those_of_the_next_pod() -> None:
    pod = bound("web-1", annotations={"vpaUpdates": "Pod resources updated by web"})
    pod["spec"]["containers"] = [asking(requests={"cpu": "1500m"})]
    assert said(room("nodes", 2), read_room, asks(), node(cpu="2"), pod)


def test_the_node_selector_of_a_namespace_is_the_next_pods_too() -> None:
    """PodNodeSelector, and OpenShift's node selector of a project, write it into the Pod."""
    pod = bound("web-1", "n1")
    pod["spec"]["nodeSelector"] = {"pool": "a"}
    nodes = [node("n1", cpu="500m", labels={"pool": "a"}), node("n2", labels={"pool": "b"})]
    (found,) = said(room("nodes", 2), read_room, asks(), pod, *nodes)
    assert "n2: not selected by nodeSelector" in found


def test_what_a_limit_range_sets_takes_room_on_the_nodes() -> None:
    bare = workload(containers=[{"name": "web", "image": "web:1"}])
    sets = limit_range(defaultRequest={"cpu": "1500m"})
    assert said(room("nodes", 2), read_room, bare, node(cpu="2"), sets)
    assert said(room("nodes", 1), read_room, bare, node(cpu="2"), sets) == []


@pytest.mark.parametrize("declared", ["500m", "1500m"])
def test_what_the_template_says_goes_before_what_the_last_pod_has(declared: str) -> None:
    old = bound("web-1", created=ago(hours=3))
    item = workload(containers=[asking(requests={"cpu": declared})])
    words = said(room("nodes", 2), read_room, item, node(cpu="1500m"), old)
    assert (words == []) is (declared == "500m")


def test_a_pod_with_a_claim_that_waits_takes_room_wherever_it_goes() -> None:
    """An autoscaled workload may find the place taken that was there for it."""
    other = bound("db-0", None)
    other["metadata"] |= owned_by("db", app="db")
    other["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    objects = (asks(), node(cpu="1"), other)
    assert said(room("nodes", 1), read_room, *objects) == []
    with pytest.raises(ObservationError, match=r"such as ns/db-0, .*: volume data decides where"):
        said(room("nodes", 2), read_room, *objects)
    assert said(room("nodes", 3), read_room, *objects), "there is no room for three anyway"
    other["spec"]["schedulingGates"] = [{"name": "not-yet"}]
    assert said(room("nodes", 2), read_room, *objects) == []


def test_the_scheduler_that_a_webhook_chose_is_the_next_pods_too() -> None:
    """As on Fargate, where each Pod gets a node of its own."""
    pod = bound("web-1")
    pod["spec"]["schedulerName"] = "fargate-scheduler"
    with pytest.raises(ObservationError, match="schedulerName fargate-scheduler of"):
        said(room("nodes", 2), read_room, asks(), node(), pod)


@pytest.mark.parametrize("key", ["karpenter.sh/nodepool", "karpenter.sh/provisioner-name"])
def test_nodes_that_are_made_for_pods_that_wait_leave_it_open_whether_there_is_room(
    key: str,
) -> None:
    full = [node(cpu="500m", labels={key: "general"}), bound("web-1")]
    with cluster_of(asks(), *full, bound("web-2", None, created=ago(seconds=60))) as cluster:
        rule = room("nodes", 3)
        why = doubt(rule, read_room(cluster, rule).value)
    assert why.startswith("1 replicas fit on the nodes that there are")
    assert f"(nodes with {key}=general)" in why
    assert said(room("nodes", 1), read_room, asks(), *full) == []
    elsewhere = [bound("web-1", "n1"), node(cpu="500m", labels={key: "gpu", "pool": "gpu"})]
    own = asks(nodeSelector={"pool": "general"})
    assert said(room("nodes", 3), read_room, own, *elsewhere), "none of that pool would take it"
    late = bound("web-2", None, created=ago(hours=1))
    assert said(room("nodes", 3), read_room, asks(), *full, late), "nobody makes a node for it"


def waiting(cpu: str, priority: int) -> Json:
    pod = bound("first", None, ownerReferences=[])
    pod["spec"] = {"containers": [asking(requests={"cpu": cpu})], "priority": priority}
    return pod


def test_only_as_many_go_for_a_pod_as_it_needs() -> None:
    """The scheduler spares a victim without which there is room already (SelectVictimsOnNode)."""
    balloons = [placeholder(f"balloon-{number}", 0) for number in range(4)]
    more_important = waiting("250m", 100)
    (found,) = said(room("nodes", 1), read_room, asks(), node(cpu="2"), *balloons, more_important)
    assert "observed 0 (0 run, 0 more fit)" in found
    assert "1 Pods of lower priority would go for them" in found


def test_a_replica_that_has_to_go_for_a_more_important_pod_does_not_count() -> None:
    (found,) = said(
        room("nodes", 1), read_room, asks(), node(cpu="500m"), bound("web-1"), waiting("500m", 100)
    )
    assert "observed 0 (0 run, 0 more fit)" in found


def test_what_an_older_template_said_is_nothing_that_admission_added() -> None:
    old = {
        "containers": [asking(**CPU), PROXY | {"name": "removed"}],
        "nodeSelector": {"disk": "ssd"},
        "priorityClassName": "high",
        "tolerations": [{"key": "old", "operator": "Exists"}],
    }
    admitted = old | {"nodeName": "n1", "priority": 1000}
    spec = {"containers": [asking(**CPU)], "priorityClassName": "low"}
    own = as_admitted(spec, {"metadata": {}, "spec": admitted}, old)
    assert [container["name"] for container in own["containers"]] == ["web"]
    assert (own["nodeSelector"], own["tolerations"]) == ({}, [])
    assert own["priorityClassName"] == "low"
    assert "priority" not in own

"""What our own Pods ask for where a namespace has LimitRanges."""

from typing import Any

import pytest

from clusterproof.act.own_pods import OwnPods, PodPlan
from clusterproof.act.pod_resources import default_resources, fitted
from clusterproof.errors import ObservationError
from clusterproof.kube.limits import refusals
from clusterproof.kube.requests import bounds_of
from clusterproof.spec.settings import DiallerSettings
from tests.observe.pods_server import World, pods_server

Json = dict[str, Any]
DEFAULT = default_resources("128Mi")


def limit_range(kind: str = "Container", **rules: Json) -> Json:
    """As the API has it, with the defaults that it is not our part to set."""
    return {"metadata": {"name": "strict"}, "spec": {"limits": [{"type": kind, **rules}]}}


def ratio(cpu: str, kind: str = "Container", **more: str) -> Json:
    return limit_range(kind, maxLimitRequestRatio={"cpu": cpu, **more})


@pytest.mark.parametrize(
    ("ranges", "requests", "limits"),
    [
        ([ratio("10")], {"cpu": "50m"}, {"cpu": "500m"}),
        ([ratio("3", memory="1")], {"cpu": "167m", "memory": "134217728"}, {"cpu": "500m"}),
        ([ratio("4", "Pod"), ratio("2")], {"cpu": "250m"}, {"cpu": "500m"}),
        ([limit_range(max={"cpu": "200m"})], {"cpu": "10m"}, {"cpu": "200m"}),
        ([limit_range(min={"memory": "256Mi"})], {"memory": "268435456"}, {"memory": "268435456"}),
        (
            [limit_range(max={"cpu": "200m"}), ratio("2")],
            {"cpu": "100m"},
            {"cpu": "200m"},
        ),
        (
            [limit_range("Pod", max={"ephemeral-storage": "1Gi"})],
            {"ephemeral-storage": "0"},
            {"ephemeral-storage": "1073741824"},
        ),
    ],
)
def test_what_the_limit_ranges_demand_is_followed(
    ranges: list[Json], requests: dict[str, str], limits: dict[str, str]
) -> None:
    fits = fitted(DEFAULT, ranges)
    assert fits is not None
    assert requests.items() <= fits["requests"].items()
    assert limits.items() <= fits["limits"].items()
    bounds = bounds_of({"containers": [{"name": "c", "image": "i", "resources": fits}]})
    assert [refusal for each in ranges for refusal in refusals(each, bounds)] == []


@pytest.mark.parametrize(
    "ranges",
    [
        [],
        [ratio("50")],
        [limit_range("PersistentVolumeClaim", max={"storage": "1Gi"})],
        [limit_range(min={"cpu": "2"}), limit_range("Pod", max={"cpu": "1"})],
    ],
    ids=["none", "loose", "of-claims", "impossible"],
)
def test_what_does_not_refuse_us_or_takes_nothing_changes_nothing(ranges: list[Json]) -> None:
    assert fitted(DEFAULT, ranges) is None


def plan(resources: dict[str, dict[str, str]] | None = None) -> PodPlan:
    return PodPlan("tools", "control", "i:1", resources=resources)


def made(world: World) -> Json:
    """The resources of the one Pod that is there."""
    (pod,) = world.pods.values()
    resources: Json = pod["spec"]["containers"][0]["resources"]
    return resources


def test_a_pod_that_a_limit_range_refuses_asks_for_what_it_demands() -> None:
    world = World()
    world.limit_ranges = [ratio("10")]
    with pods_server(world) as api:
        OwnPods(api, "run-1").start(plan())
    assert made(world)["requests"]["cpu"] == "50m"
    assert [line for line in world.log if line.startswith("POST")] == [
        "POST /api/v1/namespaces/tools/pods"
    ] * 2


def test_a_pod_that_nobody_refuses_costs_no_request_more() -> None:
    world = World()
    with pods_server(world) as api:
        OwnPods(api, "run-1").start(plan())
    assert made(world) == DEFAULT
    assert not any("limitranges" in line for line in world.log)


@pytest.mark.parametrize("known", [True, False], ids=["by-the-spec", "may-not-read"])
def test_a_refusal_that_we_do_not_follow_is_quoted(*, known: bool) -> None:
    """Of what the spec asks for, and where the LimitRanges may not be read."""
    world = World()
    world.limit_ranges = [ratio("10")] if known else None
    world.unread_limit_ranges = [ratio("10")]
    with (
        pods_server(world) as api,
        pytest.raises(ObservationError, match="maxLimitRequestRatio cpu is 10, got 50") as refused,
    ):
        OwnPods(api, "run-1").start(plan(DEFAULT if known else None))
    assert refused.value.next_command == "kubectl -n tools describe limitrange,resourcequota"
    assert world.pods == {}


def test_without_the_right_no_limit_range_is_asked_for() -> None:
    world = World()
    world.forbidden = {"create"}
    with pods_server(world) as api, pytest.raises(ObservationError) as refused:
        OwnPods(api, "run-1").start(plan())
    assert refused.value.next_command == "kubectl auth can-i create pods -n tools"
    assert not any("limitranges" in line for line in world.log)


def test_the_spec_says_what_our_pods_ask_for() -> None:
    settings: dict[str, Any] = {"image": "i:1", "namespace": "tools"}
    assert DiallerSettings.model_validate(settings).pod_resources is None
    asked = {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}
    assert DiallerSettings.model_validate(settings | {"resources": asked}).pod_resources == asked
    with pytest.raises(ValueError, match="expected a quantity"):
        DiallerSettings.model_validate(settings | {"resources": {"limits": {"cpu": "much"}}})

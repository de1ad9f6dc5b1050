"""Autoscalers of a kind that is not Kubernetes' own, with a scale subresource."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clusterproof.checks import kind_of
from clusterproof.checks.hpa_state import look as look_at_hpa_state
from clusterproof.errors import ObservationError
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.scaling import is_waiting_for_metrics
from clusterproof.spec.row import ObjectRef
from tests.judge.rows import row
from tests.judging import at_cluster, differences, doubt, site_of
from tests.observe.cluster_objects import cluster_of
from tests.observe.loopback import Reply
from tests.observe.test_resources import HPA, UTILIZATION, autoscaler, resource
from tests.observe.test_workloads import ago, running, workload

read_hpa_state = at_cluster(look_at_hpa_state)

Json = dict[str, Any]
GROUP = "/apis/argoproj.io/v1alpha1"
ROLLOUT = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": "rollout"}
DISCOVERY = {
    "kind": "APIResourceList",
    "groupVersion": "argoproj.io/v1alpha1",
    "resources": [
        {"name": "rollouts/scale", "kind": "Scale", "namespaced": True},
        {"name": "rollouts", "kind": "Rollout", "namespaced": True},
    ],
}


def controlled(name: str, by: Json, **container: Any) -> Json:  # noqa: ANN401 - raw JSON
    """A Pod of `by`, of one container."""
    containers = [{"name": "web", "image": "web:1", **container}]
    pod = running(name, spec={"containers": containers}, uid=name)
    return pod | {"metadata": pod["metadata"] | {"ownerReferences": [by | {"controller": True}]}}


def hpa(*current: Json) -> Json:
    object_ = autoscaler(UTILIZATION, current=current)
    object_["spec"]["scaleTargetRef"] = {
        key: ROLLOUT[key] for key in ("apiVersion", "kind", "name")
    }
    object_["metadata"] |= {"creationTimestamp": ago(hours=1)}
    return object_


@contextmanager
def cluster(*objects: Json, rollouts: int = 1) -> Iterator[Cluster]:
    """Whose Rollouts select `app: web`, by the scale subresource alone."""
    rollout = {"metadata": {"name": "web", "namespace": "ns", "uid": "rollout"}, "spec": {}}
    answers: dict[str, Json] = {
        GROUP: DISCOVERY,
        f"{GROUP}/namespaces/ns/rollouts": {"kind": "RolloutList", "items": [rollout] * rollouts},
        f"{GROUP}/namespaces/ns/rollouts/web/scale": {
            "kind": "Scale",
            "status": {"selector": "app=web"},
        },
    }
    with cluster_of(*objects, answers=answers) as made:
        yield made


def said(made: Cluster, aspect: str) -> list[str]:
    rule = row("hpa-state", of=HPA, aspect=aspect)
    return [str(each) for each in differences(rule, read_hpa_state(made, rule).value)]


ASKS = {"resources": {"requests": {"cpu": "100m"}}}


@pytest.mark.parametrize(
    ("aspect", "words"),
    [
        ("conditions", []),
        ("metrics", ["current cpu: expected a figure, observed unknown"]),
        ("target", []),
        ("requests", ["web cpu: expected a request, observed none"]),
    ],
)
def test_every_aspect_of_an_autoscaler_of_a_rollout_is_judged(
    aspect: str, words: list[str]
) -> None:
    with cluster(hpa(), controlled("web-1", ROLLOUT)) as made:
        assert [each.partition(" (")[0] for each in said(made, aspect)] == words


def test_a_rollout_that_asks_for_what_it_is_scaled_by_is_right() -> None:
    measured = hpa(resource("cpu", averageUtilization=40))
    with cluster(measured, controlled("web-1", ROLLOUT, **ASKS)) as made:
        assert {aspect: said(made, aspect) for aspect in ("metrics", "target", "requests")} == {
            "metrics": [],
            "target": [],
            "requests": [],
        }


def test_pods_of_others_that_the_scale_selects_are_named_and_its_own_at_a_distance_are_not() -> (
    None
):
    stateful_set = {
        "kind": "StatefulSet",
        "metadata": {
            "name": "web",
            "namespace": "ns",
            "uid": "set",
            "ownerReferences": [ROLLOUT | {"controller": True}],
        },
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    by_set = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "set"}
    job = {"apiVersion": "batch/v1", "kind": "Job", "name": "migrate", "uid": "job"}
    pods = (controlled("web-0", by_set), controlled("migrate-1", job))
    with cluster(hpa(), stateful_set, *pods) as made:
        (stranger,) = said(made, "target")
    assert "observed migrate-1 of Job/migrate" in stranger


def test_pods_of_a_deployment_config_are_those_of_its_replication_controllers() -> None:
    config = {"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "name": "web"}
    older = {
        "kind": "ReplicationController",
        "metadata": {
            "name": "web-1",
            "namespace": "ns",
            "uid": "rc",
            "ownerReferences": [config | {"uid": "config", "controller": True}],
        },
        "spec": {"selector": {"app": "web"}},
    }
    item = {"metadata": {"name": "web", "namespace": "ns", "uid": "config"}, "spec": {}}
    group = "/apis/apps.openshift.io/v1"
    resource = {"name": "deploymentconfigs", "kind": "DeploymentConfig", "namespaced": True}
    answers: dict[str, Json | Reply] = {
        group: {"kind": "APIResourceList", "resources": [resource]},
        f"{group}/namespaces/ns/deploymentconfigs": {
            "kind": "DeploymentConfigList",
            "items": [item],
        },
    }
    pod = controlled("web-1-abcde", {"kind": "ReplicationController", "name": "web-1", "uid": "rc"})
    with cluster_of(older, pod, answers=answers) as made:
        ref = ObjectRef(kind="DeploymentConfig.v1.apps.openshift.io", namespace="ns", name="web")
        assert made.pods_of(ref) == [pod]


def test_a_rollout_that_is_not_there_is_a_difference() -> None:
    with cluster(hpa(), rollouts=0) as made:
        (absent,) = said(made, "target")
    assert "observed Rollout.v1alpha1.argoproj.io/web, absent" in absent


CPU = {"bound": "requests", "resource": "cpu", "quantity": "1"}


@pytest.mark.parametrize(
    ("check", "fields"),
    [
        ("images", {"placeholders": []}),
        ("quantity", {"container": "web", **CPU}),
        ("probe", {"container": "web", "probe": "livenessProbe", "handler": "exec"}),
        ("consumed", {"container": "web", "of": "ConfigMap/ns/c", "keys": ["K"]}),
    ],
)
def test_a_rollout_whose_template_is_elsewhere_lacks_no_container(check: str, fields: Json) -> None:
    rule = row(check, workload="Rollout.v1alpha1.argoproj.io/ns/web", **fields)
    with (
        cluster(controlled("web-1", ROLLOUT)) as made,
        pytest.raises(ObservationError, match="has no Pod template of its own"),
    ):
        kind_of(rule).look(rule, site_of(made, rule))


NOWHERE = Reply(404, {"message": "the server could not find the requested resource"})


@pytest.mark.parametrize(
    ("api_version", "group", "kind"),
    [
        ("extensions/v1beta1", NOWHERE, "Deployment.v1beta1.extensions"),
        ("v1", NOWHERE, "Deployment.v1"),
        ("argoproj.io/v1alpha1", {"kind": "APIGroup"}, "Deployment.v1alpha1.argoproj.io"),
    ],
)
@pytest.mark.parametrize("aspect", ["target", "requests"])
def test_a_target_of_a_kind_that_nobody_serves_is_absent(
    aspect: str, api_version: str, group: Json | Reply, kind: str
) -> None:
    broken = hpa()
    broken["spec"]["scaleTargetRef"] |= {"apiVersion": api_version, "kind": "Deployment"}
    answers: dict[str, Json | Reply] = {
        "/apis/extensions/v1beta1": NOWHERE,
        "/apis/extensions": group,
        GROUP: DISCOVERY,
    }
    with cluster_of(broken, answers=answers) as made:
        (absent,) = said(made, aspect)
    assert f"observed {kind}/web, absent" in absent


def test_a_version_that_its_group_does_not_serve_leaves_the_target_open() -> None:
    other = hpa()
    other["spec"]["scaleTargetRef"]["apiVersion"] = "argoproj.io/v1beta9"
    answers: dict[str, Json | Reply] = {
        "/apis/argoproj.io/v1beta9": NOWHERE,
        "/apis/argoproj.io": {"kind": "APIGroup"},
    }
    with (
        cluster_of(other, answers=answers) as made,
        pytest.raises(ObservationError, match="could not find"),
    ):
        said(made, "target")


def test_requests_that_nothing_shows_leave_the_other_aspects_judged() -> None:
    with cluster(hpa(resource("cpu", averageUtilization=40))) as made:
        assert said(made, "conditions") == said(made, "metrics") == said(made, "target") == []
        with pytest.raises(ObservationError, match="has no Pods and no Pod template"):
            said(made, "requests")


def test_an_autoscaler_whose_target_has_no_known_kind_is_not_waited_for() -> None:
    broken = hpa()
    broken["spec"]["scaleTargetRef"] |= {"kind": "Rollouts"}
    broken["status"]["conditions"] = [
        {"type": "AbleToScale", "status": "False", "reason": "FailedGetScale", "message": "no"}
    ]
    with cluster(broken) as made:
        ref = ObjectRef(kind="HorizontalPodAutoscaler", namespace="ns", name="web")
        assert not is_waiting_for_metrics(made, ref)
        assert len(said(made, "conditions")) == 2
        (absent,) = said(made, "target")
        assert "observed Rollouts.v1alpha1.argoproj.io/web, absent" in absent


FIGURES = "/apis/metrics.k8s.io/v1beta1/namespaces/ns/pods"


def _figure(pod: str, age_s: float | str | None) -> Json:
    """An item of the metrics API: so old by now, or with a text for its time, or without any."""
    time = ago(seconds=age_s) if isinstance(age_s, (int, float)) else age_s
    return {"metadata": {"name": pod}, "window": "15s"} | ({"timestamp": time} if time else {})


@pytest.mark.parametrize(
    ("ages_s", "words"),
    [
        ({"web-1": 20}, []),
        ({"web-1": 20, "another": 6 * 3600}, []),
        ({"web-1": 6 * 3600}, ["figure of web-1: expected at most 300 s old"]),
    ],
    ids=["fresh", "of another", "stale"],
)
def test_figures_that_the_metrics_api_repeats_are_no_figures(
    ages_s: dict[str, float], words: list[str]
) -> None:
    measured = autoscaler(UTILIZATION, current=(resource("cpu", averageUtilization=40),))
    measured["metadata"] |= {"creationTimestamp": ago(hours=1)}
    figures = [_figure(pod, age_s) for pod, age_s in ages_s.items()]
    answers = {FIGURES: {"kind": "PodMetricsList", "items": figures}}
    pods = [workload(), running("web-1")]
    with cluster_of(measured, *pods, answers=answers) as made:
        assert [each.partition(", observed")[0] for each in said(made, "metrics")] == words


@pytest.mark.parametrize(
    "ages",
    [
        {},
        {"web-1": None},
        {"web-1": "yesterday"},
        {"web-1": "2026-11-27T21:00:00"},
        {"another": 20},
        {"web-2": 20},
    ],
    ids=["none", "without a time", "no time", "without a zone", "of another", "of one of two"],
)
def test_figures_without_a_time_are_no_pass(ages: dict[str, float | str | None]) -> None:
    measured = autoscaler(UTILIZATION, current=(resource("cpu", averageUtilization=40),))
    figures = [_figure(pod, age) for pod, age in ages.items()]
    answers = {FIGURES: {"kind": "PodMetricsList", "items": figures}}
    pods = [running("web-1"), running("web-2", ready=bool(figures))]
    young = running("web-3", created=ago(seconds=5))
    with cluster_of(measured, workload(), *pods, young, answers=answers) as made:
        rule = row("hpa-state", of=HPA, aspect="metrics")
        assert "dates no figure of web-1" in doubt(rule, read_hpa_state(made, rule).value)


def test_figures_whose_age_may_not_be_read_are_no_pass() -> None:
    measured = autoscaler(UTILIZATION, current=(resource("cpu", averageUtilization=40),))
    refused = Reply(
        403, {"kind": "Status", "apiVersion": "v1", "code": 403, "message": "forbidden"}
    )
    with cluster_of(measured, workload(), running("web-1"), answers={FIGURES: refused}) as made:
        rule = row("hpa-state", of=HPA, aspect="metrics")
        assert "how old the figures are was not read" in doubt(
            rule, read_hpa_state(made, rule).value
        )


SCALED_OBJECT = {"kind": "ScaledObject", "name": "web", "uid": "s", "controller": True}
DISABLED = {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}


def idle(able: str = "True", **owner: Any) -> Json:  # noqa: ANN401 - raw JSON
    """An autoscaler of a target without a replica."""
    object_ = autoscaler(UTILIZATION)
    object_["metadata"] |= owner
    object_["status"] = {"conditions": [{"type": "AbleToScale", "status": able}, DISABLED]}
    return object_


@pytest.mark.parametrize("aspect", ["conditions", "metrics"])
def test_a_target_that_keda_has_scaled_to_none_is_no_verdict(aspect: str) -> None:
    """KEDA brings back the first replica by itself; the controller says ScalingDisabled."""
    rule = row("hpa-state", of=HPA, aspect=aspect)
    with cluster_of(idle(ownerReferences=[SCALED_OBJECT]), workload(replicas=0)) as made:
        fact = read_hpa_state(made, rule).value
    assert doubt(rule, fact).startswith("ScaledObject/web has scaled Deployment/web to none")


@pytest.mark.parametrize("aspect", ["conditions", "metrics"])
def test_a_target_that_somebody_scaled_to_none_is_a_difference(aspect: str) -> None:
    rule = row("hpa-state", of=HPA, aspect=aspect)
    with cluster_of(idle(), workload(replicas=0)) as made:
        assert differences(rule, read_hpa_state(made, rule).value)


def test_a_scaled_object_that_could_not_scale_is_a_difference_at_none_too() -> None:
    rule = row("hpa-state", of=HPA, aspect="conditions")
    with cluster_of(idle("False", ownerReferences=[SCALED_OBJECT]), workload(replicas=0)) as made:
        (found,) = differences(rule, read_hpa_state(made, rule).value)
    assert found.code == "not-able-to-scale"

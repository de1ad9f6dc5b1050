"""What a run loads and what scales it: any kind with a scale subresource, on a loopback API."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from clusterproof.errors import ObservationError
from clusterproof.load.recorder import Recorder
from clusterproof.load.sections import Scaling, ServiceRef
from clusterproof.load.session import settle
from clusterproof.load.target import Target, find_target
from tests.load.generator import until
from tests.observe.loopback import Reply, Request, api_server, listed

Json = dict[str, Any]
SERVICE = ServiceRef(namespace="ns", name="web", port=80)
SCALING = Scaling(hpa="web-hpa")
HPA = "/apis/autoscaling/v2/namespaces/ns/horizontalpodautoscalers/web-hpa"
APPS, ARGO = "/apis/apps/v1/namespaces/ns", "/apis/argoproj.io/v1alpha1/namespaces/ns"
ROLLOUTS = {
    "resources": [
        {"name": "rollouts/scale", "kind": "Scale", "namespaced": True},
        {"name": "rollouts", "kind": "Rollout", "namespaced": True},
    ]
}


def _hpa(kind: str, api_version: str) -> Json:
    reference = {"kind": kind, "apiVersion": api_version, "name": "web"}
    return {"spec": {"scaleTargetRef": reference, "maxReplicas": 9, "minReplicas": 2}}


def _scale(replicas: int, *, running: int | None = None, selector: str = "app=web") -> Json:
    status = {"replicas": replicas if running is None else running, "selector": selector}
    return {"metadata": {"name": "web"}, "spec": {"replicas": replicas}, "status": status}


def _target(kind: str, collection: str) -> Target:
    return Target("ns", "web", "app=web", kind, collection, "web")


@pytest.mark.parametrize(
    ("kind", "api_version", "collection"),
    [
        ("Deployment", "apps/v1", f"{APPS}/deployments"),
        ("StatefulSet", "apps/v1", f"{APPS}/statefulsets"),
        ("Rollout", "argoproj.io/v1alpha1", f"{ARGO}/rollouts"),
    ],
)
def test_whatever_can_be_scaled_is_found_with_its_pods(
    kind: str, api_version: str, collection: str
) -> None:
    """A kind that is not built in, by discovery; the Pods by the scale's own selector."""
    objects: dict[str, Json] = {
        HPA: _hpa(kind, api_version),
        "/apis/argoproj.io/v1alpha1": ROLLOUTS,
        f"{collection}/web/scale": _scale(3),
    }
    with api_server(lambda request: Reply(body=objects[request.path])) as api:
        assert find_target(api, SERVICE, SCALING) == _target(kind, collection)


def test_without_an_hpa_the_pods_are_the_services() -> None:
    service = {"spec": {"selector": {"tier": "front", "app": "web"}}}
    with api_server(lambda _: Reply(body=service)) as api:
        assert find_target(api, SERVICE, None) == Target("ns", "web", "app=web,tier=front")
    with (
        api_server(lambda _: Reply(body={"spec": {}})) as api,
        pytest.raises(ObservationError, match="Service ns/web has no selector"),
    ):
        find_target(api, SERVICE, None)


def test_an_hpa_that_is_not_there_is_said_at_once() -> None:
    """A typo would never come about, however long one waits."""
    missing = Reply(404, {"kind": "Status", "apiVersion": "v1", "message": "not found"})
    with (
        api_server(lambda _: missing) as api,
        pytest.raises(ObservationError, match="there is no HorizontalPodAutoscaler ns/web-hpa"),
    ):
        find_target(api, SERVICE, SCALING)


def test_a_kind_that_the_cluster_does_not_have_is_said() -> None:
    objects: dict[str, Json] = {
        HPA: _hpa("Rollout", "argoproj.io/v1alpha1"),
        "/apis/argoproj.io/v1alpha1": {"resources": []},
    }
    with (
        api_server(lambda request: Reply(body=objects[request.path])) as api,
        pytest.raises(ObservationError, match=r"has no Rollout in argoproj\.io/v1alpha1"),
    ):
        find_target(api, SERVICE, SCALING)


def _pod(name: str, ready: str = "True") -> Json:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": name, "uid": name}, "spec": {"containers": []}, "status": status}


@pytest.mark.parametrize(
    ("at_floor", "looks"), [(False, [4]), (True, [4, 2])], ids=["as-it-is", "at-its-floor"]
)
def test_a_run_begins_where_its_load_can_show_something(
    capsys: pytest.CaptureFixture[str],
    looks: list[int],
    *,
    at_floor: bool,
) -> None:
    """At minReplicas for a load that is to bring more; any other from wherever it is."""
    left = iter(looks)
    now = {"replicas": 0}

    def answer(request: Request) -> Reply:
        path = urlsplit(request.path).path
        if path == HPA:
            return Reply(body=_hpa("StatefulSet", "apps/v1"))
        if path.endswith("/scale"):
            now["replicas"] = next(left)
            return Reply(body=_scale(now["replicas"]))
        if path.endswith("/pods"):
            return Reply(body=listed("Pod", *(_pod(f"web-{n}") for n in range(now["replicas"]))))
        return Reply(body={"metadata": {"name": "web"}, "status": {}})

    with api_server(answer) as api:
        settle(api, _target("StatefulSet", f"{APPS}/statefulsets"), SCALING, at_floor=at_floor)
    said = capsys.readouterr().err
    waits = "waiting for StatefulSet/web to settle: spec.replicas 4, replicas 4, Ready 4\n"
    assert said == (waits if at_floor else "")


def test_a_run_begins_at_none_where_keda_has_put_an_idle_target() -> None:
    """Its HPA would never be at minReplicas before there is a load."""
    keda = _hpa("StatefulSet", "apps/v1")
    keda["metadata"] = {"labels": {"app.kubernetes.io/managed-by": "keda-operator"}}

    def answer(request: Request) -> Reply:
        path = urlsplit(request.path).path
        if path == HPA:
            return Reply(body=keda)
        if path.endswith("/scale"):
            return Reply(body=_scale(0))
        return Reply(body=listed("Pod"))

    with api_server(answer) as api:
        settle(api, _target("StatefulSet", f"{APPS}/statefulsets"), SCALING, at_floor=True)


def test_replicas_of_a_kind_that_is_not_built_in_are_read_from_its_scale() -> None:
    """Its spec may keep them anywhere; what could not be read meanwhile is a gap."""
    replies = [
        Reply(body=_scale(3)),
        Reply(403, {"kind": "Status", "message": "rollouts/scale is forbidden"}),
        Reply(body=_scale(5)),
    ]

    def answer(request: Request) -> Reply:
        if request.path.endswith("/scale"):
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if "watch=" in request.path:
            return Reply(500, {"kind": "Status", "message": "no watch here"})
        return Reply(body={**listed("Any"), "metadata": {"resourceVersion": "1"}})

    with api_server(answer) as api:
        recorder = Recorder(api, _target("Rollout", f"{ARGO}/rollouts"), SCALING, None)
        recorder.start()
        until(lambda: len(recorder.recording.of("target")) == 2)
        recording = recorder.stop()
    changes = recording.of("target")
    assert [(c.type, c.object["spec"]["replicas"]) for c in changes] == [
        ("LISTED", 3),
        ("MODIFIED", 5),
    ]
    (gap,) = [gap for gap in recording.gaps if gap.kind == "target"]
    assert (gap.changes, "forbidden" in gap.why) == (1, True)
    assert not recording.scrapes

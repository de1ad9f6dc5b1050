"""A whole rehearsal over loopback, whose undo is refused."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from clusterproof.act.rehearsal import rehearse as module
from clusterproof.act.rehearsal.act import Act
from clusterproof.act.rehearsal.seen import Kept, Rehearsed, Step
from clusterproof.act.rehearsal.undo import Undo, WayBack
from clusterproof.checks import judge
from clusterproof.judgement import Doubt, Passed
from tests.judge.test_rehearsal import FLOWN
from tests.observe.loopback import api_server
from tests.rehearsal.test_operations import DEPLOYMENTS, HPAS, WHOLE, Json, Server, rule, web

SCALE = {"do": "scale", "of": "Deployment/a/web", "replicas": 5}
ROW = rule(SCALE)
SERVICE = "/api/v1/namespaces/a/services/other"


def rehearsed(
    monkeypatch: pytest.MonkeyPatch,
    *,
    answered: int = 400,
    missing: int = 0,
    touched: str = "",
    beside: Mapping[str, Json] = MappingProxyType({}),
    workloads: Sequence[str] = (),
    running: int = 3,
) -> Rehearsed:
    """What comes back where somebody else scales to 4, and `touched` is changed too."""
    other = {"kind": "Service", "metadata": {"name": "other", "namespace": "a"}, "spec": {}}
    server = Server(**{SERVICE: other, **beside})
    row = rule(SCALE, workloads=["Deployment/a/web", *workloads])

    class Flow:
        """Requests that had this end."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def start(self) -> None: ...

        def end(self) -> Any:  # noqa: ANN401 - as Flow.end
            return replace(FLOWN, answered=answered), ("uuid",)

    def perform(_: object, act: Act) -> Iterator[Step]:
        act.remember(Undo(f"{DEPLOYMENTS}/web/scale", "/spec/replicas", 3, 5))
        server.objects[f"{DEPLOYMENTS}/web"]["spec"]["replicas"] = 4
        server.objects[f"{DEPLOYMENTS}/web"]["status"] |= dict.fromkeys(WHOLE, running)
        if touched:
            server.objects[touched]["spec"] = {"type": "NodePort"}
        yield Step("web runs 5 replicas", "", 1.0, 60.0)

    monkeypatch.setattr(module, "Flow", Flow)
    monkeypatch.setattr(module, "perform", perform)
    monkeypatch.setattr(module, "pause", lambda _: None)
    kept = Kept(named=400, missing=missing, such_as=("u",) * bool(missing), within_s=60.0)
    monkeypatch.setattr(module, "read_events", lambda *_: kept)
    with api_server(server.answer) as api:
        stage: Any = SimpleNamespace(
            api=api,
            namespaces=("a",),
            traffic=SimpleNamespace(service="web"),
            posthog=None,
            way_back=WayBack(api, "n", "run"),
            may_write=lambda: None,
        )
        inside: Any = SimpleNamespace(where="n/pod", how="exec")
        observed = module.rehearse(stage, row, inside, "name")
    assert not server.patches
    assert any("observed 4: changed since, left as it is" in line for line in observed.evidence)
    return observed.value


def test_a_change_by_somebody_else_is_a_doubt_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the Deployment, nor that it is not whole, is held against the operation."""
    fact = rehearsed(monkeypatch)
    assert fact.unrestored == ()
    judgement = judge(ROW, fact)
    assert isinstance(judgement, Doubt)
    assert "/spec/replicas was 3, the rehearsal put 5, observed 4" in judgement.reason


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"answered": 399}, "request-lost"),
        ({"missing": 2}, "event-lost"),
        ({"touched": SERVICE}, "not-restored"),
    ],
)
def test_losses_are_seen_though_the_undo_is_refused(
    monkeypatch: pytest.MonkeyPatch, part: dict[str, Any], code: str
) -> None:
    judgement = judge(ROW, rehearsed(monkeypatch, **part))
    assert [each.code for each in judgement.differences] == [code]


AUTOSCALER: Json = {
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web", "namespace": "a"},
    "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9},
}


def test_replicas_that_an_autoscaler_moved_are_its_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay, and are no difference, as in what is compared; all must be whole again."""
    scaled = {f"{HPAS}/web": AUTOSCALER}
    fact = rehearsed(monkeypatch, beside=scaled)
    assert fact.refused == ()
    assert [each.code for each in judge(ROW, fact).differences] == ["not-restored"]
    whole = rehearsed(monkeypatch, beside=scaled, running=4)
    assert isinstance(judge(ROW, whole), Passed)


ROLLOUT = "Rollout.v1alpha1.argoproj.io"


def test_a_workload_of_somebodys_own_kind_is_compared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discovery knows its path, and nothing of it is ever changed."""
    rollout = web() | {"kind": "Rollout", "apiVersion": "argoproj.io/v1alpha1"}
    resource = {"kind": "Rollout", "name": "rollouts", "namespaced": True}
    group = "/apis/argoproj.io/v1alpha1"
    served: dict[str, Json] = {
        group: {"kind": "APIResourceList", "resources": [resource]},
        f"{group}/namespaces/a/rollouts": {"kind": "RolloutList", "items": [rollout]},
    }
    fact = rehearsed(monkeypatch, beside=served, workloads=[f"{ROLLOUT}/a/web"])
    assert (fact.compared, fact.unrestored) == (3, ())

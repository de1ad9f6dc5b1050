"""What an HPA would do under a load: the controller's model, with Pods that take their time."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.cli import main
from clusterproof.errors import SpecError
from clusterproof.load.forecast import Moment, Pods, advice, forecast, spec_of
from clusterproof.load.hpa.rules import ControllerFlags, ResourceTarget
from clusterproof.load.schedule import Plan, Stage
from clusterproof.outcome import ExitCode
from tests.load.scaling_parts import MUST_HOLD

Json = dict[str, Any]
KIND = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
MANIFEST: Json = {**KIND, "spec": MUST_HOLD}
HPA = spec_of(MANIFEST)
FLAGS = ControllerFlags()
PODS = Pods(request_m=70, cpu_ms=5, limit_m=280, ready_s=20)
STEP = Plan([Stage(20, 20, 45), Stage(160, 160, 180), Stage(8, 8, 500)])


def _steps(moments: tuple[Moment, ...]) -> list[int]:
    """The replicas, each number once on end."""
    path: list[int] = []
    for moment in moments:
        if not path or path[-1] != moment.replicas:
            path.append(moment.replicas)
    return path


def test_a_step_goes_up_by_its_policies_and_down_after_its_window() -> None:
    """3 to 6 to 10, as the policies allow, and back by halves a minute apart."""
    moments = forecast(HPA, STEP, PODS, FLAGS)
    assert _steps(moments) == [3, 6, 9, 10, 5, 3]
    down = next(m.at_s for m in moments if m.at_s > 225 and m.replicas < 10)
    assert 225 + 300 <= down <= 225 + 300 + 2 * FLAGS.sync_s


def test_a_load_that_the_pods_carry_within_the_tolerance_changes_nothing() -> None:
    steady = Plan([Stage(30, 30, 300)])
    assert _steps(forecast(HPA, steady, PODS, FLAGS)) == [3]


def test_new_pods_carry_nothing_before_they_are_ready() -> None:
    """A limit of 100m is 20 requests a second: three of them carry 60 of 160."""
    pods = Pods(request_m=70, cpu_ms=5, limit_m=100, ready_s=60)
    moments = forecast(HPA, STEP, pods, FLAGS)
    first = next(m for m in moments if m.rate == 160)
    assert first.overload == pytest.approx(1 - 60 / 160)
    assert [m.ready for m in moments if m.rate == 160 and m.at_s < first.at_s + 60] == [3] * 4
    assert all(m.overload == 0 for m in moments if m.ready == 10)


def test_it_says_what_would_hold_the_load() -> None:
    pods = Pods(request_m=70, cpu_ms=5, limit_m=100, ready_s=20)
    lines = advice(HPA, STEP, pods, FLAGS)
    assert lines[0].startswith("160 requests/s take 0.80 cores: 15 replicas")
    assert lines[1] == "maxReplicas hold the target up to 108 requests/s"
    assert lines[2].startswith("overloaded from 45 s to ")
    late = "no target would carry it all: new Pods come too late for it"
    assert lines[3:] == ("minReplicas 8 would carry it all", late)
    more = advice(HPA, Plan([Stage(20, 20, 60), Stage(900, 900, 200)]), pods, FLAGS)
    assert more[-1] == "maxReplicas carry 200 requests/s, whatever minReplicas and the target are"
    slowly = Plan([Stage(20, 160, 140), Stage(160, 160, 120)])
    held = advice(HPA, slowly, pods, FLAGS)[-1]
    assert held.startswith("so would a target of ")
    percent = int(held.removeprefix("so would a target of ").removesuffix(" %"))
    for tried, carries in ((percent, True), (percent + 5, False)):
        metrics = (ResourceTarget("cpu", utilization=tried), *HPA.metrics[1:])
        moments = forecast(replace(HPA, metrics=metrics), slowly, pods, FLAGS)
        assert any(m.overloads for m in moments) is not carries
    assert "no moment" in advice(HPA, STEP, PODS, FLAGS)[-1]
    assert Pods(request_m=70, cpu_ms=5).capacity == math.inf


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        ([(20, 31), (300, 10), (20, 300)], "overloaded from 31 s to 41 s, by at most 44% of"),
        ([(300, 10)], "overloaded from 0 s to 10 s, by at most 44% of the load"),
        ([(160, 10), (20, 1)], "no moment in which the Ready Pods could not carry the load"),
    ],
    ids=["between-two-reconciles", "before-the-first", "carried"],
)
def test_a_load_that_no_reconcile_saw_overloads_as_well(
    stages: list[tuple[float, float]], says: str
) -> None:
    """Three Pods carry 168 requests a second."""
    lines = advice(HPA, Plan([Stage(rate, rate, for_s) for rate, for_s in stages]), PODS, FLAGS)
    assert [line for line in lines if line.startswith(says)]


def test_no_ready_pods_carry_nothing_and_without_a_limit_nobody_knows_what_the_others_do() -> None:
    """Infinitely many times none are none."""
    unlimited = Pods(request_m=70, cpu_ms=5, ready_s=20)
    idle = spec_of(by_rate("External", averageValue="20"), "rps")
    steady = Plan([Stage(160, 160, 60)])
    lines = advice(replace(idle, min_replicas=0), steady, unlimited, FLAGS)
    assert lines[1].startswith("overloaded from 0 s to 35 s, by at most 100% of the load")
    assert advice(HPA, steady, unlimited, FLAGS)[-1] == (
        "without a CPU limit nobody knows what a Pod carries; one was always Ready"
    )


def test_the_tolerance_of_an_hpa_is_its_own() -> None:
    """On by default since 1.35: 0.5 cores are 6.8 of 70m at 105 %."""
    own = {**MUST_HOLD, "behavior": {"scaleUp": {"tolerance": "0.5"}}}
    steady = Plan([Stage(100, 100, 300)])
    for spec, replicas in ((MUST_HOLD, 10), (own, 7)):
        first = advice(spec_of({**KIND, "spec": spec}), steady, PODS, FLAGS)[0]
        assert first.startswith(f"100 requests/s take 0.50 cores: {replicas} replicas within")


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ({"kind": "Deployment"}, "expected the manifest of an autoscaling/v2"),
        (
            {**MANIFEST, "spec": {"maxReplicas": 3, "metrics": MUST_HOLD["metrics"][1:]}},
            "the HPA goes by memory",
        ),
        (
            {
                **MANIFEST,
                "spec": {
                    "maxReplicas": 3,
                    "metrics": [
                        {
                            "type": "External",
                            "external": {"metric": {"name": "queue"}, "target": {"value": "9"}},
                        }
                    ],
                },
            },
            "the HPA goes by External queue",
        ),
    ],
)
def test_what_cannot_be_foretold_is_said(manifest: Json, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        spec_of(manifest)


def cpu_of_a_container(**target: object) -> Json:
    """Metrics with this target alone."""
    source = {"name": "cpu", "container": "app", "target": target}
    return {"metrics": [{"type": "ContainerResource", "containerResource": source}]}


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"minReplicas": 4, "maxReplicas": 3}, "spec.maxReplicas: .*at least minReplicas, 4"),
        ({"maxReplicas": "many"}, "spec.maxReplicas: "),
        ({"minReplicas": 0}, "minReplicas 0: .* type Object or External"),
        ({"maxReplicas": None}, "spec.maxReplicas: expected a number over 0"),
        ({"metrics": [{"type": "Resource"}]}, "spec.metrics: .*with a target"),
        ({"metrics": [{"resource": {"name": "cpu"}}]}, "spec.metrics: .*with a target"),
        (
            {"metrics": [{"type": "Resource", "resource": {"target": {"averageUtilization": 7}}}]},
            "spec.metrics: .*with a target",
        ),
        ({"metrics": ["cpu"]}, "spec.metrics"),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Pods"}]}}}, "spec.behavior.scaleUp.pol"),
        (cpu_of_a_container(averageUtilization=0), "averageUtilization: .* over 0, got 0"),
        (cpu_of_a_container(averageUtilization="x"), "averageUtilization: .* over 0, got 'x'"),
        (cpu_of_a_container(averageUtilization=True), "averageUtilization: .* over 0, got True"),
        (cpu_of_a_container(averageValue="0"), "averageValue: .* over 0, got '0'"),
    ],
)
def test_what_the_api_would_not_take_is_one_sentence(spec: Json, says: str) -> None:
    with pytest.raises(SpecError, match=says):
        spec_of({**KIND, "spec": {**MUST_HOLD, **spec}})


@pytest.mark.parametrize("spec", [["maxReplicas"], "maxReplicas: 10", 7])
def test_a_spec_without_fields_is_one_sentence(spec: object) -> None:
    with pytest.raises(SpecError, match="spec: expected the fields of an autoscaler; got"):
        spec_of({**KIND, "spec": spec})


def test_an_older_manifest_is_not_read_as_if_it_were_of_v2() -> None:
    """Its targetCPUUtilizationPercentage is no field of v2: the default of 80 % would count."""
    old = {"maxReplicas": 10, "targetCPUUtilizationPercentage": 50}
    with pytest.raises(SpecError, match="autoscaling/v2"):
        spec_of({**KIND, "apiVersion": "autoscaling/v1", "spec": old})


@pytest.mark.parametrize(
    "wrong",
    [["--request", "0"], ["--request", "half"], ["--limit", "0"], ["--ready-s", "nan"]],
    ids=" ".join,
)
def test_a_pod_that_cannot_be_is_refused(
    wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hpa.yaml"
    path.write_text(yaml.safe_dump(MANIFEST), encoding="utf-8")
    pods = ["--cpu-ms", "5", "--request", "70m", "--rate", "9", *wrong]
    with pytest.raises(SystemExit) as ended:
        main(["load", "plan", "--hpa", str(path), *pods])
    assert ended.value.code == ExitCode.USAGE
    assert f"argument {wrong[0]}: '{wrong[1]}': expected a" in capsys.readouterr().err


def test_a_limit_under_its_request_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the API too: no usage would ever reach a target of 70 %."""
    path = tmp_path / "hpa.yaml"
    path.write_text(yaml.safe_dump(MANIFEST), encoding="utf-8")
    pods = ["--cpu-ms", "5", "--request", "500m", "--limit", "200m", "--rate", "9"]
    assert main(["load", "plan", "--hpa", str(path), *pods]) == ExitCode.USAGE
    assert "--limit: expected at least --request" in capsys.readouterr().err


def by_rate(kind: str, **target: str) -> Json:
    """An HPA that goes by the requests per second alone."""
    metric = {"type": kind, kind.lower(): {"metric": {"name": "rps"}, "target": target}}
    return {**MANIFEST, "spec": {**MUST_HOLD, "metrics": [metric]}}


@pytest.mark.parametrize(
    ("manifest", "needed", "path"),
    [
        (by_rate("Pods", averageValue="20"), 8, [3, 6, 9, 4, 3]),
        (by_rate("External", averageValue="20"), 8, [3, 6, 8, 4, 3]),
        (by_rate("Object", averageValue="10"), 15, [3, 6, 10, 5, 3]),
    ],
)
def test_the_rate_of_requests_may_be_what_an_hpa_goes_by(
    manifest: Json, needed: int, path: list[int]
) -> None:
    """160 requests a second are eight times twenty.

    Of six Pods each has 26.667 of them, which is rounded up, and asks for nine.
    """
    hpa = spec_of(manifest, "rps")
    assert _steps(forecast(hpa, STEP, PODS, FLAGS)) == path
    assert f": {needed} replicas within" in advice(hpa, STEP, PODS, FLAGS)[0]


def test_value_of_the_rate_asks_for_more_as_long_as_it_is_over_it() -> None:
    """It is no share of each Pod: more Pods change nothing of it."""
    hpa = spec_of(by_rate("External", value="80"), "rps")
    assert max(moment.replicas for moment in forecast(hpa, STEP, PODS, FLAGS)) == 10
    assert ": 1 replicas within" in advice(hpa, STEP, PODS, FLAGS)[0]


def test_rate_metric_has_to_be_one_of_the_hpas() -> None:
    with pytest.raises(SpecError, match="to go by rpm; it goes by Pods rps"):
        spec_of(by_rate("Pods", averageValue="20"), "rpm")
    with pytest.raises(SpecError, match="the HPA goes by Pods rps: only the CPU and the rate"):
        spec_of(by_rate("Pods", averageValue="20"))


def test_the_command_needs_no_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hpa.yaml"
    path.write_text(yaml.safe_dump(MANIFEST), encoding="utf-8")
    pods = ["--cpu-ms", "5", "--request", "70m", "--limit", "280m", "--ready-s", "20"]
    assert main(["load", "plan", "--hpa", str(path), "--rate", "160", *pods]) == ExitCode.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["15", "16.0", "3", "3", "38"]
    assert [line.split()[2] for line in lines[1:-3]][-1] == "10"
    assert lines[-1] == "no moment in which the Ready Pods could not carry the load"
    path.write_text("kind: Deployment\n", encoding="utf-8")
    assert main(["load", "plan", "--hpa", str(path), *pods]) == ExitCode.USAGE

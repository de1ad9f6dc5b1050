"""The load spec: whole, bounded, and refused by name."""

from pathlib import Path
from typing import Any

import pytest

from clusterproof.errors import SpecError
from clusterproof.load.credibility import CredibilityLimits
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.objectives import DEFAULT_PATH, LoadSpec, read_objectives
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import StageRow

PROJECT = Path(__file__).resolve().parents[2]
SPEC = read_objectives()


def test_the_load_spec_is_whole() -> None:
    spec = read_objectives()
    assert spec.scaling.controller.flags() == ControllerFlags()
    for name, scenario in spec.scenarios.items():
        for shape in scenario.shapes:
            assert spec.plan(name, shape).total > 0
        assert scenario.drain_s > scenario.timeout_s


@pytest.mark.parametrize(
    ("scenario", "shape", "factor", "says"),
    [
        ("router", "nosuch", 1.0, "expected one of smoke"),
        ("nosuch", "step", 1.0, "expected one of router"),
        ("router", "step", 100.0, "over its bound"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(
    scenario: str, shape: str, factor: float, says: str
) -> None:
    with pytest.raises(SpecError, match=says):
        read_objectives().plan(scenario, shape, rate_factor=factor)


def test_production_is_refused_without_the_flag() -> None:
    spec = read_objectives()
    with pytest.raises(SpecError, match="--allow-production"):
        spec.refuse_production(context="gke-prod-1", allowed=False)
    spec.refuse_production(context="gke-prod-1", allowed=True)
    spec.refuse_production(context="testbed", allowed=False)


def test_a_file_that_is_missing_or_wrong_says_where(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a spec file in UTF-8"):
        read_objectives(tmp_path / "none.yaml")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("reason: x\nnonsense: 1\n", encoding="utf-8")
    with pytest.raises(SpecError, match="credibility"):
        read_objectives(wrong)
    wrong.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpecError, match=r"wrong.yaml:1: expected YAML"):
        read_objectives(wrong)


def _with(**sections: dict[str, Any]) -> LoadSpec:
    """The project's load spec with other fields in some of its sections."""
    changed = {
        name: getattr(SPEC, name).model_copy(update=fields) for name, fields in sections.items()
    }
    return SPEC.model_copy(update=changed)


def _router(*rows: StageRow) -> LoadSpec:
    """The project's load spec with one shape of the router, `ours`."""
    router = SPEC.scenarios["router"].model_copy(update={"shapes": {"ours": rows}})
    return SPEC.model_copy(update={"scenarios": {"router": router}})


def test_a_row_is_a_stage_and_with_another_end_a_ramp() -> None:
    """Scaled by both factors; by none as it stands."""
    rows = (StageRow(rate=10, for_s=5), StageRow(rate=10, to_rate=0, for_s=20))
    spec = _router(*rows)
    whole = Plan([Stage(10, 10, 5), Stage(10, 0, 20)])
    assert spec.plan("router", "ours").stages == whole.stages
    scaled = spec.plan("router", "ours", rate_factor=2, time_factor=3)
    assert scaled.stages == whole.scaled(2, 3).stages


def test_what_there_is_is_named_where_something_is_not_there() -> None:
    with pytest.raises(SpecError) as found:
        SPEC.plan("posthog", "step")
    assert str(found.value) == "shape 'step' of posthog: expected one of smoke, steady, spike"
    with pytest.raises(SpecError) as found:
        SPEC.scenario("gateway")
    assert str(found.value) == "scenario 'gateway': expected one of router, posthog"


@pytest.mark.parametrize(
    ("bound", "value", "sentence"),
    [
        ("max_rate", 10, "rate 11 is over its bound 10 in the load spec"),
        ("max_duration_s", 9, "duration 10 is over its bound 9 in the load spec"),
        ("max_requests", 109, "requests 110 is over its bound 109 in the load spec"),
        ("max_callers", 95, "callers 96 is over its bound 95 in the load spec"),
    ],
)
def test_no_plan_leaves_its_bounds(bound: str, value: float, sentence: str) -> None:
    """The bound itself is allowed."""
    spec = _router(StageRow(rate=11, for_s=10))
    plans = {"max_rate": 11, "max_duration_s": 10, "max_requests": 110, "max_callers": 96}
    at_bound = spec.model_copy(update={"bounds": SPEC.bounds.model_copy(update=plans)})
    assert at_bound.plan("router", "ours").total == 110
    under = {**plans, bound: value}
    with pytest.raises(SpecError) as found:
        spec.model_copy(update={"bounds": SPEC.bounds.model_copy(update=under)}).plan(
            "router", "ours"
        )
    assert str(found.value) == sentence


def test_a_host_of_production_is_refused_without_the_flag() -> None:
    spec = _with(production={"contexts": ("*prod*",), "hosts": ("https://router.*", "*.live")})
    with pytest.raises(SpecError) as found:
        spec.refuse_production(host="https://router.example", allowed=False)
    assert str(found.value) == (
        "host 'https://router.example' matches 'https://router.*' in production of the spec;"
        " load on production needs --allow-production"
    )
    with pytest.raises(SpecError, match=r"^host 'http://a.live' matches '\*\.live' in production"):
        spec.refuse_production(host="http://a.live", allowed=False)
    spec.refuse_production(host="https://router.example", allowed=True)
    for host in ("HTTPS://ROUTER.EXAMPLE:443/path", "http://A.Live/", "//a.live"):
        with pytest.raises(SpecError, match="needs --allow-production"):
            spec.refuse_production(host=host, allowed=False)
    spec.refuse_production(host="http://127.0.0.1:8080", allowed=False)


def test_a_context_of_production_is_named_as_one() -> None:
    with pytest.raises(SpecError, match=r"^context 'eu-prod-1' matches '\*prod\*' in production"):
        SPEC.refuse_production(context="eu-prod-1", allowed=False)


@pytest.mark.parametrize(
    "host",
    [
        "http://model-router.voicehelper-prod.svc.cluster.local:8080",
        "http://MODEL-ROUTER.VOICEHELPER-PROD.svc:8080/",
        "https://api.Production.example",
    ],
)
def test_the_shipped_spec_refuses_hosts_of_production(host: str) -> None:
    """In a cluster there is no context to tell it by."""
    with pytest.raises(SpecError, match="needs --allow-production"):
        SPEC.refuse_host(host, allowed=False)
    SPEC.refuse_host(host, allowed=True)


@pytest.mark.parametrize("host", ["router:8080", "ftp://router", "http://", "http://a/?b"])
def test_what_is_no_url_is_no_host(host: str) -> None:
    with pytest.raises(SpecError, match="expected http://HOST"):
        SPEC.refuse_host(host, allowed=False)


def test_without_a_host_or_a_context_nothing_matches() -> None:
    """Not even a glob that matches everything: there is nothing that it could be about."""
    spec = _with(production={"contexts": ("*",), "hosts": ("*",)})
    spec.refuse_production(allowed=False)
    with pytest.raises(SpecError, match=r"^context 'a'"):
        spec.refuse_production(context="a", allowed=False)
    with pytest.raises(SpecError, match=r"^host 'b'"):
        spec.refuse_production(host="b", allowed=False)


def test_limits_of_a_generator_are_taken_over_in_seconds() -> None:
    section = {"late_p99_ms": 40, "loop_lag_p99_ms": 60, "cpu_busiest": 0.7}
    found = _with(credibility=section).credibility.limits()
    expected = CredibilityLimits(late_p99_s=0.04, loop_lag_p99_s=0.06, cpu_busiest=0.7)
    assert found == expected


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("    max_rate: 2000", "    max_rat: 2000"), "bounds.max_rate: Field required"),
        (("  max_rate: 2000", "  max_rate: many"), "; got 'many'"),
    ],
)
def test_a_wrong_field_says_what_it_has_and_a_missing_one_nothing(
    tmp_path: Path, wrong: tuple[str, str], sentence: str
) -> None:
    text = (PROJECT / DEFAULT_PATH).read_text(encoding="utf-8")
    old, new = (one.strip() for one in wrong)
    path = tmp_path / "objectives.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError) as found:
        read_objectives(path)
    assert str(found.value).endswith(sentence)

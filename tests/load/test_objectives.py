"""The load spec: whole, bounded, and refused by name."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.errors import SpecError
from clusterproof.load.__main__ import main
from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.callers import judge_answers, judge_latency
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.objectives import DEFAULT_PATH, LoadSpec, read_objectives
from clusterproof.load.recording import Recording
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.sections import StageRow
from clusterproof.outcome import ExitCode

PROJECT = Path(__file__).resolve().parents[2]
SPEC = read_objectives()


def test_the_load_spec_is_whole() -> None:
    spec = read_objectives()
    assert spec.scaling is not None
    assert spec.scaling.controller == ControllerFlags()
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
    with pytest.raises(SpecError, match="expected a spec file"):
        read_objectives(tmp_path / "none.yaml")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("reason: x\nnonsense: 1\n", encoding="utf-8")
    with pytest.raises(SpecError, match="scenarios: Field required"):
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
    assert str(found.value) == "scenario 'gateway': expected one of router, stream, posthog"


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


@pytest.mark.parametrize(
    "host",
    [
        *("router:8080", "ftp://router", "http://", "http://a/?b", "http://a/?", "http://a/#b"),
        *(
            "http://a:99999",
            "http://a:port",
            "http://a:0",
            "http://[::1",
            "http://a b",
            "http://a/\n",
        ),
    ],
)
def test_what_is_no_url_is_no_host(host: str) -> None:
    with pytest.raises(SpecError, match="expected http://HOST"):
        SPEC.refuse_host(host, allowed=False)


def test_a_password_that_makes_it_no_url_is_not_said() -> None:
    """`#` begins a fragment where it is not written as %23."""
    with pytest.raises(SpecError) as refused:
        SPEC.refuse_host("http://user:pass#word@h", allowed=False)
    assert str(refused.value).startswith("host 'h': expected http://HOST")


def test_without_a_host_or_a_context_nothing_matches() -> None:
    """Not even a glob that matches everything: there is nothing that it could be about."""
    spec = _with(production={"contexts": ("*",), "hosts": ("*",)})
    spec.refuse_production(allowed=False)
    with pytest.raises(SpecError, match=r"^context 'a'"):
        spec.refuse_production(context="a", allowed=False)
    with pytest.raises(SpecError, match=r"^host 'b'"):
        spec.refuse_production(host="b", allowed=False)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            ("    max_rate: 2000", "    max_rat: 2000"),
            "bounds.max_rat: Extra inputs are not permitted; got 2000",
        ),
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


ROUTER = "scenarios.router"
HOLDS = "scaling.must_hold"
UP = f"{HOLDS}.behavior.scaleUp"


def _changed(field: str, wrong: object) -> dict[str, Any]:
    """The project's load spec as data, with one other field."""
    whole: dict[str, Any] = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text(encoding="utf-8"))
    *sections, name = field.split(".")
    section = whole
    for step in sections:
        section = section.setdefault(step, {})
    section[name] = wrong
    return whole


def test_a_request_may_not_outlast_the_end_that_nobody_wrote(tmp_path: Path) -> None:
    path = tmp_path / "objectives.yaml"
    shapes = "shapes: {a: [{rate: 1, for_s: 1}]}"
    path.write_text(
        f"scenarios:\n  own:\n    target: ns/svc:80\n    timeout_s: 30\n    {shapes}\n",
        encoding="utf-8",
    )
    with pytest.raises(
        SpecError, match=r"drain_s: .* expected more than timeout_s, 30: .*; got 12"
    ):
        read_objectives(path)


@pytest.mark.parametrize(
    ("field", "wrong", "says"),
    [
        (f"{ROUTER}.objectives.failure_ratio", 1, "less than 1; got 1"),
        (f"{ROUTER}.objectives.failure_ratio", -0.1, "greater than or equal to 0; got -0.1"),
        (f"{ROUTER}.objectives.failure_ratio", math.nan, "finite number; got nan"),
        (f"{ROUTER}.objectives.p99_ms", 0, "greater than 0; got 0"),
        (f"{ROUTER}.objectives.p50_ms", math.inf, "finite number; got inf"),
        (f"{ROUTER}.timeout_s", -1, "greater than 0; got -1"),
        (f"{ROUTER}.drain_s", 10, "more than timeout_s, 10: the last request must be able to end"),
        (f"{ROUTER}.drop_after_s", 0, "greater than 0; got 0"),
        (f"{ROUTER}.connection_max_age_s", -5, "greater than 0; got -5"),
        (f"{ROUTER}.mix", {}, "at least one request with a weight over 0; got {}"),
        (f"{ROUTER}.mix", {"list-models": 0}, "at least one request with a weight over 0"),
        (f"{ROUTER}.shapes", {}, "at least 1 item"),
        (f"{ROUTER}.ab_shares", {"a": 50, "b": 50}, "not to 100; in these proportions: {a: 0.5, b"),
        (f"{ROUTER}.ab_shares", {"a": 0.5, "b": 0.4}, "add up to 1, not to 0.9"),
        (f"{ROUTER}.ab_shares", {"a": 1}, "two variants or more, or {} for no claim"),
        ("credibility.late_p99_ms", -50, "greater than 0; got -50"),
        ("credibility.cpu_busiest", 80, "less than or equal to 2; got 80"),
        ("bounds.max_rate", math.inf, "finite number; got inf"),
        ("bounds.max_callers", 0, "greater than 0; got 0"),
        ("circuit_breaker.window_s", 0, "greater than 0; got 0"),
        ("circuit_breaker.fewest", 0, "greater than 0; got 0"),
        ("circuit_breaker.failure_ratio", 50, "less than 1; got 50"),
        ("evidence.scrape_s", math.inf, "finite number; got inf"),
        ("metrics.port", 65_536, "less than 65536; got 65536"),
        ("metrics.path", "metrics", "should match pattern '^/'; got 'metrics'"),
        ("metrics.requests", 'x_total{code="200"}', "name of a sample without labels"),
        ("scaling.ceiling_rate", 0, "greater than 0; got 0"),
        (f"{HOLDS}.minReplicas", -1, "greater than or equal to 0; got -1"),
        (f"{HOLDS}.maxReplicas", 2, "expected at least minReplicas, 3; got 2"),
        (f"{HOLDS}.metrics", [], "at least 1 item"),
        (f"{HOLDS}.metrics", [{"type": "Resource"}], "a metric of autoscaling/v2 with a target"),
        (f"{UP}.stabilizationWindowSeconds", -1, "greater than or equal to 0; got -1"),
        (f"{UP}.stabilizationWindowSeconds", 3601, "less than or equal to 3600; got 3601"),
        (f"{UP}.selectPolicy", "Least", "'Max', 'Min' or 'Disabled'; got 'Least'"),
        (f"{UP}.policies", [], "at least 1 item"),
        (f"{UP}.tolerance", "much", "expected a quantity such as 500m"),
        (f"{UP}.tolerance", "-10m", "expected a quantity of 0 or more"),
        ("scaling.react_within_s", 0, "greater than 0; got 0"),
        ("scaling.controller.tolerance", math.nan, "finite number; got nan"),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused_with_its_line(
    tmp_path: Path, field: str, wrong: object, says: str
) -> None:
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(_changed(field, wrong)), encoding="utf-8")
    with pytest.raises(SpecError, match=rf"^{path}:\d+: {re.escape(field)}: ") as refused:
        read_objectives(path)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("type", "percent"),
        ("type", "Nodes"),
        ("value", 0),
        ("periodSeconds", 0),
        ("periodSeconds", 1801),
        ("seconds", 30),
    ],
)
def test_a_policy_that_the_api_would_not_take_is_refused(
    tmp_path: Path, field: str, wrong: object
) -> None:
    path = tmp_path / "objectives.yaml"
    policy = {"type": "Pods", "value": 2, "periodSeconds": 30, field: wrong}
    path.write_text(yaml.safe_dump(_changed(f"{UP}.policies", [policy])), encoding="utf-8")
    with pytest.raises(SpecError, match=rf":\d+: {UP}\.policies\.0\.{field}: "):
        read_objectives(path)


def test_ten_lines_are_a_load_spec_and_claim_only_what_they_say(tmp_path: Path) -> None:
    """Of no autoscaler, no counter, no event; production is refused all the same."""
    path = tmp_path / "objectives.yaml"
    path.write_text(
        """\
scenarios:
  router:
    target: shop/router:8080
    mix: {list-models: 1}
    objectives: {p99_ms: 500}
    shapes:
      steady: [{rate: 40, for_s: 120}]
""",
        encoding="utf-8",
    )
    spec = read_objectives(path)
    assert spec.plan("router", "steady").total == 4800
    with pytest.raises(SpecError, match="needs --allow-production"):
        spec.refuse_host("http://shop-prod", allowed=False)
    account = Account()
    for number in range(4800):
        account.begin(late_s=0, was_idle=True, at_s=number / 40)
        account.end("x", latency_s=0.02, service_s=0.02, at_s=number / 40, fault="", answered=True)
    router = spec.scenario("router")
    claims = [judge_answers(account, router.objectives)]
    claims += judge_latency(account, router.objectives)
    assert [claim.id for claim in claims] == ["answers", "latency-p99"]
    recording = Recording(0.0, 130.0)
    generator = {"scenario": "router", "started_at": 5.0, "stages": [[40, 40, 120]]}
    inputs = Inputs({**generator, "findings": []}, account, recording, None, None)
    judged = {claim.id for claim in analyse(inputs, spec).verdict.findings}
    assert judged == {"observer-watches"}


def test_a_shape_without_a_request_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "objectives.yaml"
    for stages in ([], [{"rate": 0, "for_s": 10}]):
        changed = _changed(f"{ROUTER}.shapes", {"none": stages})
        path.write_text(yaml.safe_dump(changed), encoding="utf-8")
        with pytest.raises(SpecError, match=rf"{ROUTER}\.shapes\.none: .*a rate over 0"):
            read_objectives(path)


def test_shares_may_be_rounded() -> None:
    thirds = dict.fromkeys("abc", 0.3333)
    spec = LoadSpec.model_validate(_changed(f"{ROUTER}.ab_shares", thirds))
    assert spec.scenario("router").ab_shares == thirds


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_is_a_finite_number_over_0(factor: float) -> None:
    with pytest.raises(SpecError, match=rf"^rate factor {factor:g}: expected a finite number"):
        SPEC.plan("router", "smoke", rate_factor=factor)
    with pytest.raises(SpecError, match=rf"^time factor {factor:g}: expected a finite number"):
        SPEC.plan("router", "smoke", time_factor=factor)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("circuit_breaker.fewest", 0), (f"{ROUTER}.drain_s", 10), (f"{ROUTER}.ab_shares", {"a": 1})],
)
def test_a_wrong_number_ends_a_run_before_anything_is_connected_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], field: str, wrong: object
) -> None:
    path = tmp_path / "objectives.yaml"
    path.write_text(yaml.safe_dump(_changed(field, wrong)), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["run", "--objectives", str(path), "--out", str(out)]) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert field in shown
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--locustfile", "none.py"], "--locustfile none.py: no such file"),
        (["--locustfile", f"{__file__},none.py"], "--locustfile none.py: no such file"),
        (["--previous", "none.json"], "--previous none.json: no such file"),
        (["--previous", "tests"], "--previous tests: no such file"),
    ],
)
def test_a_file_that_is_not_there_is_said_before_anything_is_connected_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    assert main(["run", "--out", str(tmp_path / "out"), *options]) == ExitCode.USAGE
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", [f"{__file__},{__file__}", str(Path(__file__).parent)])
def test_several_locustfiles_or_a_folder_of_them_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    """As Locust takes them: what is not there is the kubeconfig."""
    options = ["--out", str(tmp_path / "out"), "--kubeconfig", str(tmp_path / "none")]
    main(["run", "--locustfile", given, *options])
    shown = capsys.readouterr().err
    assert "--locustfile" not in shown
    assert str(tmp_path / "none") in shown

"""Accounts merge without loss, and the load spec refuses what it must."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.errors import SpecError
from clusterproof.load.account import Account, CpuShare
from clusterproof.load.callers import judge_answers, judge_latency
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.objectives import read_objectives
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.seconds import cell_of, cell_quantile
from clusterproof.load.sections import Objectives
from clusterproof.load.split import Exposure
from clusterproof.outcome import Outcome
from loadtests.verdict import generator_figures

LIMITS = Objectives(p50_ms=100, p95_ms=500, p99_ms=1500, failure_ratio=0.0)
requests = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.floats(1e-5, 5),
        st.integers(0, 20),
        st.sampled_from(["", "HTTP 500", "reset"]),
    ),
    max_size=40,
)


def _account(rows: list[tuple[str, float, int, str]]) -> Account:
    account = Account()
    for name, latency, at_s, fault in rows:
        account.begin(late_s=0.001, was_idle=True, at_s=at_s)
        account.end(
            name,
            latency_s=latency,
            service_s=latency / 2,
            at_s=at_s,
            fault=fault,
            answered=fault != "reset",
        )
        account.exposures.append(Exposure("u", "control", "e", 1.0))
    return account


@settings(deadline=None, max_examples=30)
@given(requests, requests)
def test_two_accounts_together_are_one(first: list, second: list) -> None:  # type: ignore[type-arg]
    merged = Account.from_json(_account(first).to_json())
    merged.merge(Account.from_json(_account(second).to_json()))
    whole = _account(first + second)
    assert merged.started == whole.started
    assert (merged.answered, merged.failed, merged.unanswered) == (
        whole.answered,
        whole.failed,
        whole.unanswered,
    )
    assert merged.total().latency.curve() == whole.total().latency.curve()
    assert merged.seconds == whole.seconds
    assert len(merged.exposures) == len(whole.exposures)


@given(st.floats(1e-6, 100))
def test_a_chart_cell_is_within_5_percent(seconds: float) -> None:
    assert cell_quantile({cell_of(seconds): 1}, 0.5) == pytest.approx(seconds, rel=0.05)


def test_no_cells_have_no_quantile() -> None:
    assert cell_quantile({}, 0.5) is None


def test_zero_requests_are_never_green() -> None:
    assert judge_answers(Account(), LIMITS).outcome is Outcome.INCONCLUSIVE
    assert {f.outcome for f in judge_latency(Account(), LIMITS)} == {Outcome.INCONCLUSIVE}


def test_one_failure_is_too_many() -> None:
    account = _account([("a", 0.01, 1, "")] * 99 + [("a", 0.01, 1, "reset")])
    found = judge_answers(account, LIMITS)
    assert found.outcome is Outcome.FAILED
    assert found.evidence == ("1 x a: reset",)


def test_a_generator_that_waits_for_a_cpu_is_busy() -> None:
    """The busiest five seconds are those of the most running and waiting, not of the most use."""
    account = Account()
    account.cpu = [CpuShare(5.0, 0.6), CpuShare(10.0, 0.45, 0.5), CpuShare(15.0, 0.2, 0.6)]
    again = Account.from_json(json.loads(json.dumps(account.to_json())))
    plan = Plan([Stage(1.0, 1.0, 10.0)])
    figures = generator_figures(again, plan, ran_for_s=None, workers_lost=0, stopped_early="")
    assert (figures.cpu_busiest, figures.cpu_waited) == (0.95, 0.5)
    nothing = generator_figures(Account(), plan, ran_for_s=None, workers_lost=0, stopped_early="")
    assert (nothing.cpu_busiest, nothing.cpu_waited) == (0.0, 0.0)


def test_an_older_record_of_the_cpu_is_read() -> None:
    """Without what was waited."""
    data = {**Account().to_json(), "cpu": [[5.0, 0.25]]}
    assert Account.from_json(data).cpu == [CpuShare(5.0, 0.25, 0.0)]


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

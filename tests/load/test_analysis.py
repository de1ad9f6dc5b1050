"""From all that was seen to the verdict: when the ceiling is demanded, what a request costs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse, capacity, find_demand, judge_ledger
from clusterproof.load.counters import PROCESS_CPU, PROCESS_START, Growth, Scrape, series
from clusterproof.load.finding import Finding
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import read_objectives
from clusterproof.load.recording import Change, Recording
from clusterproof.load.scaling import Demand
from clusterproof.load.schedule import Plan, Stage
from clusterproof.load.split import Exposure
from clusterproof.outcome import Outcome

T0 = 1_800_000_000.0
NAMED = ("count-histogram", "count-exposures", "events-sent")
SPEC = read_objectives()
assert SPEC.metrics is not None
assert SPEC.scaling is not None
METRICS, SCALING = SPEC.metrics, SPEC.scaling
GENERATOR = {"scenario": "router", "started_at": T0, "stages": [[1, 1, 40]], "findings": []}


@pytest.mark.parametrize(
    ("stages", "demand"),
    [
        ([(20, 20, 30), (160, 160, 100), (8, 8, 60)], Demand(T0 + 30, T0 + 130, T0 + 190, 1)),
        ([(20, 20, 30), (160, 160, 100), (8, 8, 59)], Demand(T0 + 30, None, T0 + 189, 1)),
        ([(148, 148, 30), (8, 8, 60)], Demand(T0, T0 + 30, T0 + 90, 1)),
        ([(147, 147, 90)], Demand(None, None, T0 + 90)),
        (
            [(9, 9, 9), (150, 150, 60), (9, 9, 400), (150, 150, 60)],
            Demand(T0 + 9, None, T0 + 529, 2),
        ),
        ([(0, 160, 160), (160, 0, 160)], Demand(T0 + 148, T0 + 173, T0 + 320, 1)),
    ],
)
def test_the_ceiling_is_demanded_while_the_plan_needs_it(
    stages: list[tuple[float, float, float]], demand: Demand
) -> None:
    """The way down is judged only when enough of the run is left for it."""
    plan = Plan([Stage(*stage) for stage in stages])
    assert replace(find_demand(plan, T0, 148), busy=()) == demand


@pytest.mark.parametrize(
    ("rates", "ceiling_rate", "turns"),
    [
        ([200, 20], 100, 1),
        ([50, 20, 200], 150, 0),
        ([100, 101, 100, 101], 100, 0),
        ([200, 300, 200, 300], 150, 0),
        ([200, 100, 110, 100], 150, 1),
        ([200, 100, 112, 100], 150, 3),
        ([60, 20], 100, 1),
        ([20, 200, 220, 200, 20], None, 1),
    ],
    ids=["down", "before", "wobble", "over-it", "tolerated", "not", "under-it", "none-known"],
)
def test_a_load_turns_where_it_needs_other_replicas(
    rates: list[float], ceiling_rate: float | None, turns: int
) -> None:
    """What was over before the ceiling was demanded allows nothing after it."""
    plan = Plan([Stage(rate, rate, 600) for rate in rates])
    assert find_demand(plan, T0, ceiling_rate).turns == turns


def test_requests_are_due_where_the_plan_has_a_rate() -> None:
    plan = Plan([Stage(*stage) for stage in ((0, 0, 10), (5, 5, 20), (0, 0, 30), (5, 5, 5))])
    assert find_demand(plan, 0.0).busy == ((10, 30), (60, 65))


@pytest.mark.parametrize(
    ("stages", "up", "down"),
    [
        ([(20, 20, 30), (160, 160, 100), (8, 8, 60)], 30, 130),
        ([(20, 20, 30), (20, 160, 20), (160, 160, 100)], 48, None),
        ([(40, 40, 120)], None, None),
        ([(90, 90, 60), (160, 160, 60)], None, None),
        ([(79, 79, 60), (160, 160, 60)], 60, None),
        ([(160, 160, 60), (8, 8, 90)], None, None),
    ],
    ids=["step", "ramp", "steady", "a-little-more", "twice", "from-the-beginning"],
)
def test_without_a_rate_of_the_ceiling_a_plan_demands_the_most_near_its_highest(
    stages: list[tuple[float, float, float]], up: float | None, down: float | None
) -> None:
    """Nobody has to measure what a request costs before: the HPA says how many replicas it is."""
    plan = Plan([Stage(*stage) for stage in stages])
    demand = find_demand(plan, 0.0)
    assert (demand.up_at, demand.down_at) == (up, down)


def _values(requests: float, **more: float) -> dict[str, float]:
    """A Pod's counters, by the names of the project's load spec."""
    metrics = METRICS
    names = {
        metrics.requests: requests,
        metrics.durations_count: more.get("count", requests),
        metrics.durations_sum: more.get("sum", requests / 100),
        metrics.exposures: more.get("exposures", requests),
        metrics.events_sent: more.get("sent", requests),
        PROCESS_CPU: more.get("cpu", requests / 200),
        PROCESS_START: T0 - 60,
    }
    return {series(str(name), {}): value for name, value in names.items()}


def _inputs(
    *, answered: int = 10, unanswered: int = 0, events: int | None = 10, **counted: float
) -> Inputs:
    """Requests that all carried a variant, and one Pod that counted them from 100 on."""
    account = Account()
    for number in range(answered + unanswered):
        is_answered = number < answered
        account.begin(late_s=0, was_idle=True, at_s=number)
        account.end(
            "ask",
            latency_s=0.02,
            service_s=0.02,
            at_s=number,
            fault="" if is_answered else "reset",
            answered=is_answered,
        )
        if is_answered:
            account.exposures.append(Exposure(f"u{number}", "control", f"e{number}"))
    grown = _values(counted.pop("requests", answered), **counted)
    before = _values(100)
    after = {
        name: value if name.startswith(PROCESS_START) else value + before[name]
        for name, value in grown.items()
    }
    recording = Recording(T0 - 5, T0 + 60)
    # Out of order: the pods are read by several threads.
    recording.scrapes = [Scrape(T0 + 50, "a", "1", after), Scrape(T0 - 1, "a", "1", before)]
    durable = None if events is None else {f"e{number}": "control" for number in range(events)}
    return Inputs(GENERATOR, account, recording, durable, None)


def _ledger(inputs: Inputs) -> dict[str, Finding]:
    return {one.id: one for one in judge_ledger(inputs, SPEC, METRICS, T0)[1]}


def test_each_claim_of_the_ledger_passes_on_a_run_that_agrees() -> None:
    window = PrometheusWindow(10.0, scrape_s=5, range_s=60, births=0, deaths=0, pod_rate=1)
    found = _ledger(replace(_inputs(), prometheus=window))
    assert {name: one.outcome for name, one in found.items()} == dict.fromkeys(
        [
            *("count-requests", "count-histogram", "sum-durations", "count-prometheus"),
            *("count-exposures", "events-by-uuid", "events-sent", "ab-agreement"),
        ],
        Outcome.PASSED,
    )


@pytest.mark.parametrize(
    ("wrong", "claim", "observed"),
    [
        ({"requests": 11.0}, "count-requests", "11 (+1, +10.000%)"),
        ({"count": 9.0}, "count-histogram", "9 (-1, -10.000%)"),
        ({"sum": 0.3}, "sum-durations", "server 0.30 s, client 0.20 s over 10 requests"),
        ({"exposures": 9.0}, "count-exposures", "9 (-1, -10.000%)"),
        ({"sent": 12.0}, "events-sent", "12 (+2, +20.000%)"),
        ({"events": 9}, "events-by-uuid", "9 found, 1 lost (10.00%)"),
    ],
)
def test_each_counter_is_held_to_its_own_truth(
    wrong: dict[str, Any], claim: str, observed: str
) -> None:
    found = _ledger(_inputs(**wrong))
    assert (found[claim].outcome, found[claim].observed) == (Outcome.FAILED, observed)


def test_with_requests_that_got_no_answer_the_histogram_is_held_to_the_counter() -> None:
    """Whether they were served is not known; the two counters know the same."""
    found = _ledger(_inputs(answered=10, unanswered=2, requests=11.0, count=11.0))
    assert found["count-requests"].outcome is Outcome.PASSED
    assert found["count-histogram"].outcome is Outcome.PASSED
    assert "grew by 11, as the counter" in found["count-histogram"].expected


def test_what_a_lost_worker_may_have_sent_widens_the_claim() -> None:
    inputs = _inputs(requests=12.0)
    assert _ledger(inputs)["count-requests"].outcome is Outcome.FAILED
    lost = replace(inputs, generator={**GENERATOR, "uncounted_bound": 2})
    assert _ledger(lost)["count-requests"].outcome is Outcome.PASSED


def test_events_that_could_not_be_read_are_inconclusive() -> None:
    found = _ledger(_inputs(events=None))
    assert found["events-by-uuid"].outcome is Outcome.INCONCLUSIVE
    assert found["events-sent"].outcome is Outcome.INCONCLUSIVE
    assert "ab-agreement" not in found


def test_without_a_variant_nothing_is_claimed_of_events() -> None:
    inputs = _inputs()
    inputs.account.exposures = []
    assert set(_ledger(inputs)) == {
        *("count-requests", "count-histogram", "sum-durations", "count-prometheus")
    }


def test_an_event_of_nobodys_answer_is_not_one_of_the_runs() -> None:
    """Others may use the router: only what an answer announced is counted."""
    inputs = _inputs(events=12)
    assert _ledger(inputs)["events-sent"].outcome is Outcome.PASSED
    assert _ledger(inputs)["events-by-uuid"].outcome is Outcome.PASSED


def test_what_a_pod_may_have_counted_before_it_went_is_allowed_for() -> None:
    """Deleted after its last read: as many more as it had counted in the time between."""
    inputs = _inputs(answered=10, requests=8.0, count=10.0)
    pod = {"metadata": {"name": "a", "uid": "1"}}
    inputs.recording.changes = [Change(T0 + 70, "pod", "DELETED", pod)]
    served, *_ = judge_ledger(inputs, SPEC, METRICS, T0)
    assert served.unseen_bound == pytest.approx(8 / 51 * 20)
    assert _ledger(inputs)["count-requests"].outcome is Outcome.PASSED


def test_capacity_is_what_the_pods_own_cpu_counters_say() -> None:
    inputs = _inputs(requests=10.0, cpu=0.05)
    served = judge_ledger(inputs, SPEC, METRICS, T0)[0]
    found = capacity(inputs.recording, served, T0)
    assert found == {
        "cpu_s_per_request": pytest.approx(0.005),
        "requests_per_cpu_s": pytest.approx(200),
    }
    assert capacity(inputs.recording, Growth(0, 0, ()), T0) == {}
    assert capacity(Recording(T0), served, T0) == {}


def test_the_generators_own_findings_are_taken_over() -> None:
    """With all of their words, and before those of the cluster."""
    finding = {
        "id": "generator-rate",
        "link": "generator",
        "outcome": "inconclusive",
        "expected": "all sent",
        "observed": "half sent",
        "evidence": ["was slow"],
    }
    inputs = replace(_inputs(), generator={**GENERATOR, "findings": [finding]})
    found = analyse(inputs, SPEC)
    assert found.verdict.findings[0].to_json() == {**finding, "evidence": ("was slow",)}
    assert (found.verdict.outcome, found.verdict.broken) == ("inconclusive", "generator")
    assert found.plan.total == 40
    assert found.served.total == 10
    assert found.capacity["requests_per_cpu_s"] == pytest.approx(200)
    assert found.demand == Demand(None, None, T0 + 40, busy=((T0, T0 + 40),))


def test_a_service_is_judged_by_the_names_of_the_spec() -> None:
    """Its endpoints by the Service's, its Pods by the counter's."""
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"metadata": {"name": "a", "uid": "1"}, "spec": {}, "status": ready}
    labels = {"kubernetes.io/service-name": "model-router"}
    endpoints = {
        "metadata": {"name": "s", "labels": labels},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {}}],
    }
    inputs = _inputs(answered=1000)
    inputs.recording.changes = [
        Change(T0 - 40, "pod", "LISTED", pod),
        Change(T0 - 2, "endpointslice", "LISTED", endpoints),
    ]
    found = {one.id: one for one in analyse(inputs, SPEC).verdict.findings}["service-spread"]
    assert found.outcome is Outcome.PASSED
    assert found.observed == "1 of 1 pods did; at most 1 ready endpoints"


def test_each_counter_is_called_by_its_own_name() -> None:
    found = _ledger(_inputs())
    assert [found[name].expected.split()[0] for name in NAMED] == [
        "model_router_request_duration_seconds_count",
        "model_router_ab_test_exposures_total",
        "posthog_events_sent_total",
    ]


def test_the_model_is_given_the_specs_deployment_autoscaler_and_flags() -> None:
    """On a recording of the real controller, whose flags are not its defaults."""
    recording = Recording.read(Path(__file__).parent / "recordings" / "curve-001.json.gz")
    flags = {"sync_s": 5, "downscale_window_s": 60, "cpu_initialization_s": 40}
    controller = SCALING.controller.model_copy(update={**flags, "readiness_delay_s": 10})
    target = {"hpa": "target", "controller": controller}
    spec = SPEC.model_copy(update={"scaling": SCALING.model_copy(update=target)})
    generator = {**GENERATOR, "started_at": recording.started_at}
    inputs = Inputs(generator, Account(), recording, None, None)
    found = analyse(inputs, spec)
    assert found.replayed is not None
    assert found.timeline.replicas
    claims = {one.id: one for one in found.verdict.findings}
    assert claims["hpa-model"].outcome is Outcome.PASSED
    by_default = SCALING.model_copy(update={"hpa": "target"})
    with_defaults = analyse(inputs, SPEC.model_copy(update={"scaling": by_default}))
    assert with_defaults.replayed is not None
    assert with_defaults.replayed.free != found.replayed.free


def test_a_request_that_never_ended_may_have_been_served() -> None:
    """The router counted it when it began, and its answer never came."""
    inputs = _inputs(answered=10, requests=12.0)
    for _ in range(2):
        inputs.account.begin(late_s=0.0, was_idle=True, at_s=1.0)
    inputs.account.started = 12
    assert _ledger(inputs)["count-requests"].outcome is Outcome.PASSED

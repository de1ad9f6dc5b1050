"""Generated runs: a healthy one passes, a fault names its link; `make load-chances` has many."""

import random
from dataclasses import replace

import pytest

from clusterproof.load.analysis import analyse
from clusterproof.load.finding import Link
from clusterproof.load.must_hold import MustHold
from clusterproof.load.objectives import read_objectives
from clusterproof.load.recording import UsageRead
from clusterproof.outcome import Outcome
from loadtests.generated.__main__ import judged
from loadtests.generated.cluster import T0
from loadtests.generated.faults import FAULTS
from loadtests.generated.run import play
from loadtests.generated.world import World, climbing, healthy


def _world(seed: int) -> World:
    return healthy(random.Random(seed))  # noqa: S311 - a reproducible draw, not a secret


@pytest.mark.parametrize("seed", range(3))
def test_a_healthy_run_passes(seed: int) -> None:
    run = judged(None, seed)
    assert run.right, run.said


@pytest.mark.parametrize("shape", ["dip", "spike"])
def test_the_projects_shortest_shapes_can_pass(shape: str) -> None:
    """They end before the floor is reached: of that nothing is claimed."""
    project = read_objectives()
    assert project.scaling is not None
    must = project.scaling.must_hold.model_dump(by_alias=True, exclude_none=True)
    world = World(
        stages=tuple(project.plan("router", shape).stages),
        hpa=must,
        must_hold=must,
        request_m=100,
        cost_s=0.005,
        callers=project.scenario("router").callers,
        start_s=(5.0, 20.0),
    )
    scaling = project.scaling.model_copy(update={"hpa": "router"})
    spec = world.spec().model_copy(update={"scaling": scaling})
    verdict = analyse(play(world, 0), spec).verdict
    wrong = [f for f in verdict.findings if f.outcome is not Outcome.PASSED]
    assert (verdict.outcome, wrong) == (Outcome.PASSED, [])
    claims = {finding.id for finding in verdict.findings}
    assert "ceiling" in claims
    assert "floor" not in claims


@pytest.mark.parametrize(
    ("link", "number"),
    [(link, number) for link, ways in FAULTS.items() for number in range(len(ways))],
)
def test_a_fault_names_the_link_that_it_breaks(link: Link, number: int) -> None:
    run = judged(link, 40, number)
    assert run.right, (run.fault, run.said)


@pytest.mark.parametrize("number", [81, 93, 107, 137])
def test_a_controller_that_looks_once_in_minutes_is_named_though_it_did_at_the_right_moment(
    number: int,
) -> None:
    """By its replicas alone these passed, or differed once, as by chance."""
    run = judged(Link.HPA_DECISION, 20261127 + number, number)
    assert (run.fault, run.right) == ("slow_controller", True), run.said


@pytest.mark.parametrize(
    ("limit", "link"),
    [("quota", Link.QUOTA), ("room", Link.SCHEDULER), ("able", Link.READINESS)],
)
def test_what_keeps_replicas_away_is_named_where_no_ceiling_is_claimed(
    limit: str, link: Link
) -> None:
    """The first step up was in time, which takes no cause's link."""
    world = climbing(_world(3))
    setattr(world, limit, world.floor + 1)
    spec = world.spec()
    assert spec.scaling is not None
    scaling = spec.scaling.model_copy(update={"ceiling_within_s": None})
    verdict = analyse(play(world, 3), spec.model_copy(update={"scaling": scaling})).verdict
    assert (verdict.outcome, verdict.broken) == (Outcome.FAILED, link)


@pytest.mark.parametrize("late_s", [1.0, 30.0])
def test_a_pod_that_served_before_its_first_read_is_no_counter_that_lost_requests(
    late_s: float,
) -> None:
    """Nobody knows what it had counted by the first request."""
    world = _world(3)
    inputs = play(world, 3)
    listed = next(c for c in inputs.recording.of("pod") if c.type == "LISTED")
    begins = inputs.generator["started_at"] + late_s
    inputs.recording.scrapes = [
        scrape
        for scrape in inputs.recording.scrapes
        if scrape.pod != listed.name or scrape.at > begins
    ]
    verdict = analyse(inputs, world.spec()).verdict
    assert (verdict.outcome, verdict.broken) == (Outcome.INCONCLUSIVE, Link.OBSERVER)


def test_few_callers_spread_their_connections_by_their_own_number() -> None:
    """Of `-u 4` in place of 96 each connection carries 24 times as many requests."""
    world = replace(_world(0), callers=4)
    inputs = play(world, 0)
    generator = {**inputs.generator, "callers": 4}
    spec = replace(world, callers=96).spec()
    verdict = analyse(replace(inputs, generator=generator), spec).verdict
    assert (verdict.outcome, verdict.broken) == (Outcome.PASSED, None)


def test_usage_that_no_metric_of_the_autoscaler_is_of_need_not_be_read() -> None:
    """KEDA scales by a queue, and whoever runs the load may not read metrics.k8s.io."""
    queue = {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "5"}}
    world = _world(3)
    inputs = play(world, 3)
    for change in inputs.recording.of("hpa"):
        change.object["spec"] = {
            **change.object["spec"],
            "metrics": [{"type": "External", "external": queue}],
        }
    inputs.recording.usage = [UsageRead(T0 + at, {}, "HTTP 403", 403) for at in range(0, 100, 2)]
    spec = world.spec()
    assert spec.scaling is not None
    scaling = spec.scaling.model_copy(update={"must_hold": MustHold()})
    verdict = analyse(inputs, spec.model_copy(update={"scaling": scaling})).verdict
    assert (verdict.outcome, verdict.broken) == (Outcome.PASSED, None), verdict


def test_every_link_has_a_fault() -> None:
    assert set(FAULTS) == set(Link)


def test_one_seed_is_one_run() -> None:
    first, again = play(_world(5), 5), play(_world(5), 5)
    assert first.account.to_json() == again.account.to_json()
    assert first.recording == again.recording
    assert play(_world(5), 6).recording != first.recording


def test_all_arrivals_are_accounted_for() -> None:
    """Planned = sent + dropped, and sent = answered + unanswered, as of a real generator."""
    world = _world(7)
    account = play(world, 7).account
    assert account.started + account.dropped == world.plan.total
    assert account.started == account.answered + account.unanswered


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_model_that_is_wrong_on_purpose_fails(seed: int) -> None:
    """The load spec says that the controller tolerates twice its target; it does not."""
    world = _world(seed)
    wrong = replace(world, flags=world.flags.model_copy(update={"tolerance": 1.0}))
    findings = analyse(play(world, seed), wrong.spec()).verdict.findings
    model = next(finding for finding in findings if finding.id == "hpa-model")
    assert model.outcome is Outcome.FAILED

"""A metric must be there, have its type, and rise by what was done."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks.metric import Exposed, MetricRow
from clusterproof.checks.metric_moves import Moved, Others
from clusterproof.checks.targets import Target, TargetsRow
from clusterproof.product.router.counting import Counted
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.row import Area, ObjectRef
from tests.judging import differences

WORKLOAD = ObjectRef(kind="Deployment", namespace="n", name="w")
METRIC = MetricRow(
    id="m",
    area=Area.METRICS,
    claim="it is exposed",
    source="test",
    check="metric",
    workload=WORKLOAD,
    port=9090,
    name="requests_total",
    type="counter",
)
MOVES = MetricMovesRow(
    id="m",
    area=Area.METRICS,
    claim="it counts",
    source="test",
    check="metric-moves",
    workload=WORKLOAD,
    name="requests_total",
    by="requests",
)
TARGETS = TargetsRow(
    id="t",
    area=Area.METRICS,
    claim="it is scraped",
    source="test",
    check="targets",
    workload=WORKLOAD,
    port=9090,
)


def test_a_metric_on_every_page_differs_in_nothing() -> None:
    assert differences(METRIC, (Exposed("a", "counter"), Exposed("b", "counter"))) == ()


@pytest.mark.parametrize(
    ("exposed", "observed"),
    [
        (Exposed("b", None), "absent from its metrics page"),
        (Exposed("b", "gauge"), "gauge"),
        (Exposed("b", None, "connection refused"), "no metrics page"),
    ],
)
def test_a_metric_that_one_pod_lacks_is_named(exposed: Exposed, observed: str) -> None:
    (found,) = differences(METRIC, (Exposed("a", "counter"), exposed))
    assert found.observed == observed
    assert found.what.startswith("b ")


def _moved(*counted: tuple[int, int, float]) -> Moved:
    return Moved(present=True, batches=tuple(Counted(*one) for one in counted))


def test_a_rise_by_what_was_sent_differs_in_nothing() -> None:
    assert differences(MOVES, _moved((60, 60, 60.0))) == ()


@given(sent=st.integers(1, 500), unanswered=st.integers(0, 20), risen=st.integers(0, 1500))
def test_a_rise_is_right_between_what_happened_and_what_may_have(
    sent: int, unanswered: int, risen: int
) -> None:
    found = differences(MOVES, _moved((sent, sent + unanswered, float(risen))))
    assert (found == ()) == (sent <= risen <= sent + unanswered)


def test_a_loss_says_how_many_were_not_counted() -> None:
    (found,) = differences(MOVES, _moved((60, 60, 57.0)))
    assert (found.expected, found.observed) == ("60", "57")
    assert found.reason == "3 of 60 requests were not counted"


def test_counting_double_goes_with_the_batch() -> None:
    found = differences(MOVES, _moved((60, 60, 120.0), (120, 120, 240.0)))
    assert [one.reason for one in found] == ["2 for each of our requests"] * 2


def test_more_in_the_first_batch_only_was_somebody_else() -> None:
    assert differences(MOVES, _moved((60, 60, 71.0), (120, 120, 120.0))) == ()


def test_more_is_no_difference_where_the_row_is_not_exact() -> None:
    row = MOVES.model_copy(update={"exact": False})
    assert differences(row, _moved((60, 60, 120.0))) == ()
    assert differences(row, _moved((60, 60, 59.0))) != ()


def _beside(risen: float, unanswered: int = 0) -> Moved:
    counted = (Counted(600, 600 + unanswered, risen),)
    return Moved(present=True, batches=counted, others=Others(200.0, 70.0, 10.0))


@pytest.mark.parametrize("risen", [730.0, 800.0, 870.0])
def test_beside_others_a_rise_is_right_within_what_is_known_of_them(risen: float) -> None:
    assert differences(MOVES, _beside(risen)) == ()


def test_beside_others_a_loss_and_a_double_count_are_seen() -> None:
    (lost,), (double,) = differences(MOVES, _beside(729.0)), differences(MOVES, _beside(1400.0))
    assert (lost.expected, lost.observed) == ("600", "529")
    assert lost.reason == ("not all requests were counted; others added 200, give or take 70")
    assert lost.what == double.what == f"rise of {MOVES.name} by ours"
    assert (double.expected, double.observed) == ("600", "1200")
    assert double.reason == "2 for each of our requests; others added 200, give or take 70"


def test_beside_others_a_rise_of_nothing_sent_is_said_as_it_is() -> None:
    value = Moved(present=True, batches=(Counted(0, 0, 300.0),), others=Others(200.0, 70.0, 10.0))
    (found,) = differences(MOVES, value)
    assert found.reason == "100 for each of our requests; others added 200, give or take 70"


def test_beside_others_what_was_not_answered_may_have_been_counted() -> None:
    assert differences(MOVES, _beside(880.0, unanswered=10)) == ()
    assert differences(MOVES, _beside(881.0, unanswered=10)) != ()


def test_a_metric_that_nobody_exposes_is_absent() -> None:
    (found,) = differences(MOVES, Moved(present=False, batches=(Counted(60, 60, 0.0),)))
    assert found.observed == "absent from every Pod's metrics page"


def test_targets_that_are_up_differ_in_nothing() -> None:
    assert differences(TARGETS, (Target("a", 1.0, 3.0), Target("b", 1.0, 4.0))) == ()


@pytest.mark.parametrize(
    ("target", "observed"),
    [
        (Target("b", None), "no target"),
        (Target("b", 0.0, 2.0), "up = 0"),
        (Target("b", 1.0, 200.0), "200 s ago"),
    ],
)
def test_a_pod_that_is_not_scraped_is_named(target: Target, observed: str) -> None:
    (found,) = differences(TARGETS, (Target("a", 1.0, 3.0), target))
    assert found.observed == observed
    assert found.what == "target b:9090"


def test_a_target_is_late_by_its_own_interval() -> None:
    slow = Target("b", 1.0, 700.0, interval_s=300.0)
    assert differences(TARGETS, (slow,)) == ()
    (late,) = differences(TARGETS, (replace(slow, age_s=800.0),))
    assert (late.expected, late.observed) == ("scraped within 750 s", "800 s ago")


def test_why_prometheus_could_not_read_a_page_is_repeated() -> None:
    error = 'received unsupported Content-Type "text/html"'
    (down,) = differences(TARGETS, (Target("b", 0.0, error=error),))
    assert down.reason == f"the last scrape failed: {error}"

"""What a fleet of Pods counted between two readings of their pages."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks.metric_moves import Others, others, read_moves
from clusterproof.errors import ObservationError
from clusterproof.observe.metrics import Family, Page, Sample
from clusterproof.product.router.counting import Batch, Counted, Routed, rise
from clusterproof.product.router.traffic import Traffic
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.row import Area, ObjectRef
from tests.judging import differences, doubt

ROW = MetricMovesRow(
    id="m",
    area=Area.METRICS,
    claim="it counts",
    source="test",
    check="metric-moves",
    workload=ObjectRef(kind="Deployment", namespace="n", name="w"),
    name="requests_total",
    by="requests",
    labels={"path": "/route"},
)
SERVED = Routed("u", 200, variant="control", is_ab_test=True, exposure="e")


def _page(pod: str, count: float, *, incarnation: str = "1", other: float = 0) -> Page:
    samples = (
        Sample("requests_total", {"path": "/route"}, count),
        Sample("requests_total", {"path": "/health"}, other),
    )
    return Page(pod, incarnation, {"requests": Family("requests", "counter", samples)})


def _batch(before: list[Page], after: list[Page], answers: int = 1) -> Batch:
    return Batch((SERVED,) * answers, tuple(before), tuple(after), 1.0)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**4)), min_size=1, max_size=9))
def test_the_rise_is_the_sum_over_all_pods(counts: list[tuple[int, int]]) -> None:
    before = [_page(f"p{index}", start) for index, (start, _) in enumerate(counts)]
    after = [_page(f"p{index}", start + step) for index, (start, step) in enumerate(counts)]
    expected = sum(step for _, step in counts)
    assert rise(_batch(before, after), "requests_total", {"path": "/route"}) == expected


def test_other_paths_are_not_ours() -> None:
    batch = _batch([_page("a", 5, other=7)], [_page("a", 8, other=90)])
    assert rise(batch, "requests_total", {"path": "/route"}) == 3
    assert rise(batch, "requests_total", {}) == 86


def test_a_pod_born_in_between_counts_from_zero() -> None:
    batch = _batch([_page("a", 5)], [_page("a", 6), _page("b", 4)])
    assert rise(batch, "requests_total", {"path": "/route"}) == 5


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ([], "ended while we counted"),
        ([_page("a", 1, incarnation="2")], "started anew"),
        ([_page("a", 1)], "fell by 4"),
        ([Page("a", "1", reason="connection refused")], "connection refused"),
    ],
)
def test_what_a_lost_pod_counted_is_not_guessed(after: list[Page], why: str) -> None:
    with pytest.raises(ObservationError, match=why):
        rise(_batch([_page("a", 5)], after), "requests_total", {})


def test_a_metric_moves_by_what_was_served() -> None:
    traffic = Traffic((_batch([_page("a", 5)], [_page("a", 8)], answers=3),))
    value = read_moves(traffic, ROW).value
    assert [(one.at_least, one.at_most, one.risen) for one in value.batches] == [(3, 3, 3.0)]


def test_requests_without_an_answer_may_have_been_counted() -> None:
    answers = (SERVED, SERVED, Routed("u", 0, error="timed out"), Routed("u", 500))
    traffic = Traffic((Batch(answers, (_page("a", 0),), (_page("a", 3),), 1.0),))
    (one,) = read_moves(traffic, ROW).value.batches
    assert (one.at_least, one.at_most) == (2, 4)


PLAIN = Routed("v", 200, plain=True)


@pytest.mark.parametrize(("by", "risen"), [("requests", 4), ("exposures", 3), ("events", 3)])
def test_a_request_that_asked_for_no_test_is_no_exposure(by: str, risen: int) -> None:
    batch = Batch((SERVED, SERVED, SERVED, PLAIN), (_page("a", 0),), (_page("a", risen),), 1.0)
    row = ROW.model_copy(update={"by": by})
    fact = read_moves(Traffic((batch,)), row).value
    assert differences(row, fact) == ()


def test_a_counter_of_exposures_that_counts_every_request_is_said_to() -> None:
    row = ROW.model_copy(update={"by": "exposures"})
    answers = (SERVED, SERVED, SERVED, PLAIN)
    first = Batch(answers, (_page("a", 0),), (_page("a", 4),), 1.0)
    quiet = _batch([_page("a", 4)], [_page("a", 4)], answers=0)
    second = Batch(answers * 2, (_page("a", 4),), (_page("a", 12),), 1.0)
    fact = read_moves(Traffic((first, second), quiet), row).value
    reasons = [difference.reason for difference in differences(row, fact)]
    assert reasons == [
        "as many as all requests, of which 3 are exposures",
        "as many as all requests, of which 6 are exposures",
    ]


def test_a_plain_request_that_was_not_answered_is_no_exposure_in_doubt() -> None:
    lost = Routed("v", 0, plain=True)
    batch = Batch((SERVED, lost), (_page("a", 0),), (_page("a", 1),), 1.0)
    (count,) = read_moves(Traffic((batch,)), ROW.model_copy(update={"by": "events"})).value.batches
    assert (count.at_least, count.at_most) == (1, 1)
    (count,) = read_moves(Traffic((batch,)), ROW).value.batches
    assert (count.at_least, count.at_most) == (1, 2)


SECONDS = ROW.model_copy(update={"name": "took_seconds", "labels": {"path": "/route"}})


def _timed(count: float, summed: float, probes: float = 0.0) -> Page:
    samples = (
        Sample("took_seconds_count", {"path": "/route"}, count),
        Sample("took_seconds_sum", {"path": "/route"}, summed),
        Sample("took_seconds_count", {"path": "/health"}, probes),
        Sample("took_seconds_sum", {"path": "/health"}, 9000.0),
    )
    return Page("a", "1", {"took_seconds": Family("took_seconds", "histogram", samples)})


@pytest.mark.parametrize(
    ("summed", "unit"),
    [
        (0.7, ""),
        (0.001, ""),
        (1.4, ""),
        (620.0, "milliseconds?"),
        (3.0, "milliseconds?"),
        (620e3, "microseconds?"),
        (620e6, "nanoseconds?"),
        (0.0, "their time was not"),
    ],
)
def test_a_sum_that_is_not_of_seconds_is_told_by_our_own_clock(summed: float, unit: str) -> None:
    answers = (Routed("u", 200, duration_ms=0.7 * 1000 / 60),) * 60
    batch = Batch(answers, (_timed(0, 5.0),), (_timed(60, 5.0 + summed),), 1.0)
    looked = read_moves(Traffic((batch,)), SECONDS)
    found = differences(SECONDS, looked.value)
    assert [difference.code for difference in found] == (["sum-not-seconds"] if unit else [])
    assert all(difference.reason.endswith(unit) for difference in found)
    assert any("by our clock they took 0.7 s" in line for line in looked.evidence)


def test_a_sum_that_has_the_requests_of_others_is_not_compared_with_our_clock() -> None:
    answers = (Routed("u", 200, duration_ms=10.0),) * 60
    batch = Batch(answers, (_timed(0, 0.0),), (_timed(61, 620.0),), 1.0)
    assert read_moves(Traffic((batch,)), SECONDS).value.spent is None
    other = SECONDS.model_copy(update={"by": "events"})
    assert read_moves(Traffic((batch,)), other).value.spent is None


def test_a_sum_is_not_compared_where_a_request_of_others_may_stand_for_one_of_ours() -> None:
    answers = (*(Routed("u", 200, duration_ms=10.0),) * 59, Routed("u", 0))
    batch = Batch(answers, (_timed(0, 0.0),), (_timed(60, 9.0),), 1.0)
    fact = read_moves(Traffic((batch,)), SECONDS).value
    assert (fact.spent, differences(SECONDS, fact)) == (None, ())


@pytest.mark.parametrize("each_ms", [2.1, 5.0, 45.0, 500.0])
def test_a_sum_that_did_not_move_is_red(each_ms: float) -> None:
    answers = (Routed("u", 200, duration_ms=each_ms),) * 60
    batch = Batch(answers, (_timed(0, 5.0),), (_timed(60, 5.0),), 1.0)
    (difference,) = differences(SECONDS, read_moves(Traffic((batch,)), SECONDS).value)
    assert difference.reason == "60 requests were counted, and their time was not"


@pytest.mark.parametrize("each_ms", [0.9, 1.9])
def test_a_sum_that_did_not_move_is_in_doubt_where_requests_were_too_fast(each_ms: float) -> None:
    answers = (Routed("u", 200, duration_ms=each_ms),) * 60
    batch = Batch(answers, (_timed(0, 5.0),), (_timed(60, 5.0),), 1.0)
    reason = doubt(SECONDS, read_moves(Traffic((batch,)), SECONDS).value)
    assert reason.startswith("the sum of took_seconds did not move, and 60 requests that took")
    moved = Batch(answers, (_timed(0, 5.0),), (_timed(60, 5.001),), 1.0)
    assert differences(SECONDS, read_moves(Traffic((moved,)), SECONDS).value) == ()


def test_a_request_that_is_not_counted_is_red_though_the_sum_is_in_doubt() -> None:
    answers = (Routed("u", 200, duration_ms=0.9),) * 60
    batch = Batch(answers, (_timed(0, 5.0),), (_timed(59, 5.0),), 1.0)
    (difference,) = differences(SECONDS, read_moves(Traffic((batch,)), SECONDS).value)
    assert difference.code == "counted-too-few"


def _by_label(label: str, tested: float, plain: float) -> Page:
    counts = {"true": tested, "false": plain}
    samples = tuple(
        Sample("requests_total", {label: text}, count) for text, count in counts.items()
    )
    return Page("a", "1", {"requests": Family("requests", "counter", samples)})


@pytest.mark.parametrize(
    ("label", "tested", "plain", "codes"),
    [
        ("ab_test", 3, 2, []),
        ("ab_test", 3, 0, []),
        ("split", 3, 2, []),
        ("split", 2, 3, ["counted-too-few"]),
        ("isABTest", 3, 2, []),
        ("abtest", 3, 2, []),
        ("cab", 3, 2, ["counted-too-few"]),
        ("ab_test", 2, 2, ["counted-too-few"]),
        ("path", 5, 0, []),
        ("path", 3, 0, ["counted-too-few"]),
        ("path", 3, 2, ["counted-too-few"]),
    ],
)
def test_plain_requests_are_not_due_where_labels_may_leave_them_out(
    label: str, tested: float, plain: float, codes: list[str]
) -> None:
    row = ROW.model_copy(update={"labels": {label: "true"}})
    before, after = _by_label(label, 0, 0), _by_label(label, tested, plain)
    batch = Batch((SERVED, SERVED, SERVED, PLAIN, PLAIN), (before,), (after,), 1.0)
    found = differences(row, read_moves(Traffic((batch,)), row).value)
    assert [difference.code for difference in found] == codes


@pytest.mark.parametrize("probes", [0, 2, 50])
def test_probes_that_the_same_metric_counts_make_up_for_no_request(probes: float) -> None:
    labels = {"method": "POST", "endpoint": "/api/v1/route"}
    row = ROW.model_copy(update={"labels": labels})

    def page(routed: float, probed: float) -> Page:
        samples = (
            Sample("requests_total", labels, routed),
            Sample("requests_total", {"method": "GET", "endpoint": "/health"}, probed),
        )
        return Page("a", "1", {"requests": Family("requests", "counter", samples)})

    answers = (SERVED, SERVED, SERVED, PLAIN, PLAIN)
    batch = Batch(answers, (page(0, 0),), (page(3, probes),), 1.0)
    (difference,) = differences(row, read_moves(Traffic((batch,)), row).value)
    assert difference.reason == "2 of 5 requests were not counted"


def test_probes_do_not_keep_a_sum_from_being_compared_with_our_clock() -> None:
    tested = (Routed("u", 200, duration_ms=10.0),) * 40
    plain = (Routed("v", 200, duration_ms=10.0, plain=True),) * 20
    batch = Batch(tested + plain, (_timed(0, 0.0),), (_timed(60, 620.0, probes=50),), 1.0)
    (difference,) = differences(SECONDS, read_moves(Traffic((batch,)), SECONDS).value)
    assert difference.code == "sum-not-seconds"


def test_a_metric_that_no_page_has_is_not_present() -> None:
    row = ROW.model_copy(update={"name": "nothing_total"})
    traffic = Traffic((_batch([_page("a", 5)], [_page("a", 8)]),))
    assert read_moves(traffic, row).value.present is False


def test_a_router_that_answers_nothing_shows_nothing_of_its_metrics() -> None:
    answers = (Routed("u", 0, error="connection refused"),)
    fact = read_moves(Traffic((Batch(answers, (), (), 1.0),)), ROW).value
    assert "answered none of 1 requests (connection refused)" in doubt(ROW, fact)


def test_what_rises_while_we_send_nothing_is_not_ours() -> None:
    first = _batch([_page("a", 0)], [_page("a", 20)], answers=10)
    quiet = _batch([_page("a", 20)], [_page("a", 25)], answers=0)
    second = _batch([_page("a", 25)], [_page("a", 60)], answers=20)
    fact = read_moves(Traffic((first, second), quiet), ROW).value
    assert "others send as well" in doubt(ROW, fact)


def test_what_is_counted_double_while_all_is_quiet_is_a_finding() -> None:
    first = _batch([_page("a", 0)], [_page("a", 20)], answers=10)
    quiet = _batch([_page("a", 20)], [_page("a", 20)], answers=0)
    second = _batch([_page("a", 20)], [_page("a", 60)], answers=20)
    value = read_moves(Traffic((first, second), quiet), ROW).value
    assert value.quiet_rise == 0
    assert [one.risen for one in value.batches] == [20, 40]


def _calm(start: float, rate: float) -> Batch:
    return Batch((), (_page("a", start),), (_page("a", start + 10 * rate),), 10.0, 10.0)


def _among_others(rate: float, ours: int, risen: float) -> Traffic:
    """Two batches with the same others beside them, and a large one between two quiet times."""
    first = _batch([_page("a", 0)], [_page("a", 90)], answers=10)
    quiet = Batch((), (_page("a", 90),), (_page("a", 90 + 3 * rate),), 3.0, 3.0)
    second = _batch([_page("a", 200)], [_page("a", 300)], answers=20)
    large = Batch((SERVED,) * ours, (_page("a", 1000),), (_page("a", 1000 + risen),), 4.0, 10.0)
    among = (_calm(400, rate), large, _calm(5000, rate))
    return Traffic((first, second), quiet, among=among)


def test_others_are_taken_off_a_batch_that_stands_out() -> None:
    value = read_moves(_among_others(20, 600, 800.0), ROW).value
    assert value.others is not None
    assert (value.others.expected, value.others.window_s) == (200.0, 10.0)
    assert value.others.slack == pytest.approx(4 * (200 + 100) ** 0.5)
    assert value.among == Counted(600, 600, 800.0, 600)
    assert differences(ROW, value) == ()
    (less,) = differences(ROW, replace(value, among=Counted(600, 600, 700.0)))
    assert less.code == "counted-too-few"
    (more,) = differences(ROW, replace(value, among=Counted(600, 600, 1400.0)))
    assert more.code == "counted-too-many"


def test_so_many_others_that_they_hide_ours_are_no_finding() -> None:
    fact = read_moves(_among_others(20, 200, 400.0), ROW).value
    assert "give or take 69, while we send 200" in doubt(ROW, fact)


def test_a_load_of_others_that_changes_is_known_less_well() -> None:
    steady, changing = others([(200, 10), (200, 10)], 10), others([(100, 10), (300, 10)], 10)
    assert steady.expected == changing.expected == 200
    assert changing.slack == pytest.approx(4 * (200 + 100**2) ** 0.5)
    assert changing.slack > 5 * steady.slack


def test_where_nobody_else_sends_nothing_is_taken_off() -> None:
    assert others([(0, 10), (0, 10)], 10) == Others(0.0, 0.0, 10.0)

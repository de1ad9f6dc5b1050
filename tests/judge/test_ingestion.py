"""What became of events, exposures and flags, figure by figure."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks import judge
from clusterproof.checks.exposure import ExposureRow, Exposures
from clusterproof.checks.flag import FlagAnswer, FlagRow
from clusterproof.checks.ingestion import FIGURES, IngestionRow
from clusterproof.checks.posthog_status import Figure, StatusRow
from clusterproof.judgement import Passed
from clusterproof.product.posthog.ingestion import EventBatch, EventFate, Reading, Stored
from clusterproof.product.router.counting import Routed
from clusterproof.spec.row import Area, Expectation
from tests.judging import DoubtError, differences

COMMON: dict[str, Any] = {
    "id": "i",
    "area": Area.INGESTION,
    "claim": "it is as promised",
    "source": "test",
}
SOUND = {"accepted": 1.0, "durable": 1.0}


def _row(figure: Any) -> IngestionRow:  # noqa: ANN401 - one of the figures
    expect = (
        Expectation(at_most=30)
        if figure == "lag_p95_s"
        else Expectation(equals=SOUND.get(figure, 0))
    )
    return IngestionRow(**COMMON, check="ingestion", figure=figure, expect=expect)


def _batch(*events: EventFate, unsent: int = 0) -> EventBatch:
    return EventBatch(events, Reading(answered=3), unsent=unsent)


def _red(batch: EventBatch) -> set[str]:
    return {figure for figure in FIGURES if differences(_row(figure), batch)}


GOOD = EventFate("u0", lag_s=1.5, stored=1)
KEPT = replace(GOOD, held=False)


def test_a_batch_that_arrived_differs_in_nothing() -> None:
    assert _red(_batch(GOOD, GOOD)) == set()


@pytest.mark.parametrize(
    ("fate", "red"),
    [
        (EventFate("u1"), {"durable", "lost"}),
        (EventFate("u1", error="APIError: 503"), {"accepted", "durable"}),
        (EventFate("u1", lag_s=1.0, stored=2), {"duplicate"}),
        (EventFate("u1", lag_s=31.0, stored=1), {"late", "lag_p95_s"}),
        (EventFate("u1", lag_s=1.0, stored=1, altered=("share: sent 1, stored '1'",)), {"altered"}),
    ],
)
def test_each_fate_turns_its_own_figures_red(fate: EventFate, red: set[str]) -> None:
    assert _red(_batch(GOOD, fate)) == red


def test_an_event_that_was_given_up_and_is_there_all_the_same_was_accepted() -> None:
    fate = EventFate("u1", error="ReadTimeout", lag_s=2.0, stored=1)
    assert _red(_batch(GOOD, fate)) == set()


def test_events_that_the_sdk_still_holds_are_not_accepted_and_not_lost() -> None:
    assert _red(_batch(KEPT, EventFate("u1", held=True), unsent=1)) == {"accepted", "durable"}


CAME = [EventFate(f"c{index}", lag_s=1.0, stored=1) for index in range(70)]
STILL_HELD = [EventFate(f"h{index}", lag_s=1.0, stored=1) for index in range(100)]
NEVER_CAME = [EventFate(f"n{index}") for index in range(30)]


def test_what_was_confirmed_is_lost_although_as_many_others_are_still_held() -> None:
    """Those that the SDK holds came back: they fill no gap."""
    events = [
        *(replace(event, held=False) for event in [*CAME, *NEVER_CAME]),
        *(replace(event, held=True) for event in STILL_HELD),
    ]
    batch = _batch(*events, unsent=100)
    assert _red(batch) == {"durable", "lost"}
    assert _codes("durable", batch) == _codes("lost", batch) == {"event-lost"}


@pytest.mark.parametrize(
    "batch",
    [
        _batch(*CAME, *NEVER_CAME, *STILL_HELD, unsent=100),
        _batch(GOOD, EventFate("u1"), unsent=1),
    ],
    ids=["fewer are missing", "as many are missing"],
)
def test_a_loss_is_in_doubt_where_it_is_not_known_what_the_sdk_holds(batch: EventBatch) -> None:
    with pytest.raises(DoubtError, match="the SDK still held"):
        differences(_row("lost"), batch)


def test_none_is_lost_where_the_sdk_holds_all_and_more_is_lost_than_it_holds() -> None:
    assert not differences(_row("lost"), _batch(*CAME, EventFate("u1"), unsent=71))
    (difference,) = differences(_row("lost"), _batch(GOOD, *NEVER_CAME, unsent=10))
    assert (difference.observed, difference.code) == ("20 of 31 sent", "event-lost")


def test_a_missing_event_is_not_said_to_be_rejected_where_unsent_ones_came_back() -> None:
    assert _codes("durable", _batch(*CAME, *NEVER_CAME, *STILL_HELD, unsent=100)) == {
        "event-not-back"
    }


@pytest.mark.parametrize(
    ("sends", "words"),
    [
        ([3, 3], "2 still unsent (sent 3 times, not confirmed)"),
        ([1, 1], "2 still unsent (sent once, not confirmed)"),
        ([3, 1], "2 still unsent (sent up to 3 times, not confirmed)"),
        ([2, 0], "2 still unsent (1 of them sent 2 times, not confirmed)"),
        ([0, 0], "2 still unsent"),
        ([None, None], "2 still unsent"),
    ],
)
def test_what_is_known_of_unsent_events_is_told(sends: list[int | None], words: str) -> None:
    held = [EventFate(f"u{index}", sends=times, held=True) for index, times in enumerate(sends)]
    for figure in ("accepted", "durable"):
        (difference,) = differences(_row(figure), _batch(KEPT, *held, unsent=2))
        assert difference.reason == words


def test_no_event_at_all_has_no_lag() -> None:
    (found,) = differences(_row("lag_p95_s"), _batch(EventFate("u1")))
    assert found.observed == "no event came back"


def test_a_loss_names_events_to_look_for() -> None:
    (found,) = differences(_row("lost"), _batch(GOOD, EventFate("u7")))
    assert found.observed == "1 of 2 sent"
    assert found.reason == (
        "not read back within 45 s, such as u7; lost, or late by more than 45 s:"
        " 1 of the same batch came back within 1.5 s, and no queue is seen"
    )


def _codes(figure: str, batch: EventBatch) -> set[str]:
    return {found.code for found in differences(_row(figure), batch)}


GONE = EventFate("u1")
FULL = "Redis refuses what is written: it is full (log of worker-1/worker)"


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        (_batch(GOOD, GONE), "event-lost"),
        (_batch(GONE), "event-not-back"),
        (replace(_batch(GONE), waiting=0), "event-lost"),
        (replace(_batch(GOOD, GONE), waiting=1), "event-waiting"),
        (_batch(GOOD, EventFate("u1", error="503")), "event-rejected"),
        (replace(_batch(GONE), waiting=9, refusals=(FULL,)), "event-waiting"),
        (replace(_batch(GONE), waiting=0, refusals=(FULL,)), "store-refuses"),
        (replace(_batch(GOOD, GONE), refusals=(FULL,)), "store-refuses"),
        (replace(_batch(EventFate("u1", error="503")), refusals=(FULL,)), "store-refuses"),
    ],
)
def test_whose_fault_a_missing_event_is(batch: EventBatch, code: str) -> None:
    assert _codes("durable", batch) == {code}


@pytest.mark.parametrize("figure", ["accepted", "durable", "lag_p95_s"])
def test_a_store_that_refuses_is_named(figure: str) -> None:
    gone = replace(_batch(EventFate("u1", error="503")), refusals=(FULL,))
    (difference,) = differences(_row(figure), gone)
    assert (difference.code, FULL in difference.reason) == ("store-refuses", True)


def test_of_an_empty_queue_what_is_missing_is_lost() -> None:
    (difference,) = differences(_row("lost"), replace(_batch(GOOD, GONE), waiting=0))
    assert "lost: PostHog's queue is empty, and 1 of the same batch" in difference.reason


def test_copies_that_a_merge_collapses_have_a_code_of_their_own() -> None:
    twice = EventFate("u1", lag_s=1.0, stored=2, kept=1)
    assert _codes("duplicate", _batch(GOOD, twice)) == {"event-duplicate-until-merge"}
    for kept in (2, None):
        stays = replace(twice, kept=kept)
        assert _codes("duplicate", _batch(GOOD, twice, stays)) == {"event-duplicate"}


@pytest.mark.parametrize(
    ("sends", "stored", "red"),
    [(1, 2, True), (2, 3, True), (None, 2, True), (0, 2, True), (2, 2, False), (3, 2, False)],
)
def test_what_was_sent_twice_may_be_stored_twice(
    sends: int | None, stored: int, *, red: bool
) -> None:
    batch = _batch(GOOD, EventFate("u1", lag_s=1.0, stored=stored, sends=sends))
    if red:
        assert _red(batch) == {"duplicate"}
        return
    with pytest.raises(DoubtError, match="the SDK sent 1 events again"):
        differences(_row("duplicate"), batch)


def _at_most_three_copies() -> IngestionRow:
    return _row("duplicate").model_copy(update={"expect": Expectation(at_most=3)})


def test_what_was_sent_twice_is_no_doubt_of_a_row_that_allows_it() -> None:
    twice = [EventFate(name, lag_s=1.0, stored=2, sends=2) for name in "ab"]
    assert differences(_at_most_three_copies(), _batch(GOOD, *twice)) == ()


def test_an_event_that_the_count_lacks_is_in_doubt() -> None:
    with pytest.raises(DoubtError, match="the count lacks 1 of 2 events"):
        differences(_row("duplicate"), _batch(GOOD, replace(GOOD, stored=0)))
    twice = EventFate("u1", lag_s=1.0, stored=2)
    with pytest.raises(DoubtError, match="the count lacks 1 of 2 events"):
        differences(_at_most_three_copies(), _batch(twice, replace(GOOD, stored=0)))


def test_what_the_sdk_still_holds_is_neither_lost_nor_waiting() -> None:
    batch = replace(_batch(GOOD, GONE, unsent=1), waiting=7)
    (difference,) = differences(_row("durable"), batch)
    assert (difference.code, difference.reason) == ("event-rejected", "1 still unsent")


def test_a_pass_names_only_events_that_came_back() -> None:
    passed = judge(_row("late"), _batch(GOOD, GONE))
    assert isinstance(passed, Passed)
    assert passed == judge(_row("late"), _batch(GOOD))


def test_times_that_alone_came_back_otherwise_are_a_clocks() -> None:
    shifted = EventFate("u1", lag_s=1.0, stored=1, altered=("timestamp: +3600 s apart",))
    spoiled = replace(shifted, altered=(*shifted.altered, "share: sent 1, stored 2"))
    assert _codes("altered", _batch(GOOD, shifted)) == {"event-clock"}
    assert _codes("altered", _batch(GOOD, shifted, spoiled)) == {"event-altered"}


@pytest.mark.parametrize(
    ("sender_s", "posthog_s", "words"),
    [
        (3600.0, 0.0, "the sending Pod's clock was 3600 s ahead of the API server's"),
        (-90.0, 90.0, "the sending Pod's clock was 90 s behind the API server's"),
        (0.0, -3600.0, "PostHog's clock was 3600 s behind the sending Pod's"),
        (30.0, 59.0, "that of a worker"),
        (0.0, 0.0, "that of a worker"),
        (0.0, None, "nothing is known of PostHog's clock"),
        (None, 0.0, "nothing is known of the API server's clock"),
        (None, None, "nothing is known of the API server's clock and PostHog's clock"),
        (3600.0, None, "the sending Pod's clock was 3600 s ahead of the API server's"),
    ],
)
def test_the_clock_that_is_wrong_is_named(
    sender_s: float | None, posthog_s: float | None, words: str
) -> None:
    shifted = EventFate("u1", lag_s=1.0, stored=1, altered=("timestamp: +3600 s apart",))
    reading = Reading(answered=3, clock_s=posthog_s)
    fact = EventBatch((shifted,), reading, sender_s=sender_s)
    (difference,) = differences(_row("altered"), fact)
    assert difference.code == "event-clock"
    assert words in difference.reason


def test_a_lag_that_nobody_looked_at_in_time_is_in_doubt() -> None:
    unclear = EventFate("u1", lag_s=50.0, stored=1, absent_s=2.0)
    late = replace(unclear, absent_s=40.0)
    for figure in ("late", "lag_p95_s"):
        with pytest.raises(DoubtError, match="not looked often enough"):
            differences(_row(figure), _batch(unclear))
        assert _codes(figure, _batch(late)) == {"event-late"}


FATES = st.builds(
    EventFate,
    uuid=st.uuids().map(str),
    error=st.sampled_from(["", "APIError"]),
    lag_s=st.none() | st.floats(0, 100),
    stored=st.integers(0, 3),
)


@given(st.lists(FATES, min_size=1, max_size=30), st.integers(0, 5))
def test_what_was_accepted_is_durable_or_lost(events: list[EventFate], unsent: int) -> None:
    batch = _batch(*events, unsent=unsent)
    found = {name: figure(batch) for name, figure in FIGURES.items()}
    assert found["accepted"] is not None
    assert found["durable"] is not None
    accepted, durable = found["accepted"] * len(events), found["durable"] * len(events)
    assert found["lost"] == pytest.approx(accepted - durable)
    assert 0 <= found["durable"] <= found["accepted"] <= 1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=200))
def test_p95_is_a_lag_that_no_more_than_one_in_twenty_exceeds(lags: list[float]) -> None:
    batch = _batch(*(EventFate(str(index), lag_s=lag) for index, lag in enumerate(lags)))
    p95 = FIGURES["lag_p95_s"](batch)
    assert p95 is not None
    assert p95 in lags
    assert sum(lag > p95 for lag in lags) <= 0.05 * len(lags)


def _exposures(*answers: Routed, **stored: Stored) -> Exposures:
    return Exposures(answers, stored, "$feature_flag_response")


def _asked(
    user: str, variant: str = "control", exposure: str = "e1", *, test: bool = True
) -> Routed:
    return Routed(user, 200, variant=variant, is_ab_test=test, exposure=exposure)


def _event(user: str = "a", variant: str = "control") -> Stored:
    return Stored("$feature_flag_called", user, {"$feature_flag_response": variant})


def _red_exposures(value: Exposures) -> set[str]:
    wanted = {"routed": 1.0, "durable": 1.0, "wrong_variant": 0, "unsticky": 0}
    rows = [
        ExposureRow(**COMMON, check="exposure", figure=figure, expect=Expectation(equals=number))  # type: ignore[arg-type]
        for figure, number in wanted.items()
    ]
    return {row.figure for row in rows if _is_red(row, value)}


def _is_red(row: ExposureRow, value: Exposures) -> bool:
    try:
        return bool(differences(row, value))
    except DoubtError:
        return False


def test_exposures_that_tell_what_was_routed_differ_in_nothing() -> None:
    both = (_asked("a"), _asked("a", exposure="e2"))
    assert _red_exposures(_exposures(*both, e1=_event(), e2=_event())) == set()


@pytest.mark.parametrize(
    ("value", "red"),
    [
        (_exposures(_asked("a", variant="", test=False)), {"routed"}),
        (_exposures(Routed("a", 500, error="injected")), {"routed"}),
        (_exposures(_asked("a")), {"durable"}),
        (_exposures(_asked("a", exposure="")), {"durable"}),
        (_exposures(_asked("a"), e1=_event(variant="treatment")), {"wrong_variant"}),
        (_exposures(_asked("a"), e1=_event(user="b")), {"wrong_variant"}),
        (
            _exposures(
                _asked("a"),
                _asked("a", "treatment", "e2"),
                e1=_event(),
                e2=_event("a", "treatment"),
            ),
            {"unsticky"},
        ),
    ],
)
def test_each_fault_of_an_exposure_turns_its_own_figure_red(
    value: Exposures, red: set[str]
) -> None:
    assert _red_exposures(value) >= red
    assert _red_exposures(value) - red <= {"durable"}


def _flag_row(*, split: bool = False) -> FlagRow:
    variants = ("control", "treatment")
    return FlagRow(**COMMON, check="flag", flag="f", variants=variants, split=split)


def _given(user: str, variant: str | None, *, found: bool = True) -> FlagAnswer:
    return FlagAnswer(user, found, enabled=found, variant=variant)


def test_a_flag_that_evaluates_differs_in_nothing() -> None:
    value = (_given("a", "control"), _given("b", "treatment"), _given("a", "control"))
    assert differences(_flag_row(), value) == ()
    assert differences(_flag_row(split=True), value) == ()


@pytest.mark.parametrize(
    ("answer", "observed"),
    [
        (_given("a", None, found=False), "no such flag"),
        (_given("a", "third"), "third"),
        (_given("a", None), "None"),
        (FlagAnswer("a", found=False, error="401: no such key"), "401: no such key"),
    ],
)
def test_a_flag_that_does_not_evaluate_says_what_came(answer: FlagAnswer, observed: str) -> None:
    (found,) = differences(_flag_row(), (answer,))
    assert found.observed == observed


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FlagAnswer("a", found=False), "flag-missing"),
        (FlagAnswer("a", found=False, empty=True), "flags-absent"),
        (FlagAnswer("a", found=False, empty=True, limited=True), "flag-quota-limited"),
        (FlagAnswer("a", found=False, error="503: away"), "variant-unexpected"),
    ],
)
def test_why_a_flag_does_not_evaluate_has_a_code(answer: FlagAnswer, code: str) -> None:
    assert {found.code for found in differences(_flag_row(), (answer,))} == {code}


def test_a_rate_of_flags_that_is_used_up_says_nothing_of_the_flag() -> None:
    limited = FlagAnswer("a", found=False, error="429: throttled", status=429)
    with pytest.raises(DoubtError, match="429"):
        differences(_flag_row(), (_given("b", "control"), limited))


def test_a_user_with_two_variants_is_named() -> None:
    (found,) = differences(_flag_row(), (_given("a", "control"), _given("a", "treatment")))
    assert (found.observed, found.reason) == ("1 users with two variants", "a")


def test_a_flag_that_gives_one_variant_to_all_does_not_split() -> None:
    value = (_given("a", "control"), _given("b", "control"))
    assert differences(_flag_row(), value) == ()
    (found,) = differences(_flag_row(split=True), value)
    assert found.observed == "nobody was given treatment"


STATUS = StatusRow(
    **COMMON, check="posthog-status", figure="worker_alive", expect=Expectation(equals=True)
)


def test_a_figure_that_is_as_it_should_be_differs_in_nothing() -> None:
    assert differences(STATUS, Figure(value=True)) == ()


def test_a_figure_that_is_not_differs() -> None:
    (found,) = differences(STATUS, Figure(value=False))
    assert (found.expected, found.observed) == ("true", "false")


def test_a_figure_that_what_was_seen_contradicts_differs() -> None:
    (found,) = differences(STATUS, Figure(value=True, contradiction="no event came back"))
    assert found.observed == "no event came back"

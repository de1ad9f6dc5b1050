"""What the judges of PostHog say, to the letter: the figure, what was expected, and why."""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.checks.exposure import Exposures
from clusterproof.checks.flag import FlagAnswer
from clusterproof.checks.posthog_status import Figure
from clusterproof.product.posthog.ingestion import EventBatch, EventFate, Reading, Stored
from clusterproof.product.router.counting import Routed
from clusterproof.product.router.traffic import PodFate
from tests.judge.rows import row
from tests.judging import DoubtError, differences

GOOD = EventFate("u0", lag_s=1.5, stored=1)
VARIANT = "$feature_flag_response"


def said(rule: Any, value: object) -> list[str]:  # noqa: ANN401 - any row
    """The differences as a report shows them."""
    return [str(one) for one in differences(rule, value)]


def ingestion(figure: str, **expect: Any) -> Any:  # noqa: ANN401 - a row
    """A row of one figure."""
    return row("ingestion", figure=figure, expect=expect)


def batch(*events: EventFate, unsent: int = 0) -> EventBatch:
    """Events that were sent."""
    return EventBatch(events, Reading(answered=3), unsent=unsent)


def fates(*names: str, **fields: Any) -> list[EventFate]:  # noqa: ANN401 - fields of a fate
    """Events of the same fate."""
    return [EventFate(name, **fields) for name in names]


@pytest.mark.parametrize(
    ("claim", "value", "words"),
    [
        (
            ingestion("accepted", equals=1),
            batch(GOOD, *fates("a", "b", error="503"), EventFate("c", error="timeout"), unsent=1),
            "accepted: expected 1, observed 0.25 (1 of 4) (503; timeout; 1 still unsent)",
        ),
        (
            ingestion("accepted", equals=1),
            batch(GOOD, *(EventFate(name, error=name) for name in "abcd")),
            "accepted: expected 1, observed 0.2 (1 of 5) (a; b; c)",
        ),
        (
            ingestion("durable", equals=1),
            batch(GOOD, *fates("a", "b", "c", "d")),
            "durable: expected 1, observed 0.2 (1 of 5)"
            " (not read back within 45 s, such as a, b, c; lost, or late by more than 45 s:"
            " 1 of the same batch came back within 1.5 s, and no queue is seen)",
        ),
        (
            ingestion("durable", equals=1),
            batch(GOOD, EventFate("a", error="503")),
            "durable: expected 1, observed 0.5 (1 of 2)",
        ),
        (
            ingestion("lost", equals=0),
            batch(GOOD, *fates("a", "b")),
            "lost: expected 0, observed 2 of 3 sent"
            " (not read back within 45 s, such as a, b; lost, or late by more than 45 s:"
            " 1 of the same batch came back within 1.5 s, and no queue is seen)",
        ),
        (
            ingestion("duplicate", equals=0),
            batch(GOOD, *fates("a", "b", "c", "d", lag_s=1.0, stored=3)),
            "duplicate: expected 0, observed 8 of 5 sent (such as a, b, c)",
        ),
        (
            ingestion("duplicate", equals=0),
            batch(GOOD, EventFate("a", lag_s=1.0, stored=2), EventFate("b", lag_s=1.0, stored=0)),
            "duplicate: expected 0, observed 1 of 3 sent (such as a)",
        ),
        (
            ingestion("late", equals=0),
            batch(GOOD, EventFate("a", lag_s=30.1, stored=1), EventFate("b", lag_s=30.0, stored=1)),
            "late: expected 0, observed 1 of 3 sent",
        ),
        (
            ingestion("altered", equals=0),
            batch(
                GOOD, *fates("a", "b", lag_s=1.0, stored=1, altered=("x: sent 1, stored 2", "y"))
            ),
            "altered: expected 0, observed 2 of 3 sent (x: sent 1, stored 2; x: sent 1, stored 2)",
        ),
        (
            ingestion("lag_p95_s", at_most=1),
            batch(GOOD),
            "lag_p95_s: expected at_most 1.0, observed 1.5 s",
        ),
        (
            ingestion("lag_p95_s", at_most=1),
            batch(EventFate("a")),
            "lag_p95_s: expected at_most 1.0, observed no event came back"
            " (lost, or late by more than 45 s: none came back, and no queue is seen)",
        ),
    ],
)
def test_a_figure_says_what_it_counted_and_why(claim: Any, value: EventBatch, words: str) -> None:  # noqa: ANN401
    """At most three examples."""
    assert said(claim, value) == [words]


def test_what_was_altered_is_cut_at_300_letters() -> None:
    """A property may be a whole document."""
    value = batch(EventFate("a", lag_s=1.0, stored=1, altered=("x" * 400,)))
    (found,) = differences(ingestion("altered", equals=0), value)
    assert found.reason == "x" * 300


def exposure(figure: str, number: float) -> Any:  # noqa: ANN401 - a row
    """A row of one figure of exposures."""
    return row("exposure", figure=figure, expect={"equals": number})


def asked(user: str, variant: str = "control", event: str = "") -> Routed:
    """An answer within the test."""
    return Routed(user, 200, variant=variant, is_ab_test=True, exposure=event)


def exposures(*answers: Routed, **stored: Stored) -> Exposures:
    """Answers, and the events that came of them."""
    return Exposures(answers, stored, VARIANT)


def event(user: str, variant: str) -> Stored:
    """A stored event."""
    return Stored("$feature_flag_called", user, {VARIANT: variant})


@pytest.mark.parametrize(
    ("claim", "value", "words"),
    [
        (
            exposure("routed", 1),
            exposures(
                asked("a"),
                Routed("b", 500, error="injected"),
                Routed("c", 200, is_ab_test=True),
                Routed("d", 200, variant="control"),
            ),
            "routed: expected 1, observed 0.25 (injected; status 200, no variant)",
        ),
        (
            exposure("routed", 1),
            exposures(*(Routed("b", 500, error=name) for name in "wxyz")),
            "routed: expected 1, observed 0 (w; x; y)",
        ),
        (
            exposure("durable", 1),
            exposures(
                asked("a", event="e1"),
                asked("b"),
                *(asked("c", event=name) for name in ("e2", "e3", "e4", "e5")),
                Routed("d", 200),
                e1=event("a", "control"),
            ),
            "durable: expected 1, observed 0.1667"
            " (1 answers name no event; not read back: 4, such as e2, e3, e4)",
        ),
        (
            exposure("durable", 1),
            exposures(asked("a", event="e2")),
            "durable: expected 1, observed 0 (not read back: 1, such as e2)",
        ),
        (
            exposure("routed", 1),
            exposures(Routed("b", 500, error="w")),
            "routed: expected 1, observed 0 (w)",
        ),
        (
            exposure("wrong_variant", 0),
            exposures(
                asked("a", event="e1"),
                asked("b", event="e2"),
                asked("c", event="e3"),
                asked("d", event="e4"),
                e1=event("a", "control"),
                e2=event("b", "treatment"),
                e4=event("x", "control"),
            ),
            "wrong_variant: expected 0, observed 2"
            " (b was answered control, the event says b treatment;"
            " d was answered control, the event says x control)",
        ),
        (
            exposure("unsticky", 0),
            exposures(*(asked(user, variant) for user in "abcd" for variant in ("y", "x"))),
            "unsticky: expected 0, observed 4 (a: x, y; b: x, y; c: x, y)",
        ),
    ],
)
def test_an_exposure_says_what_came_of_it(claim: Any, value: Exposures, words: str) -> None:  # noqa: ANN401
    """Each cause once, at most three."""
    assert said(claim, value) == [words]


OLD, YOUNG = PodFate("w-a", 900.0, ((200, 4),)), PodFate("w-b", 12.0, ((200, 4),))
BROKEN = PodFate("w-c", 900.0, ((200, 1), (500, 3)))
SILENT = PodFate("w-e", None, ((0, 4),))
COLD = PodFate("w-d", 3.0, ((200, 4),), unrouted=2)


@pytest.mark.parametrize(
    ("by_pod", "words"),
    [
        (
            (OLD, BROKEN),
            "asked directly, 1 of 2 Pods did not route:"
            " w-c (Ready for 900 s): 200 once, 500 three times",
        ),
        (
            (OLD, COLD),
            "asked directly, 1 of 2 Pods did not route:"
            " w-d (Ready for 3 s): 200 four times, 2 without a variant",
        ),
        (
            (OLD, SILENT),
            "asked directly, 1 of 2 Pods did not route: w-e (not Ready): no answer four times",
        ),
        (
            (SILENT,),
            "asked directly, 1 of 1 Pod did not route: w-e (not Ready): no answer four times",
        ),
        (
            (OLD, YOUNG),
            "later each of the 2 Pods that were asked directly routed every request;"
            " Ready before it could route? w-b (Ready for 12 s): 200 four times",
        ),
        ((OLD,), "later the Pod that was asked directly routed every request"),
        ((replace(OLD, statuses=((0, 2), (503, 5))),), "no answer twice, 503 5 times"),
    ],
)
def test_the_pod_that_does_not_route_is_named(by_pod: tuple[PodFate, ...], words: str) -> None:
    value = replace(exposures(asked("a"), Routed("b", 500, error="w")), by_pod=by_pod)
    assert words in said(exposure("routed", 1), value)[0]


def test_a_plain_request_counts_as_routed_without_a_variant() -> None:
    plain = Routed("b", 200, plain=True)
    assert differences(exposure("routed", 1), exposures(asked("a"), plain)) == ()
    lost = Routed("b", 503, plain=True, error="busy")
    (difference,) = differences(exposure("routed", 1), exposures(asked("a"), lost))
    assert difference.reason == "busy"


@pytest.mark.parametrize("figure", ["routed", "durable", "wrong_variant", "unsticky"])
def test_without_an_answer_nothing_is_said_of_exposures(figure: str) -> None:
    """Neither that they are as they should be, nor that they are not."""
    with pytest.raises(DoubtError, match="no request was sent"):
        said(exposure(figure, 1), exposures())


@pytest.mark.parametrize("figure", ["durable", "wrong_variant", "unsticky"])
def test_of_requests_that_all_failed_only_the_routing_is_red(figure: str) -> None:
    """Sixty requests, none answered: nothing says what becomes of an exposure."""
    failed = exposures(*(Routed(f"u{n}", 503, error="unavailable") for n in range(60)))
    assert said(exposure("routed", 1), failed) != []
    with pytest.raises(
        DoubtError, match="none of 60 requests was answered by an A/B test: unavail"
    ):
        said(exposure(figure, 1 if figure == "durable" else 0), failed)


@pytest.mark.parametrize("figure", ["duplicate", "late", "altered"])
def test_of_events_that_all_are_lost_only_the_loss_is_red(figure: str) -> None:
    """None came back: nothing says that none is late, altered, or there twice."""
    gone = batch(*(EventFate(f"e{n}") for n in range(5)))
    assert said(ingestion("lost", equals=0), gone) != []
    with pytest.raises(DoubtError, match="none of 5 events came back"):
        said(ingestion(figure, equals=0), gone)


def test_of_events_that_were_all_refused_none_is_lost() -> None:
    """None was taken, so none could be lost."""
    refused = batch(*(EventFate(f"e{n}", error="401") for n in range(5)))
    with pytest.raises(DoubtError, match="none of 5 events was accepted"):
        said(ingestion("lost", equals=0), refused)


def flag(*, split: bool = False) -> Any:  # noqa: ANN401 - a row
    """A row of a flag with two variants."""
    return row("flag", flag="f", variants=["control", "treatment"], split=split)


def given(user: str, variant: str | None, **fields: Any) -> FlagAnswer:  # noqa: ANN401
    """An answer of the flag."""
    return FlagAnswer(user, **{"found": True, "enabled": True, "variant": variant, **fields})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            [given("a", "third"), given("b", "third"), given("c", "control")],
            ["f: expected control or treatment, observed third (2 of 3 askings)"],
        ),
        (
            [given("a", "control", enabled=False)],
            ["f: expected control or treatment, observed control (1 of 1 askings)"],
        ),
        (
            [given("a", None, found=False), FlagAnswer("b", found=False, error="401")],
            [
                "f: expected control or treatment, observed no such flag (1 of 2 askings)",
                "f: expected control or treatment, observed 401 (1 of 2 askings)",
            ],
        ),
        (
            [given(user, variant) for user in "abcd" for variant in ("control", "treatment")],
            ["f: expected one variant for each user, observed 4 users with two variants (a, b, c)"],
        ),
        (
            [given("a", "control"), given("b", "control")],
            [
                "f: expected every variant given to some of 2 users,"
                " observed nobody was given treatment"
            ],
        ),
    ],
)
def test_a_flag_says_what_was_given(value: list[FlagAnswer], words: list[str]) -> None:
    """A wrong answer is said alone: what it does to the split is its consequence."""
    assert said(flag(split=True), tuple(value)) == words


def test_a_flag_of_which_nobody_asked_is_no_verdict() -> None:
    """Neither may it pass."""
    with pytest.raises(DoubtError, match="nothing was there to look at"):
        differences(flag(split=True), ())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Figure(value=False), "worker_alive: expected true, observed false"),
        (
            Figure(value=True, contradiction="no event came back"),
            "worker_alive: expected true, observed no event came back"
            " (the status page says so, what was seen does not)",
        ),
    ],
)
def test_the_status_page_is_not_believed_against_what_was_seen(value: Figure, words: str) -> None:
    """The page's own figure, or what speaks against it."""
    rule = row("posthog-status", figure="worker_alive", expect={"equals": True})
    assert said(rule, value) == [words]

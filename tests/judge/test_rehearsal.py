"""The judge of rehearsals: one failing case for each way in which an operation can cost."""

from dataclasses import replace
from typing import Any

import pytest

from clusterproof.act.rehearsal.seen import Flown, Kept, Rehearsed, Step
from clusterproof.bundle.codec import decode, encode
from tests.judge.rows import row
from tests.judging import differences, doubt

ROW = row(
    "rehearsal",
    workloads=["Deployment/a/router"],
    operation={"do": "kill", "of": "Deployment/a/router"},
    within_s=60,
)
FLOWN = Flown(sent=400, answered=400, unnamed=0, lost=(), ran_s=10.0, late_s=0.01, slowest_s=0.2)
GOOD = Rehearsed(
    steps=(Step("router is whole", "", 12.0, 60.0),),
    flown=FLOWN,
    kept=Kept(named=400, missing=0, such_as=(), within_s=60.0),
    unrestored=(),
    compared=27,
)


UNREAD = Kept(
    named=400, missing=0, such_as=(), within_s=60.0, unread="connection refused", unseen=400
)


def test_an_operation_that_cost_nothing_is_as_expected() -> None:
    assert differences(ROW, GOOD) == ()


@pytest.mark.parametrize(
    ("flown", "words"),
    [
        (replace(FLOWN, stood_still_s=8.0), "the sender itself stood still for 8.0 s"),
        (replace(FLOWN, sent=1, answered=1, ran_s=60.0), "1 request in 60 s"),
        (replace(FLOWN, stood_still_s=1.9, late_s=9.0), ""),
    ],
)
def test_what_nothing_was_sent_in_shows_no_outage(flown: Flown, words: str) -> None:
    value = replace(GOOD, flown=flown)
    assert (words in doubt(ROW, value)) if words else not doubt(ROW, value)
    lost = replace(value, flown=replace(flown, sent=401))
    assert len(differences(ROW, lost)) == 1


@pytest.mark.parametrize(
    "part",
    [
        {"steps": (*GOOD.steps, Step("all is back", "1 of 3", 60.0, 60.0))},
        {"flown": replace(FLOWN, answered=399)},
        {"flown": replace(FLOWN, unnamed=1)},
        {"unrestored": ("Node//n: spec was a, is b",)},
    ],
    ids=["a-step", "a-request", "an-event-without-a-name", "an-object"],
)
def test_what_has_failed_is_a_difference_though_no_event_could_be_read(
    part: dict[str, Any],
) -> None:
    """PostHog may be away by the very operation that failed."""
    value = replace(GOOD, kept=UNREAD, **part)
    assert len(differences(ROW, value)) == 1


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            {"steps": (Step("router is whole", "Deployment/a/router: 2 of 3", 60.0, 60.0),)},
            "operation: expected router is whole within 60 s, observed Deployment/a/router: 2 of 3",
        ),
        (
            {"flown": replace(FLOWN, answered=398, lost=("request 7: reset", "request 9: reset"))},
            "requests: expected 400 answered, observed 2 lost (request 7: reset; request 9: reset)",
        ),
        (
            {"flown": replace(FLOWN, sent=0, answered=0)},
            "requests: expected some while the operation is performed, observed none was sent",
        ),
        (
            {"flown": replace(FLOWN, unnamed=3)},
            "events: expected one for each answer, observed 3 answers without the id of one",
        ),
        (
            {"kept": Kept(named=400, missing=2, such_as=("u", "v"), within_s=60.0)},
            "events: expected 400 kept, observed 2 lost (not read back within 60 s, such as u, v)",
        ),
        (
            {"unrestored": ("Node//n: spec was a, is b",)},
            "restored: expected as it was before, observed Node//n: spec was a, is b",
        ),
    ],
    ids=["step", "request", "no-request", "unnamed", "event", "restored"],
)
def test_each_cost_is_named(part: dict[str, Any], said: str) -> None:
    assert [str(one) for one in differences(ROW, replace(GOOD, **part))] == [said]


def test_all_costs_are_named_together() -> None:
    bad = replace(
        GOOD,
        flown=replace(FLOWN, answered=399),
        kept=replace(GOOD.kept, missing=2),
        unrestored=("a", "b"),
    )
    assert [one.what for one in differences(ROW, bad)] == [
        "requests",
        "events",
        "restored",
        "restored",
    ]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"kept": UNREAD}, "connection refused"),
        ({"steps": ()}, "no step of the operation was performed"),
        ({"kept": replace(GOOD.kept, named=0)}, "400 answers named no exposure event"),
        ({"compared": 0}, "no object was there before"),
        ({"refused": ("a", "b"), "kept": UNREAD}, "somebody else changed it meanwhile: a; b"),
    ],
    ids=["unread", "no-step", "no-event", "no-object", "refused"],
)
def test_what_was_not_there_to_compare_is_a_doubt(part: dict[str, Any], words: str) -> None:
    assert doubt(ROW, replace(GOOD, **part)).startswith(words)


def test_a_loss_that_was_seen_is_not_hidden_by_what_was_not() -> None:
    kept = replace(UNREAD, missing=2, such_as=("u", "v"), unseen=100)
    assert [each.code for each in differences(ROW, replace(GOOD, kept=kept))] == ["event-lost"]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"steps": (Step("router is whole", "2 of 3", 60.0, 60.0),)}, "step-not-reached"),
        ({"flown": replace(FLOWN, answered=399)}, "request-lost"),
        ({"flown": replace(FLOWN, unnamed=1)}, "event-unnamed"),
        ({"kept": replace(GOOD.kept, missing=2)}, "event-lost"),
        ({"unrestored": ("Node//n: spec was a, is b",)}, "not-restored"),
    ],
)
def test_what_failed_is_not_hidden_by_what_somebody_else_changed(
    part: dict[str, Any], code: str
) -> None:
    fact = replace(GOOD, refused=("Node//n: left as it is",), **part)
    assert [each.code for each in differences(ROW, fact)] == [code]


def test_a_fact_of_an_earlier_version_had_nothing_refused() -> None:
    plain = encode(GOOD)
    del plain["value"]["refused"]
    assert decode(plain) == GOOD


def test_a_fact_is_judged_again_offline_as_it_was() -> None:
    assert decode(encode(GOOD)) == GOOD

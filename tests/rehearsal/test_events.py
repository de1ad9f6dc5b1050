"""What a rehearsal says of events, be it that they could not be read back."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from clusterproof.act.rehearsal.flow import AT_ONCE, read_events
from clusterproof.act.rehearsal.seen import Kept, Rehearsed
from clusterproof.checks.shared import Rehearsals
from clusterproof.errors import ObservationError
from clusterproof.observe.inside import Inside
from clusterproof.spec.settings import KeyRef, PosthogSettings
from tests.judge.test_rehearsal import FLOWN, GOOD, UNREAD

if TYPE_CHECKING:
    from clusterproof.checks.site import Site

SETTINGS = PosthogSettings(
    host="http://posthog",
    query_host="http://posthog",
    namespace="posthog",
    api_key=KeyRef(name="s", key="k"),
    personal_api_key=KeyRef(name="s", key="p"),
)
UUIDS = [f"uuid-{number}" for number in range(AT_ONCE + 10)]


def pod(*stored: int | str | ObservationError) -> Inside:
    """A Pod of ours; each visit finds so many of the events, is refused, or cannot be made."""
    visits = iter(stored)

    def run(arguments: list[str], within_s: float) -> str:
        del within_s

        wanted: list[str] = sorted(json.loads(arguments[1])["uuids"])
        visit = next(visits)
        if isinstance(visit, ObservationError):
            raise visit
        kept = wanted[:visit] if isinstance(visit, int) else []
        event = {"event": "e", "distinct_id": "d", "properties": {}}
        reading = {"answered": 1, "refused": 403 if isinstance(visit, str) else 0}
        return json.dumps({"events": dict.fromkeys(kept, event), "reading": reading})

    return Inside(run, "ns/pod", "exec")


def test_events_that_are_asked_for_are_kept_or_missing() -> None:
    kept = read_events(pod(AT_ONCE, 8), SETTINGS, UUIDS, 60.0)
    assert (kept.named, kept.missing, kept.unread, kept.unseen) == (len(UUIDS), 2, "", 0)
    assert kept.asked_for == len(UUIDS)


@pytest.mark.parametrize(
    "refusal", ["refused", ObservationError("the Pod was evicted")], ids=["refused", "no-pod"]
)
def test_events_that_cannot_be_asked_for_are_neither(refusal: str | ObservationError) -> None:
    """What was missing before stays missing; the rest is not said to be kept."""
    kept = read_events(pod(AT_ONCE - 3, refusal), SETTINGS, UUIDS, 60.0)
    assert (kept.missing, kept.unseen, kept.asked_for) == (3, 10, AT_ONCE)
    assert kept.unread


def noted(*rehearsed: Rehearsed, begun: int = 0) -> list[str]:
    """What a run notes in the end of so many rehearsals."""
    site = cast("Site", SimpleNamespace(notes=[]))
    names = ["row"] * (begun or len(rehearsed))
    Rehearsals(site, cast("Any", None), list(rehearsed), names).total()
    return site.notes


def kept(**fields: Any) -> Rehearsed:  # noqa: ANN401 - fields of what was kept
    return replace(GOOD, kept=replace(GOOD.kept, **fields))


@pytest.mark.parametrize(
    ("rehearsed", "note"),
    [
        ([GOOD, GOOD], "2 rehearsals: 0 of 800 requests lost, 0 of 800 events lost"),
        ([kept(missing=3)], "1 rehearsals: 0 of 400 requests lost, 3 of 400 events lost"),
        (
            [GOOD, replace(GOOD, kept=UNREAD)],
            "2 rehearsals: 0 of 800 requests lost, 0 of 400 events lost,"
            " 400 events could not be read back",
        ),
        (
            [replace(GOOD, kept=UNREAD)],
            "1 rehearsals: 0 of 400 requests lost, 400 events could not be read back",
        ),
        ([kept(named=0)], "1 rehearsals: 0 of 400 requests lost, no event was named"),
        (
            [replace(kept(named=390), flown=replace(FLOWN, unnamed=10))],
            "1 rehearsals: 0 of 400 requests lost, 10 of 400 events lost",
        ),
        (
            [replace(GOOD, kept=Kept(400, 0, (), 60.0, unread="as recorded before"))],
            "1 rehearsals: 0 of 400 requests lost, 400 events could not be read back",
        ),
    ],
    ids=["kept", "lost", "some-unread", "none-read", "none-named", "unnamed", "of-before"],
)
def test_the_total_says_no_event_kept_that_was_not_seen(
    rehearsed: list[Rehearsed], note: str
) -> None:
    assert noted(*rehearsed) == [note]


def test_the_total_counts_the_rehearsals_that_came_to_no_figure() -> None:
    assert noted(GOOD, begun=3) == [
        "3 rehearsals: 0 of 400 requests lost, 0 of 400 events lost;"
        " 2 of them ended without a figure"
    ]


def test_no_rehearsal_is_no_note() -> None:
    assert noted() == []

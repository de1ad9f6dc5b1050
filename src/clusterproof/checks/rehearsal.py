"""Rows `check: rehearsal`: an operation loses no request and no event, and is undone.

Source: the deployment's README, "Operations"; Kubernetes docs, "Disruptions" (v1.35, read
2026-11-24).
"""

from collections.abc import Iterator

from clusterproof.act.rehearsal.seen import Flown, Rehearsed
from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import rehearsals
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.observe.observed import Observed
from clusterproof.spec.rehearsal import RehearsalRow

_SHOWN = 3
STOOD_STILL_S = 2.0
"""An outage of this length is seen by a request that is sent in it. Our choice."""


def look(row: RehearsalRow, site: Site) -> Observed[Rehearsed]:
    """The operation performed, with requests all the while, and undone."""
    return site.shared(rehearsals).perform(row)


def judge(row: RehearsalRow, fact: Rehearsed) -> Judgement:
    """Every step reached, every request answered, every event kept, every object as it was.

    A doubt where nothing differs, and there was nothing of one of these to compare.
    """
    differences = tuple(_differences(row, fact))
    if fact.refused and not differences:
        return Doubt(f"somebody else changed it meanwhile: {'; '.join(fact.refused)}")
    if not differences and (reason := _doubt(fact)):
        return Doubt(reason)
    compared = [f"step: {step.what}" for step in fact.steps]
    compared += [
        f"{fact.flown.sent} requests",
        f"{fact.kept.named} events",
        f"{fact.compared} objects as before",
    ]
    return judged(differences, compared)


def _doubt(fact: Rehearsed) -> str:
    """Why nothing can be said of a rehearsal in which nothing differs, or ""."""
    if fact.kept.unread:
        return fact.kept.unread
    if not fact.steps:
        return "no step of the operation was performed: nothing says what it does"
    if reason := _gap(fact.flown):
        return reason
    if not fact.kept.named:
        return (
            f"{fact.flown.answered} answers named no exposure event: nothing says whether the"
            " operation loses events"
        )
    if not fact.compared:
        return "no object was there before the operation: nothing says whether it was undone"
    return ""


def _gap(flown: Flown) -> str:
    """Why an outage may lie where nothing was sent, or ""."""
    if flown.stood_still_s > STOOD_STILL_S:
        return (
            f"the sender itself stood still for {flown.stood_still_s:.1f} s: nothing was sent"
            " in which an outage of that time would be seen"
        )
    if flown.sent and flown.ran_s / flown.sent > STOOD_STILL_S:
        sent = "1 request" if flown.sent == 1 else f"{flown.sent} requests"
        return f"{sent} in {flown.ran_s:g} s: an outage between two of them would not be seen"
    return ""


def _differences(row: RehearsalRow, fact: Rehearsed) -> Iterator[Difference]:
    for step in fact.steps:
        if step.missing:
            expected = f"{step.what} within {row.within_s:g} s"
            reason = f"somebody else changed {'; '.join(fact.refused)}" if fact.refused else ""
            yield Difference("operation", expected, step.missing, reason, code="step-not-reached")
    yield from _request_differences(fact.flown)
    read_back = fact.kept
    if read_back.missing:
        reason = (
            f"not read back within {read_back.within_s:g} s, such as {', '.join(read_back.such_as)}"
        )
        yield Difference(
            "events",
            f"{read_back.named} kept",
            f"{read_back.missing} lost",
            reason,
            code="event-lost",
        )
    for difference in fact.unrestored:
        yield Difference("restored", "as it was before", difference, code="not-restored")


def _request_differences(flown: Flown) -> Iterator[Difference]:
    lost = flown.sent - flown.answered
    if lost:
        reason = "; ".join(flown.lost[:_SHOWN])
        yield Difference(
            "requests", f"{flown.sent} answered", f"{lost} lost", reason, code="request-lost"
        )
    if not flown.sent:
        yield Difference(
            "requests",
            "some while the operation is performed",
            "none was sent",
            code="no-request-sent",
        )
    if flown.unnamed:
        observed = f"{flown.unnamed} answers without the id of one"
        yield Difference("events", "one for each answer", observed, code="event-unnamed")


KIND = Kind(
    RehearsalRow,
    look,
    judge,
    codes=(
        "event-lost",
        "event-unnamed",
        "no-request-sent",
        "not-restored",
        "request-lost",
        "step-not-reached",
    ),
)

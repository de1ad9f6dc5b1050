"""Rows `check: rehearsal`.

Source: the deployment's README, "Operations"; Kubernetes docs, "Disruptions" (v1.35, read
2026-11-24).
"""

from collections.abc import Iterator

from clusterproof.act.rehearsal.seen import Rehearsed
from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import rehearsals
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.observe.observed import Observed
from clusterproof.spec.rehearsal import RehearsalRow


def look(row: RehearsalRow, site: Site) -> Observed[Rehearsed]:
    """The operation performed, with requests all the while, and undone."""
    return site.shared(rehearsals).perform(row)


_SHOWN = 3


def differences(row: RehearsalRow, value: Rehearsed) -> Iterator[Difference]:
    """Every step reached, every request answered, every event kept, every object as it was."""
    for step in value.steps:
        if step.missing:
            yield Difference("operation", f"{step.what} within {row.within_s:g} s", step.missing)
    flown, kept = value.flown, value.kept
    lost = flown.sent - flown.answered
    if lost:
        reason = "; ".join(flown.lost[:_SHOWN])
        yield Difference("requests", f"{flown.sent} answered", f"{lost} lost", reason)
    if not flown.sent:
        yield Difference("requests", "some while the operation is performed", "none was sent")
    if flown.unnamed:
        seen = f"{flown.unnamed} answers without the id of one"
        yield Difference("events", "one for each answer", seen)
    if kept.missing:
        reason = f"not read back within {kept.within_s:g} s, such as {', '.join(kept.such_as)}"
        yield Difference("events", f"{kept.named} kept", f"{kept.missing} lost", reason)
    for one in value.unrestored:
        yield Difference("restored", "as it was before", one)


def judge(row: RehearsalRow, fact: Rehearsed) -> Judgement:
    """Every step reached, every request answered, every event kept, every object as it was."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(RehearsalRow, look, judge)

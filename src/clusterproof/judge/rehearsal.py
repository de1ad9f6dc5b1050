"""The judge of rehearsals: the operation came to its end, lost nothing, and left nothing."""

from collections.abc import Iterator

from clusterproof.judge.difference import Difference, judge
from clusterproof.observe.rehearsal.seen import Rehearsed
from clusterproof.spec.rehearsal import RehearsalRow

_SHOWN = 3


@judge.register
def judge_rehearsal(rule: RehearsalRow, value: Rehearsed) -> Iterator[Difference]:
    """Every step reached, every request answered, every event kept, every object as it was."""
    for step in value.steps:
        if step.missing:
            yield Difference("operation", f"{step.what} within {rule.within_s:g} s", step.missing)
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

"""Which defects can be applied together: those that cannot be taken for one another."""

from collections.abc import Iterable, Sequence

from clusterproof.spec.row import ObjectRef
from testbed.prove.steps import Defect, same_place

LARGEST = 64
"""Our choice: more together would make a surprise harder to trace."""


def batches(defects: Iterable[Defect], largest: int = LARGEST) -> list[tuple[Defect, ...]]:
    """The defects in groups; each fits into the first group that it can join, quick ones first."""
    groups: list[list[Defect]] = []
    for defect in sorted(defects, key=lambda one: (is_slow(one), one.kind == "equivalent")):
        for group in groups:
            if len(group) < largest and all(independent(defect, other) for other in group):
                group.append(defect)
                break
        else:
            groups.append([defect])
    return [tuple(group) for group in groups]


def independent(one: Defect, other: Defect) -> bool:
    """True when neither may touch a row that the other must turn red, nor its objects' fields.

    Two of them may change the same object: each row that is red then still belongs to one.
    """
    if one.alone or other.alone or is_slow(one) != is_slow(other):
        return False
    if (one.kind == "equivalent") != (other.kind == "equivalent"):
        return False
    if any(other.may_touch(row) for row in one.reds) or any(
        one.may_touch(row) for row in other.reds
    ):
        return False
    return not (_collide(one, other) or _collide(other, one))


def is_slow(defect: Defect) -> bool:
    """Waits for a rollout or for much time: kept apart from what is seen at once."""
    return defect.after_s > 0 or any(
        step.rollout or step.running or step.gone or step.stop or (step.settle_s or 0) > 5  # noqa: PLR2004 - seconds
        for step in defect.all_steps
    )


def _collide(one: Defect, other: Defect) -> bool:
    changed = {step.target for step in other.all_steps if step.target}
    rolled, mine = rolled_by([other]), rolled_by([one])
    for step in one.all_steps:
        if step.replaces and step.target in changed:
            return True
        template = any(path[:2] == ("spec", "template") for path in step.fields)
        if (step.pause or template) and step.target in rolled - mine:
            return True
        for theirs in other.all_steps:
            if step.target == theirs.target and _contradict(step.fields, theirs.fields):
                return True
    return False


def _contradict(one: dict[tuple[str, ...], object], other: dict[tuple[str, ...], object]) -> bool:
    return any(
        same_place(path, theirs) and (path != theirs or value != their_value)
        for path, value in one.items()
        for theirs, their_value in other.items()
    )


def rows_of(group: Sequence[Defect]) -> set[str]:
    """The rows that a group must turn red."""
    return {row for defect in group for row in defect.reds}


def rolled_by(group: Sequence[Defect]) -> set[ObjectRef]:
    """The workloads whose Pods a group replaces."""
    return {step.rollout for defect in group for step in defect.all_steps if step.rollout}

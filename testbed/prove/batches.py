"""Which defects can be applied together: those that cannot be taken for one another."""

from collections.abc import Iterable, Sequence

from clusterproof.spec.row import ObjectRef
from testbed.prove.steps import Defect, same_place

LARGEST = 64
"""Our choice: more together would make a surprise harder to trace."""


def batches(defects: Iterable[Defect], largest: int = LARGEST) -> list[tuple[Defect, ...]]:
    """The defects in groups; each fits into the first group that it can join, quick ones first."""
    groups: list[list[Defect]] = []
    for defect in sorted(defects, key=lambda each: (is_slow(each), each.kind == "equivalent")):
        for group in groups:
            if len(group) < largest and all(independent(defect, other) for other in group):
                group.append(defect)
                break
        else:
            groups.append([defect])
    return [tuple(group) for group in groups]


def independent(first: Defect, second: Defect) -> bool:
    """True when neither may touch a row that the other must turn red, nor its objects' fields.

    Two of them may change the same object: each row that is red then still belongs to one.
    """
    if first.alone or second.alone or is_slow(first) != is_slow(second):
        return False
    if (first.kind == "equivalent") != (second.kind == "equivalent"):
        return False
    if any(second.may_touch(row) for row in first.reds) or any(
        first.may_touch(row) for row in second.reds
    ):
        return False
    return not (_collide(first, second) or _collide(second, first))


def is_slow(defect: Defect) -> bool:
    """Waits for a rollout or for much time: kept apart from what is seen at once."""
    return defect.after_s > 0 or any(
        step.rollout or step.running or step.gone or step.stop or (step.settle_s or 0) > 5  # noqa: PLR2004 - seconds
        for step in defect.all_steps
    )


def _collide(first: Defect, second: Defect) -> bool:
    changed = {step.target for step in second.all_steps if step.target}
    rolled, mine = rolled_by([second]), rolled_by([first])
    for step in first.all_steps:
        if step.replaces and step.target in changed:
            return True
        template = any(path[:2] == ("spec", "template") for path in step.fields)
        if (step.pause or template) and step.target in rolled - mine:
            return True
        for theirs in second.all_steps:
            if step.target == theirs.target and _contradict(step.fields, theirs.fields):
                return True
    return False


def _contradict(
    fields: dict[tuple[str, ...], object], their_fields: dict[tuple[str, ...], object]
) -> bool:
    return any(
        same_place(path, theirs) and (path != theirs or set_to != they_set_to)
        for path, set_to in fields.items()
        for theirs, they_set_to in their_fields.items()
    )


def rows_of(group: Sequence[Defect]) -> set[str]:
    """The rows that a group must turn red."""
    return {row for defect in group for row in defect.reds}


def rolled_by(group: Sequence[Defect]) -> set[ObjectRef]:
    """The workloads whose Pods a group replaces."""
    return {step.rollout for defect in group for step in defect.all_steps if step.rollout}

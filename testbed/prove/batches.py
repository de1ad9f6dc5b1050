"""Which defects can be applied together: those that cannot be taken for one another."""

from collections.abc import Iterable, Sequence

from testbed.prove.catalogue import Defect

LARGEST = 16
"""Our choice: more together would make a surprise harder to trace."""


def batches(defects: Iterable[Defect], largest: int = LARGEST) -> list[tuple[Defect, ...]]:
    """The defects in groups, in their order; each fits into the first group that it can join."""
    groups: list[list[Defect]] = []
    for defect in defects:
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
    if one.alone or other.alone or _slow(one) != _slow(other):
        return False
    if any(other.may_touch(row) for row in one.reds) or any(
        one.may_touch(row) for row in other.reds
    ):
        return False
    return not (_replaced(one) & _changed(other) or _replaced(other) & _changed(one))


def _slow(defect: Defect) -> bool:
    """Waits for a rollout or for time: kept apart from what is seen at once."""
    return any(step.rollout or step.settle_s or step.stop for step in defect.steps)


def _replaced(defect: Defect) -> set[str]:
    """Objects that are created or deleted, which nobody else may change meanwhile."""
    return {str(ref) for step in defect.steps if step.delete or step.create for ref in step.objects}


def _changed(defect: Defect) -> set[str]:
    return {str(ref) for step in defect.steps for ref in step.objects}


def rows_of(group: Sequence[Defect]) -> set[str]:
    """The rows that a group must turn red."""
    return {row for defect in group for row in defect.reds}

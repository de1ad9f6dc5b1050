"""One difference between what a row says and what was seen, and the table of judges.

A judge is a pure function `(rule, value) -> iterable of Difference`, registered for the class of
its row. A new kind of row is a new class with a judge of its own: nothing here changes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatch

from clusterproof.errors import ObservationError
from clusterproof.spec.row import Row


class Doubt(ObservationError):  # noqa: N818 - an outcome, beside a difference
    """A judge had nothing to judge by: the row is INCONCLUSIVE, and never passes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What should be, what is, and why that matters where it is not plain.

    Attributes:
        what: The part that differs ("readyReplicas", "Pod x", a path).
        expected: As the row says it.
        observed: As it was seen; never a secret's value.
        reason: What it means or comes from, or "".
    """

    what: str
    expected: str
    observed: str
    reason: str = ""

    def __str__(self) -> str:
        """As one line of a report."""
        because = f" ({self.reason})" if self.reason else ""
        return f"{self.what}: expected {self.expected}, observed {self.observed}{because}"


def differences(rule: Row, value: object) -> tuple[Difference, ...]:
    """Every difference between a row and the value that its observer brought back.

    Raises:
        Doubt: Nothing was seen by which the row could be judged.
    """
    found = tuple(judge(rule, value))
    if value == () and not found:
        raise Doubt("nothing was there to look at: the row can neither pass nor fail")
    return found


@singledispatch
def judge(rule: Row, value: object) -> Iterable[Difference]:
    """The judge of the row's class.

    Raises:
        NotImplementedError: No judge is registered for it.
    """
    raise NotImplementedError(f"no judge for {type(rule).__name__} and {type(value).__name__}")


def expectation_of(rule: Row) -> str:
    """What the row expects, in one line, for a headline."""
    for name in ("expect", "quantity", "expected"):
        if name in type(rule).model_fields:
            return str(getattr(rule, name))
    return rule.claim

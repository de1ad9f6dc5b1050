"""What a judge can say of a row: it passed, it failed, or there is a doubt.

A judge is a pure function of a row and a fact. A pass cannot be made of nothing: `Passed` takes
at least one thing that was compared, and `Failed` at least one difference.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from clusterproof.errors import NotAllowedError, ObservationError
from clusterproof.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between what a row expects and what was observed.

    Attributes:
        what: The part that differs ("readyReplicas", "Pod x", a path).
        expected: As the row says it.
        observed: As it was observed; never a secret's value.
        reason: What it means or comes from, or "".
        code: Stable name of this kind of difference, `pod-not-ready`: what other programs, and
            the catalogue of defects, go by. The words may change, the code does not.
    """

    what: str
    expected: str
    observed: str
    reason: str = ""
    code: str = ""

    def __str__(self) -> str:
        """As one line of a report."""
        because = f" ({self.reason})" if self.reason else ""
        return f"{self.what}: expected {self.expected}, observed {self.observed}{because}"


@dataclass(frozen=True, slots=True, init=False)
class Passed:
    """Everything that was compared is as the row says.

    Attributes:
        compared: What was compared, by name ("Pod web-1", "spec.replicas"); never empty.
    """

    outcome: ClassVar = Outcome.PASSED
    differences: ClassVar[tuple[Difference, ...]] = ()

    compared: tuple[str, ...]

    def __init__(self, compared: str, *more: str) -> None:
        """Takes at least one thing that was compared."""
        object.__setattr__(self, "compared", (compared, *more))


@dataclass(frozen=True, slots=True, init=False)
class Failed:
    """The cluster differs from the row.

    Attributes:
        differences: Every difference; never empty.
    """

    outcome: ClassVar = Outcome.FAILED

    differences: tuple[Difference, ...]

    def __init__(self, difference: Difference, *more: Difference) -> None:
        """Takes at least one difference."""
        object.__setattr__(self, "differences", (difference, *more))


@dataclass(frozen=True, slots=True)
class Doubt:
    """Nothing can be said of the row: it is INCONCLUSIVE, and never passes.

    Attributes:
        reason: Why, as a sentence.
        next_command: A read-only command that shows more, or "".
        not_allowed: An option of the run forbade the look: nothing in the cluster explains it.
    """

    outcome: ClassVar = Outcome.INCONCLUSIVE
    differences: ClassVar[tuple[Difference, ...]] = ()

    reason: str
    next_command: str = ""
    not_allowed: bool = False

    @classmethod
    def of(cls, error: ObservationError) -> "Doubt":
        """What an observation that failed leaves."""
        forbidden = isinstance(error, NotAllowedError)
        return cls(str(error), error.next_command, not_allowed=forbidden)


Judgement: TypeAlias = Passed | Failed | Doubt


def judged(
    differences: Iterable[Difference],
    compared: Iterable[str],
    *,
    nothing: str = "nothing was there to look at: the row can neither pass nor fail",
) -> Judgement:
    """Failed by any difference, else Passed by what was compared, else a Doubt.

    Args:
        differences: Those that were found.
        compared: What was looked at, by name.
        nothing: The reason of the Doubt where nothing was compared.
    """
    if different := tuple(differences):
        return Failed(*different)
    if names := tuple(compared):
        return Passed(*names)
    return Doubt(nothing)

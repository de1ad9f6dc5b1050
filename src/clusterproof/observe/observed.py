"""What an observer brings back: a value with the evidence for it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Observed(Generic[T_co]):
    """One observation.

    Attributes:
        value: What was seen, as plain data that a pure judge can compare.
        where: The place, as `namespace/Kind/name` or `pod -> peer`.
        evidence: Sentences with figures that a reader can check; never a secret's value.
        next_command: A read-only command, ready to paste, that shows more.
        how: The way it was looked at ("API", "exec", "dialler pod", ...) and the rights it took.
    """

    value: T_co
    where: str
    evidence: tuple[str, ...] = ()
    next_command: str = ""
    how: str = "API read"


def pods_near(where: str) -> str:
    """The command that shows the Pods beside `namespace/pod`, with their restarts and their age."""
    return f"kubectl -n {where.partition('/')[0]} get pods -o wide"

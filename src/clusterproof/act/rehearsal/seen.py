"""What a rehearsal brings back: plain data, small enough for a journal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that had to come about.

    Attributes:
        what: As a sentence about the cluster.
        missing: What was still missing when the time was up, or "".
        within_s: How long it was awaited at most.
    """

    what: str
    missing: str
    took_s: float
    within_s: float


@dataclass(frozen=True, slots=True)
class Flown:
    """The requests that were sent all the while.

    Attributes:
        answered: With 2xx.
        unnamed: Of those: without the id of an exposure event.
        lost: The first of those that were not answered so, in words.
        late_s: The latest start, after it was due.
        slowest_s: The longest wait for an answer, from when the request was due.
        stood_still_s: The latest start of a caller that was free: the sender's own. 0 in a record
            of an earlier version.
    """

    sent: int
    answered: int
    unnamed: int
    lost: tuple[str, ...]
    ran_s: float
    late_s: float
    slowest_s: float
    stood_still_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """The events of those requests, read back by their uuids.

    Attributes:
        named: Different uuids that the answers named.
        missing: How many were not there when the time was up, though PostHog was asked.
        such_as: The first of them.
        unread: Why PostHog could not be asked for some of them, or "".
        unseen: How many those are: they are neither stored nor lost, as far as we know.
    """

    named: int
    missing: int
    such_as: tuple[str, ...]
    within_s: float
    unread: str = ""
    unseen: int = 0

    @property
    def asked_for(self) -> int:
        """Events of which PostHog said whether it has them."""
        if self.unread and not self.unseen:  # as runs were recorded before `unseen` was
            return self.missing
        return self.named - self.unseen


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What became of one operation.

    Attributes:
        steps: Up to the first that did not come about.
        unrestored: What is not as it was before, in words; empty when all is.
        compared: How many objects were compared before and after.
        refused: What was left as it is, since somebody else changed it meanwhile: a sentence for
            each field. Of these objects, and of whether all is whole, `unrestored` says nothing.
    """

    steps: tuple[Step, ...]
    flown: Flown
    kept: Kept
    unrestored: tuple[str, ...]
    compared: int
    refused: tuple[str, ...] = ()

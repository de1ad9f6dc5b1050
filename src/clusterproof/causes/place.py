"""Where a difference is: an object, and the part of it; the parts in the order of their effect."""

from dataclasses import dataclass
from enum import IntEnum

from clusterproof.spec.row import ObjectRef


class Part(IntEnum):
    """A part of an object; one with a lower number can be why one with a higher number differs."""

    EXISTS = 1
    LABELS = 2
    DATA = 3
    SELECTOR = 4
    SPEC = 5
    RESOURCES = 6
    TEMPLATE = 7
    REPLICAS = 8
    PODS = 9
    ENDPOINTS = 10
    NETWORK = 11
    PROGRAM = 12
    STATUS = 13
    DNS = 14


ANY = frozenset(Part)
RUNS = frozenset({Part.EXISTS, Part.REPLICAS, Part.PODS})
"""Without which no Pod of a workload answers."""
LEADS = frozenset({Part.EXISTS, Part.SELECTOR, Part.SPEC, Part.ENDPOINTS})
"""Without which a Service leads nowhere."""
SERVES = RUNS | LEADS | {Part.PROGRAM}


@dataclass(frozen=True, slots=True)
class Place:
    """A part of an object, written `Kind/namespace/name`."""

    ref: str
    part: Part

    @classmethod
    def of(cls, ref: ObjectRef, part: Part) -> "Place":
        """The part of an object that a row names."""
        return cls(str(ref), part)


@dataclass(frozen=True, slots=True)
class Need:
    """What a row rests on: a difference there explains the row's own.

    Attributes:
        ref: The object; or `KIND/namespace/` for the only one of that namespace that differs in
            these parts, where KIND may be `*`.
        parts: Those of its parts that the row rests on.
        named: A word that the object's name must have, as the row's own observation says it.
    """

    ref: str
    parts: frozenset[Part] = ANY
    named: str = ""

    def is_met_by(self, place: Place) -> bool:
        """Whether a difference at `place` is one of what is needed."""
        if place.part not in self.parts or (self.named and self.named not in place.ref):
            return False
        if not self.ref.endswith("/"):
            return place.ref == self.ref
        kind, namespace, _ = f"{self.ref}//".split("/", 2)
        its_kind, its_namespace, _ = f"{place.ref}//".split("/", 2)
        return kind in {"*", its_kind} and namespace in {"*", its_namespace}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a finding says.

    Attributes:
        at: Where it differs; None where it says so of no object.
        also: Further places that it shows to be wrong.
        needs: What could explain it, the nearest first.
        proven: What its own words name as the reason.
    """

    at: Place | None
    also: tuple[Place, ...] = ()
    needs: tuple[Need, ...] = ()
    proven: tuple[Place, ...] = ()

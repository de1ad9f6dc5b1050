"""Findings grouped under what explains them: each finding is followed to what it rests on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from clusterproof.causes.finding import Finding
from clusterproof.causes.place import Need, Part, Place, Reading
from clusterproof.causes.relations import Relations
from clusterproof.causes.rules import read
from clusterproof.spec.row import Row

_LONGEST: Final = 8
"""Steps from a symptom to its cause: HPA, metrics, Pods, init container, Service, store."""

ALIKE: Final = 3
"""So many objects of one kind that differ in the same way have one cause. Our choice."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one object explains.

    Attributes:
        place: The object, and the part of it that comes first.
        own: The findings about the object itself, those of `place` first.
        symptoms: The findings that rest on it.
        alike: Further objects of its kind that differ in the same way.
    """

    place: Place
    own: tuple[Finding, ...]
    symptoms: tuple[Finding, ...]
    alike: tuple[str, ...] = ()

    @property
    def refs(self) -> tuple[str, ...]:
        """Every object that it names."""
        return (self.place.ref, *self.alike)

    @property
    def size(self) -> int:
        """How many rows it explains."""
        return len(self.own) + len(self.symptoms)


def groups_of(
    findings: Sequence[Finding], rows: Iterable[Row]
) -> tuple[tuple[Group, ...], tuple[Finding, ...]]:
    """What explains the findings, the largest first, and the findings that nothing explains.

    Args:
        findings: Of the rows that did not pass, in the order of the spec.
        rows: Those that passed or failed: what leads to what is taken from them.
    """
    relations = Relations.of(rows)
    readings = [read(finding, relations) for finding in findings]
    roots = _Roots(readings)
    by_ref: dict[str, list[tuple[Place, int]]] = {}
    alone = []
    for number, finding in enumerate(findings):
        root = roots.of(number)
        if root is None:
            alone.append(finding)
        else:
            by_ref.setdefault(root.ref, []).append((root, number))
    groups = _joined([_group(places, findings, readings) for places in by_ref.values()])
    groups.sort(key=lambda group: (-group.size, group.place.part))
    return tuple(groups), tuple(alone)


def _joined(groups: Sequence[Group]) -> list[Group]:
    """Groups of several objects of one kind that differ in the same way are one."""
    by_way: dict[tuple[str, Part, str], list[Group]] = {}
    for group in groups:
        differences = (group.own or group.symptoms)[0].differences
        way = differences[0].code if differences else group.place.ref
        key = (group.place.ref.partition("/")[0], group.place.part, way)
        by_way.setdefault(key, []).append(group)
    return [joined for alike in by_way.values() for joined in _join(alike)]


def _join(alike: list[Group]) -> list[Group]:
    if len(alike) < ALIKE:
        return alike
    first = max(alike, key=lambda group: group.size)
    rest = [group for group in alike if group is not first]
    return [
        Group(
            first.place,
            first.own + tuple(finding for group in rest for finding in group.own),
            first.symptoms + tuple(finding for group in rest for finding in group.symptoms),
            tuple(group.place.ref for group in rest),
        )
    ]


class _Roots:
    """Follows findings to the place that explains them."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        self._known: dict[int, Place | None] = {}

    def of(self, number: int, path: tuple[int, ...] = ()) -> Place | None:
        """The place that explains a finding; its own where nothing else does."""
        if number in self._known:
            return self._known[number]
        if len(path) > _LONGEST:
            return self._readings[number].at
        reading = self._readings[number]
        root = (
            self._proven(number, path)
            or self._shared(number, path)
            or self._needed(number, path)
            or reading.at
        )
        if not path:
            self._known[number] = root
        return root

    def _proven(self, number: int, path: tuple[int, ...]) -> Place | None:
        place = next(iter(self._readings[number].proven), None)
        return place and (self._root_at(place, number, path) or place)

    def _shared(self, number: int, path: tuple[int, ...]) -> Place | None:
        """What another finding about the same place names as the reason."""
        for other, reading in enumerate(self._readings):
            if reading.proven and other not in path and self._is_alike(number, other):
                return self._proven(other, (*path, number))
        return None

    def _needed(self, number: int, path: tuple[int, ...]) -> Place | None:
        for need in self._readings[number].needs:
            if not need.ref:
                continue
            follow = self._only_one if need.ref.endswith("/") else self._met
            root = follow(need, number, path)
            if root is not None:
                return root
        return None

    def _met(self, need: Need, number: int, path: tuple[int, ...]) -> Place | None:
        return next(self._meeting(need, number, path), None)

    def _meeting(self, need: Need, number: int, path: tuple[int, ...]) -> Iterator[Place]:
        """What explains each other finding that meets a need, followed as far as it goes."""
        for other, place in self._places(number, path):
            if need.is_met_by(place) and not self._is_alike(number, other):
                yield self.of(other, (*path, number)) or place

    def _is_alike(self, number: int, other: int) -> bool:
        """Whether two findings are about the same place: neither explains the other."""
        own = self._readings[number].at
        return own is not None and own == self._readings[other].at

    def _only_one(self, need: Need, number: int, path: tuple[int, ...]) -> Place | None:
        """The one object that meets a need that many could meet; None where two do."""
        roots = {root.ref: root for root in self._meeting(need, number, path)}
        return next(iter(roots.values())) if len(roots) == 1 or (need.named and roots) else None

    def _root_at(self, place: Place, number: int, path: tuple[int, ...]) -> Place | None:
        for other, there in self._places(number, path):
            if there.ref == place.ref:
                return self.of(other, (*path, number))
        return None

    def _places(self, number: int, path: tuple[int, ...]) -> Iterable[tuple[int, Place]]:
        for other, reading in enumerate(self._readings):
            if other != number and other not in path:
                for place in (reading.at, *reading.also):
                    if place is not None:
                        yield other, place


def _group(
    places: list[tuple[Place, int]], findings: Sequence[Finding], readings: Sequence[Reading]
) -> Group:
    first = min((place for place, _ in places), key=lambda place: place.part)
    own: list[tuple[Part, Finding]] = []
    symptoms: list[Finding] = []
    for _, number in places:
        at = readings[number].at
        if at is not None and at.ref == first.ref:
            own.append((at.part, findings[number]))
        else:
            symptoms.append(findings[number])
    own.sort(key=lambda pair: pair[0])
    return Group(first, tuple(finding for _, finding in own), tuple(symptoms))

"""What a row is about: the objects that it names and those that belong to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterproof.spec.row import ObjectRef, Row

_PLAIN_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


@dataclass(frozen=True, slots=True)
class Scope:
    """The objects of a row.

    Attributes:
        refs: The objects that it names, in its own order.
        namespaces: Theirs, and those that it names by themselves.
    """

    refs: tuple[ObjectRef, ...]
    namespaces: tuple[str, ...]

    @property
    def workloads(self) -> tuple[ObjectRef, ...]:
        """Those that have Pods."""
        return tuple(ref for ref in self.refs if ref.kind in _PLAIN_WORKLOADS)


def scope_of(row: Row) -> Scope:
    """What `row` names, wherever in it."""
    values = [getattr(row, name) for name in type(row).model_fields]
    refs = tuple(dict.fromkeys(_refs(values)))
    named = getattr(row, "namespace", "")
    places = [ref.namespace for ref in refs if ref.namespace] + ([named] if named else [])
    return Scope(refs, tuple(dict.fromkeys(places)))


def _refs(values: Iterable[object]) -> Iterator[ObjectRef]:
    for value in values:
        if isinstance(value, ObjectRef):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _refs(value)

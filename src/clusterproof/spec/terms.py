"""The words of a spec that every report says: ids, claims, sources and names."""

from collections.abc import Iterable, Iterator, Mapping

from clusterproof.spec.row import Row

_EXPECTED = frozenset({"expect", "fields", "value", "holds"})
"""Fields that say what a value must be; it may stand in a Secret of the cluster too."""


def terms_of(row: Row) -> frozenset[str]:
    """The texts of a row but what it expects, and each part of `Kind/namespace/name`."""
    return frozenset(_texts(row.model_dump(mode="json", exclude_defaults=True)))


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        if " " not in node:
            yield from (part for part in node.split("/") if part)
    elif isinstance(node, Mapping):
        for key, inner in node.items():
            if key not in _EXPECTED:
                yield from _texts(inner)
    elif isinstance(node, Iterable):
        for inner in node:
            yield from _texts(inner)

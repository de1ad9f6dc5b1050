"""What `init` says of the fields that no row compares: their paths, folded, and no value; pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from clusterproof.generate.coverage import Place, Unread
from clusterproof.generate.settings import printable
from clusterproof.kube.objects import Json
from clusterproof.kube.paths import children

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_KEY: Final = 100
_MANY: Final = 4
"""Objects of a kind that pass over the same field, from which on the kind is named in their place:
our choice."""


class Remarks:
    """The fields of all objects that no row compares."""

    def __init__(self) -> None:
        """Of no object yet."""
        self._declared: list[tuple[str, str, str]] = []
        self._by_default: dict[str, dict[str, None]] = {}

    def add(self, kind: str, ref: str, item: Json, rest: Unread) -> None:
        """Take what of one object no row compares."""
        paths = dict.fromkeys(_shown(item, place) for place in rest.declared)
        self._declared += [(kind, ref, path) for path in paths]
        defaults = self._by_default.setdefault(kind, {})
        defaults |= dict.fromkeys(_shown(item, place, every=True) for place in rest.by_default)

    @property
    def of_objects(self) -> tuple[str, ...]:
        """A line for each object, and for each kind of which many pass over the same."""
        counts = Counter((kind, path) for kind, _, path in self._declared)
        of: dict[str, list[str]] = {}
        for kind, ref, path in self._declared:
            count = counts[kind, path]
            name = ref if count < _MANY else f"{kind} ({count} of them)"
            paths = of.setdefault(name, [])
            paths += [] if path in paths else [path]
        return tuple(f"{name}: {', '.join(folded(paths))}" for name, paths in of.items())

    @property
    def by_default(self) -> tuple[str, ...]:
        """A line for each kind: what is at its default, or set by Kubernetes."""
        return tuple(
            f"{kind}: {', '.join(folded(paths))}"
            for kind, paths in self._by_default.items()
            if paths
        )


def folded(paths: Iterable[str]) -> Iterator[str]:
    """The same paths, where those that differ in their last part alone are one: `a.b.{c, d}`."""
    last: dict[str, list[str]] = {}
    for path in paths:
        parent, dot, key = path.rpartition(".")
        is_last = bool(dot) and _PLAIN.fullmatch(key) is not None
        last.setdefault(f"{parent}." if is_last else path, []).extend([key] if is_last else [])
    for parent, keys in last.items():
        if not keys:
            yield parent
        else:
            yield f"{parent}{keys[0]}" if len(keys) == 1 else f"{parent}{{{', '.join(keys)}}}"


def _shown(item: Json, place: Place, *, every: bool = False) -> str:
    """A place as a path; with `every`, that of each element of a list."""
    text, node = "", item
    for key in place:
        around, node = node, dict(children(node))[key]
        if isinstance(key, int):
            text += "[*]" if every else f"[{_element(children(around), node, key)}]"
        else:
            text += f".{key}" if _PLAIN.fullmatch(key) else f"['{_in_short(key)}']"
    return text.removeprefix(".")


def _element(elements: list[tuple[str | int, Json]], node: object, index: int) -> str:
    """How a path finds an element: by its name, where that is a plain one and no other has it."""
    name = node.get("name") if isinstance(node, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        return str(index)
    same = [each for _, each in elements if isinstance(each, dict) and each.get("name") == name]
    return f"name={name}" if len(same) == 1 else str(index)


def _in_short(key: str) -> str:
    """A key in one line, and not endless."""
    text = printable(str(key))
    return text if len(text) <= _LONGEST_KEY else f"{text[:_LONGEST_KEY]}…"

"""Paths into raw JSON: `a.b[name=c]['d.e'][0].f`, or `a[*].f` for each of a list.

A filter `[key=value]` takes an element of a list whose `key` (itself a dotted path) has the value,
as JSON writes it: `look_up` the first, `look_up_each` all. A field that is null is absent, as in
the API's own defaulting.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST = 200
_STEP = re.compile(
    r"""(?:^|\.)(?P<key>[A-Za-z0-9_-]+)"""
    r"""|\['(?P<quoted>[^']+)'\]"""
    r"""|\[(?P<index>\d+|\*)\]"""
    r"""|\[(?P<filter>[A-Za-z0-9_.-]+)=(?P<value>[^\]]*)\]"""
)


@dataclass(frozen=True, slots=True)
class Missing:
    """What a path leads to when nothing is there.

    Attributes:
        at: The part that was not found.
        is_unset: What the path led to so far is there and lacks a key, and the rest are keys too:
            a field that is not set, for which a default may stand. Not so of an element of a list
            that is not there, of a key of a number, and of what is below an absent first key.
    """

    at: str
    is_unset: bool = field(default=False, compare=False)

    def __repr__(self) -> str:
        """As a report shows it."""
        return f"absent (no {self.at})"


def check_path(path: str) -> str:
    """`path` itself.

    Raises:
        ValueError: It is no path.
    """
    if not path:
        raise ValueError("expected a path like a.b[name=c]['d.e'], got none")
    look_up(None, path)
    return path


def look_up(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """The value at `path`, or Missing.

    In what `[*]` leads to, an element that lacks the rest of the path is a Missing in its place:
    kubectl's jsonpath drops it, and nobody could tell that it lacks the field.

    Raises:
        ValueError: `path` is no path.
    """
    position, walked, missing, is_unset = 0, "", "", False
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise ValueError(f"expected a path like a.b[name=c]['d.e'], got {path!r} at {position}")
        walked += step[0]
        if step["index"] == "*" and not missing:
            return _in_each(value, path[step.end() :], walked)
        is_key = bool(step["key"] or step["quoted"])
        if missing:
            is_unset = is_unset and is_key
        else:
            around, value = value, _one_step(value, step)
            if value is None:
                missing = walked
                is_inside = position > 0 or step.end() == len(path)
                is_unset = is_key and is_inside and isinstance(around, dict)
        position = step.end()
    return Missing(missing, is_unset) if missing else value


def look_up_each(value: Any, path: str) -> list[Any]:  # noqa: ANN401 - JSON
    """The value at `path`, or Missing, for each element that a filter in it takes; `look_up` first.

    More than one where several elements of a list have the value: which of them Kubernetes goes by
    depends on the list (of variables the last, of metrics the one that asks for most).
    """
    for step in _STEP.finditer(path):
        if not step["filter"]:
            continue
        before, rest = path[: step.start()], path[step.end() :]
        elements = look_up(value, before) if before else value
        taken = [
            index
            for index, element in enumerate(elements if isinstance(elements, list) else ())
            if _one_step([element], step) is not None
        ]
        if len(taken) > 1:
            paths = [f"{before}[{index}]{rest}" for index in taken]
            return [inner for each in paths for inner in look_up_each(value, each)]
    return [look_up(value, path)]


def positions(value: Any, path: str) -> list[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """Where `path` leads in this value: keys and indices, one tuple for each element of `[*]`."""
    places: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    for step in _STEP.finditer(path):
        places = [
            ((*place, key), inner)
            for place, node in places
            for key, inner in children(node)
            if step["index"] == "*" or inner is _one_step(node, step) is not None
        ]
    return [place for place, _ in places]


def node_at(value: Any, place: Iterable[str | int]) -> Any:  # noqa: ANN401 - JSON
    """What is at one of the `positions` of this value."""
    for key in place:
        value = value[key]
    return value


def filters_of(path: str) -> Iterator[tuple[str, str, str]]:
    """For each filter `[key=value]`: the path up to its end, its key and its value."""
    for step in _STEP.finditer(path):
        if step["filter"]:
            yield path[: step.end()], step["filter"], step["value"]


def children(node: Any) -> list[tuple[str | int, Any]]:  # noqa: ANN401 - JSON
    """Key or index, and what is there; nothing below a text or a number."""
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _in_each(value: Any, rest: str, walked: str) -> Any:  # noqa: ANN401 - JSON
    """What the rest of a path leads to in each element of a list; Missing where in none of them."""
    elements, inner = value if isinstance(value, list) else [], rest.removeprefix(".")
    look_up(None, inner)  # refuses what is no path, also where there is no element
    fields = [look_up(element, inner) for element in elements]
    if all(isinstance(field, Missing) for field in fields):
        return Missing(f"{walked}{rest}")
    place = walked.removesuffix("[*]")
    return [
        Missing(f"{place}[{index}]{rest}") if isinstance(field, Missing) else field
        for index, field in enumerate(fields)
    ]


def _one_step(value: Any, step: re.Match[str]) -> Any:  # noqa: ANN401 - JSON
    key = step["key"] or step["quoted"]
    if key is not None:
        return value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    if step["index"] is not None:
        index = int(step["index"])
        return value[index] if index < len(value) else None
    for element in value:
        inner = look_up(element, step["filter"])
        if not isinstance(inner, Missing) and text_of(inner) == step["value"]:
            return element
    return None


def text_of(value: Any) -> str:  # noqa: ANN401 - JSON
    """A JSON value as text: a string is itself, all else is its JSON (true, 5, null)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """A JSON value (or Missing) as a report shows it, in one line of at most 200 characters.

    A string is in quotes where it could be taken for something else: a number, true, white space.
    """
    if isinstance(value, Missing):
        return repr(value)
    text = text_of(value)
    if isinstance(value, str) and (value != " ".join(value.split()) or _reads_as_json(value)):
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return not text
    return True

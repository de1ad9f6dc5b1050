"""Paths into raw JSON: `a.b[name=c]['d.e'][0].f`.

A filter `[key=value]` takes the element of a list whose `key` (itself a dotted path) has the value.
"""

import re
from typing import Any

from clusterproof.errors import SpecError

_STEP = re.compile(
    r"""(?:^|\.)(?P<key>[A-Za-z0-9_-]+)"""
    r"""|\['(?P<quoted>[^']+)'\]"""
    r"""|\[(?P<index>\d+)\]"""
    r"""|\[(?P<filter>[A-Za-z0-9_.-]+)=(?P<value>[^\]]*)\]"""
)


class Missing:
    """What a path leads to when nothing is there; `at` is the part that was not found."""

    def __init__(self, at: str) -> None:
        """Remember how far the path led."""
        self.at = at

    def __repr__(self) -> str:
        """As a report shows it."""
        return f"absent (no {self.at})"

    def __eq__(self, other: object) -> bool:
        """Two absences at the same place are the same."""
        return isinstance(other, Missing) and other.at == self.at

    def __hash__(self) -> int:
        """By place."""
        return hash(self.at)


def look_up(value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    """The value at `path`, or Missing.

    Raises:
        SpecError: `path` is no path.
    """
    position, walked = 0, ""
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise SpecError(f"expected a path like a.b[name=c]['d.e'], got {path!r} at {position}")
        walked += step[0]
        value = _one_step(value, step)
        if value is None:
            return Missing(walked)
        position = step.end()
    return value


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
        found = look_up(element, step["filter"])
        if not isinstance(found, Missing) and str(found) == step["value"]:
            return element
    return None

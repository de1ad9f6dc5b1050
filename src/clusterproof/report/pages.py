"""What every HTML page shares: safe text, the style, small charts, and a strict content policy."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusterproof.outcome import Outcome
from clusterproof.report import palette, words
from clusterproof.report.record import RowResult

SIGN: Final = MappingProxyType(
    {
        Outcome.PASSED: "✓",
        Outcome.FAILED: "✕",
        Outcome.INCONCLUSIVE: "?",
        Outcome.NOT_RUN: "–",  # noqa: RUF001 - the dash is meant
        Outcome.ACCEPTED: "≈",
    }
)
WORD: Final = MappingProxyType(
    {
        Outcome.PASSED: "Passed",
        Outcome.FAILED: "Failed",
        Outcome.INCONCLUSIVE: "Inconclusive",
        Outcome.NOT_RUN: "Not run",
        Outcome.ACCEPTED: "Accepted",
    }
)
ORDER: Final = (
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.NOT_RUN,
    Outcome.ACCEPTED,
    Outcome.PASSED,
)
"""Worst first, as in every bar."""

LONGEST: Final = 1200
"""Characters of one value on a page; the whole value is in run.json. Our choice."""

# Control characters draw nothing, and the bidirectional ones reorder the text around them.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item:
    """A row and the id by which its page can be linked to it."""

    row: RowResult
    anchor: str


def by_area(items: Iterable[T], area_of: Callable[[T], str]) -> list[tuple[str, list[T]]]:
    """The items of each area; the areas in the order in which they first appear."""
    areas: dict[str, list[T]] = {}
    for item in items:
        areas.setdefault(area_of(item), []).append(item)
    return list(areas.items())


def shown(text: str) -> str:
    """`text` with unseen characters spelt out, cut where it would fill the page."""
    if len(text) > LONGEST:
        cut = len(text) - LONGEST
        text = f"{text[:LONGEST]} … ({cut} more characters; the whole is in run.json)"
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def area_name(area: str) -> str:
    """`network-policy` as `Network policy`."""
    return shown(area.replace("-", " ").strip().capitalize() or "No area")


def bar(rows: Sequence[RowResult]) -> Markup:
    """A stacked bar of outcomes, worst first, with its figures as the text alternative."""
    counts = [(outcome, sum(row.outcome is outcome for row in rows)) for outcome in ORDER]
    label = (
        ", ".join(f"{count} {WORD[each].lower()}" for each, count in counts if count) or "no rows"
    )
    parts = []
    left = 0.0
    for outcome, count in counts:
        if count:
            width = 100 * count / len(rows)
            parts.append(
                f'<rect class="{outcome.value}" x="{left:.2f}" y="0" '
                f'width="{width:.2f}" height="8"/>'
            )
            left += width
    return Markup(  # noqa: S704 - made of numbers and our own words only
        f'<svg class="bar" role="img" aria-label="{label}" viewBox="0 0 100 8" '
        f'preserveAspectRatio="none">{"".join(parts)}</svg>'
    )


@cache
def asset(name: str) -> str:
    """The text of one file beside the templates."""
    return files("clusterproof.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def style() -> str:
    """The whole style sheet: palette and page."""
    return f"{palette.variables()}\n{asset('page.css')}"


def own_parts() -> Mapping[str, str]:
    """The style and the script of a page that stands alone, and the policy that allows them."""
    css, script = style(), asset("page.js")
    return {
        "policy": content_policy(css, script),
        "style": Markup(css),  # noqa: S704 - our own file
        "script": Markup(script),  # noqa: S704 - our own file
    }


def content_policy(style_text: str, script_text: str) -> str:
    """A policy under which the page loads nothing and runs only this style and this script."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style_text)}'; "
        f"script-src '{_digest(script_text)}'; base-uri 'none'; form-action 'none'"
    )


@cache
def environment() -> Environment:
    """The templates, with everything escaped unless it says otherwise."""
    made = Environment(
        loader=PackageLoader("clusterproof.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "shown": shown,
        "area": area_name,
        "cause": words.cause,
        "duration": words.duration,
        "moment": words.moment,
        "size": words.size,
        "passed_count": lambda rows: sum(row.outcome is Outcome.PASSED for row in rows),
    }
    made.globals |= {"sign": SIGN, "word": WORD, "bar": bar}
    made.globals |= {outcome.name.lower(): outcome for outcome in Outcome}
    return made


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

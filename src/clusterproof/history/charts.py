"""Charts as inline SVG: columns of outcomes, a strip of spells, a line of durations.

Each says its figures in its label; what it draws is also in a table of the same page.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup, escape

from clusterproof.outcome import Outcome
from clusterproof.report.pages import ORDER, WORD
from clusterproof.report.words import duration

WIDTH: Final = 1000
"""Units across; the picture is stretched to its place."""

_SCALE: Final = 100


def columns(counts: Sequence[Mapping[Outcome, int] | None], label: str) -> Markup:
    """One column per night, worst at the bottom; None (an absent night) is a gap with a mark."""
    tallest = max((sum(outcomes.values()) for outcomes in counts if outcomes), default=0) or 1
    step = WIDTH / max(1, len(counts))
    width = step * 0.82 if step > 4 else step  # noqa: PLR2004 - no gaps between hairlines
    paths: dict[str, list[str]] = {outcome.value: [] for outcome in ORDER}
    absent: list[str] = []
    for number, outcomes in enumerate(counts):
        left = number * step
        if outcomes is None:
            absent.append(f"M{left:.1f} 0h{width:.1f}v{_SCALE}h-{width:.1f}z")
            continue
        bottom = float(_SCALE)
        for outcome in ORDER:
            height = outcomes.get(outcome, 0) * _SCALE / tallest
            if height:
                # A single failure among many rows must still be seen.
                height = max(height, 4.0) if outcome is not Outcome.PASSED else min(height, bottom)
                bottom -= height
                paths[outcome.value].append(
                    f"M{left:.1f} {bottom:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z"
                )
    drawn = "".join(f'<path class="{name}" d="{"".join(p)}"/>' for name, p in paths.items() if p)
    if absent:
        drawn += f'<path class="absent" d="{"".join(absent)}"/>'
    return _svg("columns", _SCALE, label, drawn)


def strip(spells: Sequence[tuple[Outcome | None, int, int]], runs: int) -> Markup:
    """A row's outcomes from the oldest run to the newest, equal neighbours drawn as one."""
    step = WIDTH / max(1, runs)
    drawn = "".join(
        f'<rect class="{outcome.value if outcome else "absent"}" x="{start * step:.1f}" y="0" '
        f'width="{length * step:.1f}" height="10"/>'
        for outcome, start, length in spells
    )
    bad = sum(length for outcome, _, length in spells if outcome is Outcome.FAILED)
    now = spells[-1][0] if spells else None
    last = WORD[now].lower() if now else "absent"
    return _svg("strip", 10, f"{runs} runs, {bad} failed, last {last}", drawn)


def line(values: Sequence[float | None], label: str) -> Markup:
    """A line of durations in seconds, from zero; a None breaks it."""
    known = [value for value in values if value is not None]
    tallest = max(known, default=0.0) or 1.0
    step = WIDTH / max(1, len(values) - 1)
    parts = []
    pen = "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{number * step:.1f} {95 - 90 * value / tallest:.1f}")
        pen = "L"
    ground = f'<path class="ground" d="M0 {_SCALE - 1}h{WIDTH}"/>'
    return _svg("line", _SCALE, label, f'{ground}<path class="trace" d="{"".join(parts)}"/>')


def durations_label(values: Sequence[float | None], name: str) -> str:
    """The figures of a line, in words."""
    known = [value for value in values if value is not None]
    if not known:
        return f"{name}: no values"
    middle = sorted(known)[len(known) // 2]
    return (
        f"{name}: last {duration(known[-1])}, median {duration(middle)}, "
        f"longest {duration(max(known))}"
    )


def _svg(kind: str, height: int, label: str, drawn: str) -> Markup:
    return Markup(  # noqa: S704 - numbers and our own words; the label is escaped
        f'<svg class="chart {kind}" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none">{drawn}</svg>'
    )

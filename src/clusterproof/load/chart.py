"""Inline SVG: time charts on one shared time axis, and a latency distribution. No scripts."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from clusterproof.load.timeline import Series

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1000, 150, 62, 14, 20, 22
_GRID = 4
_NICE = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Attributes:
        kind: CSS class: a to e.
        step: Whether a value holds until the next (replicas), or is joined by a straight line.
    """

    name: str
    points: Series
    kind: str
    step: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that all charts show."""

    at: float
    text: str


def time_chart(
    title: str,
    unit: str,
    lines: Sequence[Line],
    *,
    since: float,
    until: float,
    marks: Sequence[Mark] = (),
    limit: float | None = None,
) -> str:
    """One chart of the aligned timeline."""
    top = max([v for line in lines for _, v in line.points] + [limit or 0.0, 1e-9])
    step = nice(top / _GRID)
    top = step * -(-top // step)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(at: float) -> float:
        return LEFT + width * (min(max(at, since), until) - since) / max(until - since, 1e-9)

    def y(value: float) -> float:
        return TOP + height * (1 - value / top)

    heading = f"{escape(title)} <tspan>{escape(unit)}</tspan>"
    parts = [
        f'<text class="title" x="{LEFT}" y="13">{heading}</text>',
        *_legend((line.name, line.kind) for line in lines),
    ]
    value = 0.0
    while value <= top + 1e-9:
        parts.append(_level(y(value), f"{value:g}"))
        value += step
    every = nice((until - since) / 8)
    second = 0.0
    while since + second <= until:
        place = f'x="{x(since + second):.1f}" y="{HEIGHT - 6}"'
        parts.append(f'<text class="axis mid" {place}>{second:.0f} s</text>')
        second += every
    parts += [
        f'<path class="mark" d="M{x(mark.at):.1f} {TOP}V{HEIGHT - BOTTOM}">'
        f"<title>{escape(mark.text)}</title></path>"
        for mark in marks
    ]
    if limit is not None:
        parts.append(f'<path class="limit" d="M{LEFT} {y(limit):.1f}H{WIDTH - RIGHT}"/>')
    parts += [_path(line, x, y, since, until) for line in lines]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def distribution(title: str, curves: Sequence[tuple[str, str, Sequence[tuple[float, int]]]]) -> str:
    """Latency (log scale) against the share of requests that took at most that long.

    Args:
        title: Of the chart.
        curves: (name, css class, [(seconds, cumulative count)]).
    """
    points = [s for _, _, curve in curves for s, _ in curve if s > 0]
    if not points:
        return ""
    low, high = math.log10(min(points)), math.log10(max(points))
    high = max(high, low + 1e-6)
    height = HEIGHT + 60
    width, tall = WIDTH - LEFT - RIGHT, height - TOP - BOTTOM

    def nines(share: float) -> float:
        return min(-math.log10(max(1 - share, 1e-5)), 4.0) / 4.0

    parts = [f'<text class="title" x="{LEFT}" y="13">{escape(title)}</text>']
    for share in (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999):
        at = LEFT + width * nines(share)
        parts.append(
            f'<path class="grid" d="M{at:.1f} {TOP}V{height - BOTTOM}"/>'
            f'<text class="axis mid" x="{at:.1f}" y="{height - 6}">{share * 100:g} %</text>'
        )
    for power in range(math.floor(low), math.ceil(high) + 1):
        at = TOP + tall * (1 - (power - low) / (high - low))
        if TOP <= at <= height - BOTTOM:
            parts.append(_level(at, f"{10.0**power * 1000:g} ms"))
    parts += _legend((name, kind) for name, kind, _ in curves)
    for _, kind, curve in curves:
        total = curve[-1][1] if curve else 0
        drawn = [
            f"{LEFT + width * nines(count / total):.1f}"
            f" {TOP + tall * (1 - (math.log10(max(s, 1e-6)) - low) / (high - low)):.1f}"
            for s, count in thinned(curve, 400)
        ]
        if drawn:
            parts.append(f'<path class="line {kind}" d="M{"L".join(drawn)}"/>')
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def _legend(names: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The name of each line in its colour, side by side; as (name, css class)."""
    offset = LEFT + 330
    for name, kind in names:
        yield f'<text class="key {kind}" x="{offset}" y="13">{escape(name)}</text>'
        offset += 26 + 7 * len(name)


def _level(at: float, label: str) -> str:
    """A line of the grid across, with its figure at the left."""
    line = f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}"/>'
    return f'{line}<text class="axis" x="{LEFT - 6}" y="{at + 4:.1f}">{label}</text>'


def nice(value: float) -> float:
    """The next round number at or above `value`."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in _NICE if factor * power >= value * 0.999)


def thinned(points: Sequence[tuple[float, int]], most: int) -> list[tuple[float, int]]:
    """At most about `most` of the points, the last one among them."""
    every = max(1, len(points) // most)
    fewer = list(points[::every])
    if points and fewer[-1] != points[-1]:
        fewer.append(points[-1])
    return fewer


def _path(
    line: Line,
    x: Callable[[float], float],
    y: Callable[[float], float],
    since: float,
    until: float,
) -> str:
    drawn: list[str] = []
    previous: float | None = None
    for at, value in line.points:
        if at > until:
            break
        if line.step and previous is not None:
            drawn.append(f"{x(at):.1f} {y(previous):.1f}")
        if at < since:
            drawn = []
        drawn.append(f"{x(at):.1f} {y(value):.1f}")
        previous = value
    if line.step and previous is not None:
        drawn.append(f"{x(until):.1f} {y(previous):.1f}")
    if not drawn:
        return ""
    dashed = " dashed" if line.dashed else ""
    return f'<path class="line {line.kind}{dashed}" d="M{"L".join(drawn)}"/>'

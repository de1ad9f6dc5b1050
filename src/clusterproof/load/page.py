"""The report of a load run: one HTML file with everything in it, and the same as JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusterproof.load.account import Account, cell_quantile
from clusterproof.load.analysis import Analysis, Inputs
from clusterproof.load.chart import Line, Mark, distribution, time_chart
from clusterproof.load.counters import matches
from clusterproof.load.latency import SHOWN
from clusterproof.load.recording import Recording

_REQUESTS = "model_router_requests_total"
_KINDS = "abcde"


def write_report(
    analysis: Analysis, inputs: Inputs, out: Path, *, reason: str, previous: Path | None = None
) -> Path:
    """Write load.html and load.json into `out`; the path of the page."""
    figures = key_figures(analysis, inputs)
    before = _previous(previous)
    environment = Environment(
        loader=PackageLoader("clusterproof.load", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = out / "load.html"
    page.write_text(
        environment.get_template("load.html.j2").render(
            _context(analysis, inputs, figures, before, reason)
        ),
        encoding="utf-8",
    )
    record = {
        "outcome": analysis.verdict.outcome,
        "broken": analysis.verdict.broken,
        "scenario": inputs.generator["scenario"],
        "shape": inputs.generator["shape"],
        "started_at": inputs.generator["started_at"],
        "figures": figures,
        "findings": [f.to_json() for f in analysis.verdict.findings],
        "timeline": {
            name: getattr(analysis.timeline, name) for name in analysis.timeline.__slots__
        },
        "predicted": analysis.replayed.free if analysis.replayed else [],
    }
    (out / "load.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    return page


def key_figures(analysis: Analysis, inputs: Inputs) -> dict[str, float]:
    """The figures that two runs are compared by."""
    whole = inputs.account.total()
    figures = {f"p{q * 100:g} ms": whole.latency.value_s(q) * 1000 for q in SHOWN}
    figures["requests"] = float(inputs.account.started)
    figures["failed"] = float(inputs.account.failed)
    figures["served by pods"] = analysis.served.total
    if analysis.capacity:
        figures["requests per CPU-second"] = analysis.capacity["requests_per_cpu_s"]
    demand = analysis.demand
    if demand.up_at is not None:
        ready = [t for t, v in analysis.timeline.ready if t >= demand.up_at]
        if ready:
            peak = max(v for _, v in analysis.timeline.ready)
            at = next(t for t, v in analysis.timeline.ready if v == peak)
            figures["most Ready"] = peak
            figures["seconds to most Ready"] = at - demand.up_at
    if analysis.replayed:
        figures["HPA model agreement %"] = analysis.replayed.agreement * 100
        figures["HPA within one sync %"] = analysis.replayed.within_sync * 100
    return {name: round(value, 4) for name, value in figures.items()}


def _context(
    analysis: Analysis,
    inputs: Inputs,
    figures: Mapping[str, float],
    before: Mapping[str, float],
    reason: str,
) -> dict[str, Any]:
    started = float(inputs.generator["started_at"])
    whole = inputs.account.total()
    replayed = analysis.replayed
    marks = _marks(analysis)
    return {
        "run": inputs.generator,
        "verdict": analysis.verdict,
        "reason": reason,
        "started": datetime.fromtimestamp(started, UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "charts": [Markup(chart) for chart in _charts(analysis, inputs, marks)],  # noqa: S704 - our own SVG, its texts escaped
        "marks": "; ".join(mark.text for mark in marks) or "none",
        "quantiles": [f"p{q * 100:g}" for q in SHOWN],
        "requests": [
            {
                "name": name,
                "ok": row.ok,
                "failed": sum(row.failed.values()),
                "unanswered": sum(row.unanswered.values()),
                "shown": [f"{row.latency.value_s(q) * 1000:.1f} ms" for q in SHOWN],
            }
            for name, row in [*sorted(inputs.account.names.items()), ("all", whole)]
        ],
        "distribution": Markup(  # noqa: S704 - our own SVG, its texts escaped
            distribution(
                "Latency, share of requests",
                [
                    ("from due", "a", whole.latency.curve()),
                    ("from sent", "b", whole.service.curve()),
                ],
            )
        ),
        "lives": [
            {
                "pod": life.pod,
                "first": f"{life.first_at - started:.0f}",
                "last": f"{life.last_at - started:.0f}",
                "growth": f"{life.growth:.0f}",
                "unseen": f"{life.unseen_bound:.0f}",
                "resets": life.resets,
            }
            for life in analysis.served.lives
        ],
        "capacity": analysis.capacity,
        "steps": [
            {
                "second": f"{s.at - started:.0f}",
                "before": s.before,
                "proposed": "none" if s.proposed is None else s.proposed,
                "predicted": s.predicted,
                "observed": s.observed,
                "reason": s.reason,
                "shown": " / ".join("-" if v is None else f"{v:.0f}" for v in s.shown),
            }
            for s in (replayed.steps if replayed else ())
        ],
        "agreement": f"{replayed.agreement:.1%}" if replayed else "",
        "within": f"{replayed.within_sync:.1%}" if replayed else "",
        "compared": [
            {
                "name": name,
                "before": f"{before[name]:g}",
                "now": f"{value:g}",
                "change": f"{(value / before[name] - 1):+.1%}" if before[name] else "",
            }
            for name, value in figures.items()
            if name in before
        ],
        "notes": inputs.recording.notes,
    }


def _marks(analysis: Analysis) -> list[Mark]:
    demand = analysis.demand
    marks = []
    if demand.up_at is not None:
        marks.append(Mark(demand.up_at, "the load that needs the ceiling begins"))
    if demand.down_at is not None:
        marks.append(Mark(demand.down_at, "it ends"))
    return marks


def _charts(analysis: Analysis, inputs: Inputs, marks: list[Mark]) -> list[str]:
    started = float(inputs.generator["started_at"])
    until = max(inputs.recording.ended_at, started + analysis.plan.duration_s)
    account, timeline, plan = inputs.account, analysis.timeline, analysis.plan
    span = {"since": started - 5, "until": until}
    seconds = range(int(until - started) + 1)
    offered = tuple((started + s, plan.rate(s)) for s in seconds)
    done = tuple((started + n, float(s.ok)) for n, s in sorted(account.seconds.items()))
    wrong = tuple(
        (started + n, float(s.failed + s.unanswered)) for n, s in sorted(account.seconds.items())
    )
    return [
        time_chart(
            "Offered and achieved",
            "requests/s",
            [
                Line("offered", offered, "a", step=True),
                Line("right answers", done, "c"),
                Line("failed", wrong, "e"),
            ],
            marks=marks,
            **span,
        ),
        time_chart("Served per pod", "requests/s", _per_pod(inputs.recording), marks=marks, **span),
        time_chart(
            "Utilization that the HPA saw",
            "% of request",
            [
                Line("cpu", timeline.cpu_seen, "a", step=True),
                Line("memory", timeline.memory_seen, "b", step=True),
            ],
            marks=marks,
            limit=70.0,
            **span,
        ),
        time_chart(
            "Replicas",
            "",
            [
                Line("desired", timeline.desired, "a", step=True),
                Line("Ready", timeline.ready, "c", step=True),
                Line("endpoints", timeline.endpoints, "b", step=True),
                Line(
                    "model",
                    analysis.replayed.free if analysis.replayed else (),
                    "d",
                    step=True,
                    dashed=True,
                ),
            ],
            marks=marks,
            **span,
        ),
        time_chart("Latency", "ms, from due", _latency(account, started), marks=marks, **span),
    ]


def _per_pod(recording: Recording) -> list[Line]:
    reads: dict[str, list[tuple[float, float]]] = {}
    for scrape in sorted(recording.scrapes, key=lambda s: s.at):
        total = sum(v for key, v in scrape.values.items() if matches(key, _REQUESTS))
        reads.setdefault(scrape.pod, []).append((scrape.at, total))
    lines = []
    for number, (_, points) in enumerate(sorted(reads.items())):
        rates, last = [], points[0]
        for at, value in points[1:]:
            if at - last[0] >= 4.0:  # noqa: PLR2004 - two reads: smooth enough to see a share
                rates.append((at, max(0.0, value - last[1]) / (at - last[0])))
                last = (at, value)
        lines.append(Line("", tuple(rates), _KINDS[number % len(_KINDS)]))
    return lines


def _latency(account: Account, started: float) -> list[Line]:
    lines = []
    for q, kind in ((0.5, "c"), (0.95, "b"), (0.99, "e")):
        points = []
        for number, second in sorted(account.seconds.items()):
            value = cell_quantile(second.cells, q)
            if value is not None:
                points.append((started + number, value * 1000))
        lines.append(Line(f"p{q * 100:g}", tuple(points), kind))
    return lines


def _previous(path: Path | None) -> dict[str, float]:
    if path is None or not path.exists():
        return {}
    figures: dict[str, float] = json.loads(path.read_text(encoding="utf-8")).get("figures", {})
    return figures

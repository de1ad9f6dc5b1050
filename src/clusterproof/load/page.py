"""The report of a load run: one HTML file with everything in it, and the same as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from clusterproof.load.account import Account
from clusterproof.load.analysis import Analysis, Inputs
from clusterproof.load.chart import Line, Mark, distribution, time_chart
from clusterproof.load.latency import SHOWN
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import Demand
from clusterproof.load.seconds import cell_quantile
from clusterproof.load.timeline import figures_over_time
from clusterproof.report.files import replace_file

_KINDS = "abcde"
"""CSS classes of the lines of one chart."""
PREVIOUS = "previous.json"
"""In a run's folder: the load.json of the run before it."""
_ALIKE = 0.1
"""The share of its requests by which a run may differ from one that it is compared with: at another
rate or for another time it would show nothing. Our choice."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The run that this one is compared with.

    Attributes:
        figures: Its key figures; empty when there is none to compare with.
        sentence: Which run it was, or why it is not compared.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""


def set_aside(out: Path) -> None:
    """Keep what `out` holds of the last run for comparison, before another one is made there."""
    if (out / "load.json").exists():
        (out / "load.json").replace(out / PREVIOUS)
    (out / "load.html").unlink(missing_ok=True)


def write_report(
    analysis: Analysis, inputs: Inputs, spec: LoadSpec, out: Path, *, previous: Path | None = None
) -> Path:
    """Write load.html and load.json into `out`; the path of the page.

    Args:
        analysis: The judged run.
        inputs: What was seen of it.
        spec: What it was held to.
        out: Its folder.
        previous: load.json of another run to compare with; default: the one before it in `out`.

    Raises:
        OSError: They cannot be written.
    """
    figures = key_figures(analysis, inputs)
    before = read_previous(previous or out / PREVIOUS, inputs.generator, figures["requests"])
    environment = Environment(
        loader=PackageLoader("clusterproof.load", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page = out / "load.html"
    template = environment.get_template("load.html.j2")
    text = template.render(_context(analysis, inputs, spec, figures, before))
    replace_file(page, text.encode())
    record = {
        "outcome": analysis.verdict.outcome,
        "broken": analysis.verdict.broken,
        "scenario": inputs.generator["scenario"],
        "shape": inputs.generator["shape"],
        "started_at": inputs.generator["started_at"],
        "figures": figures,
        "findings": [f.to_json() for f in analysis.verdict.findings],
        "timeline": asdict(analysis.timeline),
        "predicted": analysis.replayed.free if analysis.replayed else [],
    }
    replace_file(out / "load.json", json.dumps(record, indent=1).encode())
    return page


def key_figures(analysis: Analysis, inputs: Inputs) -> dict[str, float]:
    """The figures that two runs are compared by."""
    whole = inputs.account.total()
    figures = {f"p{q * 100:g} ms": whole.latency.value_s(q) * 1000 for q in SHOWN}
    if whole.first.count:
        figures |= {f"first token p{q * 100:g} ms": whole.first.value_s(q) * 1000 for q in SHOWN}
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
    spec: LoadSpec,
    figures: Mapping[str, float],
    before: Previous,
) -> dict[str, Any]:
    started = float(inputs.generator["started_at"])
    whole = inputs.account.total()
    replayed = analysis.replayed
    return {
        "run": inputs.generator,
        "verdict": analysis.verdict,
        "reason": spec.reason,
        "started": _utc(started),
        "charts": [Markup(chart) for chart in panels(analysis, inputs, spec)],  # noqa: S704 - our own SVG, its texts escaped
        "marks": "; ".join(mark.text for mark in marks_of(analysis.demand)) or "none",
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
                "before": f"{before.figures[name]:g}",
                "now": f"{value:g}",
                "change": _change(before.figures[name], value),
            }
            for name, value in figures.items()
            if name in before.figures
        ],
        "previous": before.sentence,
        "notes": inputs.recording.notes,
    }


def marks_of(demand: Demand) -> list[Mark]:
    """When the load that needs the ceiling begins and ends."""
    marks = []
    if demand.up_at is not None:
        marks.append(Mark(demand.up_at, "the load that needs the ceiling begins"))
    if demand.down_at is not None:
        marks.append(Mark(demand.down_at, "it ends"))
    return marks


def panels(analysis: Analysis, inputs: Inputs, spec: LoadSpec) -> list[str]:
    """One SVG for each link of the chain, from the offered load to the latency."""
    started = float(inputs.generator["started_at"])
    until = max(inputs.recording.ended_at, started + analysis.plan.duration_s)
    account, timeline, plan = inputs.account, analysis.timeline, analysis.plan
    chart = partial(time_chart, marks=marks_of(analysis.demand), since=started - 5, until=until)
    seconds = range(int(until - started) + 1)
    offered = tuple((started + s, plan.rate(s)) for s in seconds)
    done = tuple((started + n, float(s.ok)) for n, s in sorted(account.seconds.items()))
    wrong = tuple(
        (started + n, float(s.failed + s.unanswered)) for n, s in sorted(account.seconds.items())
    )
    return [
        chart(
            "Offered and achieved",
            "requests/s",
            [
                Line("offered", offered, "a", step=True),
                Line("right answers", done, "c"),
                Line("failed", wrong, "e"),
            ],
        ),
        chart(
            "Served per pod",
            "requests/s",
            _per_pod(inputs.recording, spec.metrics.requests if spec.metrics else ""),
        ),
        chart(
            "Metrics that the HPA saw",
            "% of their target",
            [
                Line(name, points, _KINDS[number % len(_KINDS)], step=True)
                for number, (name, points) in enumerate(
                    figures_over_time(
                        inputs.recording, spec.scaling.hpa if spec.scaling else ""
                    ).items()
                )
            ],
            limit=100,
        ),
        chart(
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
        ),
        chart("Latency", "ms, from due", _latency(account, started)),
    ]


def _per_pod(recording: Recording, requests: str) -> list[Line]:
    reads: dict[str, list[tuple[float, float]]] = {}
    for scrape in sorted(recording.scrapes, key=lambda s: s.at):
        reads.setdefault(scrape.pod, []).append((scrape.at, scrape.total(requests)))
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


def read_previous(path: Path, generator: Mapping[str, Any], requests: float) -> Previous:
    """The figures of an earlier run's load.json; none of a run that did something else.

    Args:
        path: Of the file.
        generator: What this run's generator wrote.
        requests: How many this run sent: one that sent far more or less had another load.
    """
    if not path.exists():
        return Previous()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before, now = ([source["scenario"], source["shape"]] for source in (record, generator))
        at = _utc(record["started_at"])
        if before != now:
            return Previous(
                sentence=f"The run of {at} had the shape {' '.join(before)}: not compared."
            )
        sent = record["figures"]["requests"]
        if not math.isclose(sent, requests, rel_tol=_ALIKE):
            return Previous(sentence=f"The run of {at} sent {sent:.0f} requests: not compared.")
        return Previous(record["figures"], f"Previous: the run of {at} UTC, {record['outcome']}.")
    except (ValueError, KeyError, TypeError) as error:
        return Previous(sentence=f"{path} is damaged ({type(error).__name__}): not compared.")


def _change(before: float, now: float) -> str:
    return f"{now / before - 1:+.1%}" if before else ""


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")

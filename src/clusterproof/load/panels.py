"""The charts of a load run, one under the other on the same time axis."""

from clusterproof.load.account import Account
from clusterproof.load.analysis import Analysis, Inputs
from clusterproof.load.chart import Line, Mark, time_chart
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import Demand
from clusterproof.load.seconds import cell_quantile
from clusterproof.load.timeline import figures_over_time

_KINDS = "abcde"


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
    marks = marks_of(analysis.demand)
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
        time_chart(
            "Served per pod",
            "requests/s",
            _per_pod(inputs.recording, spec.metrics.requests if spec.metrics else ""),
            marks=marks,
            **span,
        ),
        time_chart(
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
            marks=marks,
            limit=100,
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

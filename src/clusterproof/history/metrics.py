"""Metrics of the newest runs, in Prometheus' text format.

They come from the store, not from the job: a night that never ran leaves the old timestamps
standing, and an alert on their age finds it (deploy/nightly/prometheus-rule.yaml). A cluster is
its UID: two of one context's name (each `in-cluster`, or one made anew) are two series.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from clusterproof.history.compare import compare
from clusterproof.history.store import PARTIAL, History, Series
from clusterproof.outcome import Outcome
from clusterproof.production import IN_CLUSTER

MOST_FAILED_ROWS = 50
"""Failed rows that get a series of their own; the counts hold all of them. Our choice."""

_LABELS = ("cluster", "uid", "profile")


def metrics_text(history: History) -> str:
    """The metrics of every series that the store holds, but of runs of a selection of rows.

    Nobody waits for another one of these.
    """
    registry = CollectorRegistry()
    gauges = _Gauges(registry)
    every = history.all_series()
    for series in every:
        if not series.profile.endswith(PARTIAL) and not _is_replaced(history, series, every):
            gauges.fill(history, series)
    return generate_latest(registry).decode()


def _is_replaced(history: History, series: Series, every: Sequence[Series]) -> bool:
    """True for a cluster that is no more: another one has its context's name since its last run.

    Without this its old figures would be scraped, and its absence be told, for ever. A Pod's
    context is `in-cluster` in every cluster, so there the name says nothing.
    """
    runs = history.runs(series.id)
    if not runs or series.context == IN_CLUSTER:
        return False
    for other in every:
        same = (other.context, other.profile) == (series.context, series.profile)
        newer = history.runs(other.id) if same and other.id != series.id else []
        if newer and newer[0].started_at >= runs[-1].finished_at:
            return True
    return False


class _Gauges:
    """Every metric, with its help text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them all: a metric without samples still shows its name and help."""

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"clusterproof_{name}", text, (*_LABELS, *labels), registry=registry)

        self.rows = gauge("rows", "Rows of the newest run by outcome.", "outcome")
        self.failed = gauge(
            "row_failed",
            f"1 for each failed row of the newest run, {MOST_FAILED_ROWS} at most.",
            "area",
            "row",
        )
        self.new = gauge(
            "new_failures", "Rows that failed in the newest run, not in the one before."
        )
        self.flaky = gauge("flaky_rows", "Rows of the newest run that passed only after a retry.")
        self.took = gauge("run_duration_seconds", "Wall time of the newest run.")
        self.at = gauge("last_run_timestamp_seconds", "When the newest run was finished.")
        self.success = gauge(
            "last_conclusive_success_timestamp_seconds",
            "When the newest run that passed was finished; absent if there is none.",
        )
        self.calls = gauge("run_api_calls", "Requests to the API server in the newest run.")

    def fill(self, history: History, series: Series) -> None:
        """Set the values of one series."""
        runs = history.runs(series.id)
        if not runs:
            return
        record = history.record(runs[-1])
        uid = series.cluster if series.cluster != series.context else ""
        labels = (series.context, uid, series.profile)
        for outcome, count in record.counts.items():
            self.rows.labels(*labels, outcome.value).set(count)
        for row in record.of(Outcome.FAILED)[:MOST_FAILED_ROWS]:
            self.failed.labels(*labels, row.area, row.id).set(1)
        before = history.record(runs[-2]) if len(runs) > 1 else None
        retired = history.retired(series.id)
        new = compare(before, record, retired=retired).new_failures if before else ()
        self.new.labels(*labels).set(len(new) if before else record.counts[Outcome.FAILED])
        self.flaky.labels(*labels).set(sum(row.flaky for row in record.rows))
        self.took.labels(*labels).set(record.duration_s)
        self.at.labels(*labels).set(record.finished_at)
        self.calls.labels(*labels).set(record.api_calls)
        success = history.last_conclusive_success(series.id)
        if success is not None:
            self.success.labels(*labels).set(success)

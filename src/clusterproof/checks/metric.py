"""Rows `check: metric`: every Pod of a workload exposes a metric.

Source: Prometheus docs, "Exposition formats" (read 2026-11-23).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.metrics import Page, family_named, read_pages
from clusterproof.observe.observed import Observed
from clusterproof.observe.proxy import HOW
from clusterproof.observe.workloads import running_pods
from clusterproof.spec.row import ObjectRef, Row, WorkloadRef


class MetricRow(Row):
    """Every Pod of a workload exposes a metric of this type."""

    check: Literal["metric"]
    workload: WorkloadRef
    port: int
    path: str = "/metrics"
    name: str
    type: Literal["counter", "gauge", "histogram", "summary"]


@dataclass(frozen=True, slots=True)
class Exposed:
    """Whether one Pod exposes one metric: its type, or None when the page has no such metric."""

    pod: str
    type: str | None
    reason: str = ""


class MetricsPages:
    """The pages of each workload, read once and kept for all rows."""

    def __init__(self, cluster: Cluster) -> None:
        """Read nothing yet."""
        self._cluster = cluster
        self._pages: dict[tuple[ObjectRef, int, str], tuple[Page, ...]] = {}
        self._lock = threading.Lock()

    def of(self, workload: ObjectRef, port: int, path: str) -> tuple[Page, ...]:
        """The page of every running Pod of the workload."""
        key = (workload, port, path)
        with self._lock:
            if key not in self._pages:
                pods = running_pods(self._cluster, workload)
                self._pages[key] = read_pages(self._cluster.api, pods, port, path)
            return self._pages[key]


def read_exposed(pages: MetricsPages, row: MetricRow) -> Observed[tuple[Exposed, ...]]:
    """The type of a metric on each Pod's page.

    Raises:
        ObservationError: No Pod runs, or the API server does not let us ask.
    """
    metrics_pages = pages.of(row.workload, row.port, row.path)
    namespace = row.workload.namespace
    raw = f"/api/v1/namespaces/{namespace}/pods/{metrics_pages[0].pod}:{row.port}/proxy{row.path}"
    return Observed(
        tuple(_exposed(page, row.name) for page in metrics_pages),
        where=f"{row.workload} :{row.port}{row.path}",
        evidence=tuple(
            f"{page.pod}: {page.reason or f'{len(page.families)} metrics'}"
            for page in metrics_pages
        ),
        next_command=f"kubectl get --raw {raw}",
        how=HOW,
    )


def _exposed(page: Page, name: str) -> Exposed:
    family = family_named(page, name)
    return Exposed(page.pod, family.type if family else None, page.reason)


def look(row: MetricRow, site: Site) -> Observed[tuple[Exposed, ...]]:
    """The metric's type on the page of every running Pod."""
    return read_exposed(site.shared(_pages), row)


def _pages(site: Site) -> MetricsPages:
    return MetricsPages(site.cluster)


def judge(row: MetricRow, fact: tuple[Exposed, ...]) -> Judgement:
    """Every Pod's page has the metric, with the row's type."""
    return judged(_differences(row, fact), (f"{page.pod} {row.name}" for page in fact))


def _differences(row: MetricRow, fact: tuple[Exposed, ...]) -> Iterator[Difference]:
    for page in fact:
        metric = f"{page.pod} {row.name}"
        if page.reason:
            yield Difference(
                metric, f"a {row.type}", "no metrics page", page.reason, code="page-missing"
            )
        elif page.type is None:
            yield Difference(
                metric, f"a {row.type}", "absent from its metrics page", code="metric-missing"
            )
        elif page.type != row.type:
            yield Difference(metric, row.type, page.type, code="metric-type-differs")


KIND = Kind(
    MetricRow,
    look,
    judge,
    codes=(
        "metric-missing",
        "metric-type-differs",
        "page-missing",
    ),
)

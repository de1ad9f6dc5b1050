"""A Prometheus with ten nights of two clusters in it, which never were: to ask a dashboard of.

The records are made up; what comes of them is real: the history and its metrics are those of the
program, and Prometheus' own promtool writes them as if they had been scraped each half hour.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from clusterproof.checks import read_spec
from clusterproof.history.metrics import metrics_text
from clusterproof.history.store import History
from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from testbed.cluster import packages, paths
from testbed.cluster.run import run
from testbed.dashboards.answers import Span
from testbed.plane import free_ports, running
from testbed.waits import wait_until

NIGHTS: Final = 10
_DAY_S: Final = 86_400.0
_SCRAPED_EACH_S: Final = 1800.0
_FIRST: Final = dt.datetime(2026, 11, 17, 2, 17, tzinfo=dt.UTC).timestamp()
SPAN: Final = Span(_FIRST - 7200, _FIRST + (NIGHTS - 1) * _DAY_S + 6 * 3600, 3600.0)
FAILED: Final[Mapping[str, Mapping[str, range]]] = {
    "production": {
        "egress-postgres": range(8, 10),
        "egress-redis": range(8, 10),
        "hpa-max": range(4, 6),
    },
    "staging": {"posthog-web-replicas": range(2, 5)},
}
"""Cluster to the rows that failed, and in which nights."""

BLIND: Final[Mapping[str, Mapping[str, range]]] = {
    "production": {},
    "staging": {"egress-postgres": range(9, 10), "egress-dns": range(6, 7)},
}
"""The same of rows that could not be judged."""

_PROMETHEUS: Final = next(each for each in packages.CLUSTER if each.name == "prometheus")
_UP_WITHIN_S: Final = 60.0


def records() -> Iterator[RunRecord]:
    """Every run, the first night first."""
    rows = [(row.id, row.area, row.claim) for row in read_spec(_SPEC).rows]
    for night in range(NIGHTS):
        for number, cluster in enumerate(FAILED):
            started = _FIRST + night * _DAY_S
            yield RunRecord(
                run_id=f"{cluster}-{night}",
                started_at=started,
                finished_at=started + 9.0 + night % 3 + number,
                cluster=ClusterFacts(
                    context=cluster, server_version="v1.35.4", nodes=5, uid=f"uid-of-{cluster}"
                ),
                profile="self-hosted",
                tool_version="0.2.0",
                api_calls=172 + 3 * number + night % 4,
                rows=tuple(_row(cluster, night, *row) for row in rows),
            )


_SPEC: Final = paths.CHECKOUT / "spec" / "self-hosted.yaml"


def _row(cluster: str, night: int, name: str, area: str, claim: str) -> RowResult:
    outcome = Outcome.PASSED
    if night in FAILED[cluster].get(name, ()):
        outcome = Outcome.FAILED
    elif night in BLIND[cluster].get(name, ()):
        outcome = Outcome.INCONCLUSIVE
    return RowResult(
        id=name, area=area, title=claim, outcome=outcome, expected="", observed="", where="",
        evidence=(), source="", next="", started_at=_FIRST, duration_s=0.0, how="", cause="",
    )  # fmt: skip


def write_scrapes(folder: Path) -> Path:
    """Everything that Prometheus would have read, in OpenMetrics with times."""
    target = folder / "scrapes.txt"
    nights: dict[float, str] = {}
    with History(folder / "history.sqlite3") as history:
        for record in records():
            history.add(record)
            nights[record.started_at] = metrics_text(history)
    with target.open("w", encoding="utf-8") as file:
        for started, text in nights.items():
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            ends = min(started + _DAY_S, SPAN.end + 1)
            when = started + 60
            while when < ends:
                file.writelines(f"{line} {when:.0f}\n" for line in lines)
                when += _SCRAPED_EACH_S
        file.write("# EOF\n")
    return target


@contextmanager
def prometheus() -> Iterator[str]:
    """The address of a Prometheus that has all of it; ended on the way out.

    Raises:
        TestbedError: promtool refused the metrics.
        ObservationError: Prometheus was not ready within a minute.
    """
    packages.ensure((_PROMETHEUS,), print)
    packages.use()
    with tempfile.TemporaryDirectory(prefix="clusterproof-nights-") as scratch:
        work = Path(scratch)
        scrapes = write_scrapes(work)
        run(["promtool", "tsdb", "create-blocks-from", "openmetrics", str(scrapes),
             str(work / "data")])  # fmt: skip
        (work / "config.yaml").write_text("scrape_configs: []\n", encoding="utf-8")
        (port,) = free_ports(1)
        address = f"http://127.0.0.1:{port}"
        command = [
            "prometheus",
            f"--config.file={work}/config.yaml",
            f"--storage.tsdb.path={work}/data",
            "--storage.tsdb.retention.time=10y",
            f"--query.lookback-delta={_SCRAPED_EACH_S + 60:.0f}s",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with running(work, {"prometheus": command}), httpx.Client() as client:
            wait_until(
                lambda: _ready(client, address),
                bool,
                waiting_for="Prometheus with the nights",
                within_s=_UP_WITHIN_S,
            )
            yield address


def _ready(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(f"{address}/-/ready").is_success
    except httpx.TransportError:
        return False

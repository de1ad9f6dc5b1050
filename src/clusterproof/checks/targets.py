"""Rows `check: targets`: Prometheus scrapes every ready Pod of a workload.

Source: Prometheus docs, "Jobs and instances" (read 2026-11-23).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import prometheus
from clusterproof.checks.site import Site
from clusterproof.errors import ObservationError
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.kube.objects import Json, status_of
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.prometheus import Prometheus
from clusterproof.spec.row import Row, WorkloadRef
from clusterproof.wait import last_within

INTERVAL_S = 60.0
"""Prometheus' default `scrape_interval`."""
MISSED = 2.5
"""Two missed scrapes and a half. Our choice."""
_DISCOVERED = "__meta_kubernetes"
_PORTS = {"http": 80, "https": 443}
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
SETTLE_WITHIN_S = 20.0
"""A Pod that is new is found and scraped first: discovery takes 5 s, then an interval."""


class TargetsRow(Row):
    """Prometheus has a target for every ready Pod of the workload, and each is up."""

    check: Literal["targets"]
    workload: WorkloadRef
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """One Pod as Prometheus sees it; `up` is None when it is no target.

    Attributes:
        age_s: Since the last scrape.
        interval_s: Between two scrapes of this target.
        error: Of the last scrape, or why there was none yet; or "".
    """

    pod: str
    up: float | None
    age_s: float = 0.0
    interval_s: float = INTERVAL_S
    error: str = ""

    @property
    def fresh_within_s(self) -> float:
        """The age that the last scrape may have; never less than at the default interval."""
        return MISSED * max(INTERVAL_S, self.interval_s)


def read_targets(
    prometheus: Prometheus, cluster: Cluster, row: TargetsRow
) -> Observed[tuple[Target, ...]]:
    """Each ready Pod as a target, after a new one had time to be found and scraped.

    Raises:
        ObservationError: No ready Pod, no Prometheus, a Prometheus without any data, or one whose
            labels do not tell Pods.
    """
    pods = cluster.ready_pods_of(row.workload)
    targets = last_within(
        lambda: _look(prometheus, pods, row),
        lambda each: all(target.up == 1 for target in each),
        within_s=SETTLE_WITHIN_S,
        every_s=2.0,
    )
    (others,) = prometheus.query("count(up)")
    next_command = f"kubectl get --raw '{prometheus.path}/api/v1/targets?state=active'"
    if not others:
        raise ObservationError(
            "Prometheus has no data at all: no target of any kind", next_command=next_command
        )
    ages = [target.age_s for target in targets if target.up is not None]
    return Observed(
        targets,
        where=f"{row.workload} :{row.port}",
        evidence=(
            f"{sum(target.up == 1 for target in targets)} of {len(targets)} ready Pods are up, of "
            f"{others[0]['value'][1]} targets in all",
            f"oldest sample {max(ages, default=0.0):.1f} s old",
        ),
        next_command=next_command,
        how=prometheus.how,
    )


def _look(prometheus: Prometheus, pods: list[Json], row: TargetsRow) -> tuple[Target, ...]:
    """By where Prometheus scrapes, whatever its labels are; by labels in a store that scrapes not.

    Thanos and Mimir answer queries for Prometheus servers, and may list no targets.
    """
    (clock,) = prometheus.query("vector(time())")
    try:
        active = prometheus.targets()
    except ObservationError:
        active = []
    if not active:
        return _by_labels(prometheus, pods, row)
    now = float(clock[0]["value"][1]) if clock else 0.0
    return tuple(target_of(pod, active, row.port, now) for pod in pods)


def _by_labels(prometheus: Prometheus, pods: list[Json], row: TargetsRow) -> tuple[Target, ...]:
    addresses = {str(pod["metadata"]["name"]): str(status_of(pod).get("podIP")) for pod in pods}
    in_namespace = f'namespace="{row.workload.namespace}"'
    selector = f'{in_namespace},pod=~"{"|".join(addresses)}"'
    series, ages = prometheus.query(f"up{{{selector}}}", f"time() - timestamp(up{{{selector}}})")
    up, age = (_by_pod(vector, addresses, row.port) for vector in (series, ages))
    instances = {str(sample["metric"].get("instance", "")) for sample in series}
    relabelled = {name for name in instances if _host_of(name) not in addresses.values()}
    if not up and relabelled:
        raise ObservationError(
            f"`instance` of these Pods is {min(relabelled)}, which is no address of theirs: it does"
            " not tell which port is scraped, and targets are not listed",
            next_command=f"kubectl get --raw '{prometheus.path}/api/v1/query?query=up'",
        )
    if not up:
        count, labelled = prometheus.query("count(up)", f"count(up{{{in_namespace}}})")
        if count and not labelled:
            raise ObservationError(
                f"no series `up` has {in_namespace}, and targets are not listed: the labels of this"
                " Prometheus do not tell whether it scrapes these Pods",
                next_command=f"kubectl get --raw '{prometheus.path}/api/v1/query?query=up'",
            )
    return tuple(Target(pod, up.get(pod), age.get(pod, 0.0)) for pod in addresses)


def _host_of(instance: str) -> str:
    return instance.rpartition(":")[0].strip("[]")


def _by_pod(vector: list[dict[str, Any]], pods: dict[str, str], port: int) -> dict[str, float]:
    """The value of each Pod's target on this port; `instance` is where it is scraped."""
    values: dict[str, float] = {}
    for series in vector:
        labels = series["metric"]
        pod = labels.get("pod", "")
        if labels.get("instance") in {f"{pods.get(pod)}:{port}", f"[{pods.get(pod)}]:{port}"}:
            values[pod] = float(series["value"][1])
    return values


def target_of(pod: Json, active: list[dict[str, Any]], port: int, now: float) -> Target:
    """The Pod's target on this port; of several (two jobs), the one that is worst off.

    Args:
        pod: The Pod.
        active: `activeTargets`.
        port: That is scraped.
        now: By Prometheus' own clock.
    """
    name = str(pod["metadata"]["name"])
    targets = [_read(name, entry, now) for entry in active if _is_of(pod, entry, port)]
    return min(
        targets, key=lambda target: (target.up or 0.0, -target.age_s), default=Target(name, None)
    )


def _is_of(pod: Json, entry: dict[str, Any], port: int) -> bool:
    url = urlsplit(entry["scrapeUrl"])
    status = status_of(pod)
    addresses = {entry["ip"] for entry in status.get("podIPs") or []} | {status.get("podIP")}
    if url.hostname in addresses:
        return (url.port or _PORTS.get(url.scheme)) == port
    # Scraped by a name, or through a proxy: discovery has told which Pod and port it is.
    labels = entry.get("discoveredLabels") or {}
    meta = pod["metadata"]
    return (
        labels.get(f"{_DISCOVERED}_namespace") == meta.get("namespace")
        and labels.get(f"{_DISCOVERED}_pod_name") == meta["name"]
        and labels.get(f"{_DISCOVERED}_pod_container_port_number") == str(port)
    )


def _read(name: str, entry: dict[str, Any], now: float) -> Target:
    interval = entry.get("scrapeInterval") or ""
    if entry["health"] == "unknown":
        return Target(name, None, error=f"not scraped yet, and is every {interval or 'minute'}")
    age_s = now - datetime.fromisoformat(entry["lastScrape"]).timestamp()
    up = 1.0 if entry["health"] == "up" else 0.0
    error = " ".join(str(entry.get("lastError") or "").split())
    return Target(name, up, max(0.0, age_s), _seconds(interval) or INTERVAL_S, error)


def _seconds(interval: str) -> float:
    """Of a duration as Prometheus and Go write it: `5m`, `1m30s`, `1m0s`."""
    return sum(
        float(number) * _UNITS_S[unit]
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhdwy])", interval)
    )


def look(row: TargetsRow, site: Site) -> Observed[tuple[Target, ...]]:
    """Every ready Pod as Prometheus sees it."""
    return read_targets(site.shared(prometheus), site.cluster, row)


def judge(row: TargetsRow, fact: tuple[Target, ...]) -> Judgement:
    """Every ready Pod is a target, is up, and was scraped of late."""
    differences = tuple(_differences(row, fact))
    waiting = [target for target in fact if _is_waiting(target)]
    if waiting and not differences:
        return Doubt(f"target {waiting[0].pod}:{row.port}: {waiting[0].error}")
    return judged(differences, (f"target {target.pod}:{row.port}" for target in fact))


def _is_waiting(target: Target) -> bool:
    """True for a target that Prometheus has, and did not scrape yet."""
    return target.up is None and bool(target.error)


def _differences(row: TargetsRow, fact: tuple[Target, ...]) -> Iterator[Difference]:
    for target in fact:
        what = f"target {target.pod}:{row.port}"
        if _is_waiting(target):
            continue
        if target.up is None:
            yield Difference(
                what, "up", "no target", "Prometheus has other targets", code="target-missing"
            )
        elif target.up != 1:
            error = f": {target.error}" if target.error else ""
            reason = f"the last scrape failed{error}"
            yield Difference(what, "up", f"up = {target.up:g}", reason, code="target-down")
        elif target.age_s > target.fresh_within_s:
            expected = f"scraped within {target.fresh_within_s:g} s"
            yield Difference(what, expected, f"{target.age_s:.0f} s ago", code="scrape-stale")


KIND = Kind(
    TargetsRow,
    look,
    judge,
    codes=(
        "scrape-stale",
        "target-down",
        "target-missing",
    ),
)

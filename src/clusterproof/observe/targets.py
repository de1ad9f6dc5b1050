"""Prometheus' active targets: which of them is a Pod's, and how its last scrape went.

Relabelling may change every label, `instance` too; where a target is scraped, and what discovery
said of it before relabelling, stay. Source: Prometheus docs, "HTTP API", Targets (web/api/v1,
api.go, Target).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from clusterproof.kube.objects import Json, status_of

INTERVAL_S = 60.0
"""Prometheus' default `scrape_interval`."""
MISSED = 2.5
"""Two missed scrapes and a half. Our choice."""
_DISCOVERED = "__meta_kubernetes"
_PORTS = {"http": 80, "https": 443}
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


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
    addresses = {each["ip"] for each in status.get("podIPs") or []} | {status.get("podIP")}
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

"""Alert rules for the cluster's Prometheus, as its operator would give it a PrometheusRule.

The rules are the very ones of deploy/nightly: no second copy that could be another.
"""

import os
import signal
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from clusterproof.errors import ObservationError
from testbed.cluster import addons, paths, supervision
from testbed.cluster.errors import TestbedError
from testbed.cluster.topology import FORWARDS
from testbed.settings import patient

RULE: Final = paths.CHECKOUT / "deploy" / "nightly" / "prometheus-rule.yaml"
LOADED: Final = paths.PROMETHEUS_RULES / "clusterproof.yaml"
PROMETHEUS: Final = next(
    f"http://127.0.0.1:{forward.port}" for forward in FORWARDS if forward.name == "prometheus"
)
_TIMEOUT_S = 5.0


def load(rule: Path = RULE) -> None:
    """Give Prometheus the groups of a PrometheusRule, and have it read its configuration again."""
    groups = yaml.safe_load(rule.read_text(encoding="utf-8"))["spec"]["groups"]
    LOADED.parent.mkdir(parents=True, exist_ok=True)
    LOADED.write_text(yaml.safe_dump({"groups": groups}, sort_keys=False), encoding="utf-8")
    _reload()


def unload() -> None:
    """Take them away again."""
    LOADED.unlink(missing_ok=True)
    _reload()


def _reload() -> None:
    addons.write_prometheus_config()
    prometheus = {report.name: report for report in supervision.reports()}.get("prometheus")
    if prometheus is None or prometheus.state != "running":
        raise TestbedError("expected Prometheus to run, observed otherwise; next: make cluster")
    os.kill(prometheus.pid, signal.SIGHUP)


def alerts(namespace: str) -> dict[str, str]:
    """The alerts about the metrics of a namespace that are pending or firing, by name.

    Those that sum over Pods have no namespace: they are found by the profile that they name.
    """
    return {
        alert["labels"]["alertname"]: alert["state"]
        for alert in ask("/api/v1/alerts")["alerts"]
        if alert["labels"].get("namespace", namespace) == namespace
    }


def names() -> tuple[str, ...]:
    """The alerts that Prometheus has rules for."""
    groups = ask("/api/v1/rules")["groups"]
    return tuple(rule["name"] for group in groups for rule in group["rules"])


def ask(path: str, **query: str) -> dict[str, Any]:
    """The `data` of an answer of Prometheus' HTTP API.

    Raises:
        ObservationError: It did not answer, or not in its form.
    """
    url = f"{PROMETHEUS}{path}"
    try:
        answer = httpx.get(url, params=query, timeout=patient(_TIMEOUT_S), trust_env=False)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ObservationError(f"Prometheus at {PROMETHEUS}{path}: {error}") from error
    return data

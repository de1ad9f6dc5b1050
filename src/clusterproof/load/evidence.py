"""What PostHog and Prometheus say of a run, asked when it has ended."""

import base64
import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import HttpUrl

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import LoadSpec
from clusterproof.load.posthog_events import KEY_VARIABLE
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Evidence, ServiceRef
from clusterproof.load.timeline import deletions
from clusterproof.redact.errors import say_error

_ASK_WITHIN_S = 300
_ODD = (LookupError, ValueError, TypeError, AttributeError)
"""What comes of JSON that is not as Prometheus has it."""


def service_url(api: KubeApi, service: ServiceRef) -> str:
    """By the Service's cluster IP: a process outside of the cluster has no cluster DNS.

    Raises:
        ObservationError: It has none: it is headless, or an ExternalName.
    """
    listed = api.get(f"/api/v1/namespaces/{service.namespace}/services/{service.name}")
    address = listed["spec"].get("clusterIP", "")
    if address in {"", "None"}:
        raise ObservationError(
            f"Service {service.namespace}/{service.name} has no cluster IP (it is headless, or an"
            " ExternalName): name a URL with --host"
        )
    return f"http://{f'[{address}]' if ':' in address else address}:{service.port}"


def ask_posthog(
    api: KubeApi,
    evidence: Evidence,
    *,
    uuids: Sequence[str],
    since: float,
    out: Path,
    via: Sequence[str],
) -> dict[str, str] | None:
    """The variant of each exposure event, by UUID; None when they cannot be read, and says why.

    Args:
        api: Gives the Service's address and the Secret with the key.
        evidence: Where PostHog is.
        uuids: Of the events that the router announced.
        since: When the run began, seconds since the epoch.
        out: The file that the events are written to on the way.
        via: Words before the command that asks, as for the load.
    """
    if evidence.posthog is None:
        return None
    try:
        url = service_url(api, evidence.posthog)
        namespace, _, name = evidence.posthog_secret.partition("/")
        secret = api.get(f"/api/v1/namespaces/{quote(namespace)}/secrets/{quote(name)}")
        key = base64.b64decode(secret["data"][KEY_VARIABLE]).decode().strip()
    except (ObservationError, KeyError, ValueError) as error:
        say_error(f"PostHog's events cannot be read: {type(error).__name__}: {error}")
        return None
    asked = out.with_name("announced.json")
    asked.write_text(json.dumps(uuids), encoding="utf-8")
    command = [
        *via,
        *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
        *("--project", str(evidence.posthog_project)),
        *("--since", str(since), "--uuids", str(asked), "--out", str(out)),
    ]
    try:
        ended = subprocess.run(  # noqa: S603 - our own argv
            command,
            env={**os.environ, KEY_VARIABLE: key},
            capture_output=True,
            text=True,
            check=False,
            timeout=_ASK_WITHIN_S,
        )
    except subprocess.TimeoutExpired:
        say_error(f"PostHog's events cannot be read within {_ASK_WITHIN_S} s")
        return None
    finally:
        asked.unlink()
    if ended.returncode:
        say_error(f"PostHog's events cannot be read: {ended.stderr.strip()[-500:]}")
        return None
    events: dict[str, str] = json.loads(out.read_text(encoding="utf-8"))
    return events


def ask_prometheus(
    api: KubeApi, spec: LoadSpec, recording: Recording, namespace: str, *, since: float
) -> PrometheusWindow | None:
    """increase() of the target's requests from `since` (epoch seconds) on, with its window.

    Of the series in the namespace, or of those that `evidence.prometheus_where` chooses.

    Other Pods of the namespace may have a counter of the same name: by the label `pod`, where
    Prometheus has one, they are told apart. None when it cannot be asked, and says why.
    """
    evidence, metrics = spec.evidence, spec.metrics
    if evidence.prometheus is None or metrics is None:
        return None
    requests = metrics.requests
    labels = {**(evidence.prometheus_where or {"namespace": namespace}), **metrics.where}
    until = recording.ended_at
    # From before the first request: increase() drops what a counter had at its first sample.
    range_s = until - since + 2 * evidence.scrape_s
    selector = f"{requests}{{{','.join(f'{k}={json.dumps(v)}' for k, v in labels.items())}}}"
    try:
        text = f"sum by (pod) (increase({selector}[{range_s:.0f}s]))"
        query = {"query": text, "time": f"{until:.3f}"}
        result = _ask(api, evidence.prometheus, query)["data"]["result"]
        ours = {change.name for change in recording.of("pod")}
        increases = [
            float(series["value"][1])
            for series in result
            if series["metric"].get("pod") in {None, *ours}
        ]
    except (ObservationError, httpx.HTTPError, *_ODD) as error:
        say_error(f"Prometheus cannot be asked: {error}")
        return None
    if not increases or not math.isfinite(sum(increases)):
        return None
    pods = {c.object["metadata"]["uid"] for c in recording.of("pod")}
    listed = {c.object["metadata"]["uid"] for c in recording.of("pod") if c.type == "LISTED"}
    rates: dict[str, list[tuple[float, float]]] = {}
    for scrape in recording.scrapes:
        rates.setdefault(scrape.uid, []).append((scrape.at, scrape.total(requests)))
    fastest = max(
        (
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for reads in rates.values()
            for earlier, later in zip(reads, reads[5:], strict=False)
            if later[0] - earlier[0] >= 1.0
        ),
        default=0.0,
    )
    return PrometheusWindow(
        increase=sum(increases),
        scrape_s=evidence.scrape_s,
        range_s=range_s,
        births=len(pods - listed),
        deaths=len(deletions(recording)),
        pod_rate=fastest,
    )


def _ask(api: KubeApi, prometheus: ServiceRef | HttpUrl, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Ask a URL directly, a Service through the API server's proxy."""
    if not isinstance(prometheus, ServiceRef):
        url = f"{str(prometheus).rstrip('/')}/api/v1/query"
        return httpx.get(url, params=query, trust_env=False).raise_for_status().json()
    service = f"http:{prometheus.name}:{prometheus.port}"
    path = f"/api/v1/namespaces/{prometheus.namespace}/services/{service}/proxy/api/v1/query"
    return api.get(path, **query)

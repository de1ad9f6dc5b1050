"""What Prometheus answers to each panel of a dashboard."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.settings import patient

FOLDER: Final = paths.CHECKOUT / "deploy" / "grafana"
_LABEL: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ALL: Final = re.compile(r"\$(cluster|profile|namespace)\b")
_TIMEOUT_S: Final = 30.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a dashboard shows, in seconds since 1970."""

    start: float
    end: float
    step: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer.

    Attributes:
        name: As the panel's legend says it.
        points: (seconds since 1970, value); one of them where the panel asks for an instant.
    """

    name: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


def board(name: str) -> Json:
    """A dashboard of deploy/grafana, as it is imported."""
    read: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return read


def expression(target: Json, *, rate_interval: str = "1m") -> str:
    """What Grafana asks with every variable at All."""
    return _ALL.sub(".*", str(target["expr"])).replace("$__rate_interval", rate_interval)


def answers(
    dashboard: Json, prometheus: str, span: Span, *, rate_interval: str = "1m"
) -> list[list[Series]]:
    """The series of each panel, in the panels' order.

    Args:
        dashboard: What is asked.
        prometheus: Its address.
        span: Panels over time show it; all others are asked at its end.
        rate_interval: For `$__rate_interval`, as a PromQL duration.

    Raises:
        TestbedError: Prometheus did not answer, or refused a query.
    """
    with httpx.Client(base_url=prometheus, timeout=patient(_TIMEOUT_S)) as client:
        return [
            [
                series
                for target in panel["targets"]
                for series in _ask(client, target, span, rate_interval)
            ]
            for panel in dashboard["panels"]
        ]


def _ask(client: httpx.Client, target: Json, span: Span, rate_interval: str) -> list[Series]:
    query = {"query": expression(target, rate_interval=rate_interval)}
    if target.get("instant"):
        path, query = "/api/v1/query", {**query, "time": f"{span.end:.3f}"}
    else:
        times = {"start": f"{span.start:.3f}", "end": f"{span.end:.3f}", "step": f"{span.step:g}"}
        path, query = "/api/v1/query_range", {**query, **times}
    try:
        answer = client.get(path, params=query).json()
    except (httpx.HTTPError, ValueError) as error:
        raise TestbedError(
            f"expected Prometheus at {client.base_url}, observed: {error}"
        ) from error
    if answer.get("status") != "success":
        raise TestbedError(f"Prometheus refused {query['query']}: {answer.get('error')}")
    return [_series(target, result) for result in answer["data"]["result"]]


def _series(target: Json, result: Json) -> Series:
    labels: dict[str, str] = result["metric"]
    legend = str(target.get("legendFormat") or "")
    name = _LABEL.sub(lambda match: labels.get(match[1], ""), legend).strip()
    points = result.get("values") or [result["value"]]
    return Series(name, labels, [(float(when), float(text)) for when, text in points])

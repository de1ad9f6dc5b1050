"""A Pod's own HTTP port, read through the API server's pod proxy.

Path: GET /api/v1/namespaces/NS/pods/POD:PORT/proxy/PATH; right: `get pods/proxy`. No Service and no
load balancer stands between: each Pod answers for itself.
Source: Kubernetes API Concepts and apimachinery's proxy transport (v1.35): what the Pod does not
answer comes back as a Status, "error trying to reach service: ...", with code 503.
"""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import quote

import httpx

from clusterproof.errors import ObservationError
from clusterproof.observe.api import Json, KubeApi

ANSWER_WITHIN_S = 4.0
"""Our choice: four times the default of a kubelet's own probe, which is one second."""
AT_ONCE = 12
HOW = "pod proxy of the API server (right: get pods/proxy)"

_UNREACHED = "error trying to reach service: "
# A packet that is never answered says nothing of the program that it was for.
_NO_PATH = ("i/o timeout", "no route to host", "network is unreachable", "host is down")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one Pod answered, or why it did not.

    Attributes:
        status: None when the Pod did not answer.
        reason: Why it did not, or "".
    """

    pod: str
    status: int | None
    content_type: str = ""
    text: str = ""
    duration_ms: float = 0.0
    reason: str = ""


def ask_pod(api: KubeApi, namespace: str, pod: str, port: int, path: str) -> Answer | None:
    """What the Pod answers to GET `path`; None when the Pod is gone.

    Raises:
        ObservationError: The API server refused, or has no path to the Pod's network: then nothing
            can be said of the Pod.
    """
    target = f"{quote(pod)}:{port}"
    url = f"/api/v1/namespaces/{quote(namespace)}/pods/{target}/proxy/{path.lstrip('/')}"
    try:
        answer = api.request("GET", url, expect_ok=False, timeout_s=ANSWER_WITHIN_S)
    except ObservationError as error:
        if isinstance(error.__cause__, httpx.ReadTimeout):
            api.get("/version")  # the API server answers: it is the Pod that does not
            return Answer(pod, None, reason=f"no answer within {ANSWER_WITHIN_S:g} s")
        raise
    status = _proxy_status(answer)
    if status is None:
        duration_ms = answer.elapsed.total_seconds() * 1000
        kind = answer.headers.get("content-type", "")
        return Answer(pod, answer.status_code, kind, answer.text, duration_ms)
    return _unanswered(status, namespace, pod, port)


def ask_pods(ask: Callable[[str], T | None], pods: Iterable[Json]) -> tuple[T, ...]:
    """Ask several Pods at once, in the order of `pods`; those that are gone are left out.

    Raises:
        ObservationError: As `ask` does, or all are gone.
    """
    names = [str(pod["metadata"]["name"]) for pod in pods]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        found = [answer for answer in pool.map(ask, names) if answer is not None]
    if not found:
        raise ObservationError(f"every Pod was gone before it was asked: {', '.join(names)}")
    return tuple(found)


def _proxy_status(answer: httpx.Response) -> Json | None:
    """The API server's own word, where it answered instead of the Pod."""
    if answer.is_success:
        return None
    try:
        body = json.loads(answer.text)
    except ValueError:
        return None
    ours = isinstance(body, dict) and body.get("kind") == "Status" and body.get("apiVersion")
    return body if ours else None


def _unanswered(status: Json, namespace: str, pod: str, port: int) -> Answer | None:
    said, code = str(status.get("message", "")), status.get("code")
    if code == HTTPStatus.NOT_FOUND:
        return None
    why = said.partition(_UNREACHED)[2]
    if not why or any(phrase in why for phrase in _NO_PATH):
        denied = code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
        raise ObservationError(
            f"pod proxy to {namespace}/{pod}:{port}: {said}",
            status=int(code) if code else None,
            next_command=f"kubectl -n {namespace} auth can-i get pods/proxy"
            if denied
            else f"kubectl -n {namespace} get pod {pod} -o wide",
        )
    return Answer(pod, None, reason=why)

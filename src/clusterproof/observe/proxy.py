"""A Pod's own HTTP port, read through the API server's pod proxy.

Path: GET /api/v1/namespaces/NS/pods/POD:PORT/proxy/PATH; right: `get pods/proxy`. No Service and no
load balancer stands between: each Pod answers for itself.

Silence alone says nothing of the Pod: the way to it may be broken as well. So a silent Pod is asked
on CONTROL_PORT too, where nothing listens. A refusal there comes from the Pod's own network, along
the same way: then the silence is its program's. Without it nothing can be said.
Source: Kubernetes API Concepts and apimachinery's proxy transport (v1.35): what the Pod does not
answer comes back as a Status, "error trying to reach service: ...", with code 503.
"""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import NoAnswerError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.kube.patience import Patience

if TYPE_CHECKING:
    import httpx

ANSWER_WITHIN_S = 4.0
"""Our choice: four times the default of a kubelet's own probe, which is one second."""
CONTROL_PORT = 1
"""The TCP port multiplexer, which nobody runs; should it answer, that is as good. Our choice."""
CONTROL_WITHIN_S = 2.0
"""A refusal takes no program, only a kernel: usual, some milliseconds. Our choice."""
AT_ONCE = 12
HOW = "pod proxy of the API server (right: get pods/proxy)"

METRICS_PAGE = "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
"""What Prometheus accepts with `scrape_protocols: [PrometheusText0.0.4]` (scrape.go, acceptHeader).

Quarkus and Spring Boot refuse a question for JSON with 406. Its media range for everything else
leaves the API server its JSON.
"""

_UNREACHED = "error trying to reach service: "
# A packet that is never answered says nothing of the program that it was for.
_NO_PATH = ("i/o timeout", "no route to host", "network is unreachable", "host is down")
# Said by the kernel that the Pod runs on, and by nobody in between.
_OF_THE_POD = ("connection refused", "connection reset")

_CLOSED = ("EOF", "connection reset")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one Pod answered, or why it did not.

    Attributes:
        status: None when the Pod did not answer.
        reason: Why it did not, or "".
        clock_s: How far its clock is ahead of the API server's, by the Date of the answer; 0 where
            it has none.
    """

    pod: str
    status: int | None
    content_type: str = ""
    text: str = ""
    duration_ms: float = 0.0
    reason: str = ""
    clock_s: float = 0.0


def ask_pod(
    api: KubeApi,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    *,
    accept: str = "",
    mesh: str = "",
) -> Answer | None:
    """What the Pod answers to GET `path`; None when the Pod is gone.

    Args:
        api: Whose proxy asks.
        namespace: Of the Pod.
        pod: Its name.
        port: Its own.
        path: With the query.
        accept: What is asked for.
        mesh: Whose proxy stands before the Pod's program, as `mesh_of` has it.

    Raises:
        ObservationError: The API server refused, has no path to the Pod's network, or the Pod is
            silent and so is the control; or a mesh's proxy closed the connection: then nothing can
            be said of the Pod.
    """
    api.proxied.attempts(f"pod proxy to {namespace}/{pod}:{port}")
    try:
        answer = _ask(api, (namespace, pod, port), path, ANSWER_WITHIN_S, accept)
    except ObservationError as error:
        if not _is_silence(error):
            raise
    else:
        api.proxied.answered()
        if mesh and answer is not None and any(words in answer.reason for words in _CLOSED):
            raise ObservationError(
                f"pod proxy to {namespace}/{pod}:{port}: {answer.reason}: {mesh} closes what is no"
                " mutual TLS where it is told to, and the API server speaks none; what the program"
                " behind it answers is not seen",
                next_command="kubectl get peerauthentications -A",
            )
        return answer
    control = _control(api, namespace, pod, port)
    if control is None:
        return None
    return Answer(pod, None, reason=f"no answer within {ANSWER_WITHIN_S:g} s; {control}")


def _control(api: KubeApi, namespace: str, pod: str, port: int) -> str | None:
    """How the way to a silent Pod was seen to work; None when the Pod is gone.

    Raises:
        ObservationError: It was not seen to work.
    """
    try:
        answer = _ask(api, (namespace, pod, CONTROL_PORT), "", CONTROL_WITHIN_S)
    except ObservationError as error:
        if _is_silence(error):
            api.proxied.unanswered()
        raise _undecided(namespace, pod, port, str(error)) from error
    api.proxied.answered()
    if answer is None:
        return None
    reason = answer.reason or f"HTTP {answer.status}"
    if answer.status is None and not any(words in reason for words in _OF_THE_POD):
        raise _undecided(namespace, pod, port, reason)
    return f"its port {CONTROL_PORT}, asked the same way, answered at once ({reason})"


def _undecided(namespace: str, pod: str, port: int, words: str) -> ObservationError:
    return ObservationError(
        f"pod proxy to {namespace}/{pod}:{port}: no answer within {ANSWER_WITHIN_S:g} s, and no"
        f" refusal on port {CONTROL_PORT}, where nothing listens ({words}): it cannot be told"
        " whether the Pod is silent or the way to it is broken",
        next_command=f"kubectl -n {namespace} get pod {pod} -o wide",
    )


def _ask(
    api: KubeApi, place: tuple[str, str, int], path: str, within_s: float, accept: str = ""
) -> Answer | None:
    namespace, pod, port = place
    answer = get_through(api, place, path, within_s, accept=accept)
    status = _proxy_status(answer)
    if status is None:
        duration_ms = answer.elapsed.total_seconds() * 1000
        kind = answer.headers.get("content-type", "")
        clock_s = _ahead_s(api, answer.headers.get("date", ""))
        return Answer(pod, answer.status_code, kind, answer.text, duration_ms, clock_s=clock_s)
    return _unanswered(status, namespace, pod, port)


def _ahead_s(api: KubeApi, date: str) -> float:
    try:
        return (parsedate_to_datetime(date) - api.now()).total_seconds()
    except (TypeError, ValueError):
        return 0.0  # no date, or one without a zone


def get_through(
    api: KubeApi, place: tuple[str, str, int], path: str, within_s: float, *, accept: str = ""
) -> "httpx.Response":
    """One question to (namespace, Pod, port), answered by the Pod or by the API server for it.

    Its patience is its own: a Pod's silence is not the API server's, which is to be asked on.

    Raises:
        ObservationError: No answer.
    """
    namespace, pod, port = place
    url = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}:{port}/proxy/{path.lstrip('/')}"
    return api.request(
        "GET", url, accept=accept, expect_ok=False, timeout_s=within_s, patience=Patience()
    )


def _is_silence(error: ObservationError) -> bool:
    return isinstance(error.__cause__, NoAnswerError) and error.__cause__.silent


def ask_pods(ask: Callable[[Json], T | None], pods: Iterable[Json]) -> tuple[T, ...]:
    """Ask several Pods at once, in the order of `pods`; those that are gone are left out.

    Raises:
        ObservationError: As `ask` does, or all are gone.
    """
    asked = list(pods)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = [answer for answer in pool.map(ask, asked) if answer is not None]
    if not answers:
        names = [str(pod["metadata"]["name"]) for pod in asked]
        raise ObservationError(f"every Pod was gone before it was asked: {', '.join(names)}")
    return tuple(answers)


def _proxy_status(answer: "httpx.Response") -> Json | None:
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
    message, code = str(status.get("message", "")), status.get("code")
    if code == HTTPStatus.NOT_FOUND:
        return None
    why = message.partition(_UNREACHED)[2]
    if not why or any(phrase in why for phrase in _NO_PATH):
        denied = code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
        raise ObservationError(
            f"pod proxy to {namespace}/{pod}:{port}: {message}",
            status=int(code) if code else None,
            next_command=f"kubectl -n {namespace} auth can-i get pods/proxy"
            if denied
            else f"kubectl -n {namespace} get pod {pod} -o wide",
        )
    return Answer(pod, None, reason=why)

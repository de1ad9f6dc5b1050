"""What every Pod of a workload answers on a path of its own HTTP port.

Asked are all Pods that run, whether their kubelet calls them ready or not: a Pod that says 503 is
what these rows look for. A Pod that is still starting is left to the rows about replicas.
"""

import json
from dataclasses import dataclass
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.paths import Missing, look_up
from clusterproof.kube.pods import is_ready
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.observe.proxy import HOW, Answer, ask_pod, ask_pods
from clusterproof.observe.workloads import YOUNG_S
from clusterproof.spec.behaviour import HttpRow
from clusterproof.spec.row import ObjectRef

_SHOWN = 160


@dataclass(frozen=True, slots=True)
class PodAnswer:
    """One Pod's answer, with the fields that the row asks for.

    Attributes:
        status: None when the Pod did not answer.
        fields: Path and value of each field; Missing where it is not there.
        reason: Why the Pod did not answer, or the start of what it says of a failure, or "".
    """

    pod: str
    status: int | None
    fields: tuple[tuple[str, Any], ...] = ()
    reason: str = ""


def read_answers(cluster: Cluster, rule: HttpRow) -> Observed[tuple[PodAnswer, ...]]:
    """Status and fields of every running Pod's answer.

    Raises:
        ObservationError: No Pod runs, or the API server does not let us ask.
    """
    namespace, port, path = rule.workload.namespace, rule.port, rule.path
    answers = ask_pods(
        lambda pod: ask_pod(cluster.api, namespace, pod, port, path),
        running_pods(cluster, rule.workload),
    )
    raw = f"/api/v1/namespaces/{namespace}/pods/{answers[0].pod}:{port}/proxy{path}"
    return Observed(
        tuple(_with_fields(answer, rule) for answer in answers),
        where=f"{rule.workload} :{port}{path}",
        evidence=tuple(_sentence(answer) for answer in answers),
        next_command=f"kubectl get --raw {raw}",
        how=HOW,
    )


def running_pods(cluster: Cluster, workload: ObjectRef) -> list[Json]:
    """The Pods that run; one that is not ready yet only after it had its time to become so.

    Raises:
        ObservationError: There is none.
    """
    running = [
        pod
        for pod in cluster.pods_of(workload)
        if (pod.get("status") or {}).get("phase") == "Running"
        and (is_ready(pod) or cluster.age_s(pod) >= YOUNG_S)
    ]
    if not running:
        raise ObservationError(
            f"no running Pod of {workload} to ask",
            next_command=f"kubectl -n {workload.namespace} get pods -o wide",
        )
    return running


def _with_fields(answer: Answer, rule: HttpRow) -> PodAnswer:
    if answer.status is None:
        return PodAnswer(answer.pod, None, reason=answer.reason)
    said = "" if answer.status < 400 else _brief(answer.text)  # noqa: PLR2004 - HTTP's line
    body = _json(answer.text) if rule.fields else None
    fields = tuple((path, _field(body, path)) for path in rule.fields)
    return PodAnswer(answer.pod, answer.status, fields, said)


def _field(body: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    return body if isinstance(body, Missing) else look_up(body, path)


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return Missing("JSON in the answer")


def _sentence(answer: Answer) -> str:
    if answer.status is None:
        return f"{answer.pod}: {answer.reason}"
    return f"{answer.pod}: {answer.status} in {answer.duration_ms:.0f} ms"


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"

"""Rows `check: http`: every Pod of a workload answers a path by itself.

Source: Kubernetes docs, "Access Services Running on Clusters" (v1.35, read 2026-11-23).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.compare import meets
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.clock import apart
from clusterproof.kube.objects import Json
from clusterproof.kube.paths import Missing, look_up, shown
from clusterproof.kube.pods import mesh_of
from clusterproof.observe.observed import Observed
from clusterproof.observe.proxy import HOW, Answer, ask_pod, ask_pods
from clusterproof.observe.workloads import running_pods
from clusterproof.spec.row import Expectation, Path, Row, WorkloadRef

_SHOWN = 160


class HttpRow(Row):
    """Every ready Pod of a workload answers a path by itself, not only through its Service."""

    check: Literal["http"]
    workload: WorkloadRef
    port: int
    path: str
    status: int = 200
    fields: dict[Path, Expectation] = Field(default_factory=dict)


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


def look(row: HttpRow, site: Site) -> Observed[tuple[PodAnswer, ...]]:
    """Status and fields of every running Pod's answer.

    Raises:
        ObservationError: No Pod runs, or the API server does not let us ask.
    """
    cluster = site.cluster
    namespace, port, path = row.workload.namespace, row.port, row.path

    def ask(pod: Json) -> Answer | None:
        name = str(pod["metadata"]["name"])
        return ask_pod(cluster.api, namespace, name, port, path, mesh=mesh_of(pod))

    answers = ask_pods(ask, running_pods(cluster, row.workload))
    raw = f"/api/v1/namespaces/{namespace}/pods/{answers[0].pod}:{port}/proxy{path}"
    return Observed(
        tuple(_with_fields(answer, row) for answer in answers),
        where=f"{row.workload} :{port}{path}",
        evidence=tuple(_sentence(answer) for answer in answers),
        next_command=f"kubectl get --raw {raw}",
        how=HOW,
    )


def _with_fields(answer: Answer, row: HttpRow) -> PodAnswer:
    if answer.status is None:
        return PodAnswer(answer.pod, None, reason=answer.reason)
    failure = "" if answer.status < 400 else _brief(answer.text)  # noqa: PLR2004 - HTTP's line
    body = _json(answer.text) if row.fields else None
    fields = tuple((path, _field(body, path)) for path in row.fields)
    return PodAnswer(answer.pod, answer.status, fields, failure)


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
    clock = apart(answer.clock_s, "its clock", "the API server's")
    return f"{answer.pod}: {answer.status} in {answer.duration_ms:.0f} ms{clock and f'; {clock}'}"


def _brief(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def judge(row: HttpRow, fact: tuple[PodAnswer, ...]) -> Judgement:
    """Every Pod answers with the row's status, and its fields are as expected."""
    compared = (f"{answer.pod} GET :{row.port}{row.path}" for answer in fact)
    return judged(_differences(row, fact), compared)


def _differences(row: HttpRow, fact: tuple[PodAnswer, ...]) -> Iterator[Difference]:
    for answer in fact:
        place, status = f"{answer.pod} GET :{row.port}{row.path}", str(row.status)
        if answer.status is None:
            yield Difference(place, status, "no answer", answer.reason, code="no-answer")
            continue
        if answer.status != row.status:
            yield Difference(
                place, status, str(answer.status), answer.reason, code="status-differs"
            )
        for path, field in answer.fields:
            expect = row.fields[path]
            if not meets(expect, field):
                yield Difference(f"{place} {path}", str(expect), shown(field), code="field-differs")


KIND = Kind(
    HttpRow,
    look,
    judge,
    codes=(
        "field-differs",
        "no-answer",
        "status-differs",
    ),
)

"""Rows `check: answer`: a Service answers in its own protocol.

Source: PostgreSQL docs 15, "SSL Session Encryption" in 55.2; Redis docs, PING; ClickHouse docs,
"HTTP Interface" (read 2026-11-23).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import answers
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt, Judgement, judged
from clusterproof.observe.answers import Answers, _service_peer, said
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import AnswerRow


def _success(dialled: Dialled) -> bool:
    return HTTPStatus.OK <= dialled.status < HTTPStatus.MULTIPLE_CHOICES


SPEAKS: Mapping[str, tuple[str, Callable[[Dialled], bool]]] = {
    "tcp": ("a connection", lambda _: True),
    "http": ("HTTP 2xx", _success),
    "clickhouse": (
        "HTTP 200, Ok.",
        lambda dialled: _success(dialled) and dialled.text.startswith("Ok"),
    ),
    "postgresql": ("S or N to an SSLRequest", lambda dialled: dialled.text in {"S", "N"}),
    "redis": (
        "+PONG, or -NOAUTH, to PING",
        lambda dialled: dialled.text.startswith(("+PONG", "-NOAUTH")),
    ),
}
"""What each protocol's own first words are."""

_REFUSING = ("+PONG; full:", "+PONG; cannot write")
"""A Redis that is alive and refuses every write; a replica refuses them by its purpose."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """What a Service answered."""

    dialled: Dialled


def read_answer(answers: Answers, row: AnswerRow) -> Observed[ServiceAnswer]:
    """What the Service said."""
    dialled = answers.control.results[row.id]
    peer = _service_peer(row)
    return Observed(
        ServiceAnswer(dialled),
        f"{answers.control.pod} -> {peer.host}:{peer.port}",
        (said(dialled),),
        f"kubectl -n {row.service.namespace} get service,endpointslices",
        answers.control.how,
    )


def look(row: AnswerRow, site: Site) -> Observed[ServiceAnswer]:
    """What the Service said to a Pod of our own."""
    return read_answer(site.shared(answers), row)


def judge(row: AnswerRow, fact: ServiceAnswer) -> Judgement:
    """Connected, and answered in the protocol of the row."""
    peer = f"{row.service.name}:{row.port}"
    if fact.dialled.outcome is DialOutcome.INTERCEPTED:
        return Doubt(f"{peer}: {said(fact.dialled)}")
    return judged(_differences(row, peer, fact.dialled), (f"{peer} speaks {row.protocol}",))


def _differences(row: AnswerRow, peer: str, dialled: Dialled) -> Iterator[Difference]:
    expected, speaks = SPEAKS[row.protocol]
    if dialled.outcome is not DialOutcome.CONNECTED:
        yield Difference(peer, expected, said(dialled), code="service-not-reached")
    elif not speaks(dialled):
        yield Difference(peer, expected, said(dialled), code="answer-differs")
    elif dialled.text.startswith(_REFUSING):
        takes = "a store that takes what is written"
        yield Difference(peer, takes, said(dialled), code="store-refuses")


KIND = Kind(
    AnswerRow,
    look,
    judge,
    begin=(answers,),
    codes=(
        "answer-differs",
        "service-not-reached",
        "store-refuses",
    ),
)

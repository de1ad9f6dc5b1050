"""Rows `check: answer`.

Source: PostgreSQL docs 15, "SSL Session Encryption" in 55.2; Redis docs, PING; ClickHouse docs,
"HTTP Interface" (read 2026-11-23).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import answers
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.observe.answers import Answers, _service_peer, said
from clusterproof.observe.dialling import Dialled, DialOutcome
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import AnswerRow


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


def _success(dialled: Dialled) -> bool:
    return HTTPStatus.OK <= dialled.status < HTTPStatus.MULTIPLE_CHOICES


SPEAKS: Mapping[str, tuple[str, Callable[[Dialled], bool]]] = {
    "tcp": ("a connection", lambda _: True),
    "http": ("HTTP 2xx", _success),
    "clickhouse": ("HTTP 200, Ok.", lambda one: _success(one) and one.text.startswith("Ok")),
    "postgresql": ("S or N to an SSLRequest", lambda one: one.text in {"S", "N"}),
    "redis": (
        "+PONG, or -NOAUTH, to PING",
        lambda one: one.text.startswith(("+PONG", "-NOAUTH")),
    ),
}
"""What each protocol's own first words are."""


def differences(rule: AnswerRow, value: ServiceAnswer) -> Iterator[Difference]:
    """Connected, and answered in the protocol of the row."""
    expected, speaks = SPEAKS[rule.protocol]
    dialled = value.dialled
    if dialled.outcome is not DialOutcome.CONNECTED or not speaks(dialled):
        yield Difference(f"{rule.service.name}:{rule.port}", expected, said(dialled))


def judge(row: AnswerRow, fact: ServiceAnswer) -> Judgement:
    """Connected, and answered in the protocol of the row."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(AnswerRow, look, judge, begin=(answers,))

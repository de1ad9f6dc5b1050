"""Rows `check: ingress-answer`: a host answers, by HTTPS with its own certificate.

Source: RFC 9110, section 4.3.4: an https origin is who its certificate says (read 2026-11-23).
"""

from collections.abc import Iterator
from dataclasses import replace

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import answers
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.observe.answers import HTTPS, Answers, IngressAnswer, said
from clusterproof.observe.dialling import DialOutcome
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import IngressAnswerRow


def read_ingress_answer(answers: Answers, row: IngressAnswerRow) -> Observed[IngressAnswer]:
    """What the Ingress, or the Gateway, said.

    Raises:
        ObservationError: The TLS Secret may not be read, or the Ingress names none, so there is
            nothing to trust.
    """
    if row.id in answers.failures:
        raise answers.failures[row.id]
    answer = answers.ingresses[row.id]
    dialled = answers.control.results.get(row.id)
    if dialled is not None:
        answer = replace(answer, dialled=dialled)
    return Observed(
        answer,
        f"{answers.control.pod} -> {answer.scheme}://{row.host}{row.path}",
        (said(dialled) if dialled else answer.trouble,),
        f"kubectl describe {row.of.kubectl}",
        answers.control.how,
    )


def look(row: IngressAnswerRow, site: Site) -> Observed[IngressAnswer]:
    """What the address of the Ingress or the Gateway said to the host's name."""
    return read_ingress_answer(site.shared(answers), row)


def judge(row: IngressAnswerRow, fact: IngressAnswer) -> Judgement:
    """The host's own certificate, where it is asked by HTTPS, and the row's status."""
    url = f"{fact.scheme}://{row.host}{row.path}"
    names = [f"GET {url}"]
    if fact.scheme == HTTPS:
        names.insert(0, f"certificate of {row.host}")
    return judged(_differences(row, url, fact), names)


def _differences(row: IngressAnswerRow, url: str, fact: IngressAnswer) -> Iterator[Difference]:
    dialled = fact.dialled
    if dialled is None:
        yield Difference(url, f"HTTP {row.status}", "not dialled", fact.trouble, code=fact.code)
    elif dialled.outcome is not DialOutcome.CONNECTED:
        proof = " with its own certificate" if fact.scheme == HTTPS else ""
        expected = f"HTTP {row.status}{proof}"
        yield Difference(url, expected, str(dialled), code="ingress-not-reached")
    else:
        if fact.scheme == HTTPS and dialled.fingerprint != fact.own_fingerprint:
            yield Difference(
                "certificate",
                fact.own_fingerprint[:16],
                dialled.fingerprint[:16],
                "SHA-256",
                code="certificate-differs",
            )
        if dialled.status != row.status:
            yield Difference(
                url, f"HTTP {row.status}", f"HTTP {dialled.status}", code="status-differs"
            )


KIND = Kind(
    IngressAnswerRow,
    look,
    judge,
    begin=(answers,),
    codes=(
        "address-missing",
        "certificate-differs",
        "certificate-unreadable",
        "gateway-missing",
        "ingress-missing",
        "ingress-not-dialled",
        "ingress-not-reached",
        "listener-missing",
        "route-missing",
        "secret-missing",
        "status-differs",
        "tls-missing",
    ),
)

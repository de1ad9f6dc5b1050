"""Rows `check: ingress-answer`.

Source: RFC 9110, section 4.3.4: an https origin is who its certificate says (read 2026-11-23).
"""

from collections.abc import Iterator

from clusterproof.checks.kind import Kind
from clusterproof.checks.shared import answers
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.observe.answers import Answers, IngressAnswer, said
from clusterproof.observe.dialling import DialOutcome
from clusterproof.observe.observed import Observed
from clusterproof.spec.behaviour import IngressAnswerRow


def read_ingress_answer(answers: Answers, row: IngressAnswerRow) -> Observed[IngressAnswer]:
    """What the Ingress said.

    Raises:
        ObservationError: The TLS Secret may not be read, or the Ingress names none, so there is
            nothing to trust.
    """
    if row.id in answers.failures:
        raise answers.failures[row.id]
    value = answers.ingresses[row.id]
    dialled = answers.control.results.get(row.id)
    if dialled is not None:
        value = IngressAnswer(dialled=dialled, own_fingerprint=value.own_fingerprint)
    return Observed(
        value,
        f"{answers.control.pod} -> https://{row.host}{row.path}",
        (said(dialled) if dialled else value.trouble,),
        f"kubectl describe {row.of.kubectl}",
        answers.control.how,
    )


def look(row: IngressAnswerRow, site: Site) -> Observed[IngressAnswer]:
    """What the Ingress's address said to the host's name."""
    return read_ingress_answer(site.shared(answers), row)


def differences(rule: IngressAnswerRow, value: IngressAnswer) -> Iterator[Difference]:
    """The host's own certificate, and the row's status."""
    what = f"https://{rule.host}{rule.path}"
    dialled = value.dialled
    if dialled is None:
        yield Difference(what, f"HTTP {rule.status}", "not dialled", value.trouble)
    elif dialled.outcome is not DialOutcome.CONNECTED:
        yield Difference(what, f"HTTP {rule.status} with its own certificate", str(dialled))
    else:
        if dialled.fingerprint != value.own_fingerprint:
            yield Difference(
                "certificate", value.own_fingerprint[:16], dialled.fingerprint[:16], "SHA-256"
            )
        if dialled.status != rule.status:
            yield Difference(what, f"HTTP {rule.status}", f"HTTP {dialled.status}")


def judge(row: IngressAnswerRow, fact: IngressAnswer) -> Judgement:
    """The host's own certificate, and the row's status."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(IngressAnswerRow, look, judge, begin=(answers,))

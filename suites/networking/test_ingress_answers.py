"""HTTPS through the Ingresses, against the rows `check: ingress-answer`.

Source: RFC 9110, section 4.3.4: an https origin is who its certificate says (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.answers import Answers, IngressAnswer, read_ingress_answer
from clusterproof.spec.behaviour import IngressAnswerRow

pytestmark = pytest.mark.rows("ingress-answer")


@pytest.fixture
def observed(rule: IngressAnswerRow, answers: Answers) -> Observed[IngressAnswer]:
    """What the ingress' address said to the host's name."""
    return read_ingress_answer(answers, rule)


def test_ingress_answers_with_its_own_certificate(
    rule: IngressAnswerRow, observed: Observed[IngressAnswer]
) -> None:
    """The certificate of the host's own Secret, and the status of the row."""
    assert not differences(rule, observed.value), explain(rule, observed)

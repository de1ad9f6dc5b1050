"""Services asked in their own protocol, against the rows `check: answer`.

Source: PostgreSQL docs 15, "SSL Session Encryption" in 55.2; Redis docs, PING; ClickHouse docs,
"HTTP Interface" (read 2026-11-23).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.answers import Answers, ServiceAnswer, read_answer
from clusterproof.spec.behaviour import AnswerRow

pytestmark = pytest.mark.rows("answer")


@pytest.fixture
def observed(rule: AnswerRow, answers: Answers) -> Observed[ServiceAnswer]:
    """What the Service said to a Pod of our own."""
    return read_answer(answers, rule)


def test_service_answers_in_its_own_protocol(
    rule: AnswerRow, observed: Observed[ServiceAnswer]
) -> None:
    """A connection, and the first words that the protocol has for it."""
    assert not differences(rule, observed.value), explain(rule, observed)

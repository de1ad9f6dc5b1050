"""Our rules of Kubernetes decide as Kubernetes' own functions do, on generated cases."""

from collections.abc import Iterator

import pytest

from testbed.cluster import binaries
from testbed.oracles.kubernetes.compare import RULES
from testbed.oracles.kubernetes.put import put
from testbed.oracles.program import Program, running

pytestmark = pytest.mark.oracle

CASES = 250
SEED = 20261126


@pytest.fixture(scope="module")
def oracle() -> Iterator[Program]:
    """The program, built where the cache lacks it."""
    with running(binaries.ORACLE) as program:
        yield program


@pytest.mark.parametrize("name", RULES)
def test_every_case_is_decided_as_kubernetes_does(oracle: Program, name: str) -> None:
    account = put(oracle, RULES[name], CASES, SEED)
    assert account.cases >= CASES * 0.9
    assert account.disagreements == []


def test_a_question_that_is_no_valid_object_is_an_error(oracle: Program) -> None:
    with pytest.raises(ValueError, match=r"amounts: .*quantities must match"):
        oracle.ask("amounts", pod={"spec": {"overhead": {"cpu": "one"}}})

"""The operations of the deployment under load, against the rows `check: rehearsal`.

Source: the deployment's README, "Operations"; Kubernetes docs, "Disruptions" (v1.35, read
2026-11-24).
"""

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.rehearsal.seen import Rehearsed
from clusterproof.spec.rehearsal import RehearsalRow
from fixtures.rehearsing import Rehearse

pytestmark = pytest.mark.rows("rehearsal")


@pytest.fixture
def observed(rule: RehearsalRow, rehearsing: Rehearse) -> Observed[Rehearsed]:
    """The operation performed, with requests all the while, and put back."""
    return rehearsing(rule)


def test_operation_loses_nothing(rule: RehearsalRow, observed: Observed[Rehearsed]) -> None:
    """It comes to its end; each request is answered, each event kept, each object as it was.

    Given: a deployment that is whole.  Expect: no step, request, event or object amiss.
    """
    assert not differences(rule, observed.value), explain(rule, observed)

"""Which finding a run is called by."""

import pytest

from clusterproof.load.finding import Finding, Link, judge_run
from clusterproof.outcome import Outcome

FAILED, INCONCLUSIVE = Outcome.FAILED, Outcome.INCONCLUSIVE
MODEL = Finding("hpa-model", Link.HPA_DECISION, FAILED, "the model's replicas", "others")


@pytest.mark.parametrize(
    ("link", "outcome", "broken"),
    [
        (Link.GENERATOR, INCONCLUSIVE, Link.GENERATOR),
        (Link.DEMAND, FAILED, Link.HPA_DECISION),
        (Link.OBSERVER, FAILED, Link.HPA_DECISION),
    ],
)
def test_only_a_generator_that_is_not_credible_hides_a_claim_that_failed(
    link: Link, outcome: Outcome, broken: Link
) -> None:
    doubted = Finding("ceiling", link, INCONCLUSIVE, "10 Ready", "3 Ready")
    found = judge_run([doubted, MODEL])
    assert (found.outcome, found.broken) == (outcome, broken)

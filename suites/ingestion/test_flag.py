"""Feature flags, against the rows `check: flag`.

Source: PostHog docs, "Feature flags: the /flags endpoint", version 2 (read 2026-11-23).
"""

from collections.abc import Mapping

import pytest

from clusterproof.explain import explain
from clusterproof.judge import differences
from clusterproof.observe import Observed
from clusterproof.observe.ingestion import FlagAnswer
from clusterproof.spec.behaviour import FlagRow

pytestmark = pytest.mark.rows("flag")


@pytest.fixture
def observed(
    rule: FlagRow, flag_answers: Mapping[str, Observed[tuple[FlagAnswer, ...]]]
) -> Observed[tuple[FlagAnswer, ...]]:
    """What the flag evaluates to for some users, each asked twice."""
    return flag_answers[rule.flag]


def test_flag_evaluates_to_its_variants(
    rule: FlagRow, observed: Observed[tuple[FlagAnswer, ...]]
) -> None:
    """Each user is given one of the variants, and the same at both askings."""
    assert not differences(rule, observed.value), explain(rule, observed)

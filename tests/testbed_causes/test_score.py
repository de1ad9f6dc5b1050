"""The measure of causes: what counts as right; the committed signatures are the catalogues'."""

import pytest

from testbed.causes.__main__ import PROFILES, SIGNATURES, as_json, read_profile, signatures_of
from testbed.causes.page import Measured, markdown
from testbed.causes.recorded import RedSet
from testbed.causes.score import Rank, score
from testbed.prove.steps import Defect
from tests.causes.findings import LEADS, NAMES, SERVICE, failed

ABSENT = failed(LEADS, "service-missing", SERVICE, "a Service", "absent")
NAMED = failed(NAMES, "service-missing", SERVICE, "a Service", "absent")


def red_set(target: str) -> RedSet:
    defect = Defect.model_validate(
        {
            "id": "gone",
            "kind": "absent",
            "title": "A Service is gone",
            "reds": {"db-service": "service-missing", "web-names": "service-missing"},
            "steps": [{"delete": target}],
        }
    )
    return RedSet(defect, (ABSENT, NAMED), 0)


@pytest.mark.parametrize(
    ("target", "rank"), [(SERVICE, Rank.FIRST), ("Deployment/ns/other", Rank.WRONG)]
)
def test_the_first_cause_has_to_name_what_the_defect_changed(target: str, rank: Rank) -> None:
    assert score((red_set(target),), (LEADS, NAMES)).ranks == (rank,)


def test_the_committed_signatures_are_those_of_the_catalogues() -> None:
    sets = [each for profile in PROFILES for each in read_profile(profile)[1]]
    assert SIGNATURES.read_text(encoding="utf-8") == as_json(signatures_of(sets))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_first_cause_is_the_defect_four_times_of_five(profile: str) -> None:
    spec, sets = read_profile(profile)
    measured = Measured.of(profile, spec, sets)
    scored = (*measured.single, *measured.several)
    first = sum(each.ranks[0] is Rank.FIRST for each in scored)
    wrong = sum(each.ranks[0] is Rank.WRONG for each in scored)
    assert first / len(scored) >= 0.8
    assert wrong / len(scored) <= 0.03
    assert measured.combined / len(measured.several) >= 0.8
    both = sum(set(pair.ranks) <= {Rank.FIRST, Rank.FIRST_THREE} for pair in measured.pairs)
    assert both / len(measured.pairs) >= 0.7
    assert "| red rows | defects |" in markdown([measured], "2026-11-27")

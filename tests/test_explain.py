"""What a finding says, to the letter: the headline, and the lines under it."""

from clusterproof.explain import details, explain, headline, summary
from clusterproof.judge import Difference
from clusterproof.observe import Observed
from clusterproof.observe.fields import FieldValue
from tests.judge.rows import row

RULE = row(
    "field", of="Deployment/shop/web", path="spec.replicas", expect={"equals": 3}, claim="Three run"
)
ONE = Difference("spec.replicas", "3", "2", "as patched")
OTHER = Difference("status.replicas", "3", "1")


def test_a_headline_is_the_first_difference_and_how_many_more() -> None:
    """Or the claim, where there is none."""
    assert headline(RULE, ()) == "a-row: as expected: Three run"
    assert headline(RULE, (ONE,)) == "a-row: spec.replicas: expected 3, observed 2 (as patched)"
    assert headline(RULE, (OTHER, ONE)) == (
        "a-row: status.replicas: expected 3, observed 1 (and 1 more)"
    )


def test_details_are_what_is_known_in_one_order() -> None:
    """The first difference stands in the headline already."""
    seen: Observed[object] = Observed(
        2, "shop/web", ("2 of 3", "since noon"), "kubectl get", "exec"
    )
    assert details(RULE, seen, (ONE, OTHER)) == [
        "  claim     Three run",
        "  where     shop/web",
        "  differs   status.replicas: expected 3, observed 1",
        "  evidence  2 of 3",
        "  evidence  since noon",
        "  looked    exec",
        "  source    the test",
        "  next      kubectl get",
    ]


def test_details_say_why_a_profile_differs_and_leave_out_what_there_is_not() -> None:
    """No next command, no line for it."""
    rule = RULE.model_copy(update={"because": "a small machine"})
    assert details(rule, Observed(2, "shop/web"), ())[-2:] == [
        "  source    the test",
        "  because   a small machine",
    ]


def test_an_explanation_is_the_headline_and_the_details() -> None:
    """One text, as an assertion shows it."""
    seen: Observed[object] = Observed(FieldValue(object_exists=True, value=2), "shop/web")
    assert explain(RULE, seen).splitlines()[:3] == [
        "a-row: spec.replicas: expected 3, observed 2",
        "  claim     Three run",
        "  where     shop/web",
    ]


def test_a_summary_is_both_sides_in_one_line_each() -> None:
    """What each part was, or that all is well."""
    assert summary(RULE, ()) == ("3", "as expected")
    absent = Difference("status", "an object", "absent")
    assert summary(RULE, (absent, ONE)) == ("an object", "status absent; spec.replicas 2")

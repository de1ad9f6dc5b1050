"""Signatures: what is known from the proof fits, or says nothing."""

from clusterproof.causes.signatures import Signature, best_fit, known, sign_of
from tests.causes.findings import GRACE, LEADS, NAMES, SERVICE, failed
from tests.judge.rows import row

ABSENT = failed(LEADS, "service-missing", SERVICE, "a Service", "absent")
NAMED = failed(NAMES, "service-missing", SERVICE, "a Service", "absent")
GONE = Signature(
    "A Service is gone", (("dns", "", "service-missing"), ("service", "", "service-missing"))
)


def test_a_red_set_fits_the_signature_of_the_same_kinds_and_codes() -> None:
    fit = best_fit([ABSENT, NAMED], [GONE])
    assert fit is not None
    assert str(fit) == "as 'A Service is gone' did: 2 of its 2 rows, and no other"
    assert fit.score == 1


def test_below_the_least_fit_nothing_is_said() -> None:
    other = failed(GRACE, "field-differs", "spec.x", "30", "5")
    assert best_fit([ABSENT, other], [GONE]) is None
    assert best_fit([ABSENT], [GONE]) is None
    assert best_fit([ABSENT, NAMED], []) is None


def test_two_defects_that_fit_alike_say_nothing() -> None:
    other = Signature("Another", GONE.signs)
    assert best_fit([ABSENT, NAMED], [GONE, other]) is None


def test_a_sign_has_no_name_of_a_deployment() -> None:
    first = row("field", of="ConfigMap/ns/a", path="data.KEY", expect={"equals": "x"})
    second = row("field", of="ConfigMap/other/b", path="data.OTHER", expect={"equals": "y"})
    codes = [sign_of(failed(each, "field-differs")) for each in (first, second)]
    assert codes == [("field", "data", "field-differs")] * 2


def test_the_signatures_of_this_version_are_there_and_have_two_rows_or_more() -> None:
    assert len(known()) > 100
    assert all(len(signature.signs) > 1 for signature in known())

"""JUnit to the letter: what each element holds, and what XML cannot hold."""

from xml.etree import ElementTree as ET

from clusterproof.outcome import Outcome
from clusterproof.report.junit import to_junit
from clusterproof.report.record import ClusterFacts
from tests.report.samples import BARE, record, row

P, F, U, N = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.NOT_RUN
SAME = {**BARE, "duration_s": 1.25}
FACTS = (
    ("run", "2026-11-23t0200z-5f3a"),
    ("verdict", "failed"),
    ("context", "testbed"),
    ("server", "v1.35.4"),
    ("nodes", "5"),
    ("profile", "self-hosted"),
    ("spec", "spec"),
    ("clusterproof", "0.1.0"),
    ("option.rows", "some"),
    ("note.1", "one"),
    ("note.2", "two"),
    ("causes", "No single cause: 2 of 2 rows stand on their own."),
)


def document(*rows: object, **changes: object) -> ET.Element:
    """The document of a run of these rows."""
    return ET.fromstring(to_junit(record(*rows, **changes)))  # type: ignore[arg-type]  # noqa: S314


def test_a_document_is_xml_in_utf_8() -> None:
    """One element a line, and a new line at its end."""
    text = to_junit(record(row(1, id="a-ü"))).decode("utf-8")
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites name=')
    assert text.endswith("\n</testsuites>\n")
    assert '\n    <testcase name="a-ü"' in text


def test_each_case_says_what_its_row_came_to() -> None:
    """In the element of that outcome."""
    suites = document(
        row(1, P, **{**SAME, "id": "a"}),
        row(2, F, **{**SAME, "id": "b"}),
        row(3, U, **{**SAME, "id": "c", "cause": "403"}),
        row(4, N, **{**SAME, "id": "d", "cause": "too late", "duration_s": -1.0}),
    )
    passed, failed, blind, skipped = suites.iter("testcase")
    assert passed.attrib == {"name": "a", "classname": "health", "time": "1.250"}
    assert passed.findtext("system-out") == (
        "a: as expected: 3\n  claim     It is up\n  source    README"
    )
    (found,) = failed
    assert (found.tag, found.attrib) == (
        "failure",
        {"type": "failed", "message": "b: expected 3, observed 2"},
    )
    assert found.text == "b: expected 3, observed 2\n  claim     It is up\n  source    README"
    (found,) = blind
    assert (found.tag, found.attrib) == (
        "error",
        {"type": "inconclusive", "message": "c: could not look: 403"},
    )
    assert found.text == "c: could not look: 403\n  claim     It is up\n  source    README"
    (found,) = skipped
    assert (found.tag, found.attrib) == ("skipped", {"type": "not-run", "message": "too late"})
    assert skipped.get("time") == "0.000"


def test_a_flake_is_a_pass_that_is_told() -> None:
    """Beside what it says as a pass."""
    (case,) = document(row(1, P, **{**SAME, "id": "a", "attempts": 3})).iter("testcase")
    flake, out = case
    assert (flake.tag, flake.attrib) == (
        "flakyFailure",
        {"type": "flaky", "message": "passed at attempt 3"},
    )
    assert out.tag == "system-out"


def test_a_suite_is_an_area_with_the_facts_of_the_run() -> None:
    """Its totals are its own rows'."""
    root = document(
        row(1, F, **SAME),
        row(2, N, **SAME),
        row(3, U, **{**SAME, "area": "metrics", "duration_s": 0.25}),
        options={"rows": "some"},
        notes=("one", "two"),
    )
    assert root.attrib == {
        "name": "clusterproof",
        "tests": "3",
        "failures": "1",
        "errors": "1",
        "time": "44.250",
    }
    health, metrics = root
    common = {"time": "2.500", "timestamp": "2026-11-23T02:00:07", "hostname": "testbed"}
    assert health.attrib == common | {
        "name": "health",
        "tests": "2",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    assert [metrics.get(name) for name in ("name", "tests", "errors", "time")] == [
        "metrics",
        "1",
        "1",
        "0.250",
    ]
    seen = [(one.get("name"), one.get("value")) for one in health.findall("properties/property")]
    assert tuple(seen) == FACTS


def test_a_run_of_nothing_is_one_error() -> None:
    """As tools call an empty file green."""
    (suite,) = document()
    assert suite.attrib == {
        "name": "run",
        "tests": "1",
        "failures": "0",
        "errors": "1",
        "skipped": "0",
    }
    (case,) = suite
    assert (case.tag, case.attrib) == (
        "testcase",
        {"name": "a-row-was-checked", "classname": "run"},
    )
    (error,) = case
    assert (error.tag, error.attrib) == (
        "error",
        {"type": "inconclusive", "message": "nothing was checked"},
    )


def test_what_xml_cannot_hold_is_replaced_wherever_it_stands() -> None:
    """One mark for each character."""
    nul = {"id": "a\x00", "area": "b\x07", "title": "c\x00"}
    suites = document(
        *(
            row(number, one, **{**SAME, **nul, "cause": "d\x00"})
            for number, one in enumerate(Outcome)
        ),
        cluster=ClusterFacts(context="e\x00"),
        options={"f\x00": "g\x00"},
    )
    (suite,) = suites
    assert (suite.get("name"), suite.get("hostname")) == ("b\ufffd", "e\ufffd")
    pairs = [(one.get("name"), one.get("value")) for one in suite.iter("property")]
    assert ("option.f\ufffd", "g\ufffd") in pairs
    assert {(one.get("name"), one.get("classname")) for one in suite.iter("testcase")} == {
        ("a\ufffd", "b\ufffd")
    }

"""JUnit, CTRF and the step summary: what other tools accept, and never greener than the run."""

import re
from typing import Any, Literal
from xml.etree import ElementTree as ET

import pytest
from pydantic import BaseModel, ConfigDict, Field

from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.ctrf import to_ctrf
from clusterproof.report.junit import to_junit
from clusterproof.report.summary import LIMIT_BYTES, to_step_summary
from tests.report.samples import record, records, row

RECORDS = records()

# What junit-10.xsd of Jenkins' xUnit plugin allows: attributes, and children in any order.
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"properties", "testcase"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name"},
        {"name", "time", "classname"},
        {"skipped", "error", "failure", "flakyFailure", "system-out"},
    ),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
    "flakyFailure": ({"type"}, {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


@pytest.mark.parametrize("name", RECORDS)
def test_junit_has_only_what_the_schema_knows(name: str) -> None:
    for element in ET.fromstring(to_junit(RECORDS[name])).iter():  # noqa: S314 - our own text
        required, known, children = JUNIT[element.tag]
        assert required <= set(element.attrib) <= known
        assert {child.tag for child in element} <= children


def test_junit_has_one_case_per_row_and_true_totals() -> None:
    root = ET.fromstring(to_junit(RECORDS["mixed"]))  # noqa: S314 - our own text
    assert [case.get("name") for case in root.iter("testcase")] == [
        each.id for each in RECORDS["mixed"].rows
    ]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("150", "4", "2")
    suites = root.findall("testsuite")
    assert sum(int(suite.get("skipped", "")) for suite in suites) == 2
    for suite in suites:
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors", "")) == len(suite.findall("testcase/error"))


def test_junit_tells_failure_from_error_from_skipped() -> None:
    made = record(*(row(number, outcome) for number, outcome in enumerate(Outcome)))
    cases = list(ET.fromstring(to_junit(made)).iter("testcase"))  # noqa: S314 - our own text
    assert [case[0].tag for case in cases] == [
        "system-out",
        "failure",
        "error",
        "skipped",
        "skipped",
    ]
    assert [case[0].get("type") for case in cases[3:]] == ["not-run", "accepted"]
    assert "expected 3 ready replicas, observed 2 ready replicas" in (cases[1][0].text or "")


def test_junit_of_nothing_is_red() -> None:
    root = ET.fromstring(to_junit(RECORDS["empty"]))  # noqa: S314 - our own text
    assert root.find("testsuite/testcase/error") is not None


class Strict(BaseModel):
    """CTRF refuses unknown properties."""

    model_config = ConfigDict(extra="forbid", strict=True)


class CtrfTest(Strict):
    """As `results.tests[]` in ctrf.schema.json, the parts that we write."""

    id: str = Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    name: str = Field(min_length=1)
    status: Literal["passed", "failed", "skipped", "pending", "other"]
    duration: int
    start: int
    stop: int
    suite: list[str] = Field(min_length=1)
    message: str = ""
    trace: str = ""
    rawStatus: str  # noqa: N815 - the format's own name
    type: str
    retries: int
    flaky: bool
    extra: dict[str, Any]


class CtrfSummary(Strict):
    """As `results.summary`."""

    tests: int
    passed: int
    failed: int
    skipped: int
    pending: int
    other: int
    flaky: int
    suites: int
    start: int
    stop: int
    duration: int
    extra: dict[str, Any]


class CtrfTool(Strict):
    """As `results.tool`."""

    name: str = Field(min_length=1)
    version: str


class CtrfEnvironment(Strict):
    """As `results.environment`, the parts that we write."""

    testEnvironment: str  # noqa: N815 - the format's own name
    extra: dict[str, Any]


class CtrfResults(Strict):
    """As `results`."""

    tool: CtrfTool
    summary: CtrfSummary
    tests: list[CtrfTest]
    environment: CtrfEnvironment


class Ctrf(Strict):
    """As ctrf.schema.json."""

    reportFormat: Literal["CTRF"]  # noqa: N815 - the format's own name
    specVersion: str = Field(pattern=r"^\d+\.\d+\.\d+$")  # noqa: N815 - the format's own name
    reportId: str  # noqa: N815 - the format's own name
    timestamp: str
    generatedBy: str  # noqa: N815 - the format's own name
    results: CtrfResults


@pytest.mark.parametrize("name", RECORDS)
def test_ctrf_has_only_what_the_schema_knows(name: str) -> None:
    text = to_ctrf(Redactor().data(RECORDS[name]))
    seen = Ctrf.model_validate_json(text).results
    statuses = [test.status for test in seen.tests]
    for status in ("passed", "failed", "skipped", "other"):
        assert getattr(seen.summary, status) == statuses.count(status)
    assert seen.summary.tests == len(RECORDS[name].rows)


def test_ctrf_calls_no_blind_spot_a_pass() -> None:
    seen = Ctrf.model_validate_json(to_ctrf(RECORDS["blind"])).results
    assert [test.status for test in seen.tests] == ["passed", "other"]
    assert seen.summary.extra == {"verdict": "inconclusive"}


def test_ctrf_keeps_a_flake() -> None:
    seen = Ctrf.model_validate_json(to_ctrf(record(row(1, attempts=3)))).results
    assert (seen.summary.flaky, seen.tests[0].flaky, seen.tests[0].retries) == (1, True, 2)


def test_summary_puts_the_verdict_first_and_failures_before_the_rest() -> None:
    text = to_step_summary(RECORDS["mixed"])
    assert text.startswith("### ❌ Failed: 4 of 150 rows differ from the spec")
    places = [text.index(words) for words in ("❌ Failed\n", "❔ Inconclusive\n", "rows passed")]
    assert places == sorted(places)
    assert "kubectl -n voicehelper-prod describe networkpolicy model-router-netpol" in text


def test_summary_of_a_huge_run_stays_under_the_limit_and_says_so() -> None:
    huge = record(*(row(n, Outcome.FAILED, observed="密" * 3000) for n in range(1500)))
    text = to_step_summary(huge)
    assert len(text.encode()) <= LIMIT_BYTES
    assert "parts were left out" in text


@pytest.mark.parametrize("name", RECORDS)
def test_summary_lets_no_value_out_of_its_place(name: str) -> None:
    text = to_step_summary(RECORDS[name])
    fenced = re.compile(r"^(```|~~~~)text\n.*?^\1$", re.DOTALL | re.MULTILINE)
    outside = re.sub(r"`[^`\n]+`", "", fenced.sub("", text))
    assert "<script" not in outside
    assert "<img" not in outside
    assert text.count("<details") == text.count("</details>")

"""JUnit XML: one suite per area, one case per row.

Valid against the schema of Jenkins' xUnit plugin (`junit-10.xsd`), the strictest in common use: it
has no properties in a case, so a row's evidence is its `system-out`. FAILED is a failure,
INCONCLUSIVE an error (tools show both red), NOT_RUN is skipped, and so is ACCEPTED: it is no pass.
"""

import re
from typing import Final
from xml.etree import ElementTree as ET

from clusterproof.outcome import Outcome
from clusterproof.report.causes import lines_of, sentence
from clusterproof.report.record import RowResult, RunRecord
from clusterproof.report.words import cause, explanation, headline, iso

# XML 1.0 has no way to write these, not even escaped.
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_junit(record: RunRecord) -> bytes:
    """The record as a JUnit XML document in UTF-8."""
    root = ET.Element("testsuites", _totals(record.rows, "clusterproof", record.duration_s))
    root.attrib.pop("skipped")
    for name in ("tests", "errors"):
        root.set(name, str(int(root.attrib[name]) + len(record.errors)))
    for area in record.areas:
        rows = tuple(row for row in record.rows if row.area == area)
        suite = ET.SubElement(
            root, "testsuite", _totals(rows, area, sum(r.duration_s for r in rows))
        )
        suite.set("timestamp", iso(record.started_at).rstrip("Z"))
        suite.set("hostname", _clean(record.cluster.context))
        properties = ET.SubElement(suite, "properties")
        for name, value in _facts(record).items():
            ET.SubElement(properties, "property", name=_clean(name), value=_clean(value))
        for row in rows:
            suite.append(_case(row))
    if record.errors:
        root.append(_suite_of_the_run("the-run-had-no-error", record.errors))
    elif not record.rows:
        root.append(_suite_of_the_run("a-row-was-checked", ("nothing was checked",)))
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _suite_of_the_run(name: str, errors: tuple[str, ...]) -> ET.Element:
    """What is wrong with the run, for tools that call a file without failures green."""
    count = str(len(errors))
    suite = ET.Element("testsuite", name="run", tests=count, failures="0", errors=count)
    suite.set("skipped", "0")
    for error in errors:
        case = ET.SubElement(suite, "testcase", name=name, classname="run")
        ET.SubElement(case, "error", type="inconclusive", message=_clean(error))
    return suite


def _case(row: RowResult) -> ET.Element:
    case = ET.Element(
        "testcase",
        name=_clean(row.id),
        classname=_clean(row.area),
        time=f"{max(0.0, row.duration_s):.3f}",
    )
    if row.outcome in {Outcome.FAILED, Outcome.INCONCLUSIVE}:
        tag = "failure" if row.outcome is Outcome.FAILED else "error"
        message = _clean(headline(row))
        element = ET.SubElement(case, tag, type=row.outcome.value, message=message)
        element.text = _clean(explanation(row))
    elif row.outcome is Outcome.NOT_RUN:
        ET.SubElement(case, "skipped", type="not-run", message=_clean(cause(row)))
    elif row.outcome is Outcome.ACCEPTED:
        ET.SubElement(case, "skipped", type="accepted", message=_clean(headline(row)))
        ET.SubElement(case, "system-out").text = _clean(explanation(row))
    else:
        if row.flaky:
            note = f"passed at attempt {row.attempts}"
            ET.SubElement(case, "flakyFailure", type="flaky", message=note)
        ET.SubElement(case, "system-out").text = _clean(explanation(row))
    return case


def _totals(rows: tuple[RowResult, ...], name: str, duration_s: float) -> dict[str, str]:
    outcomes = [row.outcome for row in rows]
    return {
        "name": _clean(name),
        "tests": str(len(rows)),
        "failures": str(outcomes.count(Outcome.FAILED)),
        "errors": str(outcomes.count(Outcome.INCONCLUSIVE)),
        "skipped": str(outcomes.count(Outcome.NOT_RUN) + outcomes.count(Outcome.ACCEPTED)),
        "time": f"{max(0.0, duration_s):.3f}",
    }


def _facts(record: RunRecord) -> dict[str, str]:
    facts = {
        "run": record.run_id,
        "verdict": record.verdict.value,
        "context": record.cluster.context,
        "server": record.cluster.server_version,
        "nodes": str(record.cluster.nodes),
        "profile": record.profile,
        "spec": record.spec_path,
        "clusterproof": record.tool_version,
    }
    options = {f"option.{name}": value for name, value in record.options.items()}
    notes = {f"note.{number}": note for number, note in enumerate(record.notes, 1)}
    causes = {
        f"cause.{number}": " ".join(" ".join(lines_of(number, cause)).split())
        for number, cause in enumerate(record.causes, 1)
    }
    verdict = {"causes": sentence(record)} if sentence(record) else {}
    return facts | options | notes | verdict | causes


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

"""Causes in the reports: first, in three lines, and the same from the terminal to the webhook."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterproof.bundle.replay import replay_bundle
from clusterproof.causes.cause import Cause
from clusterproof.notify.message import TEXT_LIMIT, message
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.redact import MASK, Redactor
from clusterproof.report import causes
from clusterproof.report.junit import to_junit
from clusterproof.report.record import RunRecord
from clusterproof.report.redacted import redacted
from clusterproof.report.summary import to_step_summary
from tests.nightly.api_server import CONFIG_MAPS, Answers, kubeconfig, served, settings, write_spec
from tests.report.samples import CAUSE, record, records, row

CAUSED = records()["caused"]


def test_a_cause_is_three_lines() -> None:
    cause = Cause(
        subject="Service/ns/db",
        what="Service/ns/db does not exist",
        evidence=('a: "absent"', "b"),
        remedy="make it",
        show="kubectl -n ns get service",
        rows=("a", "b"),
        symptoms=("c", "d"),
    )
    assert causes.lines_of(1, cause) == (
        "1. Service/ns/db does not exist [4 rows: a, b, c and 1 more]",
        '   evidence  a: "absent"',
        "   remedy    make it; see: kubectl -n ns get service",
    )


def test_a_run_that_passed_says_nothing_of_causes() -> None:
    assert list(causes.text(record(row(1)))) == []
    assert list(causes.text(record(row(1, Outcome.FAILED)))) == []


def test_the_record_keeps_its_causes() -> None:
    assert RunRecord.from_json(CAUSED.to_json()).causes == (CAUSE,)
    former = json.loads(CAUSED.to_json())
    del former["causes"]
    assert RunRecord.from_json(json.dumps(former)).causes == ()


def test_a_secret_in_a_cause_is_taken_out_and_its_rows_stay() -> None:
    known = "first-or-other-9000"
    clean = redacted(
        record(
            row(1, Outcome.FAILED, id="first"),
            causes=(Cause(subject="x", what=f"is {known}", rows=("first",)),),
        ),
        Redactor.of([known, "first"]),
    )
    assert clean.causes[0].what == f"is {MASK}"
    assert clean.causes[0].rows == ("first",)


def test_the_summary_has_causes_before_failures() -> None:
    text = to_step_summary(CAUSED)
    assert text.index("#### Causes") < text.index("does not exist") < text.index("#### ❌ Failed")
    assert "1 cause explains 2 of 3 rows; 1 row stands alone." in text
    assert "<details><summary>2 rows</summary>" in text


def test_junit_has_them_as_properties() -> None:
    root = ET.fromstring(to_junit(CAUSED))  # noqa: S314 - our own text
    named = {each.get("name"): each.get("value") or "" for each in root.iter("property")}
    assert named["causes"] == "1 cause explains 2 of 3 rows; 1 row stands alone."
    assert named["cause.1"].startswith("1. Service/ns/db does not exist")


def test_the_webhook_is_told_the_causes_before_the_rows() -> None:
    texts = [block["text"]["text"] for block in message(CAUSED)["blocks"]]
    told = next(number for number, text in enumerate(texts) if "does not exist" in text)
    assert told < next(number for number, text in enumerate(texts) if "`third`" in text)
    assert "&lt;script&gt;" in texts[told]
    long = Cause(subject="x", what="w" * 5000, remedy="r", rows=("first", "third"))
    blocks = message(record(row(1, Outcome.FAILED), causes=(long,) * 9))["blocks"]
    assert all(len(block["text"]["text"]) <= TEXT_LIMIT for block in blocks)


@pytest.fixture
def run_of_an_absent_config_map(tmp_path: Path) -> tuple[str, Path]:
    """The terminal, and the folder of the reports, of a run without its ConfigMap."""
    answers = Answers()
    spec = write_spec(tmp_path / "spec", "one", "two", "three")
    with served(answers) as server:
        finished = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "clusterproof", "verify", "-q"),
                *("--spec", str(spec), "--kubeconfig", str(kubeconfig(tmp_path, server))),
                *("--report-dir", str(tmp_path / "reports")),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
        )
    assert finished.returncode == ExitCode.FAILED, finished.stdout + finished.stderr
    assert answers.lists.get(CONFIG_MAPS, []) != settings(one="yes")
    (folder,) = (tmp_path / "reports").iterdir()
    return finished.stdout, folder


def test_a_run_says_the_cause_first_and_a_replay_says_the_same(
    run_of_an_absent_config_map: tuple[str, Path],
) -> None:
    shown, folder = run_of_an_absent_config_map
    recorded = RunRecord.from_json((folder / "run.json").read_text(encoding="utf-8"))
    (cause,) = recorded.causes
    assert cause.what == "ConfigMap/here/settings does not exist"
    assert cause.explained == ("settings-one", "settings-two", "settings-three")
    assert shown.index("1. ConfigMap/here/settings does not exist") < shown.index("FAILURES")
    again, _ = replay_bundle(folder)
    assert again.causes == recorded.causes

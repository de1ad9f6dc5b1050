"""A known difference is accepted for a time: what a run comes to, and wherever that is shown."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterproof.bundle.replay import replay_bundle
from clusterproof.history.compare import compare, fail_on_new
from clusterproof.history.store import History
from clusterproof.history.trend import Point, failing_since
from clusterproof.judgement import Difference, Doubt, Failed, Judgement, Passed
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.report.acceptance import outcome_of, remarks
from clusterproof.report.record import Acceptance, RowResult, RunRecord
from tests.run.suite_run import Suites, suites

SOON = datetime.now(tz=UTC).date() + timedelta(days=30)
KNOWN = Acceptance(
    codes=("field-differs",), reason="the next release", owner="platform", expires="2026-12-31"
)
ENDED = replace(KNOWN, expired=True)


def failed(*codes: str) -> Failed:
    first, *more = (Difference("data.a", "yes", "no", code=code) for code in codes)
    return Failed(first, *more)


@pytest.mark.parametrize(
    ("judgement", "accepted", "outcome"),
    [
        (failed("field-differs"), [KNOWN], Outcome.ACCEPTED),
        (failed("field-differs", "field-differs"), [KNOWN], Outcome.ACCEPTED),
        (failed("field-differs", "field-absent"), [KNOWN], Outcome.FAILED),
        (
            failed("field-differs", "field-absent"),
            [KNOWN, replace(KNOWN, codes=("field-absent",))],
            Outcome.ACCEPTED,
        ),
        (failed(""), [KNOWN], Outcome.FAILED),
        (failed("field-differs"), [ENDED], Outcome.FAILED),
        (failed("field-differs"), [], Outcome.FAILED),
        (Doubt("403"), [KNOWN], Outcome.INCONCLUSIVE),
        (Passed("data.a"), [KNOWN], Outcome.PASSED),
    ],
)
def test_only_the_codes_that_are_listed_are_accepted_and_only_for_their_time(
    judgement: Judgement, accepted: list[Acceptance], outcome: Outcome
) -> None:
    """What could not be looked at is never accepted."""
    assert outcome_of(judgement, accepted) is outcome


def accept(
    place: Suites, expires: date = SOON, code: str = "field-differs", row: str = "a"
) -> None:
    """Accept a difference of the row of one setting."""
    entry = {
        "row": f"settings-{row}",
        "codes": [code],
        "reason": "comes with the next release",
        "owner": "platform team",
        "expires": expires.isoformat(),
    }
    folder = place.spec.parent
    (folder / "accepted.yaml").write_text(json.dumps({"accepted": [entry]}), "utf-8")
    place.spec.write_text(f"{place.spec.read_text('utf-8')}accepted: [accepted.yaml]\n", "utf-8")


def test_a_run_with_an_accepted_difference_is_green_and_says_so_everywhere(tmp_path: Path) -> None:
    with suites(tmp_path, "a", "b", a="no", b="yes") as place:
        accept(place)
        run = place.run()
    record = run.record
    assert run.code == ExitCode.PASSED, run.shown
    assert record.counts[Outcome.ACCEPTED] == record.counts[Outcome.PASSED] == 1
    (row,) = record.of(Outcome.ACCEPTED)
    assert row.codes == row.accepted[0].codes == ("field-differs",)
    assert "1 passed, 1 accepted" in run.shown
    assert "accepted for a time" in run.shown
    assert f"field-differs until {SOON}, platform team: comes with the next release" in run.shown
    assert json.loads((run.folder / "run.json").read_text("utf-8"))["counts"]["accepted"] == 1
    summary = (run.folder / "summary.md").read_text("utf-8")
    assert "1 of 2 rows are as the spec says; 1 row differs as is accepted." in summary
    assert "☑ Accepted for a time" in summary
    html = (run.folder / "report.html").read_text("utf-8")
    assert 'id="accepted"' in html
    assert "comes with the next release" in html
    case = ET.parse(run.folder / "junit.xml").find(".//testcase[@name='settings-a']")  # noqa: S314 - our own file
    assert case is not None
    assert [(child.tag, child.get("type")) for child in case] == [
        ("skipped", "accepted"),
        ("system-out", None),
    ]
    ctrf = json.loads((run.folder / "ctrf.json").read_text("utf-8"))["results"]
    assert (ctrf["summary"]["passed"], ctrf["summary"]["skipped"]) == (1, 1)
    _, rows = replay_bundle(run.folder)
    assert [each.same for each in rows] == [True, True]
    with History(tmp_path / "history.sqlite") as history:
        kept = history.add(record)
        assert history.counts(kept.series)[0][Outcome.ACCEPTED] == 1


def test_an_acceptance_that_has_expired_leaves_its_row_red(tmp_path: Path) -> None:
    with suites(tmp_path, "a", a="no") as place:
        accept(place, datetime.now(tz=UTC).date() - timedelta(days=1))
        run = place.run()
    assert run.code == ExitCode.FAILED
    assert run.record.rows[0].accepted[0].expired
    assert "accepted difference of settings-a: it expired after" in run.shown
    assert "expired after" in (run.folder / "report.html").read_text("utf-8")


def test_another_difference_of_the_same_row_stays_red(tmp_path: Path) -> None:
    with suites(tmp_path, "a", a="no") as place:
        accept(place, code="field-absent")
        run = place.run()
    assert run.code == ExitCode.FAILED
    assert "field-absent is not there any more" in run.shown


@pytest.mark.parametrize(
    ("row", "code", "words"),
    [("z", "field-differs", "expected the id of a row"), ("a", "pod-stale", "expected codes of")],
)
def test_an_entry_of_nothing_is_wrong_usage(
    row: str, code: str, words: str, tmp_path: Path
) -> None:
    with suites(tmp_path, "a", a="no") as place:
        accept(place, row=row, code=code)
        run = place.run()
    assert run.code == ExitCode.USAGE
    assert words in run.shown
    assert "Traceback" not in run.shown


def result(outcome: Outcome, accepted: Acceptance = KNOWN, day: str = "2026-11-27") -> RowResult:
    codes = ("field-differs",) if outcome in {Outcome.FAILED, Outcome.ACCEPTED} else ()
    started = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    return RowResult(
        id="a",
        area="configuration",
        title="It is",
        outcome=outcome,
        codes=codes,
        accepted=(accepted,),
        started_at=started,
    )


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (result(Outcome.ACCEPTED), ""),
        (result(Outcome.ACCEPTED, day="2026-12-24"), "it expires after 2026-12-31; its owner is"),
        (result(Outcome.FAILED, ENDED, "2027-01-01"), "it expired after 2026-12-31; its owner is"),
        (result(Outcome.PASSED), "field-differs is not there any more"),
        (result(Outcome.INCONCLUSIVE), ""),
    ],
)
def test_an_owner_hears_of_what_ends_and_of_what_is_mended(row: RowResult, words: str) -> None:
    said = list(remarks([row]))
    assert len(said) == bool(words)
    assert all(text.startswith(f"accepted difference of a: {words}") for text in said)


def night(*rows: RowResult) -> RunRecord:
    with_cluster = '{"schema": 1, "run_id": "r", "started_at": 1, "finished_at": 2,'
    empty = RunRecord.from_json(f'{with_cluster} "cluster": {{"context": "c"}}}}')
    return replace(empty, rows=rows)


def test_the_history_tells_accepted_from_passed_and_from_failed() -> None:
    known, bad, good = (
        night(result(outcome)) for outcome in (Outcome.ACCEPTED, Outcome.FAILED, Outcome.PASSED)
    )
    assert compare(bad, known).newly_accepted == compare(good, known).newly_accepted == ("a",)
    assert compare(bad, known).mended == ()
    assert compare(known, good).mended == ("a",)
    assert compare(known, bad).new_failures == ("a",)
    assert compare(known, known).quiet
    assert fail_on_new(known, known) is ExitCode.PASSED
    assert fail_on_new(known, bad) is ExitCode.FAILED


def test_an_accepted_row_fails_not_and_its_time_is_part_of_the_failure_after_it() -> None:
    bad, known = Point(0, Outcome.FAILED), Point(1, Outcome.ACCEPTED)
    assert failing_since((bad, known)) is None
    since = failing_since((Point(0, Outcome.PASSED), known, Point(2, Outcome.FAILED)))
    assert since is not None
    assert (since.first_bad, since.last_good) == (1, 0)

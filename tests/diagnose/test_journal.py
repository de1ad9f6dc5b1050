"""The journal and its bundle, to the letter: what is kept, what is left out, what is refused."""

import json
import tarfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.bundle import journal, replay
from clusterproof.bundle.codec import decode
from clusterproof.bundle.journal import JOURNAL, line, read_entries, read_results
from clusterproof.bundle.replay import RECORD, pack, replay_bundle
from clusterproof.errors import SpecError
from clusterproof.observe.fields import FieldValue
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult
from clusterproof.spec.row import Expectation
from tests.diagnose.test_bundle import folder_of, result, row
from tests.judge.rows import row as row_of

YES = FieldValue(object_exists=True, value="yes")
SECRET = "correct-horse-battery"  # noqa: S105 - a made up one


def written(
    fact: object, outcome: Outcome = Outcome.PASSED, redactor: Redactor | None = None
) -> Any:  # noqa: ANN401 - JSON
    """The line of a row, read as JSON."""
    return json.loads(line(row(), result(outcome), fact, redactor or Redactor()))


def test_a_line_is_the_row_its_result_and_the_fact() -> None:
    """As JSON that any tool can read."""
    found = written(YES)
    assert list(found) == ["row", "result", "without", "fact"]
    assert found["row"] == {
        "id": "setting",
        "check": "field",
        "area": "configuration",
        "claim": "The setting says yes",
        "source": "tests",
        "of": "ConfigMap/here/web",
        "path": "data.SETTING",
        "expect": {"equals": "yes"},
    }
    assert (found["result"]["id"], found["result"]["outcome"]) == ("setting", "passed")
    assert set(found["result"]) == {one.name for one in fields(RowResult)}
    assert found["without"] == ""
    assert found["fact"] == {
        "$": "object",
        "of": "clusterproof.observe.fields:FieldValue",
        "value": {
            "object_exists": True,
            "value": "yes",
            "in_one_form": None,
            "others": {"$": "tuple", "value": []},
            "deleted_at": "",
        },
    }


def test_a_line_keeps_letters_as_they_are() -> None:
    """A reader of the file sees them."""
    text = line(row(), replace(result(Outcome.PASSED), observed="für alle"), YES, Redactor())
    assert "für alle" in text


def test_half_of_a_surrogate_pair_does_not_end_the_run(tmp_path: Path) -> None:
    """JSON of an answer can hold one; UTF-8 cannot."""
    fact = FieldValue(object_exists=True, value="\ud800")
    text = line(row(), result(Outcome.FAILED), fact, Redactor())
    (tmp_path / "journal.jsonl").write_text(text, encoding="utf-8")
    assert json.loads(text)["fact"]["value"]["value"] == "\ud800"


def test_a_row_that_nothing_was_seen_for_has_no_fact() -> None:
    """The line says why."""
    found = written(None, Outcome.INCONCLUSIVE)
    assert (found["fact"], found["without"]) == (None, "nothing could be looked at")


def test_what_was_seen_of_a_row_in_doubt_is_kept() -> None:
    """So it can be judged again."""
    found = written(YES, Outcome.INCONCLUSIVE)
    assert found["without"] == ""
    assert decode(found["fact"]) == YES


@pytest.mark.parametrize(
    ("fact", "why"),
    [
        (
            FieldValue(object_exists=True, value=object()),
            "it cannot be written: expected plain data or a frozen value, observed object",
        ),
        ([1], "it cannot be judged after redaction: AttributeError"),
    ],
)
def test_a_fact_that_cannot_be_kept_says_why(fact: object, why: str) -> None:
    """And the row stands without it."""
    found = written(fact)
    assert (found["fact"], found["without"]) == (None, why)


def test_a_fact_is_kept_up_to_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is too much."""
    size = len(json.dumps(written(YES)["fact"]))
    monkeypatch.setattr(journal, "LARGEST_BYTES", size)
    assert written(YES)["without"] == ""
    monkeypatch.setattr(journal, "LARGEST_BYTES", size - 1)
    found = written(YES)
    assert (found["fact"], found["without"]) == (
        None,
        f"it has {size} bytes, more than {size - 1}",
    )


def test_a_secret_that_is_not_judged_by_is_taken_out_of_the_fact() -> None:
    """And out of the result; what was found stays as it is."""
    fact = FieldValue(object_exists=True, value={"other": SECRET})
    text = line(
        row(),
        replace(result(Outcome.FAILED), observed=f"seen {SECRET}", differences=("x",)),
        fact,
        Redactor.of([SECRET]),
    )
    assert SECRET not in text
    found = json.loads(text)
    assert found["result"]["observed"] == "seen [redacted]"
    assert found["fact"]["value"]["value"] == {"other": "[redacted]"}


def test_what_tells_a_row_from_the_others_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is half of a line, and stays as it is."""
    searched: list[str] = []

    def text(_: Redactor, text: str) -> str:
        searched.append(text)
        return text

    monkeypatch.setattr(Redactor, "text", text)
    written(None, Outcome.INCONCLUSIVE)
    (rest,) = searched
    assert row().claim not in rest
    assert "data.SETTING" in rest


def test_a_name_and_its_value_are_seen_together() -> None:
    """Though each is a text of its own."""
    rule = row().model_copy(update={"expect": Expectation(equals={"password": SECRET})})
    assert SECRET not in line(rule, result(Outcome.INCONCLUSIVE), None, Redactor())


@pytest.mark.parametrize(
    "expect",
    [
        {"equals": ["serve", "--password", "hunter2pass"]},
        {"contains": [{"name": "DB_PASSWORD", "value": "hunter2pass"}]},
        {"contains": {"Authorization": "Bearer hunter2pass"}},
    ],
)
def test_a_name_and_its_value_are_seen_together_in_what_a_row_expects(
    expect: dict[str, Any],
) -> None:
    """Each by itself, the value is a word like any other."""
    rule = row_of("field", of="Deployment/shop/web", path="spec.template", expect=expect)
    text = line(rule, result(Outcome.PASSED), YES, Redactor())
    assert "hunter2pass" not in text


def test_a_row_is_written_as_a_spec_has_it(tmp_path: Path) -> None:
    """By the names of its fields there, so that it can be read again."""
    pair = row_of("agrees", of="ConfigMap/a/c", path="data.A", pattern="(.*)", **{
        "with": "Ingress/a/i", "with_path": "spec.host",
    })  # fmt: skip
    text = line(pair, result(Outcome.INCONCLUSIVE), None, Redactor())
    assert json.loads(text)["row"]["with"] == "Ingress/a/i"
    (tmp_path / JOURNAL).write_text(text, "utf-8")
    (entry,) = read_entries(tmp_path / JOURNAL)
    assert entry.row == pair


def test_a_mask_that_would_break_the_line_is_set_into_its_parts() -> None:
    """As with a secret that has a quote, or the name of one before it."""
    broken = '"outcome": "passed"'
    text = line(row(), result(Outcome.PASSED), YES, Redactor.of([broken]))
    assert json.loads(text)["result"]["outcome"] == "passed"
    cut = '"object_exists": true'
    assert json.loads(line(row(), result(Outcome.PASSED), YES, Redactor.of([cut])))["without"] == (
        "it could not be redacted in place"
    )


def test_entries_come_back_as_they_were_written(tmp_path: Path) -> None:
    """The last line of a row counts."""
    path = tmp_path / JOURNAL
    lines = [
        line(row(), result(Outcome.FAILED), FieldValue(object_exists=True, value="no"), Redactor()),
        line(row(), result(Outcome.INCONCLUSIVE), None, Redactor()),
    ]
    path.write_text("\n".join(lines), "utf-8")
    first, second = read_entries(path)
    assert (first.row, first.result, first.without) == (row(), result(Outcome.FAILED), "")
    assert (second.fact, second.without) == (None, "nothing could be looked at")
    assert read_results(path) == ((result(Outcome.INCONCLUSIVE),), 0)


def test_a_journal_that_is_none_is_named(tmp_path: Path) -> None:
    """Its path, or the line in it."""
    path = tmp_path / JOURNAL
    with pytest.raises(SpecError) as caught:
        list(read_entries(path))
    assert str(caught.value) == (
        f"{path}: expected the journal of a run: No such file or directory"
    )
    good = line(row(), result(Outcome.PASSED), YES, Redactor())
    path.write_text(f"{good}\n" + json.dumps({"result": {}}) + "\n", "utf-8")
    with pytest.raises(SpecError) as caught:
        list(read_entries(path))
    assert str(caught.value) == f"{path}:2: expected a judged row, observed no row and result"
    path.write_text(good.replace('"setting"', '"[redacted]-setting"'), "utf-8")
    with pytest.raises(SpecError) as caught:
        list(read_entries(path))
    assert str(caught.value) == (
        f"{path}:1: expected a judged row of this version, observed row '[redacted]-setting', which"
        " its spec could not hold: another version of clusterproof wrote it"
    )


def test_a_line_that_is_no_row_takes_no_other_with_it(tmp_path: Path) -> None:
    """As an older version wrote it, which redacted ids: counted, and the others are read."""
    path = tmp_path / JOURNAL
    good = line(row(), result(Outcome.PASSED), YES, Redactor())
    old = good.replace('"setting"', '"[redacted]-setting"')
    path.write_text(f"{old}\n{good}\n{{}}\n" + good[:40], "utf-8")
    results, unreadable = read_results(path)
    assert ([one.id for one in results], unreadable) == (["setting"], 2)


def test_a_word_of_its_own_id_in_a_secret_changes_no_line() -> None:
    """Two rows must not become one."""
    redactor = Redactor.of(["setting", "The setting says yes", "here-and-there-7"])
    found = json.loads(line(row(), result(Outcome.PASSED), YES, redactor))
    assert (found["row"]["id"], found["result"]["id"]) == ("setting", "setting")
    assert found["row"]["claim"] == found["result"]["title"] == "The setting says yes"


def test_a_replay_shows_the_differences_of_now(tmp_path: Path) -> None:
    """And what the run said, where there is no fact."""
    folder = folder_of(tmp_path / "run", Outcome.FAILED, FieldValue(object_exists=True, value="no"))
    record, (one,) = replay_bundle(folder)
    assert one.differences == ("data.SETTING: expected yes, observed no",)
    assert record.rows[0].differences == one.differences
    assert (one.same, one.without, one.recorded.outcome) == (True, "", Outcome.FAILED)
    blind = replace(result(Outcome.INCONCLUSIVE), differences=("as recorded",))
    (folder / JOURNAL).write_text(line(row(), blind, None, Redactor()), "utf-8")
    record, (one,) = replay_bundle(folder)
    assert (one.differences, one.without) == (("as recorded",), "nothing could be looked at")
    assert (one.now, one.same) == (Outcome.INCONCLUSIVE, True)


def test_a_bundle_has_the_record_the_journal_and_the_diagnostics(tmp_path: Path) -> None:
    """In this order, and nothing else of the folder."""
    folder = folder_of(tmp_path / "run", Outcome.PASSED, YES)
    (folder / "diagnostics").mkdir()
    for name in ("b.txt", "a.txt", "c.log"):
        (folder / "diagnostics" / name).write_text(name, "utf-8")
    (folder / "report.html").write_text("x", "utf-8")
    names = pack(folder, tmp_path / "run.tar.gz")
    assert names == (RECORD, JOURNAL, "diagnostics/a.txt", "diagnostics/b.txt")
    assert (tmp_path / "run.tar.gz").read_bytes()[:2] == b"\x1f\x8b"
    with tarfile.open(tmp_path / "run.tar.gz") as packed:
        assert packed.getnames() == list(names)
        for name in names:
            member = packed.extractfile(name)
            assert member is not None
            assert member.read() == (folder / name).read_bytes()


@pytest.mark.parametrize("missing", [RECORD, JOURNAL])
def test_a_folder_of_no_run_is_named(tmp_path: Path, missing: str) -> None:
    """With what is missing in it."""
    folder = folder_of(tmp_path / "run", Outcome.PASSED, YES)
    (folder / missing).unlink()
    with pytest.raises(SpecError) as caught:
        pack(folder, tmp_path / "run.tar.gz")
    assert str(caught.value) == f"{folder}: expected the reports of a run, there is no {missing}"


def archive(path: Path, **files: bytes) -> Path:
    """An archive of these files."""
    folder = path.with_suffix(".d")
    folder.mkdir()
    with tarfile.open(path, "w:bz2") as packed:
        for name, data in files.items():
            (folder / name).write_bytes(data)
            packed.add(folder / name, name.replace("_", "."))
    return path


def test_an_archive_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    """With what it should have had."""
    (tmp_path / "x").write_text("no archive", "utf-8")
    with pytest.raises(SpecError) as caught:
        replay_bundle(tmp_path / "x")
    assert str(caught.value) == (
        f"{tmp_path}/x: expected a run's folder or its bundle: not a tar archive"
    )
    with pytest.raises(SpecError) as caught:
        replay_bundle(archive(tmp_path / "half.tar", run_json=b"{}"))
    assert str(caught.value) == "bundle: expected journal.jsonl in it, observed none"
    with pytest.raises(SpecError) as caught:
        replay_bundle(archive(tmp_path / "no.tar", run_json=b"{", journal_jsonl=b""))
    assert str(caught.value).startswith(
        f"{tmp_path}/no.tar: run.json: expected a run record in JSON, observed "
    )


def test_a_bundle_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one byte."""
    folder = folder_of(tmp_path / "run", Outcome.PASSED, YES)
    pack(folder, tmp_path / "run.tar.gz")
    largest = max((folder / name).stat().st_size for name in (RECORD, JOURNAL))
    monkeypatch.setattr(replay, "LARGEST_BYTES", largest)
    assert replay_bundle(tmp_path / "run.tar.gz")[0].run_id == "run-1"
    monkeypatch.setattr(replay, "LARGEST_BYTES", largest - 1)
    with pytest.raises(SpecError, match=rf"under {largest - 1} bytes, observed more$"):
        replay_bundle(tmp_path / "run.tar.gz")


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A folder without one is that of no run."""
    (tmp_path / "run").mkdir()
    with pytest.raises(SpecError) as caught:
        replay_bundle(tmp_path / "run")
    path = tmp_path / "run" / RECORD
    assert str(caught.value) == (
        f"{path}: expected a run record (run.json): No such file or directory"
    )

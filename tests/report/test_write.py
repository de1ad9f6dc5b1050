"""The files of a run: all there, whole, and without a planted secret in any encoding."""

import json
import tempfile
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.files import replace_file
from clusterproof.report.record import RunRecord, run_schema
from clusterproof.report.redacted import redacted
from clusterproof.report.write import WRITERS, write_reports
from tests.report.samples import record, records, row
from tests.report.test_redact import ENCODINGS, PLANTED

RECORDS = records()
SCHEMA = Path(__file__).parents[2] / "reports" / "schema" / "run.schema.json"


@pytest.mark.parametrize("name", RECORDS)
def test_every_report_is_written_and_the_record_reads_back(name: str, tmp_path: Path) -> None:
    paths = write_reports(RECORDS[name], tmp_path / "deep" / "run")
    assert sorted(paths) == sorted(WRITERS)
    assert sorted(path.name for path in (tmp_path / "deep" / "run").iterdir()) == sorted(WRITERS)
    again = RunRecord.from_json(paths["run.json"].read_text(encoding="utf-8"))
    assert again == redacted(RECORDS[name], Redactor())
    assert again.verdict is RECORDS[name].verdict


def test_no_planted_secret_is_in_any_report(tmp_path: Path) -> None:
    forms = [encode(secret) for secret in PLANTED for encode in ENCODINGS.values()]
    fields = ("expected", "observed", "where", "next", "how", "cause")
    outcomes = (Outcome.FAILED, Outcome.PASSED, Outcome.INCONCLUSIVE)
    made = record(
        *(
            row(
                number,
                outcomes[number % 3],
                evidence=(f"log: {form}",),
                differences=(form,),
                **{fields[number % len(fields)]: f"said {form} there"},
            )
            for number, form in enumerate(forms)
        ),
        notes=tuple(forms[:40]),
        options={"url": forms[0]},
        rights=(forms[1],),
    )
    paths = write_reports(made, tmp_path, redactor=Redactor.of(PLANTED))
    for path in paths.values():
        text = path.read_text(encoding="utf-8")
        assert [form for form in forms if form in text] == [], path.name


def test_a_half_written_file_is_never_seen(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    replace_file(target, b"whole")
    with pytest.raises(TypeError):
        replace_file(target, "text")  # type: ignore[arg-type]
    assert target.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_file_is_made_where_it_will_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another file system it could not be put there in one step."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    replace_file(tmp_path / "run.json", b"whole")
    assert (tmp_path / "run.json").read_bytes() == b"whole"


def test_schema_in_the_repository_is_the_one_of_the_code() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == run_schema()


def test_damaged_record_is_refused() -> None:
    text = RECORDS["mixed"].to_json()
    with pytest.raises(SpecError, match="expected a run record"):
        RunRecord.from_json(text[: len(text) // 2])

"""A run's judgement, made again from its journal."""

import json
import tarfile
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.bundle.codec import decode, encode
from clusterproof.bundle.journal import JOURNAL, line, read_entries, read_results
from clusterproof.bundle.replay import pack, replay_bundle
from clusterproof.checks.field import FieldRow
from clusterproof.checks.replicas import Replicas
from clusterproof.errors import SpecError
from clusterproof.kube.policies import Destination
from clusterproof.observe.fields import FieldValue
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from clusterproof.spec.row import ObjectRef

REPLICAS = Replicas(
    exists=True,
    generation_observed=True,
    desired=3,
    updated=3,
    ready=2,
    available=2,
    total=3,
    troubles=("web-1: not scheduled",),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(deadline=None)  # of a shared machine
@given(json_values)
def test_plain_values_come_back_as_they_were(value: object) -> None:
    again = decode(json.loads(json.dumps(encode(value))))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        REPLICAS,
        (REPLICAS, frozenset({"a", "b"}), {1: "x"}, Decimal("1.50"), b"\x00\xff"),
        ObjectRef(kind="Pod", namespace="a", name="b"),
        Outcome.FAILED,
        FieldValue(object_exists=True, value={"$": "not a tag", "n": [1, 2.5]}),
        Destination("db", 5432, "TCP", address="10.0.0.1"),
    ],
)
def test_facts_come_back_as_they_were(value: object) -> None:
    assert decode(json.loads(json.dumps(encode(value)))) == value


def test_what_is_no_fact_is_refused() -> None:
    @dataclass(frozen=True)
    class Foreign:
        one: int

    with pytest.raises(TypeError, match="of this package"):
        encode(Foreign(1))
    with pytest.raises(TypeError, match="plain data"):
        encode(object())


@pytest.mark.parametrize(
    "plain",
    [
        {"$": "object", "of": "os:system", "value": {}},
        {"$": "object", "of": "clusterproof.cli:main", "value": {}},
        {"$": "object", "of": "clusterproof.kube.client:KubeApi", "value": {"connection": None}},
        {"$": "object", "of": "clusterproof.observe.workloads:Gone", "value": {}},
        {"$": "object", "of": "clusterproof.observe.workloads:Replicas", "value": {"old": 1}},
        {"$": "nonsense", "value": 1},
        {"$": "decimal", "value": "x"},
    ],
)
def test_only_values_of_this_package_are_made(plain: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="bundle"):
        decode(plain)


def row(equals: str = "yes") -> FieldRow:
    return FieldRow.model_validate(
        {
            "id": "setting",
            "check": "field",
            "area": "configuration",
            "claim": "The setting says yes",
            "source": "tests",
            "of": "ConfigMap/here/web",
            "path": "data.SETTING",
            "expect": {"equals": equals},
        }
    )


def result(outcome: Outcome) -> RowResult:
    return RowResult(
        id="setting", area="configuration", title="The setting says yes", outcome=outcome
    )


def folder_of(path: Path, outcome: Outcome, fact: object, redactor: Redactor | None = None) -> Path:
    path.mkdir(exist_ok=True)
    text = line(row(), result(outcome), fact, redactor or Redactor())
    (path / JOURNAL).write_text(f"{text}\n", encoding="utf-8")
    record = RunRecord(
        run_id="run-1",
        started_at=0,
        finished_at=1,
        cluster=ClusterFacts(context="there"),
        rows=(result(outcome),),
    )
    (path / "run.json").write_text(record.to_json(), encoding="utf-8")
    return path


@pytest.mark.parametrize(("value", "outcome"), [("yes", Outcome.PASSED), ("no", Outcome.FAILED)])
def test_a_judgement_is_made_again_from_folder_and_archive(
    tmp_path: Path, value: str, outcome: Outcome
) -> None:
    folder = folder_of(tmp_path / "run", outcome, FieldValue(object_exists=True, value=value))
    pack(folder, tmp_path / "run.tar.gz")
    for place in (folder, tmp_path / "run.tar.gz"):
        record, rows = replay_bundle(place)
        assert record.verdict is outcome
        assert [(one.now, one.without) for one in rows] == [(outcome, "")]


def test_a_judgement_that_is_another_now_is_shown(tmp_path: Path) -> None:
    fact = FieldValue(object_exists=True, value="yes")
    folder = folder_of(tmp_path / "run", Outcome.PASSED, fact)
    path = folder / JOURNAL
    path.write_text(path.read_text().replace('"equals": "yes"', '"equals": "never"'))
    record, (one,) = replay_bundle(folder)
    assert (record.verdict, one.same) == (Outcome.FAILED, False)


def test_a_fact_that_is_judged_by_a_secret_is_left_out_and_said(tmp_path: Path) -> None:
    value = "correct-horse-battery"
    fact = FieldValue(object_exists=True, value=value)
    text = line(row(value), result(Outcome.PASSED), fact, Redactor.of([value]))
    assert value not in text
    path = tmp_path / JOURNAL
    path.write_text(text)
    (entry,) = read_entries(path)
    assert (entry.fact, entry.without) == (None, "what had to be redacted is what it is judged by")


def test_a_blind_row_stays_blind(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", Outcome.INCONCLUSIVE, None)
    record, (one,) = replay_bundle(folder)
    assert (record.verdict, one.now) == (Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE)


def test_a_line_that_a_kill_cut_off_is_passed_over(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "run", Outcome.PASSED, FieldValue(object_exists=True, value="yes")
    )
    with (folder / JOURNAL).open("a") as journal:
        journal.write('{"row": {"id": "half')
    assert [one.id for one in read_results(folder / JOURNAL)[0]] == ["setting"]


def test_a_broken_line_in_between_is_named(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    path.write_text("{\n{}\n")
    with pytest.raises(SpecError, match=rf"{JOURNAL}:1: expected a judged row"):
        list(read_entries(path))


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no archive")
    with pytest.raises(SpecError, match="run's folder or its bundle"):
        replay_bundle(tmp_path / "x")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(SpecError, match=r"expected run\.json in it"):
        replay_bundle(tmp_path / "empty.tar")
    with pytest.raises(SpecError, match="there is no"):
        pack(tmp_path, tmp_path / "out.tar.gz")


def test_the_record_of_a_replay_has_the_other_rows_too(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "run", Outcome.PASSED, FieldValue(object_exists=True, value="yes")
    )
    text = (folder / "run.json").read_text()
    record = RunRecord.from_json(text)
    other = replace(result(Outcome.NOT_RUN), id="other")
    (folder / "run.json").write_text(replace(record, rows=(*record.rows, other)).to_json())
    again, rows = replay_bundle(folder)
    assert [one.id for one in again.rows] == ["setting", "other"]
    assert len(rows) == 1

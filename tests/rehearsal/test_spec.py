"""Rehearsals in a spec: read always, rows only where they are asked for."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.spec.rehearsal import Kill, RehearsalRow

ROW = """area: rehearsals
rows:
  - id: kill-web
    claim: A web Pod may be killed
    source: the runbook
    check: rehearsal
    workloads: ["Deployment/${ns}/web"]
    operation: {do: kill, of: "Deployment/${ns}/web"}
"""
OTHER = """area: networking
rows:
  - {id: a-name, claim: a name resolves, source: test, check: answer, service: Service/s/a, port: 1,
     protocol: tcp}
"""
SPEC = "name: mine\nprofile: mine\nnamespaces: {ns: shop}\nrehearsals: [rows.yaml]\n"


def write(folder: Path, *, spec: str = SPEC, rows: str = ROW) -> Path:
    (folder / "rows.yaml").write_text(rows, encoding="utf-8")
    (folder / "other.yaml").write_text(OTHER, encoding="utf-8")
    (folder / "spec.yaml").write_text(spec, encoding="utf-8")
    return folder / "spec.yaml"


def test_a_rehearsal_is_no_row_until_it_is_asked_for(tmp_path: Path) -> None:
    spec = read_spec(write(tmp_path))
    assert spec.rows == ()
    (row,) = spec.rehearsed().rows
    assert isinstance(row, RehearsalRow)
    assert isinstance(row.operation, Kill)
    assert (str(row.operation.of), row.operation.grace_s) == ("Deployment/shop/web", None)
    assert spec.rehearsed().places == {"kill-web": "rows.yaml:3"}
    assert spec.rehearsed().rehearsals == ()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("do: kill", "do: explode", "rows.yaml:8: operation: Input tag 'explode'"),
        ("do: kill, of", "do: kill, grace_s: 0, of", "greater than or equal to 1"),
        ('workloads: ["Deployment/${ns}/web"]', "workloads: []", "rows.yaml:7: workloads"),
        ("    operation", "    rate: 5000\n    operation", "less than or equal to 100"),
        ("    operation", "    within_s: 3600\n    operation", "less than or equal to 200"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(SpecError) as seen:
        read_spec(write(tmp_path, rows=ROW.replace(before, after)))
    assert said in str(seen.value)


@pytest.mark.parametrize(
    "spec",
    [SPEC.replace("rehearsals:", "include:"), SPEC.replace("rows.yaml", "other.yaml")],
    ids=["among the rows", "another kind"],
)
def test_rehearsals_stand_apart(tmp_path: Path, spec: str) -> None:
    with pytest.raises(SpecError, match="expected rehearsals, and nothing else"):
        read_spec(write(tmp_path, spec=spec))


def test_a_rehearsal_can_be_removed_and_overridden(tmp_path: Path) -> None:
    write(tmp_path)
    own = tmp_path / "own.yaml"
    own.write_text("extends: spec.yaml\nremove: [kill-web]\n", "utf-8")
    assert read_spec(own).rehearsals == ()
    own.write_text(
        "extends: spec.yaml\noverride: {kill-web: {rate: 5, because: it is small}}\n", "utf-8"
    )
    (row,) = read_spec(own).rehearsals
    assert isinstance(row, RehearsalRow)
    assert row.rate == 5


def test_an_id_is_given_once_over_rows_and_rehearsals(tmp_path: Path) -> None:
    other = OTHER.replace("a-name", "kill-web")
    path = write(tmp_path, spec=f"{SPEC}include: [other.yaml]\n")
    (tmp_path / "other.yaml").write_text(other, "utf-8")
    with pytest.raises(SpecError, match="expected an id of its own"):
        read_spec(path)

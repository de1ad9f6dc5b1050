"""The catalogue of defects: every row has its defects, and every defect its rows."""

from collections import defaultdict
from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.spec import Spec
from testbed.prove.catalogue import read_catalogue, read_exceptions
from testbed.prove.steps import Defect

PROJECT = Path(__file__).parents[2]
AN_ENTRY = """defects:
  - id: one
    kind: wrong
    title: One
    reds: {ROW: field-differs}
    steps: [{delete: "ConfigMap/${router}/model-router-config"}]
"""


@pytest.fixture(scope="module")
def spec() -> Spec:
    """The whole contract."""
    return read_spec(PROJECT / "spec" / "self-hosted.yaml").rehearsed()


@pytest.fixture(scope="module")
def defects(spec: Spec) -> tuple[Defect, ...]:
    """The catalogue."""
    return read_catalogue(spec)


@pytest.fixture(scope="module")
def exceptions() -> dict[str, str]:
    """Rows that have one kind of defect, with the reason."""
    return read_exceptions()


def kinds_of(defects: tuple[Defect, ...]) -> dict[str, set[str]]:
    """The kinds of defects that each row has."""
    found: dict[str, set[str]] = defaultdict(set)
    for defect in defects:
        for row in defect.reds:
            found[row].add(defect.kind)
    return found


def test_every_row_has_defects_of_two_kinds(
    spec: Spec, defects: tuple[Defect, ...], exceptions: dict[str, str]
) -> None:
    """A row that was added without defects fails here; the exceptions say why they are."""
    kinds = kinds_of(defects)
    needed = {row.id: 1 if row.id in exceptions else 2 for row in spec.rows}
    poor = {row: sorted(kinds[row]) for row, least in needed.items() if len(kinds[row]) < least}
    assert poor == {}


def test_no_exception_is_out_of_date(
    defects: tuple[Defect, ...], exceptions: dict[str, str]
) -> None:
    """An exception for a row that has two kinds, or that is no row, is a leftover."""
    kinds = kinds_of(defects)
    assert [row for row in exceptions if len(kinds[row]) != 1] == []
    assert [row for row, reason in exceptions.items() if len(reason) < 30] == []


def test_what_turns_a_rehearsal_red_is_alone(spec: Spec, defects: tuple[Defect, ...]) -> None:
    """A rehearsal rolls workloads: what another defect holds back would be rolled out with it."""
    rehearsals = {row.id for row in spec.of_kind("rehearsal")}
    assert [one.id for one in defects if rehearsals & set(one.reds) and not one.alone] == []


def test_there_are_enough_equivalents(defects: tuple[Defect, ...]) -> None:
    """The bar of the project: 40 of them, which may turn nothing red."""
    assert sum(defect.kind == "equivalent" for defect in defects) >= 40


def test_a_defect_without_a_row_is_refused(spec: Spec, tmp_path: Path) -> None:
    """A row that was renamed or removed leaves no defect behind."""
    tmp_path.joinpath("a.yaml").write_text(AN_ENTRY.replace("ROW", "no-such-row"), "utf-8")
    with pytest.raises(SpecError, match=r"a\.yaml:2: there is no row 'no-such-row'"):
        read_catalogue(spec, tmp_path)


def test_an_id_is_given_once(spec: Spec, tmp_path: Path) -> None:
    """Two defects of one id could not be told apart in the proof."""
    entry = AN_ENTRY.replace("ROW", "config-db-host")
    tmp_path.joinpath("a.yaml").write_text(entry, "utf-8")
    tmp_path.joinpath("b.yaml").write_text(entry, "utf-8")
    with pytest.raises(SpecError, match="'one' is given twice"):
        read_catalogue(spec, tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("kind: wrong", "kind: equivalent", "none for an equivalent"),
        ("ROW: field-differs", "ROW: 'observed 7'", "String should match pattern"),
        ("ROW: field-differs", "ROW: {observed: '7'}", "reds.ROW.code"),
        ("ROW: field-differs", "ROW: {code: field-differs, said: '7'}", "Extra inputs"),
        ("reds: {ROW: field-differs}", "reds: {}", "expected `reds` for a defect"),
        ("steps: [{delete:", "steps: [{settle_s: 1, delete:", "exactly one action"),
        (
            "reds: {ROW: field-differs}",
            "reds: {ROW: field-differs}\n    colour: red",
            "Extra inputs",
        ),
    ],
)
def test_a_wrong_defect_is_refused(
    spec: Spec, tmp_path: Path, before: str, after: str, said: str
) -> None:
    """With the file and the line."""
    entry = AN_ENTRY.replace(before, after).replace("ROW", "config-db-host")
    tmp_path.joinpath("a.yaml").write_text(entry, "utf-8")
    with pytest.raises(SpecError, match=said.replace("ROW", "config-db-host")):
        read_catalogue(spec, tmp_path)


def test_a_family_stands_for_one_defect_per_row(spec: Spec, tmp_path: Path) -> None:
    """Fields of the row, also its short name, and the names of the namespaces are filled in."""
    family = """defects:
  - for: starts
    where: {workload: "Deployment/${posthog}/*"}
    id: "{short}-gone"
    kind: absent
    title: "{workload.name}"
    reds: {"{id}": pods-absent}
    steps: [{delete: "{workload}"}]
"""
    tmp_path.joinpath("a.yaml").write_text(family, "utf-8")
    found = {defect.id: defect for defect in read_catalogue(spec, tmp_path)}
    assert sorted(found) == [
        "posthog-clickhouse-gone",
        "posthog-postgres-gone",
        "posthog-redis-gone",
        "posthog-web-gone",
        "posthog-worker-gone",
    ]
    web = found["posthog-web-gone"]
    assert (web.title, list(web.reds)) == ("posthog-web", ["posthog-web-starts"])
    assert str(web.steps[0].delete) == "Deployment/posthog/posthog-web"

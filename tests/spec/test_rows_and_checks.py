"""Each kind of row stands in one file, each area has a suite, each kind is used."""

import re
from pathlib import Path
from typing import Any

import pytest

from clusterproof import checks
from clusterproof.checks import kinds, read_spec
from clusterproof.checks.kind import Kind
from clusterproof.spec import Area

PROJECT = Path(__file__).parents[2]
PROFILES = ("self-hosted", "cloud", "lab")


def test_each_module_of_checks_is_a_kind_or_what_kinds_share() -> None:
    folder = Path(checks.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "kind", "shared", "site"}
    assert modules == {name.replace("-", "_") for name in kinds()}


@pytest.mark.parametrize("kind", kinds().values(), ids=list(kinds()))
def test_a_kind_stands_in_one_file(kind: Kind[Any, Any]) -> None:
    module = f"clusterproof.checks.{kind.name.replace('-', '_')}"
    assert kind.look.__module__ == kind.judge.__module__ == module
    assert kind.claim.endswith(".")


@pytest.mark.parametrize("area", Area)
def test_each_area_has_a_suite(area: Area) -> None:
    suite = PROJECT / "suites" / f"test_{area.value.replace('-', '_')}.py"
    assert f'pytest.mark.area("{area.value}")' in suite.read_text(encoding="utf-8")


def test_each_kind_is_used_by_a_deployment_of_ours() -> None:
    used = {
        row.check
        for name in ("self-hosted", "shop")
        for row in read_spec(PROJECT / f"spec/{name}.yaml").rehearsed().rows
    }
    assert used == set(kinds())


def test_rehearsals_are_rows_only_where_they_are_asked_for() -> None:
    spec = read_spec(PROJECT / "spec/self-hosted.yaml")
    assert {row.check for row in spec.rehearsals} == {"rehearsal"}
    assert not spec.of_kind("rehearsal")
    assert spec.rehearsed().of_kind("rehearsal") == spec.rehearsals
    assert {row.id for row in spec.rehearsed().rows} == set(spec.rehearsed().places)


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_names_its_rows_places(profile: str) -> None:
    spec = read_spec(PROJECT / f"spec/{profile}.yaml")
    assert {row.id for row in spec.rows} == set(spec.places)
    place_of_a_row = r"([a-z]+/)?[a-z-]+\.yaml:\d+"
    assert all(re.fullmatch(place_of_a_row, place) for place in spec.places.values())


def test_reference_deployment_has_at_least_a_hundred_rows() -> None:
    assert len(read_spec(PROJECT / "spec/self-hosted.yaml").rows) >= 100


def test_lab_differs_only_where_it_says_why() -> None:
    full = {row.id: row for row in read_spec(PROJECT / "spec/self-hosted.yaml").rows}
    lab = {row.id: row for row in read_spec(PROJECT / "spec/lab.yaml").rows}
    differing = {row_id for row_id in full if full[row_id] != lab[row_id]}
    assert full.keys() == lab.keys()
    assert differing == {"router-cpu-request", "router-cpu-limit"}
    assert all(lab[row_id].because for row_id in differing)

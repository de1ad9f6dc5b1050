"""Each row has a check, and each check has a row; each kind has one judge."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from clusterproof.judge.difference import judge
from clusterproof.spec import KINDS, AnyRow, read_spec

PROJECT = Path(__file__).parents[2]
PROFILES = ("self-hosted", "cloud", "lab")
_MARKER = re.compile(r"mark\.rows\(([^)]*)\)")


def _checked_kinds() -> list[str]:
    return [
        kind
        for path in sorted((PROJECT / "suites").rglob("test_*.py"))
        for match in _MARKER.finditer(path.read_text(encoding="utf-8"))
        for kind in re.findall(r'"([a-z-]+)"', match[1])
    ]


def test_each_kind_of_row_has_one_check() -> None:
    assert Counter(_checked_kinds()) == Counter(KINDS)


def test_each_kind_of_row_has_a_judge_of_its_own() -> None:
    without = [
        row.__name__ for row in get_args(AnyRow) if judge.dispatch(row) is judge.dispatch(object)
    ]
    assert without == []


def test_each_kind_is_used_by_the_reference_deployment() -> None:
    used = {row.check for row in read_spec(PROJECT / "spec/self-hosted.yaml").rehearsed().rows}
    assert used == set(KINDS)


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

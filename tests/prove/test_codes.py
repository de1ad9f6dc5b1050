"""Codes and defects: each code that is due can be given, and each that can be given is due."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from clusterproof.checks import kinds, read_spec
from clusterproof.spec import Row, Spec
from testbed.prove.catalogue import folder_of, read_catalogue, read_unproven
from testbed.prove.steps import Defect

PROFILES = ("self-hosted", "shop", "cloud")
Catalogue = tuple[Spec, tuple[Defect, ...]]


@pytest.fixture(scope="module")
def catalogues() -> tuple[Catalogue, ...]:
    specs = [read_spec(Path("spec", f"{profile}.yaml")).rehearsed() for profile in PROFILES]
    return tuple((spec, read_catalogue(spec, folder_of(spec.profile))) for spec in specs)


def rows_of(spec: Spec) -> Mapping[str, Row]:
    return {row.id: row for row in spec.rows}


def test_a_code_that_is_due_is_one_that_the_rows_judge_can_give(
    catalogues: tuple[Catalogue, ...],
) -> None:
    strange = [
        (defect.id, row_id, code)
        for spec, defects in catalogues
        for rows in [rows_of(spec)]
        for defect in defects
        for row_id, due in defect.reds.items()
        for code in due.code
        if code not in kinds()[rows[row_id].check].codes
    ]
    assert strange == []


def test_each_code_has_a_defect_or_a_reason_to_have_none(
    catalogues: tuple[Catalogue, ...],
) -> None:
    """Where a defect names several codes, none of them is sure to be met."""
    proven: dict[str, set[str]] = defaultdict(set)
    for spec, defects in catalogues:
        rows = rows_of(spec)
        for defect in defects:
            for row_id, due in defect.reds.items():
                if len(due.code) == 1:
                    proven[rows[row_id].check].update(due.code)
    left = {name: set(kind.codes) - proven[name] for name, kind in kinds().items()}
    assert {name: set(codes) for name, codes in read_unproven().items()} == {
        name: codes for name, codes in left.items() if codes
    }


def test_each_reason_is_a_sentence() -> None:
    reasons = {reason for codes in read_unproven().values() for reason in codes.values()}
    assert [reason for reason in reasons if len(reason) < 30] == []

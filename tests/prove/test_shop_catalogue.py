"""The shop's catalogue: enough of it, over all of the shop's shapes, about objects that exist."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.spec import Spec
from testbed.prove.catalogue import folder_of, read_catalogue
from testbed.prove.run import READS_ONLY, quick
from testbed.prove.steps import Defect

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def spec() -> Spec:
    """The shop as init and a person wrote it."""
    return read_spec(PROJECT / "spec" / "shop.yaml")


@pytest.fixture(scope="module")
def defects(spec: Spec) -> tuple[Defect, ...]:
    """Read as `make prove PROFILE=shop` reads it."""
    return read_catalogue(spec, folder_of("shop"))


def test_catalogue_has_forty_defects_and_ten_equivalents(defects: tuple[Defect, ...]) -> None:
    equivalents = [defect for defect in defects if defect.kind == "equivalent"]
    assert len(equivalents) >= 10
    assert len(defects) - len(equivalents) >= 40


def test_each_kind_of_row_of_the_shop_has_a_defect(spec: Spec, defects: tuple[Defect, ...]) -> None:
    red = {row_id for defect in defects for row_id in defect.reds}
    of_row = {row.id: row.check for row in spec.rows}
    without = {row.check for row in spec.rows} - {of_row[row_id] for row_id in red}
    # Of `http` and `totals`, the reference has the defects; a volume is filled there too.
    assert without <= {"http", "totals", "volume-use"}


def test_no_defect_is_of_a_row_that_any_change_may_touch(defects: tuple[Defect, ...]) -> None:
    assert [defect.id for defect in defects if "*" in defect.touches] == []


def test_group_is_guarded_by_the_rows_that_only_read(spec: Spec) -> None:
    """And looked at by all rows of the kinds that are due."""
    group = read_spec(quick(spec, ["storefront-to-dns"], guarded=True))
    assert {row.check for row in group.rows} <= READS_ONLY | {"egress"}
    assert {row.id for row in spec.of_kind("egress")} <= {row.id for row in group.rows}
    assert len(read_spec(quick(spec)).rows) == len(spec.rows)

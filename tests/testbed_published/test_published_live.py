"""init on a real API server with simulated nodes: green on its own cluster, and nothing silent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.cluster import binaries
from testbed.plane import Plane
from testbed.published.measure import measure
from testbed.published.page import complaints
from testbed.published.plane import plane_of
from testbed.published.sets import ManifestSet, manifest_sets

pytestmark = pytest.mark.oracle

CHOSEN = ("external-dns", "traefik")
SETS = [each for each in manifest_sets() if each.name in CHOSEN]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """With the chosen sets on it."""
    programs = binaries.ensure(print, (*binaries.FAMILIES, binaries.KWOK))
    with plane_of(programs, tmp_path_factory.mktemp("published"), SETS) as running:
        yield running


@pytest.mark.parametrize("of", SETS, ids=lambda each: str(each.title))
def test_set_is_green_covered_and_named(plane: Plane, of: ManifestSet, tmp_path: Path) -> None:
    measured = measure(plane, of, tmp_path)
    assert complaints([measured]) == []
    written = "".join(path.read_text("utf-8") for path in tmp_path.rglob("spec/*.yaml"))
    assert "not-a-real" not in written

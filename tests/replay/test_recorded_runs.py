"""Whole runs that were recorded on a cluster are judged again, offline, and come to the same."""

from pathlib import Path

import pytest

from clusterproof.bundle.replay import replay_bundle

BUNDLES = sorted(Path(__file__).parent.glob("*.tar.gz"))
UNREADABLE = {
    "self-hosted-0.1": {
        # The rules of a policy were another type of value then, and are not read any more.
        "policy-selects",
        "policy-peers",
        "policy-starves",
    }
}
"""Rows of a recording whose fact this version cannot judge, each with its reason."""


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def test_a_recorded_run_comes_to_the_same(bundle: Path) -> None:
    record, rows = replay_bundle(bundle)
    assert len(rows) == len(record.rows) >= 100
    unjudged = {row.recorded.id for row in rows if row.without}
    assert unjudged == UNREADABLE.get(bundle.name.removesuffix(".tar.gz"), set())
    assert [row.recorded.id for row in rows if not row.same] == []

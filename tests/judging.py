"""Calls looks and judges as tests like to: on a cluster alone, and with the differences."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clusterproof.checks import judge, kind_of
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Doubt
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.observed import Observed
from clusterproof.spec import Row, Settings, Spec

RowT = TypeVar("RowT", bound=Row)
FactT = TypeVar("FactT")


class DoubtError(Exception):
    """A judge could say nothing of a row."""


def differences(row: Row, fact: object) -> tuple[Difference, ...]:
    """The differences that a judge found.

    Raises:
        DoubtError: It could say nothing.
    """
    judgement = judge(row, fact)
    if isinstance(judgement, Doubt):
        raise DoubtError(judgement.reason)
    assert {each.code for each in judgement.differences} <= set(kind_of(row).codes)
    return judgement.differences


def doubt(row: Row, fact: object) -> str:
    """Why a judge can say nothing of a row; "" where it can."""
    judgement = judge(row, fact)
    return judgement.reason if isinstance(judgement, Doubt) else ""


def site_of(cluster: Cluster, *rows: Row) -> Site:
    """The site of a run that checks these rows."""
    spec = Spec("test", "test", Path("spec.yaml"), {}, Settings(), rows, {})
    return Site(cluster, spec, "20260101-000000-abcdef", rows)


def at_cluster(
    look: Callable[[RowT, Site], Observed[FactT]],
) -> Callable[[Cluster, RowT], Observed[FactT]]:
    """A look at a cluster, for a test that has no run."""

    def look_at(cluster: Cluster, row: RowT) -> Observed[FactT]:
        return look(row, site_of(cluster, row))

    return look_at

"""The cloud profile's catalogue: the reference's about the rows that both have, and its own."""

from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.spec import Spec
from testbed.prove.catalogue import (
    INHERITED,
    changed_namespaces,
    folder_of,
    read_catalogue,
    read_exceptions,
)
from testbed.prove.steps import Defect

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def spec() -> Spec:
    """The router with PostHog Cloud."""
    return read_spec(PROJECT / "spec" / "cloud.yaml").rehearsed()


@pytest.fixture(scope="module")
def defects(spec: Spec) -> dict[str, Defect]:
    """Read as `make prove PROFILE=cloud` reads it, by id."""
    return {defect.id: defect for defect in read_catalogue(spec, folder_of("cloud"))}


def test_every_row_has_defects_of_two_kinds(spec: Spec, defects: dict[str, Defect]) -> None:
    exceptions = read_exceptions()
    kinds = {
        row.id: {defect.kind for defect in defects.values() if row.id in defect.reds}
        for row in spec.rows
    }
    assert [row for row, of in kinds.items() if len(of) < (1 if row in exceptions else 2)] == []


def test_no_entry_changes_what_the_profile_has_not(defects: dict[str, Defect]) -> None:
    """PostHog's namespace of the self-hosted profile, and the names of its ConfigMap and Secret."""
    targets = {str(step.target) for defect in defects.values() for step in defect.all_steps}
    strange = ("/posthog/", "//posthog", "/model-router-config", "/model-router-secret")
    assert sorted(target for target in targets if target.endswith(strange[1:])) == []
    assert sorted(target for target in targets if strange[0] in target) == []
    assert "ConfigMap/voicehelper-prod/model-router-config-cloud" in targets
    assert "Deployment/posthog-cloud/posthog-worker" in targets


def test_the_entries_are_undone_where_they_are_applied(spec: Spec) -> None:
    names = changed_namespaces(spec, folder_of("cloud"))
    assert dict(names) == {"router": "voicehelper-prod", "posthog": "posthog-cloud"}
    assert changed_namespaces(spec, folder_of("shop")) == spec.namespaces


def test_rows_that_the_profile_has_not_are_due_of_nothing(
    spec: Spec, defects: dict[str, Defect]
) -> None:
    known = {row.id for row in spec.rows}
    assert {row for defect in defects.values() for row in defect.reds} <= known
    assert "egress-posthog" not in defects["netpol-literal"].reds
    assert "egress-posthog-cloud" in defects["netpol-literal"].reds


def test_what_is_left_out_is_left_out_with_a_reason(
    spec: Spec, defects: dict[str, Defect], tmp_path: Path
) -> None:
    """And an entry of the reference that nothing leaves out is there."""
    assert "netpol-no-dns" not in defects
    tmp_path.joinpath(INHERITED).write_text("renames: {}\n", "utf-8")
    assert "netpol-no-dns" in {defect.id for defect in read_catalogue(spec, tmp_path)}


def test_a_wrong_key_is_refused_with_its_file(spec: Spec, tmp_path: Path) -> None:
    tmp_path.joinpath(INHERITED).write_text("leave: {a: b}\n", "utf-8")
    with pytest.raises(SpecError, match=r"inherited\.yaml: leave: Extra inputs"):
        read_catalogue(spec, tmp_path)

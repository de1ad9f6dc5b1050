"""The shop: its spec is what init writes of its manifests, and init says what it leaves."""

from pathlib import Path

import pytest
import yaml

from clusterproof.checks import read_spec
from clusterproof.generate.rows import Rows, aliases_of
from clusterproof.generate.sources import from_manifests
from clusterproof.generate.write import write_spec

PROJECT = Path(__file__).parents[2]
MANIFESTS = PROJECT / "testbed" / "manifests" / "shop"
SPEC = PROJECT / "spec" / "shop"


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Of the shop's manifests."""
    source = from_manifests([MANIFESTS])
    return Rows(source, dict(aliases_of(source.namespaces)))


def test_spec_of_the_shop_is_as_init_writes_it(tmp_path: Path) -> None:
    """docs/SHOP.md says how it is written anew."""
    write_spec(from_manifests([MANIFESTS]), tmp_path / "shop", "shop")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "shop").glob("*.yaml")}
    assert {path.name: path.read_text("utf-8") for path in SPEC.glob("*.yaml")} == written


def test_person_adds_rows_and_takes_none_away() -> None:
    generated = {row.id: row for row in read_spec(SPEC / "spec.yaml").rows}
    whole = {row.id: row for row in read_spec(PROJECT / "spec" / "shop.yaml").rows}
    assert len(generated) > 400
    assert {row_id: whole[row_id] for row_id in generated} == generated
    assert len(whole) - len(generated) > 60


def test_objects_without_a_namespace_are_in_none(rows: Rows) -> None:
    of = {row["of"] for area in rows.areas.values() for row in area if "of" in row}
    assert {"Node//node-4", "PriorityClass//shop-critical"} <= of
    assert from_manifests([MANIFESTS]).namespaces == ("shop", "warehouse")


def test_no_declared_field_is_unread(rows: Rows) -> None:
    """Sources of variables, volumes, ports' names, probes' commands: rows of their own."""
    assert rows.remarks.of_objects == (
        "PriorityClass//shop-batch: description",
        "PriorityClass//shop-critical: description",
    )
    paths = {row["path"] for area in rows.areas.values() for row in area if "path" in row}
    container = "spec.template.spec.containers[name=web]"
    assert {
        "spec.template.spec.volumes[name=scratch].emptyDir",
        "spec.template.spec.volumes[name=everything].projected",
        f"{container}.env[name=NODE_NAME].valueFrom.fieldRef",
        f"{container}.envFrom[secretRef.name=storefront-payments]",
    } <= paths


def test_each_declared_field_has_a_row_or_a_line(rows: Rows) -> None:
    """A field that nobody speaks of is the shape of a silent omission."""
    said = "\n".join(
        (*rows.left_out, *rows.remarks.of_objects, *rows.remarks.by_default)
    ) + yaml.safe_dump(rows.areas, width=10_000)
    for part in (
        "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "hostNetwork",
        "priorityClassName", "scopeSelector", "maxLimitRequestRatio", "endPort", "externalName",
        "publishNotReadyAddresses", "persistentVolumeClaimRetentionPolicy", "ephemeral-storage",
        "containerResource", "averageValue", "tolerance", "schedule", "httpHeaders", "emptyDir",
        "sessionAffinity", "defaultBackend", "preemptionPolicy",
    ):  # fmt: skip
        in_words = {"emptyDir": "name=scratch", "defaultBackend": "everything-else-ingress"}
        assert in_words.get(part, part) in said, part


def test_a_key_that_a_container_gets_twice_is_two_rows(rows: Rows) -> None:
    """`catalogue.host`: with all others by envFrom, and once more under a name of its own."""
    renamed = [
        row.get("as", {})
        for row in rows.areas["configuration"]
        if row["id"].startswith("storefront-web-gets-storefront-defaults")
    ]
    assert renamed == [{}, {"catalogue.host": "CATALOGUE_HOST"}]


def test_a_key_that_a_later_source_overrides_is_of_that_source(rows: Rows) -> None:
    keys = {
        row["of"].rpartition("/")[2]: row["keys"]
        for row in rows.areas["configuration"]
        if row["id"].startswith("storefront-web-gets-storefront-") and "as" not in row
    }
    assert "CURRENCY" in keys["storefront-overrides"]
    assert "CURRENCY" not in keys["storefront-defaults"]

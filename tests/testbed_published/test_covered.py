"""What of a written object the rows of a spec read, counted apart from init's own account."""

from typing import Any

import pytest

from testbed.published.covered import coverage
from testbed.published.sets import ManifestSet, manifest_sets

Json = dict[str, Any]
REF = "Deployment/shop/web"


def web(**spec: Any) -> ManifestSet:  # noqa: ANN401 - raw
    metadata = {"name": "web", "namespace": "shop", "labels": {"a": "b"}}
    written = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    return ManifestSet("shop-1", (written,))


def field(path: str, **expect: Any) -> Json:  # noqa: ANN401 - raw
    return {"check": "field", "of": REF, "path": path, "expect": expect}


def test_metadata_and_what_is_null_are_no_fields() -> None:
    assert {place for _, place in coverage(web(paused=None, replicas=2), [], []).fields} == {
        ("spec", "replicas")
    }


def test_row_of_equals_reads_all_below_and_one_of_contains_what_it_names() -> None:
    shop = web(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})
    whole = coverage(shop, [field("spec.strategy", equals={})], [])
    part = coverage(shop, [field("spec.strategy", contains={"type": "Recreate"})], [])
    assert (whole.share, part.share) == (1.0, 0.5)


def test_filter_of_a_path_reads_the_name_that_it_finds() -> None:
    containers = [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}]
    shop = web(template={"spec": {"containers": containers}})
    row = field("spec.template.spec.containers[name=web].image", equals="web:1")
    assert {place[-2:] for _, place in coverage(shop, [row], []).read} == {
        (0, "name"),
        (0, "image"),
    }


def test_probe_row_reads_no_command() -> None:
    probe = {"exec": {"command": ["true"]}}
    container = {"name": "web", "readinessProbe": probe}
    shop = web(template={"spec": {"containers": [container]}})
    row = {"check": "probe", "workload": REF, "container": "web", "probe": "readinessProbe"}
    assert coverage(shop, [{**row, "handler": "exec"}], []).read == frozenset()


def test_object_without_row_and_line_is_silent() -> None:
    assert coverage(web(replicas=2), [], []).silent == (REF,)
    assert coverage(web(replicas=2), [], [f"{REF}: spec.replicas"]).silent == ()


@pytest.mark.parametrize("line", [f"{REF}: spec.replicas", f"{REF}: it is deleted"])
def test_field_that_a_line_names_is_named(line: str) -> None:
    assert coverage(web(replicas=2), [], [line]).unnamed == frozenset()
    assert len(coverage(web(replicas=2), [], [f"{REF}: spec.paused"]).unnamed) == 1


def test_twenty_sets_are_named_with_their_versions() -> None:
    sets = list(manifest_sets())
    assert len({each.name for each in sets}) == 20
    assert [each.title for each in sets if not any(map(str.isdigit, each.title))] == []

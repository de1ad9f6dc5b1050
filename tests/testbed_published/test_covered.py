"""What of a written object the rows of a spec read, counted apart from init's own account."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.generate.sources import from_manifests
from clusterproof.generate.write import write_spec
from testbed.published.covered import coverage
from testbed.published.measure import aliases_in, named_in, rows_in, without_aliases
from testbed.published.sets import ManifestSet, manifest_sets

Json = dict[str, Any]
REF = "Deployment/shop/web"
SOME = [
    "airflow-1.15.0",
    "argo-cd-7.7.5",
    "jenkins-5.7.12",
    "keda-2.16.0",
    "redis-20.3.0",
    "traefik-33.0.0",
]
"""The others are measured on a control plane alone."""


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


def test_paths_that_are_folded_are_all_named() -> None:
    template = {"spec": {"dnsPolicy": "Default", "hostPID": True, "volumes": [{"name": "a"}]}}
    line = "spec.template.spec.{dnsPolicy, hostPID}, spec.template.spec.volumes[*].name"
    assert coverage(web(template=template), [], [f"{REF}: {line}"]).unnamed == frozenset()
    (left,) = coverage(
        web(template=template), [], [f"{REF}: {line.partition(', spec')[0]}"]
    ).unnamed
    assert left[1][-1] == "name"


@pytest.mark.parametrize("name", ["Deployment", "Deployment (7 of them)"])
def test_line_of_a_kind_names_a_field_of_all_its_objects(name: str) -> None:
    assert coverage(web(replicas=2), [], [f"{name}: spec.replicas"]).unnamed == frozenset()
    assert len(coverage(web(replicas=2), [], ["DaemonSet: spec.replicas"]).unnamed) == 1


def test_empty_value_that_the_api_server_dropped_is_no_field() -> None:
    shop = web(template={"spec": {"hostPID": False, "dnsPolicy": "Default", "volumes": []}})
    held: Json = {"spec": {"template": {"spec": {"volumes": []}}}}
    assert {place[-1] for _, place in coverage(shop, [], [], {REF: held}).fields} == {
        "dnsPolicy",
        "volumes",
    }


def test_row_about_the_default_in_an_empty_value_reads_it() -> None:
    shop = web(strategy={"rollingUpdate": {}})
    rows = [field("spec.strategy", contains={"rollingUpdate": {"maxSurge": 1}})]
    assert coverage(shop, rows, []).share == 1.0
    assert coverage(web(strategy={"rollingUpdate": {"a": 1}}), rows, []).share == 0.0


def test_sentence_names_no_field() -> None:
    line = f"{REF}: who is behind it, as spec.replicas selects nobody"
    assert len(coverage(web(replicas=2), [], [line]).unnamed) == 1


@pytest.fixture(scope="module")
def published() -> dict[str, ManifestSet]:
    """Title to the set."""
    return {each.title: each for each in manifest_sets()}


@pytest.mark.parametrize("title", SOME)
def test_init_reads_or_names_each_field_of_a_published_chart(
    title: str, published: dict[str, ManifestSet], tmp_path: Path
) -> None:
    of, path = published[title], tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all(of.objects), "utf-8")
    _, lines = write_spec(from_manifests([path]), tmp_path / "own", "own")
    aliases = aliases_in(tmp_path / "own")
    named = [without_aliases(line, aliases) for line in named_in(lines)]
    cover = coverage(of, rows_in(tmp_path / "own"), named)
    assert (cover.unnamed, cover.silent) == (frozenset(), ())
    assert cover.share > 0.8


def test_twenty_sets_are_named_with_their_versions() -> None:
    sets = list(manifest_sets())
    assert len({each.name for each in sets}) == 20
    assert [each.title for each in sets if not any(map(str.isdigit, each.title))] == []

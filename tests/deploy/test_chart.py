"""The Helm chart: the objects of deploy/nightly, by helm's own renderer."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.chart import CHART, Helm
from testbed.cluster import binaries
from testbed.cluster.errors import TestbedError

pytestmark = pytest.mark.oracle

NIGHTLY = CHART.parent / "nightly"
Json = dict[str, Any]
WHOLE = {
    "profile": "self-hosted",
    "readOnly": False,
    "rights": {"secretShape": True, "volumeUse": True, "active": True},
}
OVERLAYS = {"read-only": {}, "full": WHOLE}


@pytest.fixture(scope="module")
def helm() -> Helm:
    return Helm()


def kustomized(overlay: str) -> list[Json]:
    binaries.ensure(print, tuple(one for one in binaries.FAMILIES if one.name == "kubernetes"))
    folder = str(NIGHTLY / "overlays" / overlay)
    text = subprocess.run(  # noqa: S603 - built by us
        [binaries.program("kubectl"), "kustomize", folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return [item for item in yaml.safe_load_all(text) if item]


def by_name(items: list[Json]) -> dict[tuple[str, str, str], Json]:
    return {
        (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]): item
        for item in items
        if item["kind"] != "Namespace"  # helm's own: --create-namespace
    }


def without_marks(item: Json) -> Json:
    """The object without labels and annotations of its own; those of its Pods stay."""
    metadata = {key: text for key, text in item["metadata"].items() if key in {"name", "namespace"}}
    return {**item, "metadata": metadata}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chart_makes_the_objects_of_the_overlay(helm: Helm, overlay: str) -> None:
    theirs, ours = by_name(kustomized(overlay)), by_name(helm.render(OVERLAYS[overlay]))
    assert set(ours) == set(theirs)
    for name, item in theirs.items():
        assert without_marks(ours[name]) == without_marks(item), name
        labels = item["metadata"].get("labels") or {}
        assert labels.items() <= (ours[name]["metadata"].get("labels") or {}).items(), name


def test_another_release_shares_no_name_and_no_label(helm: Helm) -> None:
    first = by_name(helm.render(namespace="a"))
    second = by_name(helm.render({"fullnameOverride": "other"}, namespace="a"))
    assert first.keys() & second.keys() == set()
    for name, item in second.items():
        assert item["metadata"]["labels"]["app.kubernetes.io/name"] == "other", name
    bound = [item for item in second.values() if item["kind"].endswith("Binding")]
    assert {item["subjects"][0]["name"] for item in bound} == {"other"}
    assert {item["subjects"][0]["namespace"] for item in bound} == {"a"}
    assert all(("ClusterRole", "", item["roleRef"]["name"]) in second
               or ("Role", item["metadata"].get("namespace", ""), item["roleRef"]["name"]) in second
               for item in bound)  # fmt: skip


def pods_of(items: list[Json]) -> Iterator[Json]:
    for item in items:
        if item["kind"] == "CronJob":
            yield item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        elif item["kind"] == "Deployment":
            yield item["spec"]["template"]["spec"]


def test_a_spec_of_your_own_comes_from_a_config_map(helm: Helm) -> None:
    files = {"spec.yaml": "name: mine\n", "rows.yaml": "area: health\nrows: []\n"}
    items = helm.render({"spec": {"files": files}, "history": {"enabled": False}})
    (config_map,) = [item for item in items if item["kind"] == "ConfigMap"]
    assert config_map["data"] == files
    (pod,) = pods_of(items)
    assert "--spec=/spec/spec.yaml" in pod["containers"][0]["args"]
    assert not [word for word in pod["containers"][0]["args"] if word.startswith("--profile")]
    volume = next(each for each in pod["volumes"] if each["name"] == "spec")
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    assert "affinity" not in pod, "without a history nothing else mounts the volume"


def test_more_clusters_are_cron_jobs_of_their_own(helm: Helm) -> None:
    cluster = {"name": "staging", "secret": "staging-config", "schedule": "17 3 * * *"}
    items = helm.render({"clusters": [cluster, {**cluster, "name": "two", "context": "blue"}]})
    jobs = {item["metadata"]["name"]: item for item in items if item["kind"] == "CronJob"}
    assert set(jobs) == {"clusterproof", "clusterproof-staging", "clusterproof-two"}
    pod = jobs["clusterproof-two"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    words = pod["containers"][0]["args"]
    assert {"--kubeconfig=/kubeconfig/kubeconfig", "--context=blue"} <= set(words)
    assert pod["automountServiceAccountToken"] is False, "it is no account of that cluster"
    secret = next(each for each in pod["volumes"] if each["name"] == "kubeconfig")["secret"]
    assert secret["secretName"] == "staging-config"


def test_the_operator_gets_a_monitor_and_the_rules(helm: Helm) -> None:
    items = helm.render(
        {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True},
        }
    )
    by_kind = {item["kind"]: item for item in items}
    assert by_kind["ServiceMonitor"]["metadata"]["labels"]["release"] == "prometheus"
    service = by_kind["Service"]
    labels = by_kind["ServiceMonitor"]["spec"]["selector"]["matchLabels"]
    assert labels.items() <= service["metadata"]["labels"].items()
    assert (
        by_kind["ServiceMonitor"]["spec"]["endpoints"][0]["port"]
        == (service["spec"]["ports"][0]["name"])
    )
    rule = yaml.safe_load((NIGHTLY / "prometheus-rule.yaml").read_text(encoding="utf-8"))
    assert by_kind["PrometheusRule"]["spec"] == rule["spec"]
    pod = by_kind["Deployment"]["spec"]["template"]["metadata"]
    assert "annotations" not in pod, "scraped once, not twice"


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"schedule": "every night"}, "/schedule"),
        ({"withinSeconds": "900"}, "/withinSeconds"),
        ({"profile": "mine"}, "/profile"),
        ({"image": {"repository": "a", "digest": "sha256:12"}}, "/image/digest"),
        ({"rights": {"all": True}}, "/rights"),
        ({"clusters": [{"name": "a"}]}, "/clusters/0"),
        ({"imagee": {}}, "imagee"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_by_name(
    helm: Helm, values: Json, place: str
) -> None:
    with pytest.raises(TestbedError, match=place):
        helm.render(values)


def test_an_image_by_digest_goes_before_its_tag(helm: Helm) -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"repository": "registry.example/clusterproof", "tag": "1", "digest": digest}
    images = {pod["containers"][0]["image"] for pod in pods_of(helm.render({"image": image}))}
    assert images == {f"registry.example/clusterproof@{digest}"}


def test_the_package_holds_what_the_checkout_links_to(helm: Helm, tmp_path: Path) -> None:
    archive = helm.package(tmp_path)
    text = helm.run("template", "clusterproof", str(archive), "-n", "clusterproof")
    packed = by_name([item for item in yaml.safe_load_all(text) if item])
    assert packed == by_name(helm.render())

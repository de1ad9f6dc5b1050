"""Where objects are read from: files and folders of manifests, or a cluster's namespaces."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.errors import SpecError
from clusterproof.generate.sources import Source, from_cluster, from_manifests, namespace_of
from clusterproof.generate.write import write_spec
from tests.observe.cluster_objects import cluster_of, service

Json = dict[str, Any]


def workload(name: str, namespace: str | None = None, kind: str = "Deployment") -> Json:
    """A workload, with or without a namespace."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    container = {"name": "main", "image": "web:1"}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {"kind": kind, "metadata": metadata, "spec": {"template": template}}


def saved(path: Path, *objects: object) -> Path:
    """The objects as documents of one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(objects, allow_unicode=True), "utf-8")
    return path


def names(source: Source) -> list[tuple[str, str, str]]:
    """Kind, namespace and name of each object, as they were found."""
    return [(kind, namespace_of(one), one["metadata"]["name"]) for kind, one in source.objects]


def test_every_file_of_a_folder_is_read(tmp_path: Path) -> None:
    """YAML and JSON, at any depth; kustomizations are no manifests."""
    saved(tmp_path / "c.yml", workload("c", "shop"))
    saved(tmp_path / "deep" / "a.yaml", workload("a", "shop"), None, {"kind": "Secret"}, [1])
    saved(tmp_path / "b.json", {"kind": "List", "items": [workload("b", "shop"), {"kind": "x"}]})
    saved(tmp_path / "kustomization.yaml", workload("k", "shop"))
    saved(tmp_path / "notes.txt", workload("n", "shop"))
    source = from_manifests([tmp_path])
    assert names(source) == [
        ("Deployment", "shop", "b"),
        ("Deployment", "shop", "c"),
        ("Deployment", "shop", "a"),
    ]
    assert source.words == "declared in a.yaml, b.json, c.yml"


def test_other_kinds_and_other_namespaces_are_passed_over(tmp_path: Path) -> None:
    """A single namespace is also the place of what names none."""
    secret = {"kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}
    path = saved(
        tmp_path / "a.yaml", secret, workload("x", "far"), workload("w"), workload("z", "shop")
    )
    assert [one[1:] for one in names(from_manifests([path]))] == [
        ("far", "x"),
        ("default", "w"),
        ("shop", "z"),
    ]
    assert [one[1:] for one in names(from_manifests([path], ["shop"]))] == [
        ("shop", "w"),
        ("shop", "z"),
    ]
    assert [one[1:] for one in names(from_manifests([path], ["shop", "far"]))] == [
        ("far", "x"),
        ("shop", "z"),
    ]


@pytest.mark.parametrize(
    ("annotation", "hook"),
    [("helm.sh/hook", "pre-install,pre-upgrade"), ("argocd.argoproj.io/hook", "PreSync")],
)
def test_what_is_made_around_a_release_and_removed_again_is_passed_over(
    annotation: str, hook: str, tmp_path: Path
) -> None:
    """As `helm template` writes it beside the release."""
    migrate = workload("migrate", "shop", "Job")
    migrate["metadata"]["annotations"] = {annotation: hook}
    odd = workload("odd", "shop") | {"metadata": {"name": "odd", "annotations": [1]}}
    path = saved(tmp_path / "all.yaml", workload("web", "shop"), migrate, odd)
    source = from_manifests([path], ["shop"])
    assert [name for _, _, name in names(source)] == ["web", "odd"]
    said = f"Job/shop/migrate: it is there at a moment only ({annotation}: {hook})"
    assert source.passed_over == (said,)


@pytest.mark.parametrize(
    ("more", "stays"),
    [
        ({}, True),
        ({"helm.sh/hook-delete-policy": "before-hook-creation"}, True),
        ({"helm.sh/hook-delete-policy": "hook-succeeded,hook-failed"}, False),
    ],
)
def test_a_hook_that_is_not_deleted_is_part_of_what_is_there(
    more: dict[str, str], *, stays: bool, tmp_path: Path
) -> None:
    """As a ConfigMap that has to be there before the Pods."""
    settings = workload("settings", "shop", "ConfigMap")
    settings["metadata"]["annotations"] = {"helm.sh/hook": "pre-install,pre-upgrade", **more}
    source = from_manifests([saved(tmp_path / "all.yaml", workload("web", "shop"), settings)])
    assert ("settings" in [name for _, _, name in names(source)]) is stays


def test_objects_of_a_kind_are_in_the_order_of_their_names() -> None:
    """By namespace first."""
    objects = [workload("b", "x"), workload("a", "x", "StatefulSet"), workload("c", "a")]
    source = Source("w", tuple((one["kind"], one) for one in objects))
    found = [one["metadata"]["name"] for _, one in source.of("Deployment", "StatefulSet")]
    assert found == ["c", "a", "b"]
    assert [kind for kind, _ in source.of("StatefulSet")] == ["StatefulSet"]
    assert source.namespaces == ("a", "x")


def test_an_object_of_no_namespace_is_in_the_default_one() -> None:
    """As kubectl puts it there."""
    assert (
        namespace_of({"metadata": {}})
        == namespace_of({"metadata": {"namespace": ""}})
        == ("default")
    )


def test_what_kubernetes_itself_makes_in_a_namespace_is_left_out() -> None:
    """And where it was read is said by the context."""
    ours = {"kind": "ConfigMap", "metadata": {"name": "own", "namespace": "shop"}, "data": {}}
    theirs = {**ours, "metadata": {"name": "kube-root-ca.crt", "namespace": "shop"}}
    api = service("kubernetes", "shop", 443, 443, {})
    with cluster_of(theirs, ours, api, workload("web", "shop"), workload("far", "b")) as cluster:
        source = from_cluster(cluster, ["shop"])
        context = cluster.api.connection.context
        with pytest.raises(SpecError) as caught:
            from_cluster(cluster, ["a", "c"])
    assert names(source) == [("ConfigMap", "shop", "own"), ("Deployment", "shop", "web")]
    assert source.words == f"read from context {context}"
    assert str(caught.value) == (
        "init: expected a Deployment, StatefulSet or DaemonSet in namespaces a, c, observed none"
    )


def test_a_stateful_set_is_a_workload_too(tmp_path: Path) -> None:
    """Without either there is nothing to verify."""
    path = saved(tmp_path / "a.yaml", workload("db", "shop", "StatefulSet"))
    assert names(from_manifests([path])) == [("StatefulSet", "shop", "db")]
    saved(path, {"kind": "ConfigMap", "metadata": {"name": "c"}})
    with pytest.raises(SpecError) as caught:
        from_manifests([path])
    assert str(caught.value) == (
        "init: expected a Deployment, StatefulSet or DaemonSet in the 1 files, observed none"
    )


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The path that is not there, or the file that is no YAML."""
    with pytest.raises(SpecError) as caught:
        from_manifests([tmp_path / "none"])
    assert str(caught.value) == (
        f"--manifests: expected a file or a folder, there is no {tmp_path}/none"
    )
    (tmp_path / "a.yaml").write_text("a:   [\n" + "x" * 300, "utf-8")
    with pytest.raises(SpecError) as caught:
        from_manifests([tmp_path / "a.yaml"])
    begin = f"{tmp_path}/a.yaml: expected manifests in YAML, observed "
    said = str(caught.value)
    assert said.startswith(f"{begin}while parsing a flow sequence expected ',' or ']'")
    assert "line 2" in said
    assert "xxx" not in said


def test_words_of_many_files_are_cut(tmp_path: Path) -> None:
    """A source is one line of a row."""
    for number in range(40):
        saved(tmp_path / f"{number:02d}.yaml", workload(f"w{number}", "shop"))
    words = from_manifests([tmp_path]).words
    assert words == "declared in 00.yaml, 01.yaml, 02.yaml and 37 files more"


def test_a_spec_is_a_file_for_each_area_and_one_that_names_them(tmp_path: Path) -> None:
    """Each says where it is from, and what is not in it is brought back."""
    text: Json = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "1st"}}
    text |= {"data": {"MOTTO": "für alle", "FILE": "x" * 201}}
    objects = (workload("web", "1st"), text)
    source = Source("declared in ü.yaml", tuple((one["kind"], one) for one in objects))
    folder = tmp_path / "deep" / "own"
    spec, lines = write_spec(source, folder, "own")
    assert lines == ("no row for ConfigMap/${ns-1st}/c: FILE, of 201 characters",)
    assert sorted(path.name for path in folder.iterdir()) == [
        "configuration.yaml",
        "spec.yaml",
        "workloads.yaml",
    ]
    head = (
        "# Written by `clusterproof init`: what was declared in ü.yaml, as rows that must stay so."
        "\n"
        "# Yours from here on: reword the claims, name your own sources, take out what may change"
        " freely.\n"
    )
    assert (folder / "spec.yaml").read_text("utf-8") == head + (
        "name: own\nprofile: own\nnamespaces:\n  ns-1st: 1st\n"
        "include:\n- workloads.yaml\n- configuration.yaml\n"
        "# no row for ConfigMap/${ns-1st}/c: FILE, of 201 characters\n"
    )
    written = (folder / "configuration.yaml").read_text("utf-8")
    assert written.startswith(f"{head}area: configuration\nrows:\n- id: c-motto\n")
    assert "für alle" in written
    assert (spec.name, spec.namespaces) == ("own", {"ns-1st": "1st"})
    assert [row.area for row in spec.rows][-1] == "configuration"
    assert write_spec(source, tmp_path, "beside")[0].name == "beside"
    with pytest.raises(SpecError) as caught:
        write_spec(source, folder, "own")
    assert str(caught.value) == (
        f"{folder}/spec.yaml: expected no spec yet, there is one; take another"
    )

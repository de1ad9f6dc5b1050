"""`clusterproof init`: the rows of the reference manifests, and of odd ones."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusterproof.checks.field import FieldRow
from clusterproof.checks.field import look as look_at_field
from clusterproof.checks.probe import ProbeRow
from clusterproof.checks.probe import look as look_at_probe
from clusterproof.checks.quantity import QuantityRow
from clusterproof.checks.quantity import look as look_at_quantity
from clusterproof.cli import main
from clusterproof.errors import SpecError
from clusterproof.generate.rows import Rows
from clusterproof.generate.sources import Source, from_cluster, from_manifests
from clusterproof.generate.write import _text, write_spec
from clusterproof.spec.document import read_document
from tests.judging import at_cluster, differences
from tests.observe.cluster_objects import cluster_of

if TYPE_CHECKING:
    from clusterproof.judgement import Difference

read_field = at_cluster(look_at_field)
read_bound = at_cluster(look_at_quantity)
read_probe = at_cluster(look_at_probe)

MANIFESTS = Path(__file__).parents[2] / "testbed" / "manifests" / "base"
Json = dict[str, Any]


def deployment(name: str = "web", image: str = "web:1", **spec: Any) -> Json:  # noqa: ANN401 - raw
    container = {"name": name, "image": image, "ports": [{"name": "http", "containerPort": 80}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "here"},
        "spec": {"replicas": 2, "template": template, **spec},
    }


def rows_of(*objects: Json) -> Rows:
    source = Source("tests", tuple((one["kind"], one) for one in objects))
    return Rows(source, {"here": "here"})


def test_the_reference_manifests_give_a_spec_that_is_as_they_declare(tmp_path: Path) -> None:
    spec, _ = write_spec(from_manifests([MANIFESTS], ["here"]), tmp_path / "own", "own")
    kinds = {row.check for row in spec.rows}
    assert kinds >= {"replicas", "images", "starts", "quantity", "probe", "service", "ingress"}
    assert kinds >= {"hpa-state", "field", "consumed", "secret-shape"}
    objects = [item for _, item in from_manifests([MANIFESTS], ["here"]).objects]
    wrong: list[Difference] = []
    with cluster_of(*objects) as cluster:
        for row in spec.rows:
            if isinstance(row, FieldRow) and not row.path.startswith("status."):
                wrong += differences(row, read_field(cluster, row).value)
            elif isinstance(row, QuantityRow):
                template = replace(read_bound(cluster, row).value, pods_wanted=0)  # no Pods here
                wrong += differences(row, template)
            elif isinstance(row, ProbeRow):
                wrong += differences(row, read_probe(cluster, row).value)
    assert wrong == []


def test_a_cluster_and_its_manifests_give_the_same_rows() -> None:
    with cluster_of(deployment()) as cluster:
        read = from_cluster(cluster, ["here"])
    assert Rows(read, {"here": "here"}).areas["workloads"][0]["id"] == "web-replicas"
    assert "Secret" not in {kind for kind, _ in read.objects}


def test_replicas_under_an_autoscaler_are_its_bounds() -> None:
    scaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "here"},
        "spec": {
            "minReplicas": 3,
            "maxReplicas": 9,
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        },
    }
    row = rows_of(deployment(), scaler).areas["workloads"][0]
    assert row["replicas"] == {"min": 3, "max": 9}


def test_an_image_that_is_not_pinned_is_left_out_and_said() -> None:
    rows = rows_of(deployment(image="web:latest"))
    assert "images" not in {row["check"] for row in rows.areas["workloads"]}
    assert "not pinned" in rows.left_out[0]


def test_a_secret_in_a_config_map_is_written_nowhere() -> None:
    value = "sk-" + "a1B2" * 12
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "web", "namespace": "here"},
        "data": {"OPENAI": value, "MODE": "fast", "DB_PASSWORD": "hunter2hunter2"},
    }
    rows = rows_of(deployment(), config)
    assert [row["path"] for row in rows.areas["configuration"]] == ["data['MODE']"]
    assert value not in str(rows.areas)
    assert "hunter2" not in str(rows.areas) + str(rows.left_out)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DB_PASS", "hunter2hunter2"),
        ("REDIS_AUTH", "hunter2hunter2"),
        ("PGPASS", "missing-Link-77-abc"),
        ("STRIPE", "sk_live_" + "a1B2" * 6),
        ("SENTRY_DSN", f"https://{'ab12' * 8}@o1.ingest.sentry.io/2"),
        ("DATABASE", "postgres://app:hunt@er2hunter2@db/x"),
        ("ANY", "Zk3vQ8xLr2TnW7yB5cHd9F"),
        ("GITLAB", "glpat-" + "a1B2" * 5),
        ("HOOK", "https://hooks.slack.com/services/T0A1B2/B0C1/" + "a1B2" * 6),
    ],
)
def test_each_sort_of_secret_is_left_out_and_said(key: str, value: str) -> None:
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "web", "namespace": "here"},
        "data": {key: value, "MODE": "fast"},
    }
    rows = rows_of(deployment(), config)
    assert [row["path"] for row in rows.areas["configuration"]] == ["data['MODE']"]
    assert rows.left_out == [
        f"ConfigMap/${{here}}/web: {key}, which looks like a secret in a ConfigMap"
    ]
    assert value not in str(rows.areas)


def test_a_secret_in_a_probe_is_left_out_and_said() -> None:
    web = deployment()
    container = web["spec"]["template"]["spec"]["containers"][0]
    container["livenessProbe"] = {"httpGet": {"path": "/live?token=hunter2hunter2", "port": 80}}
    rows = rows_of(web)
    assert "hunter2" not in str(rows.areas) + str(rows.left_out)
    assert any("looks like a secret" in line for line in rows.left_out)


def test_a_port_by_its_name_is_its_number() -> None:
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "here"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": "http"}]},
    }
    row = rows_of(deployment(), service).areas["networking"][0]
    assert (row["port"], row["target_port"]) == (8080, 80)


def test_a_service_of_nobody_is_left_out_and_said() -> None:
    service = {
        "kind": "Service",
        "metadata": {"name": "other", "namespace": "here"},
        "spec": {"selector": {"app": "other"}, "ports": [{"port": 80}]},
    }
    assert "selects no workload" in rows_of(deployment(), service).left_out[0]


def test_ids_are_unique_though_names_are_alike() -> None:
    one, two = deployment(), deployment()
    two["kind"] = "StatefulSet"
    rows = rows_of(one, two)
    ids = [row["id"] for area in rows.areas.values() for row in area]
    assert len(ids) == len(set(ids))


def test_nothing_of_yours_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text("mine")
    source = Source("tests", (("Deployment", deployment()),))
    with pytest.raises(SpecError, match="expected no spec yet"):
        write_spec(source, tmp_path, "own")


def test_the_command_writes_a_spec_that_can_be_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(yaml.safe_dump(deployment()))
    assert main(["init", str(tmp_path / "own"), "--manifests", str(path)]) == 0
    assert "next: clusterproof verify --spec" in capsys.readouterr().out
    assert main(["check-spec", str(tmp_path / "own" / "spec.yaml")]) == 0


def test_neither_a_namespace_nor_manifests_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path)]) == 4
    assert "--manifests PATH" in capsys.readouterr().err


def test_manifests_without_a_workload_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: Service\nmetadata: {name: a}\nspec: {}\n")
    with pytest.raises(SpecError, match="expected a Deployment, StatefulSet or DaemonSet"):
        from_manifests([tmp_path])
    (tmp_path / "b.yaml").write_text("a: [")
    with pytest.raises(SpecError, match="expected manifests in YAML"):
        from_manifests([tmp_path / "b.yaml"])


def test_a_file_of_a_folder_that_is_no_manifest_is_passed_over_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(deployment()), encoding="utf-8")
    (tmp_path / "chart.yaml").write_text("image: {{ .Values.image }}\na: [", encoding="utf-8")
    (tmp_path / "stack.yaml").write_text("Ref: !Ref a\n", encoding="utf-8")
    (tmp_path / "mkdocs.yaml").write_text("metadata: text\nkind: x\n", encoding="utf-8")
    source = from_manifests([tmp_path])
    assert [kind for kind, _ in source.objects] == ["Deployment"]
    assert len(source.passed_over) == 2
    assert set(source.passed_over) <= set(Rows(source, {"here": "here"}).left_out)


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "Deployment", "spec": {"replicas": 3}},
        {"kind": "Deployment"},
        {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": "a"}]}}}},
        {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"image": "a"}]}}}},
        {"kind": "Deployment", "spec": []},
        {"kind": "Service", "spec": {"ports": [{"name": "a"}], "selector": {"app": "web"}}},
        {"kind": "Service"},
        {"kind": "ConfigMap", "data": {"A": 5}},
        {"kind": "HorizontalPodAutoscaler"},
        {"kind": "HorizontalPodAutoscaler", "spec": {"scaleTargetRef": {"name": "web"}}},
        {"kind": "Ingress", "spec": {"rules": [{"host": "a", "http": {"paths": [{}]}}]}},
        {"kind": "ExternalName"},
        {"kind": "CronJob", "spec": {}},
    ],
)
def test_an_object_that_is_not_whole_is_said_and_no_traceback(odd: Json) -> None:
    whole = {"metadata": {"name": "odd", "namespace": "here"}, **odd}
    rows = rows_of(deployment(), whole)
    assert [one for one in rows.left_out if f"{odd['kind']}/${{here}}/odd" in one]


PLAIN = ["y", "on", "1.5e3", "08", "-.5", "0o17", "0.1e5", "+.5", "5.e3", "0_8", "+.nan", "12:30"]
PLAIN += ["=", "<<", "~", "", "1e3", "017", "0x_", "2026-11-28", "null", "- a", "a: b", "# a"]
TEXTS = st.sampled_from(PLAIN) | st.text("+-.0123456789eExXoO_:=yYnN~<# ", max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS))
def test_each_text_is_read_as_it_was_written(tmp_path: Path, texts: list[str]) -> None:
    content = {"rows": texts, "keys": {text: {"value": text} for text in texts}}
    path = tmp_path / "rows.yaml"
    path.write_text(_text(Source("tests", ()), content), encoding="utf-8")
    assert read_document(path).data == content


def test_a_text_with_dollars_is_itself_again(tmp_path: Path) -> None:
    texts = {"FORMAT": "${time} $${here} ${here}", "EMPTY": None, "JVM": "-D${x:-1}"}
    held = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "here"}, "data": texts}
    source = Source("tests", (("Deployment", deployment()), ("ConfigMap", held)))
    spec, left_out = write_spec(source, tmp_path / "own", "own")
    expected = {
        row.path: row.expect.equals
        for row in spec.rows
        if isinstance(row, FieldRow) and row.of.kind == "ConfigMap"
    }
    assert expected == {f"data['{key}']": text or "" for key, text in texts.items()}
    assert not left_out

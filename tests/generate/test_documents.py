"""What of a file of manifests is read: as kubectl reads it, and of the rest one sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.cli import main
from clusterproof.errors import SpecError
from clusterproof.generate.documents import objects_in
from clusterproof.generate.sources import from_manifests
from tests.generate.test_init import deployment, rows_of

Json = dict[str, Any]
HELD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"
WEAK = "tulip-garden"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def names(path: Path) -> list[str]:
    return [item["metadata"]["name"] for item in objects_in(path)[0]]


def test_empty_documents_are_none(tmp_path: Path) -> None:
    assert names(written(tmp_path, f"---\n---\n# none\n---\n...\n---\n{HELD}---\n")) == ["c"]


def test_lists_are_read_in_lists_and_what_else_is_in_them_is_not(tmp_path: Path) -> None:
    inner = {"kind": "List", "items": [yaml.safe_load(HELD), None, 5]}
    outer = {"kind": "List", "items": [inner, {"kind": ["List"]}, "text"]}
    own = {**yaml.safe_load(HELD), "kind": "Playlist", "items": [1]}
    assert names(written(tmp_path, yaml.safe_dump_all([outer, own]))) == ["c", "c"]


@pytest.mark.parametrize(
    "text",
    [
        HELD.replace("\n", "\r\n"),
        b"\xef\xbb\xbf" + HELD.encode(),
        HELD.encode("utf-16"),
        f"a: &a {{name: c}}\n---\n{HELD}",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: &m {name: c}\ndata: {<<: *m}\n",
    ],
    ids=["crlf", "mark", "utf-16", "anchor", "merge"],
)
def test_file_as_other_tools_write_it_is_read(tmp_path: Path, text: str | bytes) -> None:
    assert names(written(tmp_path, text)) == ["c"]


def test_keys_dates_and_times_are_texts(tmp_path: Path) -> None:
    path = written(
        tmp_path, HELD + "data: {1: a, 2026-11-27: b, c: 2026-11-27, d: 12:30, e: 5, f: 1e3}\n"
    )
    ((held,), _) = objects_in(path)
    texts = {"1": "a", "2026-11-27": "b", "c": "2026-11-27", "d": "12:30"}
    assert held["data"] == texts | {"e": 5, "f": "1e3"}


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("{generateName: c-}", "without a name"),
        ("{name: ''}", "without a name"),
        ("{name: a/b}", "whose name or namespace Kubernetes does not accept"),
        ('{name: "a\\nb"}', "whose name or namespace Kubernetes does not accept"),
        ("{name: $(NAME)}", "whose name or namespace Kubernetes does not accept"),
        ("{name: a, namespace: [b]}", "whose name or namespace Kubernetes does not accept"),
    ],
)
def test_object_that_no_row_could_name_is_a_sentence(
    tmp_path: Path, metadata: str, why: str
) -> None:
    path = written(tmp_path, HELD.replace("{name: c}", metadata))
    assert objects_in(path) == ([], [f"{path}: a ConfigMap {why}"])


@pytest.mark.parametrize(
    "text",
    ["kind: x\nmetadata: text\n", "apiVersion: kustomize.config.k8s.io/v1\nkind: Kustomization\n"],
)
def test_yaml_of_a_tool_is_passed_over(tmp_path: Path, text: str) -> None:
    assert objects_in(written(tmp_path, text)) == ([], [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"password: {WEAK}: [", "mapping values are not allowed here in line 1, column 23"),
        (f"password: *{WEAK}\n", "found undefined alias"),
        (f"password: !Ref {WEAK}\n", "could not determine a constructor"),
        ("[" * 3000, "too many levels"),
        ("a: &a {b: *a}", "too many levels"),
        (b"\xff\xff\xff", "invalid start byte"),
        (
            "a: &a [1, 1, 1, 1]\n"
            + "".join(
                f"{new}: &{new} [{', '.join(4 * [f'*{old}'])}]\n"
                for old, new in zip("abcdefghij", "bcdefghijk", strict=True)
            ),
            "more than 1000000 parts",
        ),
    ],
    ids=["mapping", "alias", "tag", "deep", "in-itself", "bytes", "aliases-of-aliases"],
)
def test_file_that_is_none_is_one_sentence_with_its_place(
    tmp_path: Path, text: str | bytes, why: str
) -> None:
    with pytest.raises(SpecError) as caught:
        objects_in(written(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/a.yaml: expected manifests in YAML, observed")
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (f"{WEAK}: [", "mapping values are not allowed here"),
        (f"*{WEAK}", "found undefined alias"),
        (f"!{WEAK} a", "could not determine a constructor for the tag"),
        (f"!{WEAK}!a b", "found undefined tag handle"),
        (f"!!{WEAK} a", "could not determine a constructor for the tag"),
        (f"!!int {WEAK}", "a value that its tag does not allow"),
        (f"!!float {WEAK}", "a value that its tag does not allow"),
        (f"!!bool {WEAK}", "a value that its tag does not allow"),
        (f"!!timestamp {WEAK}", "a value that its tag does not allow"),
        (f"!!binary {WEAK}é", "no YAML"),
        ("!!int ''", "a value that its tag does not allow"),
        ("!!float ''", "a value that its tag does not allow"),
        ("!!timestamp 2026-13-45", "a value that its tag does not allow"),
        (f"[&{WEAK} a, &{WEAK} b, @]", "no YAML"),
        (f"%{WEAK}", "while scanning for the next token"),
    ],
)
def test_no_text_of_a_file_is_in_its_sentence(tmp_path: Path, value: str, why: str) -> None:
    with pytest.raises(SpecError) as caught:
        objects_in(written(tmp_path, f"a: 1\npassword: {value}\n"))
    sentence = str(caught.value)
    assert sentence.startswith(f"{tmp_path}/a.yaml: expected manifests in YAML, observed ")
    assert f"{why} in line 2, column " in sentence
    assert "tulip" not in sentence


def test_file_whose_tags_do_not_fit_does_not_end_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("a: !!bool maybe\n")
    written(tmp_path, yaml.safe_dump(deployment()))
    source = from_manifests([tmp_path])
    assert [kind for kind, _ in source.objects] == ["Deployment"]
    assert source.passed_over == (
        f"{tmp_path}/b.yaml: expected manifests in YAML, observed"
        " a value that its tag does not allow in line 1, column 4",
    )


def test_equals_sign_is_a_text_and_a_letter_may_be_true_or_false(tmp_path: Path) -> None:
    path = written(tmp_path, HELD + "data: {a: ['!=', =, =~], y: Y, N: n, b: 'y', c: yes, d: ny}\n")
    ((held,), _) = objects_in(path)
    assert held["data"] == {
        "a": ["!=", "=", "=~"], "true": True, "false": False, "b": "y", "c": True, "d": "ny",
    }  # fmt: skip


def test_kind_of_a_list_is_that_of_its_items(tmp_path: Path) -> None:
    items = [{"metadata": {"name": "a"}}, {"kind": "Service", "metadata": {"name": "b"}}]
    listed = {"apiVersion": "v1", "kind": "ConfigMapList", "items": items}
    plain = {"apiVersion": "v1", "kind": "List", "items": items}
    objects, _ = objects_in(written(tmp_path, yaml.safe_dump_all([listed, plain])))
    kinds = [(each["kind"], each.get("apiVersion")) for each in objects]
    assert kinds == [("ConfigMap", "v1"), ("Service", None), ("Service", None)]


@pytest.mark.parametrize(
    "spec",
    [
        {"scaleTargetRef": "web", "maxReplicas": 3},
        ["a"],
        "a",
        {"scaleTargetRef": {"kind": ["Deployment"], "name": "web"}, "maxReplicas": 3},
        {"scaleTargetRef": {"kind": "Deployment", "name": ["web"]}, "maxReplicas": 3},
        {"scaleTargetRef": ["web"], "maxReplicas": 3},
    ],
    ids=str,
)
def test_autoscaler_that_is_none_is_a_sentence(spec: object) -> None:
    meta = {"name": "web", "namespace": "here"}
    rows = rows_of(
        deployment(), {"kind": "HorizontalPodAutoscaler", "metadata": meta, "spec": spec}
    )
    (line,) = rows.left_out
    ref = "HorizontalPodAutoscaler/${here}/web"
    assert line.startswith(f"{ref}: it is no whole HorizontalPodAutoscaler")


ODD = f"""
apiVersion: a.example/v1
kind: Odd
metadata: {{name: listed}}
spec: [1, {{password: {WEAK}}}]
---
apiVersion: a.example/v1
kind: Odd
metadata: {{name: text}}
spec: just text
---
apiVersion: a.example/v1
kind: Odd
metadata: {{name: bare}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: odds.a.example}}
spec: [1]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: broken}}
data: {{a: 5}}
binaryData: {{b: 5}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: {"n" * 253}}}
data: {{{"k" * 253}: v}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: unrendered}}
spec:
  replicas: ${{N}}
  template:
    spec:
      containers: [{{name: a, image: "a:1", resources: {{requests: {{cpu: "${{CPU}}"}}}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: ports}}
spec: {{ports: [80], selector: [a]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: secrets}}
spec:
  template:
    metadata: {{annotations: {{a/token: {WEAK}}}}}
    spec:
      containers:
        - name: web
          image: web:1
          args: [--password, {WEAK}]
          env: [{{name: DB_PASSWORD, value: {WEAK}}}, {{name: EMPTY, value: ""}}]
          volumeMounts: [{{name: k, mountPath: "/keys/Qz8Lr2VdX5aB1c"}}]
      volumes: [{{name: k, emptyDir: {{}}}}]
---
apiVersion: v1
kind: Secret
metadata: {{name: s}}
stringData: {{a: {WEAK}}}
"""


def test_odd_objects_are_a_sentence_each_and_no_secret_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, ODD)
    assert main(["init", str(tmp_path / "own"), "--manifests", str(path)]) == 0
    output = capsys.readouterr().out
    lines = [line for line in output.splitlines() if line.startswith(("no row for", "not checked"))]
    for ref in (
        "Secret: none is read",
        "Odd.v1.a.example/${default}/listed: spec, which looks like a secret",
        "Odd.v1.a.example/${default}/bare: it declares nothing but its name",
        "CustomResourceDefinition//odds.a.example: it is no whole CustomResourceDefinition",
        "ConfigMap/${default}/broken: a, which is no text (int): quote it",
        "ConfigMap/${default}/broken: it is no whole ConfigMap",
        "Deployment/${default}/unrendered: unrendered-a-cpu-requests, of which a spec can have no",
        "Service/${default}/ports: it is no whole Service",
        "Deployment/${default}/secrets: DB_PASSWORD, which looks like a secret in plain text",
        "Deployment/${default}/secrets: spec.template.spec.containers[name=web].volumeMounts"
        "[mountPath=…], which looks like a secret",
        "Deployment/${default}/secrets: spec.template.spec.containers[name=web].env[name=EMPTY]",
    ):
        assert any(ref in line for line in lines), ref
    texts = [output, *(path.read_text("utf-8") for path in (tmp_path / "own").glob("*.yaml"))]
    for secret in (WEAK, "Qz8L"):
        assert not any(secret in text for text in texts)
    assert main(["check-spec", str(tmp_path / "own" / "spec.yaml")]) == 0


def test_config_map_that_is_none_takes_no_row_from_a_workload() -> None:
    broken = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "here"}}
    rows = rows_of(deployment(), broken | {"binaryData": {"a": 5}})
    assert not any("Deployment" in line for line in rows.left_out)


def test_many_files_of_a_config_map_are_one_line() -> None:
    held = {"kind": "ConfigMap", "metadata": {"name": "c", "namespace": "here"}}
    held["data"] = {f"{number}.sh": "x" * 201 for number in range(5)}
    assert rows_of(deployment(), held).left_out == [
        "ConfigMap/${here}/c: 0.sh, 1.sh, 2.sh, 3.sh, 4.sh, of more than 200 characters"
    ]


@pytest.mark.parametrize(
    ("api_version", "kind", "named"),
    [
        ("a.example/v1", "Odd", "Odd.v1.a.example"),
        ("kustomize.toolkit.fluxcd.io/v1", "Kustomization",
         "Kustomization.v1.kustomize.toolkit.fluxcd.io"),
        ("serving.knative.dev/v1", "Service", "Service.v1.serving.knative.dev"),
        ("extensions/v1beta1", "Ingress", "Ingress"),
        ("policy/v1beta1", "PodDisruptionBudget", "PodDisruptionBudget"),
        ("v1", "Endpoints", "Endpoints"),
    ],
)  # fmt: skip
def test_kind_of_an_object_is_as_a_spec_writes_it(
    tmp_path: Path, api_version: str, kind: str, named: str
) -> None:
    item = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, "spec": {}}
    path = written(tmp_path, yaml.safe_dump_all([item, {**deployment(), "apiVersion": "apps/v1"}]))
    assert [kind for kind, _ in from_manifests([path]).objects] == [named, "Deployment"]

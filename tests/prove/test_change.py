"""The pure parts of changing a cluster and putting it back."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusterproof.spec.row import ObjectRef
from testbed.prove.certificate import secret_data
from testbed.prove.change import bare, essence, merged, unbound
from testbed.prove.journal import Journal

A_CLAIM = {
    "kind": "PersistentVolumeClaim",
    "metadata": {
        "name": "data",
        "uid": "1",
        "resourceVersion": "7",
        "managedFields": [],
        "annotations": {"pv.kubernetes.io/bind-completed": "yes", "mine": "kept"},
    },
    "spec": {"volumeName": "pvc-1", "storageClassName": "standard"},
    "status": {"phase": "Bound"},
}
JSON = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


def deployment(name: str, replicas: int) -> dict[str, Any]:
    """A Deployment."""
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"replicas": replicas}}


def test_what_the_server_writes_is_left_out_of_a_copy() -> None:
    """The saved object itself must stay as it is: it is what everything is put back from."""
    kept = unbound(bare(A_CLAIM))
    assert kept["metadata"] == {"name": "data", "annotations": {"mine": "kept"}}
    assert kept["spec"] == {"storageClassName": "standard"}
    assert A_CLAIM["spec"] == {"volumeName": "pvc-1", "storageClassName": "standard"}
    assert A_CLAIM["metadata"]["uid"] == "1"  # type: ignore[index]


def test_the_essence_ignores_the_autoscalers_business_only() -> None:
    """A Deployment that nothing scales has to have its replicas back; the saved one keeps them."""
    router = deployment("model-router", 3)
    assert essence(router) == essence(deployment("model-router", 5))
    assert essence(deployment("posthog-web", 2)) != essence(deployment("posthog-web", 1))
    assert router["spec"] == {"replicas": 3}


def test_a_nodes_own_taints_are_not_ours() -> None:
    """The node controller takes them away by itself."""
    node = {"kind": "Node", "metadata": {"name": "n"}, "spec": {}}
    tainted = {**node, "spec": {"taints": [{"key": "node.kubernetes.io/unschedulable"}]}}
    ours = {**node, "spec": {"taints": [{"key": "proof"}]}}
    assert essence(node) == essence(tainted)
    assert essence(node) != essence(ours)


@given(item=JSON, patch=JSON)
def test_merging_twice_is_merging_once(item: Any, patch: Any) -> None:  # noqa: ANN401 - JSON
    """RFC 7396: a merge patch is idempotent."""
    once = merged(item, patch)
    assert merged(once, patch) == once


def test_a_merge_patch_removes_by_null() -> None:
    """And leaves what it does not name."""
    assert merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": None}}) == {"a": 1, "b": {"d": 3}}


def test_the_journal_survives_the_process(tmp_path: Path) -> None:
    """A killed run's changes can be undone by the next one, and only the owner can read it."""
    path = tmp_path / "journal.json"
    gone = ObjectRef(kind="Secret", namespace="a", name="gone")
    made = ObjectRef(kind="ConfigMap", namespace="a", name="made")
    journal = Journal(path)
    journal.save(gone, {"data": {"k": "v"}})
    journal.save(made, None)
    journal.stop("metrics-server")
    journal.note_recreated(gone, "uid-2")
    left = Journal(path)
    assert left.saved == {gone: {"data": {"k": "v"}}, made: None}
    assert (left.stopped, left.recreated) == (["metrics-server"], {str(gone): "uid-2"})
    assert path.stat().st_mode & 0o777 == 0o600
    left.close()
    assert Journal(path).saved == {}


def test_a_certificate_of_our_own_has_both_parts() -> None:
    """As a TLS Secret has them."""
    assert set(secret_data("a.example.com", 3)) == {"tls.crt", "tls.key"}

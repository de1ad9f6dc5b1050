"""Fields as they are meant, whatever way they are written."""

from typing import Any

import pytest

from clusterproof.checks.agrees import FieldPair
from clusterproof.checks.agrees import look as look_at_agrees
from clusterproof.checks.field import look as look_at_field
from clusterproof.kube.paths import Missing
from clusterproof.kube.selectors import in_one_form
from clusterproof.observe.fields import FieldValue
from tests.judge.rows import row
from tests.judging import at_cluster, differences
from tests.observe.cluster_objects import cluster_of

read_field = at_cluster(look_at_field)
read_pair = at_cluster(look_at_agrees)

Json = dict[str, Any]
CONFIG: Json = {
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "shop"},
    "data": {"URL": "https://a.example", "MODE": "fast"},
}


def test_an_expression_for_one_value_is_a_label() -> None:
    """`app In [router]` and `app: router` select the same."""
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["router"]}]}
    found = in_one_form({"spec": [{"selector": selector}]})
    assert found["spec"][0]["selector"]["matchLabels"] == {"app": "router"}


def test_other_expressions_are_no_labels() -> None:
    """Two values, or another operator, select otherwise."""
    selector = {
        "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["router", "other"]},
            {"key": "tier", "operator": "Exists"},
            {"key": "old", "operator": "NotIn", "values": ["yes"]},
        ]
    }
    assert in_one_form(selector) == selector


def test_labels_stay_as_they_are() -> None:
    """Nothing is added where no expression stands."""
    assert in_one_form({"matchLabels": {"app": "a"}}) == {"matchLabels": {"app": "a"}}


def test_an_expression_that_contradicts_a_label_stays() -> None:
    """What says the same moves, at whatever depth; what has no values is no label."""
    terms = [
        {"key": "app", "operator": "In", "values": ["other"]},
        {"key": "tier", "operator": "In", "values": ["front"]},
        {"key": "none", "operator": "In"},
    ]
    selector = {"matchLabels": {"app": "a"}, "matchExpressions": terms}
    found = in_one_form([{"spec": selector, "n": 1}])
    labels = {"app": "a", "tier": "front"}
    left = [terms[0], terms[2]]
    assert found == [{"spec": {"matchLabels": labels, "matchExpressions": left}, "n": 1}]


def test_node_affinity_and_selectors_are_compared_as_they_stand() -> None:
    """An expression in a field is equal to itself, and to the label that it is."""
    terms = [{"key": "disk", "operator": "In", "values": ["ssd"]}]
    item = {
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "shop"},
        "spec": {"term": {"matchExpressions": terms}},
    }

    def differs(path: str, **expect: Any) -> bool:  # noqa: ANN401 - any expectation
        rule = row("field", of="ConfigMap/shop/c", path=path, expect=expect)
        with cluster_of(item) as cluster:
            return bool(differences(rule, read_field(cluster, rule).value))

    assert not differs("spec.term", equals={"matchExpressions": terms})
    assert not differs("spec.term.matchExpressions", equals=terms)
    assert not differs("spec.term", equals={"matchLabels": {"disk": "ssd"}})
    assert not differs("spec.term.matchLabels.disk", equals="ssd")
    assert not differs("spec.term.matchLabels", absent=True)
    assert differs("spec.term", equals={"matchLabels": {"disk": "hdd"}})
    assert differs("spec.term", equals={"matchExpressions": []})


def test_a_field_is_brought_back_with_its_place_and_how_to_see_it() -> None:
    """As JSON has it, or what of its path is not there."""
    rule = row("field", of="ConfigMap/shop/c", path="data.MODE", expect={"equals": "fast"})
    with cluster_of(CONFIG) as cluster:
        seen = read_field(cluster, rule)
        absent = read_field(cluster, rule.model_copy(update={"path": "data.NOT"}))
    assert seen.value == FieldValue(object_exists=True, value="fast")
    assert (seen.where, seen.evidence) == ("ConfigMap/shop/c data.MODE", ("data.MODE is fast",))
    assert seen.next_command == "kubectl get -n shop configmap/c -o yaml"
    assert absent.value == FieldValue(object_exists=True, value=Missing("data.NOT"))


def test_every_element_of_a_name_is_brought_back() -> None:
    cpu = [{"resource": {"name": "cpu", "target": percent}} for percent in (70, 20)]
    autoscaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "h", "namespace": "shop"},
        "spec": {"metrics": [cpu[0], {"resource": {"name": "memory"}}, cpu[1]]},
    }
    path = "spec.metrics[resource.name=cpu].resource.target"
    rule = row("field", of="HorizontalPodAutoscaler/shop/h", path=path, expect={"equals": 70})
    with cluster_of(autoscaler) as cluster:
        seen = read_field(cluster, rule)
    other = FieldValue(object_exists=True, value=20)
    assert seen.value == FieldValue(object_exists=True, value=70, others=(other,))


def test_a_field_of_an_object_that_is_not_there_is_said_so() -> None:
    """The object is what is missing."""
    rule = row("field", of="ConfigMap/shop/c", path="data.MODE", expect={"equals": "fast"})
    with cluster_of() as cluster:
        seen = read_field(cluster, rule)
    assert seen.value == FieldValue(object_exists=False, value=Missing("ConfigMap/shop/c"))
    assert seen.value.object_exists is False
    assert seen.evidence == ("there is no such object",)


def test_two_fields_are_brought_back_together() -> None:
    """Each with its own place."""
    ingress = {
        "kind": "Ingress",
        "metadata": {"name": "i", "namespace": "shop"},
        "spec": {"rules": [{"host": "a.example"}]},
    }
    rule = row(
        "agrees",
        of="ConfigMap/shop/c",
        path="data.URL",
        pattern="https://(.*)",
        **{"with": "Ingress/shop/i", "with_path": "spec.rules[0].host"},
    )
    with cluster_of(CONFIG, ingress) as cluster:
        seen = read_pair(cluster, rule)
    assert seen.value == FieldPair(
        FieldValue(object_exists=True, value="https://a.example"),
        FieldValue(object_exists=True, value="a.example"),
    )
    assert seen.where == "ConfigMap/shop/c and Ingress/shop/i"
    assert seen.evidence == (
        "ConfigMap/shop/c data.URL is https://a.example",
        "Ingress/shop/i spec.rules[0].host is a.example",
    )
    assert seen.next_command == "kubectl get -n shop configmap/c -o yaml"


@pytest.mark.parametrize(
    ("finalizers", "held"),
    [(["kubernetes.io/pvc-protection"], ", held by kubernetes.io/pvc-protection"), ([], "")],
)
def test_an_object_that_is_being_deleted_is_going_whatever_its_fields_say(
    finalizers: list[str], held: str
) -> None:
    """A claim is bound until the last Pod that uses it is gone."""
    meta = {"deletionTimestamp": "2026-06-01T00:00:00Z", "finalizers": finalizers}
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop", **meta},
        "status": {"phase": "Bound"},
    }
    of = "PersistentVolumeClaim/shop/data"
    rule = row("field", of=of, path="status.phase", expect={"equals": "Bound"})
    with cluster_of(claim) as cluster:
        (found,) = differences(rule, read_field(cluster, rule).value)
    since = f"being deleted since 2026-06-01T00:00:00Z{held}"
    assert str(found) == f"{of}: expected to stay, observed {since}"
    assert found.code == "object-deleted"

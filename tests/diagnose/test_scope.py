"""What a row is about: the objects that it names, wherever it names them."""

from clusterproof.diagnose.scope import scope_of
from clusterproof.spec.row import ObjectRef
from tests.judge.rows import row


def test_objects_are_in_the_order_of_the_row_and_stand_once() -> None:
    """Also those in a list; only plain workloads have Pods."""
    rule = row(
        "totals",
        workloads=["Deployment/shop/web", "StatefulSet/data/db", "Deployment/shop/web"],
        bound="requests",
        resource="cpu",
        quantity="3",
        documented="3",
    )
    scope = scope_of(rule)
    assert [str(one) for one in scope.refs] == ["Deployment/shop/web", "StatefulSet/data/db"]
    assert scope.namespaces == ("shop", "data")
    assert scope.workloads == scope.refs


def test_what_has_no_pods_is_no_workload() -> None:
    """A ConfigMap is named, and not asked for its Pods."""
    rule = row("field", of="ConfigMap/shop/c", path="data.A", expect={"equals": "b"})
    scope = scope_of(rule)
    assert scope.refs == (ObjectRef(kind="ConfigMap", namespace="shop", name="c"),)
    assert scope.workloads == ()


def test_an_object_without_a_namespace_adds_none() -> None:
    """A Node is of the whole cluster."""
    rule = row("field", of="Node//n1", path="spec.podCIDR", expect={"equals": "b"})
    assert scope_of(rule).namespaces == ()


def test_a_namespace_that_is_named_by_itself_counts_too() -> None:
    """Behind those of the objects, and once."""
    rule = row("limit-range", namespace="shop", workloads=["Deployment/other/web"])
    assert scope_of(rule).namespaces == ("other", "shop")
    same = row("limit-range", namespace="shop", workloads=["Deployment/shop/web"])
    assert scope_of(same).namespaces == ("shop",)

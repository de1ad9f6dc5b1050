"""Whose figures are waited for."""

from testbed.prove.waits import scaled


def test_an_autoscaler_scales_what_its_reference_names_in_its_own_namespace() -> None:
    """A scaleTargetRef has no namespace."""
    item = {
        "metadata": {"name": "router", "namespace": "a"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "r"}},
    }
    assert str(scaled(item)) == "Deployment/a/r"

"""Paths lead to the value that is there, and say how far they led when it is not."""

import pytest

from clusterproof.kube.paths import Missing, look_up, look_up_each

POD = {
    "metadata": {"annotations": {"prometheus.io/port": "9090"}},
    "spec": {
        "containers": [
            {"name": "a", "ports": [{"containerPort": 80}]},
            {"name": "b", "ports": [{"containerPort": 90, "name": "x"}]},
        ],
        "replicas": 0,
    },
    "metrics": [{"resource": {"name": "cpu", "target": 70}}],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.replicas", 0),
        ("metadata.annotations['prometheus.io/port']", "9090"),
        ("spec.containers[name=b].ports[containerPort=90].name", "x"),
        ("spec.containers[1].name", "b"),
        ("metrics[resource.name=cpu].resource.target", 70),
    ],
)
def test_path_leads_to_its_value(path: str, value: object) -> None:
    assert look_up(POD, path) == value


@pytest.mark.parametrize(
    ("path", "at"),
    [
        ("spec.nothing.more", "spec.nothing"),
        ("spec.containers[name=c].ports", "spec.containers[name=c]"),
        ("spec.containers[7]", "spec.containers[7]"),
        ("spec.containers[2]", "spec.containers[2]"),
        ("spec.replicas.more", "spec.replicas.more"),
        ("spec[name=a]", "spec[name=a]"),
        ("spec.containers.name", "spec.containers.name"),
    ],
)
def test_what_is_not_there_is_missing(path: str, at: str) -> None:
    found = look_up(POD, path)
    assert found == Missing(at)
    assert repr(found) == f"absent (no {at})"


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a path") as caught:
        look_up(POD, "spec..replicas")
    assert str(caught.value) == (
        "expected a path like a.b[name=c]['d.e'], got 'spec..replicas' at 4"
    )


def test_an_absence_is_known_by_its_place() -> None:
    assert {Missing("a"), Missing("a"), Missing("b")} == {Missing("a"), Missing("b")}
    assert hash(Missing("a")) != hash(Missing("b"))


HOSTS = {"rules": [{"host": "a"}, {}, {"host": None}], "none": [{}, {}], "empty": []}


def test_an_element_without_the_field_keeps_its_place() -> None:
    assert look_up(HOSTS, "rules[*].host") == [
        "a",
        Missing("rules[1].host"),
        Missing("rules[2].host"),
    ]
    nested = {"a": [{"b": [{"c": 1}, {}]}, {}]}
    assert look_up(nested, "a[*].b[*].c") == [[1, Missing("b[1].c")], Missing("a[1].b[*].c")]


@pytest.mark.parametrize("path", ["none[*].host", "empty[*].host", "gone[*].host"])
def test_what_no_element_has_is_missing(path: str) -> None:
    assert isinstance(look_up(HOSTS, path), Missing)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("list[name=a].x", [1, 2]),
        ("list[name=b].x", [3]),
        ("list[name=c].x", [Missing("list[name=c]")]),
        ("list[name=a].gone", [Missing("list[0].gone"), Missing("list[2].gone")]),
        ("list[name=a].in[key=k].y", [4, 5, Missing("list[2].in")]),
        ("x[name=a]", [Missing("x")]),
    ],
)
def test_a_filter_may_take_several_elements(path: str, values: list[object]) -> None:
    inner = [{"key": "k", "y": 4}, {"key": "k", "y": 5}]
    named = [{"name": "a", "x": 1, "in": inner}, {"name": "b", "x": 3}, {"name": "a", "x": 2}]
    assert look_up_each({"list": named}, path) == values
    assert len(look_up_each(named, "[name=a]")) == 2

"""Which defects may be applied together."""

from typing import Any

import pytest

from testbed.prove.batches import batches, independent, rolled_by
from testbed.prove.steps import Defect

ROUTER = "Deployment/a/router"


def defect(name: str, row: str = "", **more: Any) -> Defect:  # noqa: ANN401 - fields of a defect
    """A defect that turns one row red, by a patch of its own object."""
    fields: dict[str, Any] = {
        "id": name,
        "kind": "wrong",
        "title": name,
        "reds": {row or name: "a-code"},
        "steps": [patch(f"ConfigMap/a/{name}", {"data": {"KEY": name}})],
    }
    return Defect.model_validate({**fields, **more})


def patch(of: str, with_: Any) -> dict[str, Any]:  # noqa: ANN401 - a patch
    """A step."""
    return {"patch": {"of": of, "with": with_}}


def template(**container: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a container
    """A patch of a template's only container."""
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", **container}]}}}}


def test_defects_of_other_rows_and_objects_are_independent() -> None:
    """Nothing of one can be taken for the other."""
    assert independent(defect("one"), defect("two"))


@pytest.mark.parametrize(
    "other",
    [
        defect("two", row="one"),
        defect("two", touches=["on*"]),
        defect("two", alone=True),
        defect("two", steps=[{"delete": "ConfigMap/a/one"}]),
        defect("two", steps=[patch("ConfigMap/a/one", {"data": {"KEY": "else"}})]),
        defect("two", steps=[patch("ConfigMap/a/one", {"data": None})]),
        defect("two", steps=[{"stop": "metrics-server"}]),
        defect("two", kind="equivalent", reds={}),
    ],
    ids=["row", "touch", "alone", "object", "field", "above", "slow", "equivalent"],
)
def test_defects_that_could_be_mixed_up_are_not(other: Defect) -> None:
    """Neither way round."""
    assert not independent(defect("one"), other)
    assert not independent(other, defect("one"))


def test_two_fields_of_one_object_are_independent() -> None:
    """Each row that is red belongs to one of them."""
    one = defect("one", steps=[patch(ROUTER, template(image="a"))])
    two = defect("two", steps=[patch(ROUTER, template(tty=True))])
    assert independent(one, two)


def test_the_same_value_of_a_field_is_no_collision() -> None:
    """Two defects may both switch the faults on."""
    one = defect("one", steps=[patch(ROUTER, template(tty=True))])
    two = defect("two", steps=[patch(ROUTER, template(tty=True))])
    assert independent(one, two)


def test_an_index_may_be_any_name() -> None:
    """A JSON patch of the first port collides with a patch of a port by its name."""
    by_index = [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9}]
    one = defect("one", steps=[patch("Service/a/s", by_index)])
    two = defect("two", steps=[patch("Service/a/s", {"spec": {"ports": [{"port": 1, "x": 2}]}})])
    other_index = [{"op": "replace", "path": "/spec/ports/1/targetPort", "value": 9}]
    three = defect("three", steps=[patch("Service/a/s", other_index)])
    assert independent(one, three)
    assert not independent(one, defect("two", steps=[patch("Service/a/s", {"spec": None})]))
    assert independent(two, defect("two2", steps=[patch("Service/a/s", {"metadata": {"a": 1}})]))


def test_a_template_change_that_is_not_waited_for_stays_out_of_a_rollout() -> None:
    """The rollout of the one would carry what the other means to hold back."""
    rolled = [patch(ROUTER, template(tty=True)), {"rollout": ROUTER}]
    held = [patch(ROUTER, template(image="never")), {"settle_s": 10}]
    assert not independent(defect("one", steps=rolled), defect("two", steps=held))
    two = defect("two", steps=[patch(ROUTER, template(image="b")), {"rollout": ROUTER}])
    assert independent(defect("one", steps=rolled), two)


def test_every_defect_is_in_one_group() -> None:
    """Quick ones before slow ones, and none twice."""
    some = [
        defect("equal", kind="equivalent", reds={}),
        defect("slow", steps=[{"stop": "metrics-server"}]),
        defect("one"),
        defect("two"),
        defect("three", row="one"),
    ]
    groups = [[one.id for one in group] for group in batches(some)]
    assert groups == [["one", "two"], ["three"], ["equal"], ["slow"]]


def test_a_group_is_not_too_large() -> None:
    """More together would make a surprise harder to trace."""
    assert [len(group) for group in batches([defect(f"d{n}") for n in range(5)], 2)] == [2, 2, 1]


def test_a_group_rolls_what_any_of_its_defects_rolls() -> None:
    """Also in the second phase; a wait for a Pod rolls nothing."""
    rolls = defect("one", steps=[{"rollout": ROUTER}], then=[{"rollout": "Deployment/b/web"}])
    waits = defect("two", steps=[{"running": "Pod/a/probe"}])
    assert {str(ref) for ref in rolled_by([rolls, waits])} == {ROUTER, "Deployment/b/web"}

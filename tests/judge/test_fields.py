"""One field against its expectation: the meaning counts, not the spelling."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.checks.agrees import AgreesRow, FieldPair
from clusterproof.checks.field import FieldRow
from clusterproof.compare import contains, meets, same
from clusterproof.kube.paths import Missing, look_up, shown
from clusterproof.observe.fields import FieldValue
from clusterproof.spec.row import Area, Expectation
from tests.judging import differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("expect", "met", "unmet"),
    [
        ({"equals": 3}, [3], [4, "3", True, None]),
        ({"equals": 1}, [1], [True, 2]),
        ({"equals": 0}, [0], [False, None, ""]),
        ({"equals": "true"}, ["true"], [True, "True"]),
        ({"equals": [{"name": "a"}]}, [[{"name": "a"}]], [[1], [{"nom": "a"}]]),
        ({"equals": [1]}, [[1]], [[{"name": "a"}]]),
        ({"equals": {"a": [1, 2]}}, [{"a": [1, 2]}], [{"a": [2, 1]}, {"a": [1, 2], "b": 1}]),
        (
            {"contains": {"a": {"b": 1}}},
            [{"a": {"b": 1, "c": 2}, "d": 3}],
            [{"a": {}}, {"b": 1}, 1],
        ),
        ({"contains": [{"n": 1}]}, [[{"n": 2}, {"n": 1, "m": 0}]], [[{"n": 2}], []]),
        ({"quantity": "500m"}, ["0.5", "500m", 0.5], ["1", "half", None]),
        ({"quantity": "1Gi"}, ["1024Mi", "1073741824"], ["1G"]),
        ({"at_least": 1}, [1, 2.5, "3"], [0, "none", True]),
        ({"at_most": 1}, [1, 0, "0.5"], [1.1, "none", True]),
        ({"matches": "ok|fine"}, ["ok", "fine"], ["not ok", "okay"]),
        (
            {"names": ["a", "b"]},
            [[{"name": "a"}, {"name": "b"}]],
            [[{"name": "b"}, {"name": "a"}], "ab"],
        ),
        ({"absent": True}, [Missing("x")], [None, 0, ""]),
    ],
)
def test_expectation_tells_met_from_unmet(
    expect: dict[str, Any], met: list[Any], unmet: list[Any]
) -> None:
    expectation = Expectation.model_validate(expect)
    assert [value for value in met if not meets(expectation, value)] == []
    assert [value for value in unmet if meets(expectation, value)] == []


@pytest.mark.parametrize(
    "expect", [{"equals": 1}, {"contains": {}}, {"at_most": 9}, {"matches": ".*"}, {"names": []}]
)
def test_what_is_missing_meets_nothing(expect: dict[str, Any]) -> None:
    assert not meets(Expectation.model_validate(expect), Missing("spec.x"))


@pytest.mark.parametrize("fields", [{}, {"equals": 1, "at_least": 1}])
def test_an_expectation_is_exactly_one(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected exactly one of"):
        Expectation.model_validate(fields)


@given(JSON)
def test_a_value_is_the_same_as_itself_and_contains_itself(value: Any) -> None:  # noqa: ANN401 - JSON
    assert same(value, value)
    assert contains(value, value)


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(), max_size=5), st.randoms())
def test_named_things_are_a_set(named: dict[str, int], random: Any) -> None:  # noqa: ANN401 - as drawn
    things = [{"name": name, "value": value} for name, value in named.items()]
    shuffled = random.sample(things, len(things))
    assert same(things, shuffled)
    assert not same(things, [*shuffled, {"name": "one more", "value": 0}])


def row(**fields: Any) -> FieldRow:  # noqa: ANN401 - fields of a row
    given_fields = {
        "id": "a-row",
        "area": Area.WORKLOADS,
        "claim": "the field is three",
        "source": "here",
        "check": "field",
        "of": "Deployment/ns/web",
        "path": "spec.replicas",
        "expect": {"equals": 3},
    }
    return FieldRow.model_validate(given_fields | fields)


def test_a_field_as_expected_differs_in_nothing() -> None:
    assert differences(row(), FieldValue(object_exists=True, value=3)) == ()


WEB = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "containers": [{"name": "web", "cpu": None}, {"name": "dns", "cpu": "1"}],
        "volumes": [],
    },
}


@pytest.mark.parametrize(
    ("path", "observed"),
    [
        ("spec.cpu", None),
        ("spec.behavior.scaleUp.cpu", None),
        ("spec['example.dev/cpu']", None),
        ("spec.containers[name=web].cpu", None),
        ("spec.containers[0].resources.cpu", None),
        ("cpu", None),
        ("spec.containers[name=dns].cpu", '"1"'),
        ("spec.replicas", "3"),
        ("spce.cpu", "absent (no spce)"),
        ("spec.containers[name=gone].cpu", "absent (no spec.containers[name=gone])"),
        ("spec.containers[7].cpu", "absent (no spec.containers[7])"),
        ("spec.containers[7]", "absent (no spec.containers[7])"),
        ("spec.initContainers[0].cpu", "absent (no spec.initContainers)"),
        ("spec.initContainers[name=web].cpu", "absent (no spec.initContainers)"),
        ("spec.containers.cpu", "absent (no spec.containers.cpu)"),
        ("spec.replicas.cpu", "absent (no spec.replicas.cpu)"),
        ("spec.replicas.limits.cpu", "absent (no spec.replicas.limits)"),
    ],
)
def test_a_default_stands_only_for_a_field_of_what_is_there(
    path: str, observed: str | None
) -> None:
    rule = row(path=path, default="0.1", expect={"quantity": "100m"})
    different = differences(rule, FieldValue(object_exists=True, value=look_up(WEB, path)))
    assert [each.observed for each in different] == [observed] * (observed is not None)


def test_a_default_that_differs_is_said_of_the_field_that_is_not_set() -> None:
    rule = row(path="spec.cpu", default="0.1", expect={"quantity": "0.2"})
    unset = look_up(WEB, rule.path)
    (different,) = differences(rule, FieldValue(object_exists=True, value=unset))
    assert different.code == "field-absent"
    (different,) = differences(rule, FieldValue(object_exists=False, value=unset))
    assert different.code == "object-absent"


@pytest.mark.parametrize(
    "fields", [{"expect": {"absent": True}}, {"path": "spec.containers[*].cpu"}]
)
def test_a_default_that_can_never_stand_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected no default"):
        row(default=1, **fields)


def test_another_value_is_said_with_both() -> None:
    (found,) = differences(row(), FieldValue(object_exists=True, value=2))
    assert str(found) == "spec.replicas: expected 3, observed 2"


@pytest.mark.parametrize(
    ("expect", "met"),
    [
        ({"equals": ["RuntimeDefault"]}, False),
        ({"names": [""]}, False),
        ({"matches": '\\["RuntimeDefault"\\]'}, False),
        ({"absent": True}, False),
        ({"contains": ["RuntimeDefault"]}, True),
    ],
)
def test_an_element_that_lacks_the_field_is_a_part_of_the_value(
    expect: dict[str, Any], *, met: bool
) -> None:
    containers = [{"profile": "RuntimeDefault"}, {}]
    rule = row(path="spec.containers[*].profile", expect=expect)
    profiles = look_up({"spec": {"containers": containers}}, rule.path)
    different = differences(rule, FieldValue(object_exists=True, value=profiles))
    assert (different == ()) is met
    assert all(each.code == "field-differs" for each in different)
    assert all("absent (no spec.containers[1].profile)" in each.observed for each in different)


@pytest.mark.parametrize(
    ("expect", "met"),
    [
        ({"equals": 70}, False),
        ({"equals": 20}, False),
        ({"at_least": 20}, True),
        ({"absent": True}, False),
    ],
)
def test_each_element_that_the_path_leads_to_is_as_expected(
    expect: dict[str, Any], *, met: bool
) -> None:
    rule = row(path="spec.metrics[resource.name=cpu].target", expect=expect)
    second = FieldValue(object_exists=True, value=20)
    different = differences(rule, FieldValue(object_exists=True, value=70, others=(second,)))
    assert (different == ()) is met
    reason = (
        "one of 2 that the path leads to: for one alone, filter by a field in which they differ,"
        " such as [name=dns]"
    )
    assert all(each.reason == reason for each in different)


def test_an_absent_object_is_a_difference_even_where_absence_is_expected() -> None:
    rule = row(expect={"absent": True})
    (found,) = differences(rule, FieldValue(object_exists=False, value=Missing("x")))
    assert found.observed == "no such object"


def agreement(one: object, other: object, *, deleted_at: str = "") -> list[str]:
    rule = AgreesRow.model_validate(
        {
            "id": "a-row",
            "area": "configuration",
            "claim": "the two agree",
            "source": "here",
            "check": "agrees",
            "of": "ConfigMap/ns/config",
            "path": "data.SITE_URL",
            "pattern": "https://([^/]+)/?",
            "with": "Ingress/ns/web",
            "with_path": "spec.rules[0].host",
        }
    )
    pair = FieldPair(
        FieldValue(object_exists=True, value=one),
        FieldValue(object_exists=True, value=other, deleted_at=deleted_at),
    )
    return [str(found) for found in differences(rule, pair)]


def test_an_object_that_is_being_deleted_agrees_with_nothing() -> None:
    since = "2026-06-01T00:00:00Z"
    (said,) = agreement("https://a.example.com", "a.example.com", deleted_at=since)
    assert said == f"Ingress/ns/web: expected to stay, observed being deleted since {since}"


def test_fields_agree_on_the_part_that_is_cut_out() -> None:
    assert agreement("https://a.example.com", "a.example.com") == []
    assert agreement("https://a.example.com/", "a.example.com") == []


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("https://b.example.com", "a.example.com", "expected a.example.com"),
        ("http://a.example.com", "a.example.com", "expected text like"),
        (Missing("data.SITE_URL"), "a.example.com", "expected a value, observed absent"),
        ("https://a.example.com", Missing("spec.rules[0]"), "Ingress/ns/web spec.rules[0].host"),
    ],
)
def test_fields_that_disagree_are_said(one: object, other: object, words: str) -> None:
    (said,) = agreement(one, other)
    assert words in said


def test_a_long_value_is_shown_in_part() -> None:
    assert shown("x" * 300) == "x" * 200 + "… (300 characters)"
    assert shown({"a": 1}) == '{"a": 1}'

"""Fields as they are meant, whatever way they are written."""

from clusterproof.observe.fields import with_match_labels


def test_an_expression_for_one_value_is_a_label() -> None:
    """`app In [router]` and `app: router` select the same."""
    selector = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["router"]}]}
    found = with_match_labels({"spec": [{"selector": selector}]})
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
    assert with_match_labels(selector) == selector


def test_labels_stay_as_they_are() -> None:
    """Nothing is added where no expression stands."""
    assert with_match_labels({"matchLabels": {"app": "a"}}) == {"matchLabels": {"app": "a"}}

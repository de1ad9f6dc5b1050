"""What an answer must be before it is believed, to the letter."""

from typing import Any

import httpx
import pytest

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import NoAnswerError, as_items, as_object, is_status

PODS = "/api/v1/namespaces/shop/pods"


def answer(body: str) -> httpx.Response:
    """An answer with this text."""
    return httpx.Response(200, text=body)


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ('{"message": "no"}', True),
        ('{"reason": "no"}', False),
        ('["message"]', False),
        ("<html>", False),
    ],
)
def test_a_refusal_of_the_api_server_has_a_message(body: str, *, refused: bool) -> None:
    """A proxy's own page has none."""
    assert is_status(answer(body)) is refused


def test_an_object_is_believed() -> None:
    """As it is."""
    assert as_object(answer('{"a": 1}'), PODS) == {"a": 1}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<html>" + "x" * 100, f"expected JSON, got {'<html>' + 'x' * 74!r}"),
        ("[1]", "expected a JSON object, got list"),
    ],
)
def test_anything_else_is_named(body: str, words: str) -> None:
    """By its beginning."""
    with pytest.raises(ObservationError) as caught:
        as_object(answer(body), PODS)
    assert str(caught.value) == f"GET {PODS}: {words}"


POD = {"metadata": {"name": "p"}}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (PODS, "PodList"),
        ("/apis/networking.k8s.io/v1/networkpolicies", "NetworkPolicyList"),
        ("/apis/networking.k8s.io/v1/ingresses", "IngressList"),
        ("/apis/metrics.k8s.io/v1beta1/pods", "PodMetricsList"),
    ],
)
def test_a_list_of_the_collection_is_believed(path: str, kind: str) -> None:
    """Also an empty one, which is evidence that there is none."""
    assert as_items({"kind": kind, "items": [POD]}, path) == [POD]
    assert as_items({"kind": kind, "items": []}, path) == []
    assert as_items({"kind": kind, "items": None}, path) == []


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ({"kind": "ServiceList", "items": []}, "expected a list of pods, got kind 'ServiceList'"),
        ({"kind": "Pod", "items": []}, "expected a list of pods, got kind 'Pod'"),
        ({"kind": "List", "items": []}, "expected a list of pods, got kind 'List'"),
        ({"items": []}, "expected a list of pods, got kind ''"),
        ({"kind": "PodList"}, "expected items in the PodList, got none"),
        ({"kind": "PodList", "items": {}}, "expected items in the PodList, got none"),
        ({"kind": "PodList", "items": [3]}, "expected objects with a name, got 3"),
        ({"kind": "PodList", "items": [{}]}, "expected objects with a name, got {}"),
        (
            {"kind": "PodList", "items": [POD, {"metadata": {"name": 1}}]},
            "expected objects with a name, got {'metadata': {'name': 1}}",
        ),
        (
            {"kind": "PodList", "items": [{"x": "y" * 90}]},
            "expected objects with a name, got {'x': '" + "y" * 73,
        ),
    ],
)
def test_a_list_of_something_else_is_named(page: dict[str, Any], words: str) -> None:
    """It says nothing about the collection."""
    with pytest.raises(ObservationError) as caught:
        as_items(page, PODS)
    assert str(caught.value) == f"GET {PODS}: {words}"


def test_who_gave_no_answer_says_whether_the_time_was_over() -> None:
    """And whether the request had been taken."""
    late = NoAnswerError("late", timed_out=True, silent=False)
    assert (str(late), late.timed_out, late.silent) == ("late", True, False)

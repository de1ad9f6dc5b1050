"""Each Pod must answer by itself, as its row says."""

from clusterproof.checks.http import HttpRow, PodAnswer
from clusterproof.kube.paths import Missing
from clusterproof.spec.row import Area, Expectation, ObjectRef
from tests.judging import differences

ROW = HttpRow(
    id="router-health",
    area=Area.HEALTH,
    claim="every router is healthy",
    source="test",
    check="http",
    workload=ObjectRef(kind="Deployment", namespace="n", name="w"),
    port=8080,
    path="/health",
    fields={"status": Expectation(matches="ok|healthy")},
)


def _answer(
    pod: str = "p", status: int | None = 200, said: object = "ok", reason: str = ""
) -> PodAnswer:
    return PodAnswer(pod, status, (("status", said),) if status else (), reason)


def test_pods_that_answer_as_they_should_differ_in_nothing() -> None:
    assert differences(ROW, (_answer("a"), _answer("b", said="healthy"))) == ()


def test_one_pod_of_several_that_answers_503_is_named() -> None:
    (found,) = differences(ROW, (_answer("a"), _answer("b", 503, "ok", "database away")))
    assert str(found) == "b GET :8080/health: expected 200, observed 503 (database away)"


def test_a_pod_that_does_not_answer_is_named_with_the_reason() -> None:
    (found,) = differences(ROW, (_answer("b", None, reason="connection refused"),))
    assert (found.observed, found.reason) == ("no answer", "connection refused")


def test_a_field_that_differs_and_one_that_is_absent_are_both_named() -> None:
    found = differences(ROW, (_answer(said="down"), _answer("q", said=Missing("status"))))
    assert [one.observed for one in found] == ["down", "absent (no status)"]

"""A gateway's own answers are told from the Pods', by what the Pods counted of each status."""

import pytest

from clusterproof.load.account import Account
from clusterproof.load.analysis import Inputs, analyse
from clusterproof.load.counters import Scrape, series, statuses_of
from clusterproof.load.finding import Finding
from clusterproof.load.gateway import Between, judge_gateway, statuses_seen, tell_apart
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.load.recording import Recording
from clusterproof.outcome import Outcome
from tests.load.saying import said

T0 = 1000.0
REQUESTS = "model_router_requests_total"
SPEC = read_objectives()


def _findings(
    answers: dict[str, int], counted: dict[str, float], spec: LoadSpec = SPEC
) -> dict[str, Finding]:
    """What is said where callers got these answers ("" is right), and one Pod counted those."""
    account = Account()
    for fault, count in answers.items():
        for number in range(count):
            account.begin(late_s=0.001, was_idle=True, at_s=number % 40)
            account.end(
                "x", latency_s=0.1, service_s=0.1, at_s=number % 40, fault=fault, answered=True
            )
    recording = Recording(T0 - 5, T0 + 60)
    for at, share in ((-2, 0.0), (50, 1.0)):
        values = {
            series(REQUESTS, {"status": s} if s else {}): share * n for s, n in counted.items()
        }
        recording.scrapes.append(Scrape(T0 + at, "web-1", "1", values))
    generator = {"scenario": "router", "started_at": T0, "stages": [[5, 5, 40]], "findings": []}
    spec = spec.model_copy(update={"scaling": None})
    verdict = analyse(Inputs(generator, account, recording, None, None), spec).verdict
    return {finding.id: finding for finding in verdict.findings}


def test_a_429_that_no_pod_counted_is_the_gateways() -> None:
    found = _findings({"": 190, "HTTP 429": 10}, {"200": 190})
    assert said(found["gateway-answers"]).splitlines() == [
        "failed: gateway-answers of gateway",
        "expected at most 0.000% of all requests answered or repeated before the Pods",
        "observed 10 answered, 0 repeated, of 200",
        "10 x HTTP 429 that no Pod counted",
    ]
    assert found["count-requests"].outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "answer", ["HTTP 413", "HTTP 403", "HTTP 308 to https://shop.example, which is not followed"]
)
def test_an_ingress_answers_more_than_429_by_itself(answer: str) -> None:
    """A body that is too large, a login, https only: the counter of the Pods is right."""
    found = _findings({"": 190, answer: 10}, {"200": 190})
    assert found["gateway-answers"].observed == "10 answered, 0 repeated, of 200"
    assert found["count-requests"].outcome is Outcome.PASSED


def test_a_503_that_a_pod_counted_is_its_own() -> None:
    """And each of them has to be counted: one too few is a fault of the counter."""
    found = _findings({"": 190, "HTTP 503": 10}, {"200": 190, "503": 10})
    assert "gateway-answers" not in found
    assert found["count-requests"].outcome is Outcome.PASSED
    missing = _findings({"": 190, "HTTP 503": 10}, {"200": 180, "503": 10})
    assert missing["count-requests"].outcome is Outcome.FAILED


def test_an_answer_that_was_asked_for_again_is_the_gateways() -> None:
    """No caller has seen it: the surplus is no fault of the counter."""
    found = _findings({"": 200}, {"200": 200, "503": 7})
    assert found["gateway-answers"].evidence == ("7 x HTTP 503 repeated, unseen",)
    assert found["count-requests"].outcome is Outcome.PASSED


def test_a_surplus_that_is_no_retry_is_left_to_the_counter() -> None:
    """Probes that are counted too, some of them with 503."""
    found = _findings({"": 200}, {"200": 260, "503": 7})
    assert "gateway-answers" not in found
    assert found["count-requests"].outcome is Outcome.FAILED


def test_where_pods_do_not_count_by_status_nobody_can_tell() -> None:
    found = _findings({"": 190, "HTTP 429": 10}, {"": 195})
    assert "gateway-answers" not in found
    assert found["count-requests"].outcome is Outcome.PASSED


def test_others_who_are_counted_too_are_no_retries() -> None:
    assert SPEC.metrics is not None
    spec = SPEC.model_copy(update={"metrics": SPEC.metrics.model_copy(update={"others": True})})
    assert "gateway-answers" not in _findings({"": 200}, {"200": 200, "503": 7}, spec)


@pytest.mark.parametrize(
    ("unseen", "spare", "between"),
    [
        (0, 0, Between({"503": 4}, {}, 0)),
        (4, 0, Between({}, {}, 4)),
    ],
    ids=["all-seen", "a-pod-went"],
)
def test_what_a_pod_may_have_counted_unseen_is_nobodys(
    unseen: float, spare: int, between: Between
) -> None:
    """It went after its last read."""
    assert between == tell_apart(
        {"503": 5, "500": 3}, {"200": 9, "503": 1}, unseen=unseen, surplus=0, spare=spare
    )


def test_no_retry_is_told_where_as_many_requests_got_no_answer() -> None:
    """The router may have answered them 503 when their callers had given up."""
    told = tell_apart({}, {"200": 9, "503": 3}, unseen=0, surplus=3, spare=3)
    assert told == Between({}, {})


def test_the_objective_allows_for_some() -> None:
    between = Between({"429": 2}, {"503": 1})
    judged = [judge_gateway(between, 100, ratio) for ratio in (0.02, 0.03)]
    assert [each and each.outcome for each in judged] == [Outcome.FAILED, Outcome.PASSED]
    assert judge_gateway(Between({}, {}, 5), 100, 0) is None


def test_only_answers_with_a_status_count() -> None:
    account = Account()
    for fault in ("HTTP 503", "HTTP 503", "not JSON", "HTTP 308 to elsewhere"):
        account.end("x", latency_s=1, service_s=1, at_s=1, fault=fault, answered=True)
    assert statuses_seen(account) == {"503": 2, "308": 1}


def test_a_status_is_a_whole_label() -> None:
    values = {series("x_total", {"code": "404", "route": "a503"}): 1.0}
    scrape = Scrape(T0, "a", "1", values)
    assert statuses_of([scrape], "x_total") == {"404"}
    assert scrape.total("x_total", "404") == 1
    assert scrape.total("x_total", "503") == 0

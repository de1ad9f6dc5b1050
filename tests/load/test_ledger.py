"""Counts side by side: each finding to the letter, at its limit and one beyond."""

import pytest

from clusterproof.load.counters import Growth, Life
from clusterproof.load.finding import Finding
from clusterproof.load.ledger import (
    ClientCounts,
    PrometheusWindow,
    judge_durations,
    judge_events,
    judge_exposures,
    judge_histogram,
    judge_prometheus,
    judge_requests,
    judge_sent,
)
from tests.load.saying import said

LOSS = "loss that 1000 exact matches still allow: under 0.003 of all (95 %)"
MORE = (
    "more than was sent: probes, other callers, retries of an Ingress?"
    " metrics.where chooses series by their labels, metrics.others allows for them"
)
WINDOW = PrometheusWindow(110.0, scrape_s=5, range_s=550, births=1, deaths=2, pod_rate=2.0)
TWICE = "scraped by two jobs? evidence.prometheus_where chooses series by Prometheus' own labels"
BOUND = (
    "bound: 5 s scrapes over 550 s extrapolate by at most 1.1 intervals at each end, and 1 births"
    " and 2 deaths each hide up to one interval at 2.0/s"
)


def requests(answered: int, unanswered: int, served: float, unseen: float) -> Finding:
    """The finding for these counts."""
    return judge_requests(ClientCounts(answered, unanswered), served, unseen)


@pytest.mark.parametrize(
    ("unanswered", "served", "unseen", "outcome", "expected", "observed"),
    [
        (0, 1000, 0, "passed", "1000", "1000"),
        (5, 1005, 0, "passed", "1000 to 1005", "1005"),
        (5, 1007, 0, "failed", "1000 to 1005", "1007 (+2, +0.200%)"),
        (0, 998, 2, "passed", "1000", "998 (-2, -0.200%)"),
        (0, 997, 2, "failed", "1000", "997 (-3, -0.300%)"),
        (0, 1001, 2, "failed", "1000", "1001 (+1, +0.100%)"),
    ],
)
def test_what_was_served_is_what_was_answered(
    unanswered: int, served: int, unseen: int, outcome: str, expected: str, observed: str
) -> None:
    """Between the answers and all that was sent; less only as far as nobody could have seen."""
    lines = [
        f"{outcome}: count-requests of request counter",
        f"expected router counters grew by {expected}",
        f"observed {observed}",
        f"client: 1000 answered, {unanswered} without an answer",
        *([f"pods may have counted up to {unseen} after their last read"] if unseen else []),
        *([MORE] if "(+" in observed else [] if "(-" in observed else [LOSS]),
    ]
    assert said(requests(1000, unanswered, served, unseen)).splitlines() == lines


def test_no_request_proves_nothing() -> None:
    """And promises no bound on a loss."""
    assert said(requests(0, 3, 0, 0)).splitlines() == [
        "inconclusive: count-requests of request counter",
        "expected router counters grew by 0 to 3",
        "observed 0",
        "client: 0 answered, 3 without an answer",
        "zero requests prove nothing",
    ]


@pytest.mark.parametrize(
    ("counter", "histogram", "ended", "outcome", "observed"),
    [
        (10, 10, 0, "passed", "10"),
        (1, 1, 0, "passed", "1"),
        (10, 9, 0, "failed", "9 (-1, -10.000%)"),
        (10, 11, 0, "failed", "11 (+1, +10.000%)"),
        (0, 1, 0, "inconclusive", "1 (+1, of none)"),
        (10, 9, 1, "passed", "9 (-1, -10.000%)"),
        (10, 8, 1, "failed", "8 (-2, -20.000%)"),
        (10, 12, 2, "passed", "12 (+2, +20.000%)"),
    ],
)
def test_the_histogram_counts_what_the_counter_counts(
    counter: float, histogram: float, ended: int, outcome: str, observed: str
) -> None:
    """A page that was being written when its Pod died may be one request apart; none is nothing."""
    life = Life("a", "1", 0.0, 0.0, 1.0, counter, 0.0, 0, has_ended=True)
    counted, observations = Growth(counter, 0.0, (life,) * ended), Growth(histogram, 0.0, ())
    assert said(judge_histogram("seconds_count", counted, observations)).splitlines() == [
        f"{outcome}: count-histogram of request counter",
        f"expected seconds_count grew by {counter}, as the counter",
        f"observed {observed}",
    ]


@pytest.mark.parametrize(
    ("server_s", "answered", "outcome"),
    [
        (2.0, 10, "passed"),
        (0.5, 1, "passed"),
        (0.0, 10, "failed"),
        (2.01, 1, "failed"),
        (0.0, 0, "inconclusive"),
    ],
)
def test_the_servers_durations_are_within_the_callers(
    server_s: float, answered: int, outcome: str
) -> None:
    """As much as the caller's is still within; nothing at all is not."""
    assert said(judge_durations(2.0, server_s, answered)).splitlines() == [
        f"{outcome}: sum-durations of request counter",
        "expected the server's summed durations are positive and at most the client's",
        f"observed server {server_s:.2f} s, client 2.00 s over {answered} requests",
    ]


@pytest.mark.parametrize(
    ("server_s", "outcome"),
    [(1.9, "passed"), (60.0, "inconclusive"), (102.0, "inconclusive"), (102.5, "failed")],
)
def test_a_service_may_go_on_with_a_request_that_its_caller_gave_up(
    server_s: float, outcome: str
) -> None:
    """A timeout of 10 s ends no query that takes a minute; none takes longer than all the run."""
    lines = said(judge_durations(2.0, server_s, 10, 1, longest_s=100.0)).splitlines()
    assert lines[0] == f"{outcome}: sum-durations of request counter"
    assert any("1 without an answer" in line for line in lines) is (outcome == "inconclusive")


@pytest.mark.parametrize(
    ("served", "outcome", "expected", "observed"),
    [
        (77.9, "", "78", ""),
        (77.7, "failed", "78", "110.0 (+32.3, +41.570%)"),
        (142.1, "", "142", ""),
        (142.3, "failed", "142", "110.0 (-32.3, -22.699%)"),
        (0, "failed", "0", "110.0 (+110.0, of none)"),
    ],
)
def test_prometheus_may_be_off_by_its_own_bound(
    served: float, outcome: str, expected: str, observed: str
) -> None:
    """2.2 x 5 s / 550 s of 110, and three Pods that each hide 5 s at 2/s: 32.2.

    Of so few requests that is over a fifth: a run too short for its scrapes claims nothing.
    """
    assert pytest.approx(32.2) == WINDOW.bound
    finding = judge_prometheus(served, WINDOW)
    assert (finding is None) == (outcome == "")
    assert finding is None or said(finding).splitlines() == [
        f"{outcome}: count-prometheus of request counter",
        f"expected increase() within 32 of {expected}",
        f"observed {observed}",
        BOUND,
        *([TWICE] if "(+" in observed else []),
    ]


def test_a_range_shorter_than_a_scrape_counts_as_one() -> None:
    """The bound does not grow past both ends."""
    assert pytest.approx(220.0) == PrometheusWindow(100, 5, 1, 0, 0, 3).bound


def test_no_increase_is_no_verdict() -> None:
    """Prometheus may just not have been there."""
    silent = judge_prometheus(10, None)
    assert silent is not None
    assert said(silent).splitlines() == [
        "inconclusive: count-prometheus of request counter",
        "expected an increase() within its extrapolation bound",
        "observed Prometheus gave no increase() for the run",
    ]


@pytest.mark.parametrize(
    ("counted", "outcome", "off"),
    [
        (100, "passed", ""),
        (98, "passed", " (-2, -2.000%)"),
        (97, "failed", " (-3, -3.000%)"),
        (101, "failed", " (+1, +1.000%)"),
    ],
)
def test_exposures_and_sent_events_are_counted_once(counted: int, outcome: str, off: str) -> None:
    """Two may be unseen in both cases: fewer is then no loss, more is always wrong."""
    assert said(judge_exposures("exposures_total", 100, counted, 2)).splitlines() == [
        f"{outcome}: count-exposures of exposures",
        "expected exposures_total grew by 100",
        f"observed {counted}{off}",
    ]
    assert said(judge_sent("sent_total", counted, 100, 2)).splitlines() == [
        f"{outcome}: events-sent of PostHog events",
        "expected sent_total grew by the 100 durable events of the run",
        f"observed {counted}{off}",
    ]


def test_what_cannot_be_compared_is_inconclusive() -> None:
    """Nothing to count, or nothing to read."""
    assert said(judge_exposures("exposures_total", 0, 0, 0)).startswith(
        "inconclusive: count-exposures"
    )
    assert said(judge_sent("sent_total", 0, 0, 0)).startswith("inconclusive: events-sent")
    assert said(judge_sent("sent_total", 11, None, 0)).splitlines() == [
        "inconclusive: events-sent of PostHog events",
        "expected sent_total grew by the durable events of the run",
        "observed 11 sent; PostHog's events could not be read",
    ]


@pytest.mark.parametrize(
    ("announced", "durable", "lines"),
    [
        (
            "ab",
            set("abc"),
            [
                "passed",
                "2 found, 0 lost (0.00%)",
                LOSS.replace("1000", "2").replace("0.003", "0.78"),
            ],
        ),
        (
            "abcdefg",
            {"a"},
            ["failed", "1 found, 6 lost (85.71%)", *(f"missing: {uuid}" for uuid in "bcdef")],
        ),
        ("a", None, ["inconclusive", "PostHog's events could not be read"]),
        ("", {"x"}, ["inconclusive", "0 found, 0 lost (0.00%)"]),
    ],
)
def test_each_announced_event_is_looked_for(
    announced: str, durable: set[str] | None, lines: list[str]
) -> None:
    """Five of the missing ones are named."""
    outcome, observed, *evidence = lines
    assert said(judge_events(list(announced), durable)).splitlines() == [
        f"{outcome}: events-by-uuid of PostHog events",
        f"expected {len(announced)} exposure events in PostHog, by UUID",
        f"observed {observed}",
        *evidence,
    ]


@pytest.mark.parametrize(
    ("announced", "words"),
    [
        (["a", "b", ""], "2 found, 0 lost (0.00%), 1 without a name, 0 named twice"),
        (["a", "a", "b"], "2 found, 0 lost (0.00%), 0 without a name, 1 named twice"),
        (["", ""], "0 found, 0 lost (0.00%), 2 without a name, 0 named twice"),
    ],
)
def test_answers_that_name_no_event_of_their_own_have_none(
    announced: list[str], words: str
) -> None:
    """One UUID for all of them would be "1 found, 0 lost"."""
    finding = judge_events(announced, {"a", "b"})
    assert (finding.outcome, finding.observed) == ("failed", words)


def test_a_counter_that_counts_others_too_has_no_upper_end() -> None:
    """Probes, retries of an Ingress: allowed for by the load spec, and never less than was sent."""
    more = judge_requests(ClientCounts(1000, 0), 1015, 0, others=True)
    assert (more.outcome, more.expected) == ("passed", "router counters grew by 1000 or more")
    assert judge_requests(ClientCounts(1000, 0), 999, 0, others=True).outcome == "failed"


def test_prometheus_is_judged_where_its_bound_is_fine_enough() -> None:
    """The same scrapes over a run with ten times as many requests."""
    window = PrometheusWindow(1010.0, scrape_s=5, range_s=550, births=1, deaths=2, pod_rate=2.0)
    near, far = judge_prometheus(1000, window), judge_prometheus(1100, window)
    assert near is not None
    assert far is not None
    assert (near.outcome, far.outcome) == ("passed", "failed")


@pytest.mark.parametrize(
    ("served", "outcome"), [(800, "passed"), (799, "inconclusive"), (500, "inconclusive")]
)
def test_what_may_have_been_counted_unseen_by_the_hundreds_proves_nothing(
    served: int, outcome: str
) -> None:
    """A bound that could hide a fifth of all requests."""
    assert requests(1000, 0, served, 600).outcome == outcome

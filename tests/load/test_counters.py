"""Growth of counters over pods that are born, restart and die, against a simulated truth."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.load.counters import (
    PROCESS_START,
    Growth,
    Scrape,
    growth,
    matches,
    parse_metrics,
    series,
    statuses_of,
)

NAME = "model_router_requests_total"
PAGE = """\
# HELP model_router_requests_total Requests.
# TYPE model_router_requests_total counter
model_router_requests_total{status="200",route="/api"} 7.0
# TYPE model_router_requests_created gauge
model_router_requests_created{status="200",route="/api"} 1.7e9
# TYPE other_total counter
other_total 3.0
"""


def _scrape(at: float, value: float, *, pod: str = "a", start: float = 0.0) -> Scrape:
    key = series(NAME, {"status": "200"})
    return Scrape(at, pod, f"uid-{pod}", {key: value, f"{PROCESS_START}{{}}": start})


def test_only_the_wanted_series_are_kept() -> None:
    found = parse_metrics(PAGE, [NAME])
    assert found == {f'{NAME}{{route="/api",status="200"}}': 7.0}
    key = next(iter(found))
    assert matches(key, NAME)
    assert not matches(key, "model_router_requests")


def test_an_old_process_counts_from_its_last_read_before_the_run() -> None:
    reads = [_scrape(8, 100), _scrape(9, 105), _scrape(11, 109), _scrape(20, 125)]
    assert growth(reads, NAME, since=10).total == 20


def test_a_process_born_in_the_run_counts_from_zero() -> None:
    assert growth([_scrape(15, 5, start=12), _scrape(20, 9, start=12)], NAME, since=10).total == 9


def test_a_restart_adds_the_new_process_and_bounds_what_the_old_hid() -> None:
    reads = [_scrape(9, 50), _scrape(11, 60), _scrape(13, 80), _scrape(16, 4, start=14)]
    found = growth(reads, NAME, since=10)
    assert found.total == 34
    assert found.unseen_bound == pytest.approx(30.0)


def test_a_drop_within_one_process_is_a_reset() -> None:
    reads = [_scrape(9, 50), _scrape(11, 60), _scrape(13, 5)]
    found = growth(reads, NAME, since=10)
    assert (found.total, found.lives[0].resets) == (15, 1)


def test_a_pod_that_died_after_its_last_read_bounds_the_unseen() -> None:
    reads = [_scrape(9, 0), _scrape(11, 20), _scrape(12, 30)]
    found = growth(reads, NAME, since=10, ended={"uid-a": 14.0})
    assert found == Growth(30, 20.0, found.lives)


@dataclass(frozen=True)
class Pod:
    """A simulated pod: one request per second from `born` until `died`."""

    born: int
    died: int


@settings(deadline=None)
@given(
    st.lists(
        st.builds(lambda b, d: Pod(b, b + d), st.integers(-20, 40), st.integers(1, 40)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 4),
)
def test_growth_and_its_bound_enclose_the_truth(pods: list[Pod], every: int) -> None:
    since, until = 0, 60
    reads: list[Scrape] = []
    ended: dict[str, float] = {}
    truth = 0
    for index, pod in enumerate(pods):
        stop = min(pod.died, until)
        name = f"p{index}"
        # Read at least twice: a pod that was read once has no rate, so no bound of its own.
        first = {pod.born, min(pod.born + 1, stop)}
        times = [t for t in range(pod.born, stop + 1) if t % every == 0 or t in first]
        if not any(t > since for t in times) and stop > since:
            times.append(stop)
        if stop <= since or (pod.born < since and not any(t <= since for t in times)):
            continue
        truth += stop - max(pod.born, since)
        exact = {t for t in times if t >= since}
        if pod.born < since:
            times = sorted({*times, since})
        reads += [
            _scrape(t, t - pod.born, pod=name, start=pod.born) for t in sorted({*times, *exact})
        ]
        if pod.died < until:
            ended[f"uid-{name}"] = pod.died
        else:
            reads.append(_scrape(until, until - pod.born, pod=name, start=pod.born))
    if not reads:
        return
    found = growth(sorted(reads, key=lambda s: s.at), NAME, since=since, ended=ended)
    assert found.total <= truth <= found.total + found.unseen_bound + 1e-9


@pytest.mark.parametrize(
    ("reads", "unseen"),
    [
        ([(11, 0), (12, 10), (14, 14)], 2 * 6),
        ([(11, 4), (14, 10), (14, 10)], 2 * 6),
        ([(14, 10)], 0),
        ([(14, 10), (14, 11)], 0),
        ([(12, 10), (14, 3)], 0),
    ],
)
def test_what_a_pod_may_have_counted_unseen_goes_by_its_last_rate(
    reads: list[tuple[float, float]], unseen: float
) -> None:
    """Of its last two reads, of all where these were at once; until it was gone, 6 s later."""
    scrapes = [_scrape(at, value, start=10.5) for at, value in reads]
    found = growth(scrapes, NAME, since=10, ended={"uid-a": 20})
    assert found.unseen_bound == pytest.approx(unseen)
    assert growth(scrapes, NAME, since=10).unseen_bound == 0


def test_each_life_says_whose_it_was() -> None:
    """In the order in which they were first read, those of one moment by the Pod's name."""
    reads = [
        _scrape(11, 5, pod="b", start=10),
        _scrape(11, 3, pod="a", start=9),
        _scrape(13, 9, pod="b", start=12),
        _scrape(14, 2, pod="b", start=12),
        _scrape(15, 1, pod="b", start=12),
    ]
    found = growth(reads, NAME, since=10).lives
    shown = [
        (one.pod, one.uid, one.process_start, one.first_at, one.last_at, one.growth, one.resets)
        for one in found
    ]
    assert shown == [
        ("a", "uid-a", 9, 11, 11, 0, 0),
        ("b", "uid-b", 10, 11, 11, 5, 0),
        ("b", "uid-b", 12, 13, 15, 12, 2),
    ]


def test_a_pod_that_was_gone_before_its_last_read_hid_nothing() -> None:
    """The two are stamped by different threads."""
    reads = [_scrape(12, 5, start=11), _scrape(14, 9, start=11)]
    assert growth(reads, NAME, since=10, ended={"uid-a": 14}).unseen_bound == 0
    assert growth(reads, NAME, since=10, ended={"uid-a": 13}).unseen_bound == 0
    assert growth(reads, NAME, since=10, ended={"uid-a": 14.5}).unseen_bound == pytest.approx(1)


def test_an_old_process_without_a_read_in_the_run_did_not_grow() -> None:
    """Nothing is known of it after its last read."""
    assert growth([_scrape(7, 3), _scrape(8, 100), _scrape(9, 105)], NAME, since=10).total == 0


def _born(*pods: str) -> dict[str, float]:
    return {f"uid-{pod}": 11.0 for pod in pods}


@pytest.mark.parametrize(
    "start", [0.0, -60.0, 12.0, 90.0], ids=["none", "behind", "right", "ahead"]
)
def test_the_first_requests_of_a_new_pod_count_whatever_its_nodes_clock_says(start: float) -> None:
    """By our own watch: it was not there. Before its first read it had served 40."""
    reads = [_scrape(15, 40, start=start), _scrape(20, 800, start=start)]
    assert growth(reads, NAME, since=10, born=_born("a")).total == 800


def test_an_old_pod_whose_node_is_ahead_is_not_born_again() -> None:
    reads = [_scrape(8, 5000, start=40), _scrape(20, 5800, start=40)]
    assert growth(reads, NAME, since=10, born={}).total == 800
    assert growth(reads[1:], NAME, since=10, born={}).total == 0


def test_a_container_that_restarted_in_an_old_pod_begins_at_zero() -> None:
    reads = [_scrape(9, 50, start=-60), _scrape(11, 60, start=-60), _scrape(16, 4, start=-46)]
    assert growth(reads, NAME, since=10, born={}).total == 14


def test_a_process_start_may_have_labels() -> None:
    """Custom exporters put some on every metric."""
    key = series(NAME, {})
    started = series(PROCESS_START, {"service": "shop"})
    reads = [
        Scrape(9, "a", "u", {key: 50, started: 1}),
        Scrape(15, "a", "u", {key: 55, started: 12}),
    ]
    assert growth(reads, NAME, since=10, born={}).total == 55


def _read(at: float, **values: float) -> Scrape:
    """One page of a counter with a series for each status."""
    named = {series(NAME, {"status": status[1:]}): value for status, value in values.items()}
    return Scrape(at, "a", "uid-a", named)


def test_a_series_that_an_exporter_forgets_is_no_reset_of_the_others() -> None:
    """As statsd_exporter does after its `ttl`; likewise one that is NaN on a single page."""
    reads = [_read(9, s200=100, s429=50), _read(12, s200=110), _read(14, s200=130, s429=51)]
    found = growth(reads, NAME, since=10)
    assert (found.total, found.lives[0].resets) == (31, 0)
    again = growth([*reads, _read(16, s200=135, s429=2)], NAME, since=10)
    assert (again.total, again.lives[0].resets) == (38, 1)


def test_a_series_that_comes_later_began_at_zero() -> None:
    assert growth([_read(11, s200=100), _read(12, s200=101, s503=4)], NAME, since=10).total == 5


@pytest.mark.parametrize("name", ["nginx_ingress_controller_requests", "x_total"])
def test_a_counter_is_found_by_the_name_on_the_page(name: str) -> None:
    """With or without `_total`, and with what OpenMetrics puts behind a figure."""
    page = f"# TYPE {name.removesuffix('_total')} counter\n# UNIT {name} requests\n"
    page += f'{name}{{status="200"}} 5 # {{trace_id="a"}} 1.0 1.5\n# EOF\n'
    assert parse_metrics(page, [name]) == {f'{name}{{status="200"}}': 5.0}


def test_not_every_number_of_three_digits_is_a_status() -> None:
    key = series(NAME, {"port": "443", "shard": "503", "http_status_code": "200"})
    reads = [Scrape(11, "a", "u", {key: 7})]
    assert statuses_of(reads, NAME) == {"200"}
    assert (reads[0].total(NAME, "200"), reads[0].total(NAME, "503")) == (7, 0)


@pytest.mark.parametrize(
    ("label", "is_status"),
    [
        ("status", True),
        ("Status", True),
        ("httpStatus", True),
        ("statusCode", True),
        ("http_response_status_code", True),
        ("code", True),
        ("http_code", True),
        ("responseCode", True),
        ("returncode", False),
        ("zipcode", False),
        ("codec", False),
    ],
)
def test_a_status_is_known_by_its_labels_name(label: str, is_status: bool) -> None:  # noqa: FBT001 - a column of the table
    read = Scrape(11, "a", "u", {series(NAME, {"app": "x", label: "200"}): 7})
    assert statuses_of([read], NAME) == ({"200"} if is_status else set())


def test_series_are_chosen_by_their_labels_and_nan_counts_nothing() -> None:
    page = PAGE + f'{NAME}{{status="200",route="/health"}} 90\n{NAME}{{status="500"}} NaN\n'
    page += f"{PROCESS_START} 5\n"
    chosen = parse_metrics(page, [NAME, PROCESS_START], {"route": "/api"})
    assert chosen == {f'{NAME}{{route="/api",status="200"}}': 7.0, f"{PROCESS_START}{{}}": 5.0}
    assert sorted(parse_metrics(page, [NAME]).values()) == [7.0, 90.0]

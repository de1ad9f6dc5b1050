"""The script that sends routing requests, run here against a server on loopback."""

import threading
import time
from collections import Counter

from clusterproof.observe.inside import Inside
from clusterproof.observe.metrics import total
from clusterproof.product.router.traffic import SETTLE_WITHIN_S, Caller, Traffic
from clusterproof.spec.behaviour import MetricMovesRow
from clusterproof.spec.row import Area, ObjectRef
from clusterproof.spec.settings import TrafficSettings
from tests.observe.cluster_objects import owned_by
from tests.observe.loopback import Reply, Request, api_server, here, listed, served

WORKLOAD = ObjectRef(kind="Deployment", namespace="n", name="w")
ROW = MetricMovesRow(
    id="m",
    area=Area.METRICS,
    claim="it counts",
    source="test",
    check="metric-moves",
    workload=WORKLOAD,
    name="requests_total",
    by="requests",
)


class _Router:
    """A router of one Pod, and the API server that its metrics page is read through."""

    def __init__(self, each: int = 1, *addresses: str) -> None:
        self.each = each
        self.addresses = addresses or ("",)
        self.asked: list[str] = []
        self.count = 0
        self.users: Counter[str] = Counter()
        self.without_a_page = ""
        self.lock = threading.Lock()

    def route(self, request: Request) -> Reply:
        wanted = request.json()
        with self.lock:
            self.count += self.each
            self.users[wanted["user_id"]] += 1
            self.asked.append(wanted["user_id"])
        if not wanted["enable_ab_test"]:
            return Reply(body={"model_id": "m", "variant_id": "", "is_ab_test": False})
        if wanted["user_id"].endswith("0") and wanted["strategy"] == "fastest":
            return Reply(500, "broken")
        body = {"model_id": "m", "variant_id": "control", "is_ab_test": True}
        return Reply(body=body, headers={"x-exposure-event-id": "E"})

    def api(self, request: Request) -> Reply:
        if "/replicasets" in request.path:
            return Reply(body=listed("ReplicaSet"))
        if request.path.startswith("/apis/apps/v1"):
            selector = {"matchLabels": {"app": "w"}}
            return Reply(
                body=listed(
                    "Deployment",
                    {"metadata": {"name": "w", "uid": "w"}, "spec": {"selector": selector}},
                )
            )
        if self.without_a_page and f"/{self.without_a_page}:" in request.path:
            return Reply(503, "connection refused")
        if "/proxy/" in request.path:
            return Reply(body=f"# TYPE requests_total counter\nrequests_total {self.count}\n")
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        pods = [
            {
                "metadata": {"name": name, "namespace": "n", "uid": name, **owned_by("w")},
                "status": {"phase": "Running", "conditions": [ready], "podIP": address},
            }
            for name, address in zip("ab", self.addresses, strict=False)
        ]
        return Reply(body=listed("Pod", *pods))


def _measure(router: _Router) -> Traffic:
    with served(router.route) as url, api_server(router.api) as api:
        host, _, port = url.removeprefix("http://").partition(":")
        settings = TrafficSettings(workload=WORKLOAD, service=host, port=int(port), requests=12)
        caller = Caller(Inside(here, "here", "a process"), api, settings, name="run")
        return caller.measure([ROW])


def test_each_user_asks_three_times_and_every_answer_is_told() -> None:
    router = _Router()
    traffic = _measure(router)
    plain = {answer.user for answer in traffic.answers if answer.plain}
    assert {user for user in router.users if user.endswith("-plain")} == plain
    assert {router.users[user] for user in plain} == {1}
    assert {count for user, count in router.users.items() if user not in plain} == {3}
    assert len(traffic.answers) == router.count == 12 + 4
    statuses = Counter(one.status for one in traffic.answers)
    assert statuses[200] + statuses[500] == 16
    assert {one.error for one in traffic.answers if one.status == 500} == {"broken"}
    # PostHog gives a uuid back in small letters, whatever the router wrote.
    tested = [one for one in traffic.answers if one.status == 200 and not one.plain]
    assert {one.exposure for one in tested} == {"e"}
    assert {one.is_ab_test for one in tested} == {True}


def test_where_a_request_was_not_routed_each_pod_is_asked_by_itself() -> None:
    router = _Router(1, "127.0.0.1")
    (fate,) = _measure(router).by_pod
    assert fate.pod == "a"
    assert sum(count for _, count in fate.statuses) == 4
    assert {user for user in router.users if user.startswith("run-e")} == {"run-e0", "run-e0-plain"}
    assert (fate.is_sound, fate.unrouted) == (500 not in dict(fate.statuses), 0)
    assert fate.ready_s is not None


def test_a_pod_that_cannot_be_asked_by_itself_is_not_accused() -> None:
    assert _measure(_Router()).by_pod == ()
    assert _measure(_Router(1, "127.0.0.9")).by_pod == ()


def test_a_pod_that_answers_nothing_is_kept_where_another_one_answers() -> None:
    answers, silent = _measure(_Router(1, "127.0.0.1", "127.0.0.9")).by_pod
    assert (answers.pod, answers.is_asked) == ("a", True)
    assert (silent.pod, silent.is_sound, dict(silent.statuses)) == ("b", False, {0: 4})


def test_each_pod_is_asked_after_the_last_batch() -> None:
    """What its SDK sends later would else rise in the quiet time, and be taken for others'."""
    router = _Router(2, "127.0.0.1")
    traffic = _measure(router)
    assert traffic.quiet is not None
    assert traffic.by_pod
    turns = [user.removeprefix("run-")[0] for user in router.asked]
    assert "".join(dict.fromkeys(turns)) == "ace"


def test_one_batch_is_enough_where_all_is_counted_once() -> None:
    (batch,) = _measure(_Router()).batches
    assert [total(page, "requests_total", {}) for page in batch.after] == [16.0]


def test_a_doubt_is_settled_by_a_quiet_time_and_twice_the_batch() -> None:
    traffic = _measure(_Router(each=2))
    assert [len(batch.answers) for batch in traffic.batches] == [16, 32]
    assert traffic.quiet is not None
    assert traffic.quiet.answers == ()


def test_a_pod_without_a_page_is_not_waited_for() -> None:
    """As one in a crash loop: it had none before the batch either, so there is nothing to see."""
    router = _Router(1, "127.0.0.1", "127.0.0.9")
    router.without_a_page = "b"
    began = time.monotonic()
    traffic = _measure(router)
    assert time.monotonic() - began < SETTLE_WITHIN_S
    assert [[page.pod for page in batch.after if page.reason] for batch in traffic.batches] == [
        ["b"]
    ]

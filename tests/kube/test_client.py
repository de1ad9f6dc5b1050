"""The client: pages that are too large, the cluster's clock, its UID."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from clusterproof.errors import ObservationError
from clusterproof.kube import client, transport
from clusterproof.kube.clock import ServerClock
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.workloads import running_pods
from clusterproof.spec.row import ObjectRef
from tests.observe.cluster_objects import adopted, deployment, pod
from tests.observe.loopback import Reply, Request, api_server, listed

PATH = "/api/v1/namespaces/n/configmaps"


def paged(request: Request, size: int, count: int) -> Reply:
    """A page of `count` ConfigMaps of `size` bytes each."""
    query = {key: texts[0] for key, texts in parse_qs(urlsplit(request.path).query).items()}
    first, limit = int(query.get("continue", 0)), int(query["limit"])
    items = [
        {"metadata": {"name": f"c-{number}"}, "data": {"x": "y" * size}}
        for number in range(first, min(count, first + limit))
    ]
    page = listed("ConfigMap", *items)
    if first + limit < count:
        page["metadata"]["continue"] = str(first + limit)
    return Reply(body=page)


def test_a_page_that_is_too_large_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 100_000)
    with api_server(lambda request: paged(request, 10_000, 70)) as api:
        items = api.list(PATH)
        assert [item["metadata"]["name"] for item in items] == [f"c-{n}" for n in range(70)]
        assert api.usage.calls == 12, "of 500, of 62, then ten of 7"


@pytest.mark.parametrize(
    ("size", "limits"), [(20_000, [10, *[4] * 8]), (10, [10, 24, 24]), (200_000, [10, *[1] * 30])]
)
def test_the_pages_behind_the_first_are_by_the_size_of_its_objects(
    monkeypatch: pytest.MonkeyPatch, size: int, limits: list[int]
) -> None:
    monkeypatch.setattr(client, "PAGE", 10)
    monkeypatch.setattr(client, "PAGE_BYTES", 100_000)
    monkeypatch.setattr(client, "LARGEST_PAGE", 24)
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.extend(parse_qs(urlsplit(request.path).query)["limit"])
        return paged(request, size, 40)

    with api_server(answer) as api:
        assert [item["metadata"]["name"] for item in api.list(PATH)] == [
            f"c-{n}" for n in range(40)
        ]
    assert asked == list(map(str, limits))


def test_an_empty_page_says_nothing_of_the_size_of_those_behind_it() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        asked.extend(query["limit"])
        page = listed("ConfigMap")
        if "continue" not in query:
            page["metadata"]["continue"] = "10"
        return Reply(body=page)

    with api_server(answer) as api:
        assert api.list(PATH) == []
    assert asked == ["500", "500"]


def test_metadata_that_nobody_reads_is_not_kept() -> None:
    fields = [{"manager": "kubelet"}]
    router = {"metadata": {"name": "router-1", "namespace": "shop", "managedFields": fields}}

    def answer(request: Request) -> Reply:
        return Reply(
            body=listed("Pod" if request.path.split("?")[0].endswith("pods") else "Secret", router)
        )

    with api_server(answer) as api:
        cluster = Cluster(api)
        (read,) = cluster.objects("Pod", "shop")
        assert read == {"metadata": {"name": "router-1", "namespace": "shop"}}
        (secret,) = cluster.objects("Secret", "shop")
        assert secret["metadata"]["managedFields"] == fields, "they tell when it was written"


def test_one_object_that_is_too_large_ends_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_BYTES", 5_000)
    with api_server(lambda request: paged(request, 10_000, 70)) as api:
        with pytest.raises(ObservationError, match="an answer of over 5000 bytes"):
            api.list(PATH)
        assert api.usage.calls == 4
        monkeypatch.setattr(transport, "MOST_BYTES", 50_000)
        assert len(api.list(PATH)) == 70, "the server answered: patience is not at its end"


def test_a_pod_that_two_lists_have_is_kept_once_and_one_that_changed_is_not() -> None:
    versions = {"same": "7", "changed": "7"}

    def answer(_: Request) -> Reply:
        pods = [
            {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": version}}
            for name, version in versions.items()
        ]
        return Reply(body=listed("Pod", *pods, {"metadata": {"name": "without-a-version"}}))

    with api_server(answer) as api:
        cluster = Cluster(api)
        before = cluster.objects("Pod", "shop")
        versions["changed"] = "8"
        same, changed, without = cluster.objects("Pod", "")
    assert same is before[0]
    assert changed["metadata"]["resourceVersion"] == "8"
    assert changed is not before[1]
    assert without is not before[2]


@pytest.mark.parametrize("ahead_s", [-600, -90, 90, 600])
def test_clock_of_a_server_is_learnt_from_its_answers(ahead_s: int) -> None:
    now = 1_800_000_000.25
    clock = ServerClock(lambda: now)
    assert clock.ahead_s == 0
    for within_s in (0.5, 0.01):
        date = datetime.fromtimestamp(int(now + ahead_s), tz=UTC)
        clock.saw(format_datetime(date, usegmt=True), within_s)
    assert abs(clock.ahead_s - ahead_s) <= 1
    assert abs((clock.now() - datetime.fromtimestamp(now, tz=UTC)).total_seconds() - ahead_s) <= 1


def test_a_clock_that_may_well_agree_is_left_alone() -> None:
    clock = ServerClock(lambda: 1_800_000_000.9)
    clock.saw(format_datetime(datetime.fromtimestamp(1_800_000_000, tz=UTC), usegmt=True), 0.01)
    clock.saw("yesterday", 0.01)
    clock.saw("", 0.01)
    assert clock.ahead_s == 0


def test_a_clock_that_is_set_meanwhile_is_learnt_anew() -> None:
    clock = ServerClock(lambda: 1_800_000_000.0)
    for ahead_s in (600, 0):
        date = datetime.fromtimestamp(1_800_000_000 + ahead_s, tz=UTC)
        clock.saw(format_datetime(date, usegmt=True), 0.01)
        assert clock.ahead_s == ahead_s


@pytest.mark.parametrize("ahead_s", [-600, 600])
def test_age_of_a_pod_is_by_the_clusters_clock(ahead_s: int) -> None:
    ours = datetime.fromtimestamp(time.time(), tz=UTC)
    cluster_now = ours + timedelta(seconds=ahead_s)
    made = cluster_now - timedelta(minutes=9)
    unready = pod("router-1", "shop", {"app": "router"})
    unready["metadata"]["creationTimestamp"] = made.isoformat(timespec="seconds")
    unready["status"] |= {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}
    made_by_people = (deployment("router", "shop", {"app": "router"}), unready)
    objects = (*made_by_people, *adopted(made_by_people))
    kinds = {"deployments": "Deployment", "replicasets": "ReplicaSet", "pods": "Pod"}

    def answer(request: Request) -> Reply:
        kind = kinds[urlsplit(request.path).path.rsplit("/", 1)[-1]]
        items = [item for item in objects if item["kind"] == kind]
        return Reply(
            body=listed(kind, *items),
            headers={"date": format_datetime(cluster_now, usegmt=True)},
        )

    with api_server(answer) as api:
        cluster = Cluster(api)
        router = ObjectRef(kind="Deployment", namespace="shop", name="router")
        assert [p["metadata"]["name"] for p in running_pods(cluster, router)] == ["router-1"]
        assert abs(cluster.age_s(unready) - 540) < 5


def test_the_time_that_a_pod_says_is_not_the_clusters() -> None:
    headers = {"date": "Wed, 01 Jan 2031 00:00:00 GMT"}
    with api_server(lambda _: Reply(body={}, headers=headers)) as api:
        api.get("/api/v1/namespaces/n/pods/p/proxy/x")
        assert api.now().year < 2031

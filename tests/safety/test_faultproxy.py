"""Each fault against the observers themselves: the truth, or a refusal, within a bound."""

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clusterproof.act.own_pods import OwnPods, PodPlan
from clusterproof.errors import ObservationError
from clusterproof.kube import channels
from clusterproof.kube import client as api_module
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.kube.execute import execute
from testbed.faultproxy.faults import FAULTS, PATTERNS, READING, WRITING, Fault, read
from testbed.faultproxy.matrix import CLEAN
from testbed.faultproxy.server import Running, running
from tests.observe.cluster_objects import pod
from tests.observe.pods_server import World, pods_server

PODS = "/api/v1/namespaces/shop/pods"
OURS = {"clusterproof.dev/run": "x"}
NAMES = ["a", "b", "c"]
WITHIN_S = 15.0
_SAYING_NOTHING = frozenset({"hang", "drip", "silent", "plain"})
"""The acts and ways of faults whose callers wait until their bound is over."""
LISTING = [one for one in READING if one.on != PATTERNS["proxy"] and "secrets" not in one.name]
EXECUTING = [one for one in WRITING if one.name.startswith("exec-")]


@pytest.fixture(autouse=True)
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can wait for, where nothing comes.

    What does come may take its usual time: the first request of a process loads httpx and two TLS
    contexts, 0.24 s of CPU, and a busy machine gives it a tenth of one.
    """
    fault = getattr(request.node, "callspec", None) and request.node.callspec.params.get("fault")
    if not fault or {fault.act, fault.how, fault.serves}.isdisjoint(_SAYING_NOTHING):
        return
    monkeypatch.setattr(api_module, "READ_TIMEOUT_S", 2.0)
    monkeypatch.setattr(channels, "CONNECT_S", 0.6)
    monkeypatch.setattr(channels, "PING_EVERY_S", 0.4)
    monkeypatch.setattr(channels, "SILENT_S", 1.2)


@pytest.fixture
def upstream() -> Iterator[KubeApi]:
    """An API server on loopback with three Pods, that really runs what is executed."""
    world = World()
    for name in NAMES:
        world.add(pod(name, "shop", OURS))
    with pods_server(world) as api:
        yield api


def through(proxy: Running) -> KubeApi:
    """An API behind the proxy."""
    return KubeApi(connect(str(proxy.kubeconfig)))


def listed_names(api: KubeApi) -> list[str]:
    try:
        return [one["metadata"]["name"] for one in api.list(PODS)]
    finally:
        api.close()


@pytest.mark.parametrize("fault", [CLEAN, *LISTING], ids=lambda one: one.name)
def test_list_is_right_or_refused(upstream: KubeApi, fault: Fault) -> None:
    began = time.monotonic()
    with running(upstream.connection, fault) as proxy:
        api = through(proxy)
        if fault.transient or fault is CLEAN:
            assert listed_names(api) == NAMES
        elif fault.skip or "page" in fault.name or "services" in fault.name:
            with_luck(api)
        else:
            with pytest.raises(ObservationError):
                listed_names(api)
    assert time.monotonic() - began < WITHIN_S


def with_luck(api: KubeApi) -> None:
    """The truth or a refusal; never a part of it."""
    try:
        assert listed_names(api) == NAMES
    except ObservationError:
        return


@pytest.mark.parametrize("fault", [CLEAN, *EXECUTING], ids=lambda one: one.name)
def test_exec_is_right_or_refused(upstream: KubeApi, fault: Fault) -> None:
    began = time.monotonic()
    argv = ["python3", "-c", "print('word ' * 100)"]
    with running(upstream.connection, fault) as proxy:
        api = through(proxy)
        if fault is CLEAN:
            assert execute(api, "shop", "a", "main", argv).stdout.split() == ["word"] * 100
        elif fault.how == "half":
            # What is cut and ends well can only be known by who knows what was to be said.
            assert len(execute(api, "shop", "a", "main", argv).stdout) < 500
        else:
            with pytest.raises(ObservationError, match="exec in shop/a/main"):
                execute(api, "shop", "a", "main", argv)
        api.close()
    assert time.monotonic() - began < WITHIN_S


def test_late_exec_is_an_exec_still(upstream: KubeApi) -> None:
    with running(upstream.connection, replace(FAULTS["slow"], delay_s=0.2)) as proxy:
        api = through(proxy)
        assert execute(api, "shop", "a", "main", ["python3", "-c", "print(1)"]).stdout == "1\n"
        api.close()
    assert [hit.faulted for hit in proxy.hits] == [True]


def test_refused_exec_says_what_the_server_said(upstream: KubeApi) -> None:
    with running(upstream.connection, FAULTS["exec-forbidden"]) as proxy:
        api = through(proxy)
        with pytest.raises(ObservationError, match="403: is forbidden: as the fault says") as seen:
            execute(api, "shop", "a", "main", ["python3", "-V"])
        api.close()
    assert seen.value.status == 403


def test_caller_that_never_hangs_up_is_let_go_when_the_proxy_ends(upstream: KubeApi) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with running(upstream.connection, FAULTS["exec-forbidden"]) as proxy:
        plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=WITHIN_S)
        caller = trusting.wrap_socket(plain)
        caller.sendall(f"GET {PODS} HTTP/1.1\r\nhost: any\r\n\r\n".encode())
        assert caller.recv(12) == b"HTTP/1.1 200"
    with caller:
        assert hung_up(caller)


def hung_up(caller: ssl.SSLSocket) -> bool:
    """Whether the other side ends the connection, in order or not, before the socket's timeout."""
    try:
        return caller.recv(65536) == b"" or hung_up(caller)
    except (ssl.SSLError, ConnectionError):
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "fault", [one for one in WRITING if one.on == PATTERNS["creates"]], ids=lambda one: one.name
)
def test_pod_that_could_not_be_made_leaves_nothing(upstream: KubeApi, fault: Fault) -> None:
    with running(upstream.connection, fault) as proxy:
        api = through(proxy)
        pods = OwnPods(api, "run-1")
        with pytest.raises(ObservationError):
            pods.start(PodPlan("shop", "control", "image:1"))
        pods.close()
        api.close()
    assert [one["metadata"]["name"] for one in upstream.list(PODS)] == NAMES


def test_pod_that_may_not_be_looked_at_is_not_waited_for() -> None:
    world = World()
    world.forbidden.add("get")
    began = time.monotonic()
    with pods_server(world) as api:
        pods = OwnPods(api, "run-1")
        with pytest.raises(ObservationError, match="403") as seen:
            pods.start(PodPlan("shop", "control", "image:1"))
        pods.close()
    assert time.monotonic() - began < 2
    assert seen.value.next_command == "kubectl auth can-i get pods -n shop"
    assert world.pods == {}


def test_there_are_at_least_25_faults_each_with_a_name() -> None:
    assert len(FAULTS) == len(READING) + len(WRITING) >= 25


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"says": "x", "act": "explode"}, "act"),
        ({"says": "x", "acts": "reset"}, "acts"),
        ({"says": "x", "times": "1"}, "times"),
        ({"says": "x", "status": 418}, "418"),
    ],
)
def test_an_entry_that_cannot_be_a_fault_is_refused(entry: dict[str, object], word: str) -> None:
    with pytest.raises((ValueError, KeyError), match=word):
        read("x", entry)

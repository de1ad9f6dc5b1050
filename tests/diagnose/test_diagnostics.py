"""Diagnostics: in scope, in bounds, and with no secret in them."""

import base64
import json
import secrets
import string
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from clusterproof.bundle.journal import line
from clusterproof.bundle.known import values_of
from clusterproof.checks.field import FieldRow
from clusterproof.checks.replicas import ReplicasRow
from clusterproof.diagnose.gather import ROW_BYTES, Diagnostics
from clusterproof.diagnose.scope import scope_of
from clusterproof.observe.cluster import Cluster
from clusterproof.outcome import Outcome
from clusterproof.redact import Redactor
from clusterproof.report.record import RowResult
from clusterproof.spec import Row
from clusterproof.spec.row import ObjectRef
from tests.observe.cluster_objects import owned_by
from tests.observe.loopback import Reply, Request, api_server

Json = dict[str, Any]
NAMESPACE = "here"
LETTERS = string.ascii_letters + string.digits

ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64-of-more": lambda text: base64.b64encode(f"user:{text}@host".encode()).decode(),
    "url": lambda text: urllib.parse.quote(text, safe=""),
    "url-every-byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "json": json.dumps,
    "hex": lambda text: text.encode().hex(),
}
PLACES = ("log", "event", "env", "config-map", "annotation", "command")


def planted() -> tuple[str, ...]:
    """Forty, made anew in each run: keys of known shapes, and words that only the run knows."""

    def word(length: int) -> str:
        return "".join(secrets.choice(LETTERS) for _ in range(length))

    shaped = [f"phc_{word(43)}" for _ in range(8)] + [f"sk-ant-api03-{word(60)}" for _ in range(8)]
    return (*shaped, *(word(24) for _ in range(24)))


def texts(value: str, place: str, wanted: str) -> str:
    return value if place == wanted else "nothing"


def objects(value: str, place: str) -> dict[str, list[Json]]:
    """A Deployment whose Pod crashes, with `value` in one place, and the Secret that holds it."""
    meta = {"name": "web", "namespace": NAMESPACE, "uid": "u", "generation": 1}
    container = {
        "name": "web",
        "image": "web:1",
        "env": [{"name": "ORDINARY", "value": texts(value, place, "env")}],
        "args": ["serve", texts(value, place, "command")],
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    pod_meta = {"name": "web-1", "namespace": NAMESPACE, **owned_by("set")}
    status = {"name": "web", "ready": False, "restartCount": 3, "state": {"waiting": {}}}
    return {
        "deployments": [
            {
                "metadata": meta | {"annotations": {"note": texts(value, place, "annotation")}},
                "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
                "status": {},
            }
        ],
        "replicasets": [{"metadata": {"name": "web", "uid": "set", **owned_by("u")}}],
        "pods": [
            {
                "metadata": pod_meta,
                "spec": template["spec"],
                "status": {"phase": "Running", "containerStatuses": [status]},
            }
        ],
        "events": [
            {
                "metadata": {"name": "e", "namespace": NAMESPACE},
                "involvedObject": {"name": "web-1"},
                "reason": "BackOff",
                "message": f"back-off: {texts(value, place, 'event')}",
                "lastTimestamp": "2026-11-23T15:00:00Z",
            }
        ],
        "configmaps": [
            {
                "metadata": {"name": "web", "namespace": NAMESPACE},
                "data": {"SETTING": texts(value, place, "config-map")},
            }
        ],
    }


KINDS = {"deployments": "Deployment", "pods": "Pod", "events": "Event", "configmaps": "ConfigMap"}
KINDS |= {"networkpolicies": "NetworkPolicy", "secrets": "Secret", "replicasets": "ReplicaSet"}


@contextmanager
def cluster_with(
    held: dict[str, list[Json]], log: str, *, refused: frozenset[str] = frozenset()
) -> Iterator[Cluster]:
    def answer(request: Request) -> Reply:
        path = request.path.partition("?")[0]
        plural = path.rpartition("/")[2]
        if plural in refused:
            return Reply(403, {"message": f"{plural} is forbidden"})
        if plural == "log":
            return Reply(body=log)
        return Reply(body={"kind": f"{KINDS[plural]}List", "items": held.get(plural, [])})

    with api_server(answer) as api:
        yield Cluster(api)


def replicas_row() -> Row:
    return ReplicasRow.model_validate(
        {
            "id": "web-replicas",
            "check": "replicas",
            "area": "workloads",
            "claim": "The web runs two replicas",
            "source": "tests",
            "workload": f"Deployment/{NAMESPACE}/web",
            "replicas": {"min": 2, "max": 2},
        }
    )


def config_row() -> Row:
    return FieldRow.model_validate(
        {
            "id": "web-setting",
            "check": "field",
            "area": "configuration",
            "claim": "The setting says yes",
            "source": "tests",
            "of": f"ConfigMap/{NAMESPACE}/web",
            "path": "data.SETTING",
            "expect": {"equals": "yes"},
        }
    )


def told(cluster: Cluster, value: str) -> str:
    """All that is written of both rows, when the run has read the Secret."""
    redactor = Redactor.of([value])
    gathered = Diagnostics(cluster, lambda: redactor)
    row = config_row()
    result = RowResult(
        id=row.id,
        area="configuration",
        title=row.claim,
        outcome=Outcome.FAILED,
        observed=value,
        evidence=(f"data.SETTING is {value!r}",),
    )
    fact = cluster.objects("ConfigMap", NAMESPACE)
    written = line(row, result, fact, redactor)
    return gathered.of(replicas_row()) + gathered.of(row) + written


@pytest.mark.parametrize("place", PLACES)
def test_forty_planted_secrets_in_eight_encodings_never_come_out(place: str) -> None:
    leaks = []
    for number, value in enumerate(planted()):
        name, encode = list(ENCODINGS.items())[number % len(ENCODINGS)]
        said = encode(value)
        log = f"connecting with {said}\n" if place == "log" else "crashed\n"
        with cluster_with(objects(said, place), log) as cluster:
            text = told(cluster, value)
        if value in text or said in text:
            leaks.append(name)
    assert leaks == []


@pytest.mark.parametrize("name", ENCODINGS)
def test_each_encoding_of_a_secret_is_taken_out_of_a_log(name: str) -> None:
    value = planted()[-1]
    said = ENCODINGS[name](value)
    with cluster_with(objects("x", "none"), f"user=me key {said} done\n") as cluster:
        text = told(cluster, value)
    assert said not in text
    assert value not in text
    assert "log of web-1/web" in text


def test_what_stands_around_a_crash_is_told() -> None:
    with cluster_with(objects("x", "none"), "boom\n") as cluster:
        text = Diagnostics(cluster, Redactor).of(replicas_row())
    for part in (
        "## Deployment/here/web",
        "## Pod here/web-1",
        "## previous log of web-1/web\nboom",
        "BackOff  web-1",
        "## NetworkPolicies of here\nnone: everything is allowed",
        "(7 characters)",
    ):
        assert part in text


def test_what_may_not_be_read_is_said_and_ends_nothing() -> None:
    refused = frozenset({"events", "log"})
    with cluster_with(objects("x", "none"), "", refused=refused) as cluster:
        text = Diagnostics(cluster, Redactor).of(replicas_row())
    assert "events is forbidden" in text
    assert "log is forbidden" in text
    assert "## Deployment/here/web" in text


def test_a_large_log_is_cut_at_the_bound() -> None:
    with cluster_with(objects("x", "none"), "word " * 200_000) as cluster:
        text = Diagnostics(cluster, Redactor).of(replicas_row())
    assert len(text) < ROW_BYTES + 100
    assert "more characters)" in text


def test_the_time_of_a_run_is_bounded() -> None:
    now = iter(range(0, 10_000, 30))
    with cluster_with(objects("x", "none"), "boom") as cluster:
        gathered = Diagnostics(cluster, Redactor, clock=lambda: float(next(now)))
        assert "time for diagnostics is spent" in gathered.of(replicas_row())
        assert "not gathered" in gathered.of(config_row())


def test_rows_of_one_scope_are_gathered_once() -> None:
    with cluster_with(objects("x", "none"), "boom") as cluster:
        gathered = Diagnostics(cluster, Redactor)
        gathered.of(replicas_row())
        calls = cluster.api.usage.calls
        again = replicas_row().model_copy(update={"id": "web-other"})
        assert "see its file" in gathered.of(again)
        assert cluster.api.usage.calls == calls


def test_a_secret_is_told_by_its_keys_only_and_its_values_are_known() -> None:
    data = {"password": base64.b64encode(b"correct horse battery").decode()}
    held: dict[str, list[Json]] = {
        "secrets": [{"metadata": {"name": "web", "namespace": NAMESPACE}, "data": data}]
    }
    secret = ObjectRef(kind="Secret", namespace=NAMESPACE, name="web")
    row = config_row().model_copy(update={"of": secret})
    with cluster_with(held, "") as cluster:
        cluster.objects("Secret", NAMESPACE)
        text = Diagnostics(cluster, Redactor).of(row)
        known = {value for secret in cluster.listed("Secret") for value in values_of(secret)}
    assert "keys: password" in text
    assert "correct horse battery" in known
    assert data["password"] in known


def test_scope_is_every_object_that_a_row_names() -> None:
    scope = scope_of(replicas_row())
    assert [str(ref) for ref in scope.refs] == ["Deployment/here/web"]
    assert scope.namespaces == (NAMESPACE,)

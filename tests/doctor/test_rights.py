"""The rights that a spec's rows take, told before a run, beside those that runs really used."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clusterproof.checks import read_spec
from clusterproof.checks.field import FieldRow
from clusterproof.checks.policy import PolicyRow
from clusterproof.checks.reference import ReferenceRow
from clusterproof.checks.replicas import ReplicasRow
from clusterproof.doctor.cli import is_new_enough, of_rights, of_rights_at_times
from clusterproof.doctor.rights import rights_at_times, rights_by_row, rights_of_row, writes
from clusterproof.nightly.rights import Grant, grants_of
from clusterproof.spec import Row, Settings
from clusterproof.spec.behaviour import EgressRow
from clusterproof.spec.row import Area, Expectation, ObjectRef
from clusterproof.spec.settings import DiallerSettings
from tests.judge.test_policy import CILIUM, CLUSTERWIDE, served
from tests.observe.cluster_objects import cluster_of

PROJECT = Path(__file__).parents[2]
RECORDED = PROJECT / "tests" / "nightly" / "recorded"
OF_NO_ROW = {
    "read-only": {"get namespaces", "list pods in kube-system"},
    "self-hosted": {
        "get namespaces",
        *(f"{verb} leases.coordination.k8s.io in posthog"
          for verb in ("create", "delete", "get", "update")),
        *(f"list {kind} in {place}"
          for kind in ("pods", "services", "endpointslices.discovery.k8s.io")
          for place in ("default", "kube-system", "monitoring")),
    },
}  # fmt: skip
"""What a run uses for no row by itself: its lock, the cluster's UID, what explains a dial."""


@pytest.mark.parametrize("profile", OF_NO_ROW)
def test_rows_take_the_rights_that_runs_used_and_no_others(profile: str) -> None:
    spec = read_spec(PROJECT / "spec" / f"{profile}.yaml")
    told = {str(grant) for grants in rights_by_row(spec).values() for grant in grants}
    used = grants_of(json.loads((RECORDED / f"{profile}.json").read_text(encoding="utf-8")))
    assert told == {str(grant) for grant in used} - OF_NO_ROW[profile]


@pytest.mark.parametrize("profile", OF_NO_ROW)
def test_each_row_takes_a_right(profile: str) -> None:
    spec = read_spec(PROJECT / "spec" / f"{profile}.yaml")
    assert [row for row, grants in rights_by_row(spec).items() if not grants] == []


def test_no_row_of_the_read_only_profile_writes() -> None:
    spec = read_spec(PROJECT / "spec" / "read-only.yaml")
    assert [row for row, grants in rights_by_row(spec).items() if writes(grants)] == []


def _told(row: Row) -> set[str]:
    return {str(grant) for grant in rights_of_row(row, Settings())}


def _ref(text: str) -> ObjectRef:
    kind, namespace, name = text.split("/")
    return ObjectRef(kind=kind, namespace=namespace, name=name)


@pytest.mark.parametrize(
    ("of", "right"),
    [
        ("Node//a", "list nodes"),
        ("ConfigMap/shop/a", "list configmaps in shop"),
        ("Rollout.v1alpha1.argoproj.io/shop/a", "list rollouts.argoproj.io in shop"),
        ("Policy.v1.example.com/shop/a", "list policies.example.com in shop"),
        ("Redis.v1.example.com/shop/a", "list redises.example.com in shop"),
    ],
)
def test_an_object_is_found_by_the_list_of_its_kind(of: str, right: str) -> None:
    row = FieldRow(
        id="a",
        check="field",
        area=Area.WORKLOADS,
        claim="it is so",
        source="here",
        of=_ref(of),
        path="a.b",
        expect=Expectation(equals=1),
    )
    assert _told(row) == {right}


@pytest.mark.parametrize(
    ("workload", "between"),
    [
        ("Deployment/shop/web", {"list replicasets.apps in shop"}),
        ("StatefulSet/shop/web", set()),
    ],
)
def test_pods_take_the_list_of_what_stands_between(workload: str, between: set[str]) -> None:
    row = ReplicasRow.model_validate(
        {
            "id": "a",
            "check": "replicas",
            "area": "workloads",
            "claim": "it runs so",
            "source": "here",
            "workload": workload,
            "replicas": {"min": 1, "max": 1},
        }
    )
    kind = workload.partition("/")[0].lower()
    assert _told(row) == {f"list {kind}s.apps in shop", "list pods in shop", *between}


@pytest.mark.parametrize(
    ("host", "rights"),
    [
        ("db", {"list services in shop", "list endpointslices.discovery.k8s.io in shop"}),
        ("db.store", set()),
        ("example.com", set()),
    ],
)
def test_who_is_behind_a_service_of_the_pods_own_namespace_is_listed(
    host: str, rights: set[str]
) -> None:
    row = EgressRow.model_validate(
        {
            "id": "a",
            "check": "egress",
            "area": "network-policy",
            "claim": "it is reached",
            "source": "here",
            "workload": "StatefulSet/shop/web",
            "host": host,
            "port": 80,
            "protocol": "TCP",
            "expected": "allowed",
        }
    )
    listed = {right for right in _told(row) if "endpointslices" in right or "services" in right}
    assert listed == rights


def _row(kind: type[Row], **fields: object) -> Row:
    common = {"id": "a", "area": "network-policy", "claim": "it is so", "source": "here"}
    return kind.model_validate({**common, **fields})


EGRESS = _row(
    EgressRow,
    check="egress",
    workload="StatefulSet/shop/web",
    host="db",
    port=80,
    protocol="TCP",
    expected="allowed",
)
REFERENCE = _row(
    ReferenceRow, check="reference", of="ConfigMap/shop/a", url_key="DB", service="Service/store/db"
)
STAND_IN = {
    "create pods in shop": "one of its Pods has no python3",
    "get pods in shop": "one of its Pods has no python3",
    "delete pods in shop": "one of its Pods has no python3",
}
ENTERED = {
    **dict.fromkeys(STAND_IN, "none of its Pods runs"),
    "patch pods/ephemeralcontainers in shop": "one of its Pods has no python3",
}
HEADLESS = "the Service is headless and names its target port"


@pytest.mark.parametrize(
    ("row", "ephemeral", "rights"),
    [
        (EGRESS, False, STAND_IN),
        (EGRESS, True, ENTERED),
        (REFERENCE, False, {"list endpointslices.discovery.k8s.io in store": HEADLESS}),
    ],
)
def test_rights_that_a_state_of_the_cluster_takes_stand_apart(
    row: Row, rights: dict[str, str], *, ephemeral: bool
) -> None:
    dialler = DiallerSettings(namespace="tools", image="i", ephemeral_containers=ephemeral)
    told = rights_at_times(row, Settings(dialler=dialler))
    assert {str(grant): state for grant, state in told.items()} == rights
    assert not told.keys() & rights_of_row(row, Settings(dialler=dialler))


def test_rows_about_all_policies_take_those_of_the_other_kinds_that_the_cluster_has() -> None:
    rows = [
        _row(
            PolicyRow,
            id=aspect,
            check="policy",
            of="NetworkPolicy/shop/p",
            workload="Deployment/shop/web",
            aspect=aspect,
            needs={"db": "shop/app=db:5432/TCP"},
        )
        for aspect in ("selects", "allows")
    ]
    spec: Any = SimpleNamespace(rows=rows, settings=Settings())
    answers = served(CILIUM, {}) | served(CLUSTERWIDE, {})
    of_group = "/apis/cilium.io/v2"
    listed: Any = [served(kind, {})[of_group] for kind in (CILIUM, CLUSTERWIDE)]
    resources = [each["resources"][0] for each in listed]
    with cluster_of(answers={**answers, of_group: {"resources": resources}}) as cluster:
        told, without = rights_by_row(spec, cluster), rights_by_row(spec)
    assert told["selects"] == without["selects"]
    assert {str(grant) for grant in told["allows"] - without["allows"]} == {
        "list ciliumnetworkpolicies.cilium.io in shop",
        "list ciliumclusterwidenetworkpolicies.cilium.io",
    }


def test_a_missing_right_of_some_states_is_named_and_closes_nothing_for_certain() -> None:
    told = rights_at_times(REFERENCE, Settings())
    (line,) = of_rights_at_times({"a": told, "b": told}, dict.fromkeys(told, False))
    assert (line.mark, line.text) == (
        "ok",
        f"list endpointslices.discovery.k8s.io in store: closes a, b where {HEADLESS}",
    )
    assert not list(of_rights_at_times({"a": told}, dict.fromkeys(told, True)))


LIST, CREATE = Grant("a", "", "pods", "list"), Grant("a", "", "pods", "create")
BY_ROW = {"reads": frozenset({LIST}), "writes": frozenset({LIST, CREATE})}


@pytest.mark.parametrize(
    ("granted", "read_only", "shown"),
    [
        ({LIST: True, CREATE: True}, False, "2 of 2 can be judged"),
        ({LIST: True, CREATE: True}, True, "1 of 2 can be judged; 1 will be INCONCLUSIVE"),
        ({LIST: True, CREATE: False}, False, "1 of 2 can be judged; 1 will be INCONCLUSIVE"),
        ({LIST: True, CREATE: False}, True, "1 of 2 can be judged; 1 will be INCONCLUSIVE"),
        ({LIST: False, CREATE: False}, False, "0 of 2 can be judged; 2 will be INCONCLUSIVE"),
    ],
)
def test_a_row_is_open_when_each_of_its_rights_is_granted(
    granted: dict[Grant, bool], *, read_only: bool, shown: str
) -> None:
    *_, rows = of_rights(BY_ROW, granted, read_only=read_only)
    assert (rows.text, rows.mark) == (shown, "ok" if shown.startswith("2") else "!!")


@pytest.mark.parametrize(
    ("version", "supported"),
    [
        ("v1.35.4", True),
        ("v1.27.0", True),
        ("v1.33.5-eks-1234", True),
        ("v2.0.0", True),
        ("v1.26.15", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_a_server_is_supported_from_v1_27_on(version: str, *, supported: bool) -> None:
    assert is_new_enough(version) is supported

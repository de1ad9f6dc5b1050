"""The Roles of deploy/nightly grant what runs really used, and nothing else."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from clusterproof.checks import read_spec
from clusterproof.errors import SpecError
from clusterproof.kube.yaml_file import read_yaml
from clusterproof.nightly import cli
from clusterproof.nightly.rights import Grant, granted, grants_of, needed, roles
from clusterproof.report.record import RunRecord

PROJECT = Path(__file__).parents[2]
RIGHTS = PROJECT / "deploy" / "nightly" / "rights"
RECORDED = Path(__file__).parent / "recorded"
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def manifests(*folders: str) -> Iterator[dict[str, Any]]:
    for folder in folders:
        text = (RIGHTS / folder / "roles.yaml").read_text(encoding="utf-8")
        yield from yaml.safe_load_all(text)


def recorded(profile: str) -> frozenset[Grant]:
    return needed(grants_of(json.loads((RECORDED / f"{profile}.json").read_text())))


def test_default_rights_are_those_that_a_read_only_run_used() -> None:
    assert set(granted(manifests("read-only"))) == recorded("read-only")


def test_all_rights_are_those_that_a_whole_run_used() -> None:
    every = set(granted(manifests("read-only", "active", "secret-shape", "volume-use")))
    assert every == recorded("self-hosted")


def test_no_grant_stands_twice() -> None:
    folders = [path.name for path in RIGHTS.iterdir()]
    seen = Counter(granted(manifests(*folders)))
    assert {str(one) for one, count in seen.items() if count > 1} == set()


def test_default_rights_read_and_read_no_secret() -> None:
    found = set(granted(manifests("read-only", "diagnose")))
    assert {one.verb for one in found} == {"get", "list"}
    assert not {one for one in found if one.resource.startswith(("secrets", "pods/exec", "nodes/"))}


def test_only_the_active_opt_in_writes() -> None:
    for folder in RIGHTS.iterdir():
        writes = {one for one in granted(manifests(folder.name)) if one.verb in WRITING}
        assert bool(writes) == (folder.name == "active")


@pytest.mark.parametrize("name", ["1e3", "08", "y", "0o17"])
def test_the_roles_that_are_printed_keep_each_name_for_kubectl(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    grant = Grant(namespace=name, group="", resource="pods", verb="get")
    monkeypatch.setattr(RunRecord, "read", lambda _: SimpleNamespace(rights=()))
    monkeypatch.setattr(cli, "grants_of", lambda _: frozenset({grant}))
    options = argparse.Namespace(record="", beyond="", name="clusterproof")
    assert cli._rights(options, []) == 0
    role = read_yaml(capsys.readouterr().out.encode()).content
    assert role["metadata"]["namespace"] == name


def test_no_rule_has_a_wildcard() -> None:
    every = granted(manifests(*(path.name for path in RIGHTS.iterdir())))
    assert not [one for one in every if "*" in {one.group, one.resource, one.verb}]


def test_each_binding_is_for_the_jobs_own_account() -> None:
    for manifest in manifests(*(path.name for path in RIGHTS.iterdir())):
        if manifest["kind"].endswith("Binding"):
            assert manifest["subjects"] == [
                {"kind": "ServiceAccount", "namespace": "clusterproof", "name": "clusterproof"}
            ]


def test_read_only_profile_is_the_whole_contract_without_what_takes_more() -> None:
    whole = {row.id: row for row in read_spec(PROJECT / "spec" / "self-hosted.yaml").rows}
    small = {row.id for row in read_spec(PROJECT / "spec" / "read-only.yaml").rows}
    assert small < set(whole)
    kinds = {whole[one].check for one in small}
    assert not kinds & {"egress", "dns", "answer", "secret-shape", "volume-use", "ingestion"}


def test_a_role_for_each_namespace_and_one_for_all() -> None:
    grants = grants_of(["list pods", "list services in a", "get pods/log in a", "list pods in a"])
    made = roles(needed(grants), "some", ("home", "runner"))
    assert [(one["kind"], one["metadata"].get("namespace")) for one in made] == [
        ("ClusterRole", None),
        ("ClusterRoleBinding", None),
        ("Role", "a"),
        ("RoleBinding", "a"),
    ]
    assert set(granted(made)) == needed(grants)
    assert Grant("a", "", "pods", "list") not in needed(grants)


def test_a_role_is_bound_to_its_account_and_has_a_rule_for_each_set_of_verbs() -> None:
    rights = ["list pods in a", "get pods in a", "get services in a", "list services in a"]
    rights += ["get deployments.apps in a", "create pods/exec in a"]
    role, binding = roles(grants_of(rights), "some", ("home", "runner"))
    assert role == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "some", "namespace": "a"},
        "rules": [
            {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
        ],
    }
    assert binding == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "some", "namespace": "a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "home", "name": "runner"}],
    }


@pytest.mark.parametrize(
    "right",
    ["get pods", "list deployments.apps in a", "get pods/log in a", "list x.metrics.k8s.io"],
)
def test_a_grant_is_written_as_it_was_read(right: str) -> None:
    assert [str(one) for one in grants_of([right])] == [right]


def test_a_right_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        grants_of(["whatever"])
    assert str(caught.value) == (
        "rights: expected `verb resource[.group][ in namespace]`, got 'whatever'"
    )

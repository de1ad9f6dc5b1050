"""The Helm chart on the local cluster: installed, a night, upgraded, rolled back, uninstalled.

Makes namespace `clusterproof-chart` and the release `cp-chart` in it, with Roles in the namespaces
of the deployment; all of it is gone at the end.
"""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from clusterproof.wait import wait_until
from testbed.chart import CHART, Helm
from testbed.cluster import binaries, paths
from testbed.dashboards.answers import board, expression
from testbed.deploy.kubectl import Kubectl
from testbed.nightly import job, rules

pytestmark = pytest.mark.cluster

NAMESPACE = "clusterproof-chart"
RELEASE = "cp-chart"
NAME = f"{RELEASE}-clusterproof"
SCRAPED_WITHIN_S = 60
LITTLE = {"requests": {"cpu": "0", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "384Mi"}}
VALUES = {"resources": LITTLE, "history": {"resources": LITTLE}}
"""The nodes have room for ten routers and not much more: what a night asks of them is no part of
what it finds."""
Json = dict[str, Any]
MAY_BE_EMPTY = {
    "Failed rows by name": "there are none after a pass",
    "Events to PostHog": "of those that were given up there are none",
    "Exposures by variant": "nobody may have asked for a route yet",
}
"""Panels with a query that a healthy cluster answers with nothing, and why."""


@pytest.fixture(scope="module")
def kubectl() -> Kubectl:
    return Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)


@pytest.fixture(scope="module")
def helm(kubectl: Kubectl) -> Iterator[Helm]:
    tool = Helm(paths.KUBECONFIG)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace"}
    kubectl.apply([namespace | {"metadata": {"name": NAMESPACE, "labels": labels}}])
    install = ("install", RELEASE, str(CHART), "-n", NAMESPACE, "--wait", "--timeout", "120s")
    tool.run(*install, values=VALUES)
    try:
        yield tool
    finally:
        tool.run("uninstall", RELEASE, "-n", NAMESPACE, "--ignore-not-found")
        kubectl.delete_namespaces(NAMESPACE, within_s=120)


@pytest.fixture(scope="module")
def ended(helm: Helm, kubectl: Kubectl) -> job.Finished:
    assert helm
    return job.run_now(kubectl, NAMESPACE, cron_job=NAME)


def cron_job(kubectl: Kubectl) -> Json:
    (item,) = kubectl.read("cronjobs", "-n", NAMESPACE)
    return dict(item["spec"])


def test_the_night_of_the_chart_passes(ended: job.Finished) -> None:
    assert ended.exit_code == 0, ended.log[-3000:]
    assert ": PASSED: " in ended.log


@pytest.mark.parametrize("name", ["nights", "load"])
def test_each_panel_is_answered_by_the_real_prometheus(ended: job.Finished, name: str) -> None:
    assert ended.exit_code == 0
    wait_until(
        lambda: asked(f'clusterproof_rows{{namespace="{NAMESPACE}"}}'),
        bool,
        waiting_for="Prometheus to scrape the history",
        within_s=SCRAPED_WITHIN_S,
        every_s=1.0,
    )
    for panel in board(name)["panels"]:
        for target in panel["targets"]:
            expr = expression(target)
            series = asked(expr)
            assert series or panel["title"] in MAY_BE_EMPTY, f"{panel['title']}: {expr}"


def asked(expr: str) -> list[Json]:
    answer = rules.ask("/api/v1/query", query=expr, time=f"{time.time():.3f}")
    return list(answer["result"])


def test_an_upgrade_changes_what_was_asked_and_a_rollback_puts_it_back(
    helm: Helm, kubectl: Kubectl
) -> None:
    before = cron_job(kubectl)
    values = {"schedule": "47 4 * * *", "withinSeconds": 600}
    upgrade = ("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, "--wait", "--timeout", "120s")
    helm.run(*upgrade, values=VALUES | values)
    after = cron_job(kubectl)
    assert (before["schedule"], after["schedule"]) == ("17 2 * * *", "47 4 * * *")
    words = after["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert "--within=600" in words
    helm.run("rollback", RELEASE, "1", "-n", NAMESPACE, "--wait", "--timeout", "120s")
    assert cron_job(kubectl) == before
    history = json.loads(helm.run("history", RELEASE, "-n", NAMESPACE, "--output", "json"))
    assert [revision["revision"] for revision in history] == [1, 2, 3]
    assert history[-1]["status"] == "deployed"


def test_another_cluster_has_a_night_of_its_own(
    helm: Helm, kubectl: Kubectl, ended: job.Finished
) -> None:
    """By a kubeconfig in a Secret; here it leads to the same cluster, by the address inside."""
    assert ended.exit_code == 0
    token = kubectl.run("create", "token", NAME, "-n", NAMESPACE, "--duration", "1h").strip()
    (root,) = [item for item in kubectl.read("configmaps", "-n", NAMESPACE)
               if item["metadata"]["name"] == "kube-root-ca.crt"]  # fmt: skip
    authority = base64.b64encode(root["data"]["ca.crt"].encode()).decode()
    server = {"server": "https://kubernetes.default.svc", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "other",
        "clusters": [{"name": "other", "cluster": server}],
        "users": [{"name": "other", "user": {"token": token}}],
        "contexts": [{"name": "other", "context": {"cluster": "other", "user": "other"}}],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "other-kubeconfig", "namespace": NAMESPACE},
        "stringData": {"kubeconfig": json.dumps(config)},
    }
    kubectl.apply([secret])
    cluster = {"name": "other", "secret": "other-kubeconfig", "schedule": "@daily"}
    upgrade = ("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, "--wait", "--timeout", "120s")
    helm.run(*upgrade, values=VALUES | {"clusters": [cluster]})
    night = job.run_now(kubectl, NAMESPACE, cron_job=f"{NAME}-other")
    assert night.exit_code == 0, night.log[-3000:]
    assert ": PASSED: " in night.log
    helm.run(*upgrade, "--reset-values")
    names = {item["metadata"]["name"] for item in kubectl.read("cronjobs", "-n", NAMESPACE)}
    assert names == {NAME}


def test_values_that_cannot_be_meant_change_nothing(helm: Helm, kubectl: Kubectl) -> None:
    before = cron_job(kubectl)
    with pytest.raises(Exception, match="/schedule"):
        helm.run(
            "upgrade", RELEASE, str(CHART), "-n", NAMESPACE, values=VALUES | {"schedule": "nightly"}
        )
    assert cron_job(kubectl) == before


def test_the_objects_of_every_switch_are_taken_by_the_api_server(
    helm: Helm, kubectl: Kubectl
) -> None:
    """The operator's kinds are not there; all else is applied as a dry run."""
    items = helm.render(
        {
            "rights": {"secretShape": True, "volumeUse": True, "active": True,
                       "own": [{"rules": [{"apiGroups": [""], "resources": ["nodes"],
                                           "verbs": ["list"]}]},
                               {"namespace": "default",
                                "rules": [{"apiGroups": [""], "resources": ["pods"],
                                           "verbs": ["list"]}]}]},
            "spec": {"files": {"spec.yaml": "name: mine\n"}},
            "clusters": [{"name": "other", "secret": "other", "schedule": "@daily"}],
            "dashboard": {"enabled": True},
            "image": {"repository": "a/b", "digest": f"sha256:{'0' * 64}"},
            "imagePullSecrets": [{"name": "pull"}],
            "nodeSelector": {"a": "b"},
            "tolerations": [{"operator": "Exists"}],
            "podAnnotations": {"a": "b"},
            "namespaces": {"router": "staging"},
            "link": "https://example.com/",
            "extraArgs": ["--keep=10"],
            "fullnameOverride": "every-switch",
        },
        namespace=NAMESPACE,
    )  # fmt: skip
    kubectl.run("apply", "--dry-run=server", "-f", "-", given=json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": items}))  # fmt: skip


def test_the_history_outlives_the_release(helm: Helm, kubectl: Kubectl) -> None:
    """Last in this file: it uninstalls."""
    helm.run("uninstall", RELEASE, "-n", NAMESPACE, "--wait", "--timeout", "120s")
    claims = kubectl.read("persistentvolumeclaims", "-n", NAMESPACE)
    assert [claim["metadata"]["name"] for claim in claims] == [f"{NAME}-results"]
    assert kubectl.read("cronjobs,deployments,serviceaccounts", "-n", NAMESPACE, "-l",
                        f"app.kubernetes.io/name={NAME}") == []  # fmt: skip
    roles = kubectl.read("clusterroles", "-l", f"app.kubernetes.io/name={NAME}")
    assert roles == []

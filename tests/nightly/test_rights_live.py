"""Each grant taken away alone, on the real API server: blind rows, and no pass that is none.

Makes a namespace with ServiceAccounts, and Roles and ClusterRoles named `cp-rights-N`. The runs of
the full stage make the Pods of every whole run, and remove them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.nightly.rights import Grant
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from clusterproof.wait import wait_until
from testbed.cluster import binaries, paths
from testbed.deploy.kubectl import Kubectl
from testbed.faultproxy import scratch
from testbed.nightly.missing_grants import (
    NAMESPACE,
    PREFIX,
    STAGES,
    accounts,
    compared,
    grants_of,
    keep,
    verify_with,
)

pytestmark = pytest.mark.cluster

EACH = [(name, grant) for name, stage in STAGES.items() for grant in grants_of(*stage.taken_away)]
FOR_THE_ROWS = (
    "list pods",
    "list deployments.apps",
    "list replicasets.apps",
    "list networkpolicies.networking.k8s.io",
)
"""What the rows of the workload that does not start take, and the policies in its diagnostics."""


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    tool = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    with accounts(tool):
        yield tool


class Whole:
    """The run of a stage with all its grants; made once, and anew where the cluster changed."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        """Make none yet."""
        self._kubectl, self._folder = kubectl, folder
        self._runs: dict[str, list[RunRecord]] = {}

    def of(self, name: str, *, anew: bool = False) -> RunRecord:
        """The last one of a stage; it sees every row."""
        stage, runs = STAGES[name], self._runs.setdefault(name, [])
        if anew or not runs:
            account, every = f"{PREFIX}{name}-all-{len(runs)}", grants_of(*stage.folders)
            found = verify_with(self._kubectl, account, every, stage.options, self._folder)
            blind = found.of(Outcome.INCONCLUSIVE, Outcome.NOT_RUN)
            assert not blind, f"all grants, and still blind: {[row.cause for row in blind]}"
            runs.append(found)
        return runs[-1]


@pytest.fixture(scope="module")
def whole(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return Whole(kubectl, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("name", "grant"), EACH, ids=[f"{name}-{grant}".replace(" ", "-") for name, grant in EACH]
)
def test_a_missing_grant_is_noticed_and_nothing_passes_for_it(
    kubectl: Kubectl, whole: Whole, tmp_path: Path, name: str, grant: Grant
) -> None:
    stage = STAGES[name]
    left = [one for one in grants_of(*stage.folders) if one != grant]
    account = f"{PREFIX}{name}-{EACH.index((name, grant))}"
    run = verify_with(kubectl, account, left, stage.options, tmp_path)
    found = compared(name, grant, whole.of(name), run)
    if found.passes or found.failures:  # has the cluster changed, or were we misled?
        found = compared(name, grant, whole.of(name, anew=True), run)
    keep(found)
    assert {row.id for row in run.rows} == {row.id for row in whole.of(name).rows}
    assert found.passes == ()
    assert found.failures == ()
    assert found.unexplained == ()
    assert found.is_noticed, f"nothing is missed without {grant}: {run.notes}"


@pytest.fixture(scope="module")
def crashing(kubectl: Kubectl) -> Iterator[str]:
    """A namespace with a workload whose container ends again and again."""
    place = f"{NAMESPACE}-diagnose"
    metadata = {"name": "web", "namespace": place}
    command = ["python3", "-c", "print('the last words'); raise SystemExit(3)"]
    container = {"name": "web", "image": "clusterproof.dev/dialler:1.0.0", "command": command}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec: dict[str, Any] = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}}
    try:
        kubectl.apply(
            [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}},
                {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}
                | {"spec": spec | {"template": template}},
            ]
        )
        wait_until(
            lambda: kubectl.read("pods", "-n", place),
            lambda pods: bool(pods) and _restarts(pods[0]) > 0,
            waiting_for="a restart of the container",
            within_s=60,
        )
        yield place
    finally:
        kubectl.run("delete", "namespace", place, "--ignore-not-found", "--wait=false")


def _restarts(pod: dict[str, Any]) -> int:
    statuses = pod["status"].get("containerStatuses") or [{}]
    return int(statuses[0].get("restartCount", 0))


@pytest.mark.parametrize(
    ("missing", "blind"),
    [
        ("none", ()),
        ("list events", ("events in ",)),
        ("get pods/log", ("log of ", "previous log of ")),
    ],
)
def test_diagnostics_say_which_right_they_lack(
    kubectl: Kubectl, crashing: str, tmp_path: Path, missing: str, blind: tuple[str, ...]
) -> None:
    diagnosing = {f"{one.verb} {one.resource}" for one in grants_of("diagnose")}
    assert diagnosing == {"list events", "get pods/log"}
    spec = tmp_path / "spec.yaml"
    document = {"extends": str(scratch.SPEC), "settings": {"settle_s": 0.1}}
    spec.write_text(yaml.safe_dump(document), encoding="utf-8")
    allowed = [_grant(words, crashing) for words in (*FOR_THE_ROWS, *(diagnosing - {missing}))]
    options = ["--spec", str(spec), "--namespace", f"scratch={crashing}", "--read-only"]
    name = f"{PREFIX}diagnose-{len(blind)}"
    run = verify_with(kubectl, name, allowed, [*options, "-k", "web-replicas"], tmp_path)
    assert [row.outcome for row in run.rows] == [Outcome.FAILED]
    folder = tmp_path / name / "reports" / run.run_id / "diagnostics"
    said = (folder / "web-replicas.txt").read_text(encoding="utf-8")
    parts = dict(part.partition("\n")[::2] for part in said.split("\n## ")[1:])
    unread = {title for title, text in parts.items() if "could not be read" in text}
    assert unread == {title for title in parts if title.startswith(blind)}
    assert all("forbidden" in parts[title] for title in unread)
    assert bool(unread) == bool(blind)
    if not blind:
        assert "the last words" in said
        assert "BackOff" in said


def _grant(words: str, namespace: str) -> Grant:
    verb, _, resource = words.partition(" ")
    kind, _, group = resource.partition(".")
    return Grant(namespace, group, kind, verb)

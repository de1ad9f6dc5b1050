"""Each grant taken away alone, on the real API server: blind rows, and no pass that is none.

Makes a namespace with ServiceAccounts, and Roles and ClusterRoles named `cp-rights-N`; no Pod.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from clusterproof.nightly.rights import Grant, granted, roles
from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from testbed.cluster import binaries, paths
from testbed.deploy.kubectl import Kubectl

pytestmark = pytest.mark.cluster

PROJECT = Path(__file__).parents[2]
ROLES = PROJECT / "deploy" / "nightly" / "rights" / "read-only" / "roles.yaml"
NAMESPACE = "clusterproof-rights"
FOR_THE_RECORD = Grant("", "", "namespaces", "get")
"""Identifies the cluster in the history; no row hangs on it."""
AT_ONCE = 2


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    tool = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    tool.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}])
    yield tool
    tool.run("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
    for kind in ("clusterroles", "clusterrolebindings"):
        found = [one["metadata"]["name"] for one in tool.read(kind)]
        ours = [name for name in found if name.startswith("cp-rights-")]
        tool.run("delete", kind, "--ignore-not-found", *ours)
    for place in ("posthog", "voicehelper-prod"):
        for kind in ("roles", "rolebindings"):
            found = [one["metadata"]["name"] for one in tool.read(kind, "-n", place)]
            ours = [name for name in found if name.startswith("cp-rights-")]
            tool.run("delete", kind, "-n", place, "--ignore-not-found", *ours)


def grants() -> list[Grant]:
    return sorted(granted(yaml.safe_load_all(ROLES.read_text(encoding="utf-8"))))


def verify_with(kubectl: Kubectl, number: int, allowed: list[Grant], folder: Path) -> RunRecord:
    """The run of an account that has just these grants."""
    name = f"cp-rights-{number}"
    account = {"apiVersion": "v1", "kind": "ServiceAccount"}
    metadata = {"name": name, "namespace": NAMESPACE}
    kubectl.apply([account | {"metadata": metadata}, *roles(allowed, name, (NAMESPACE, name))])
    token = kubectl.run("create", "token", name, "-n", NAMESPACE, "--duration=15m").strip()
    config = json.loads(paths.KUBECONFIG.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    place = folder / name
    place.mkdir()
    kubeconfig = place / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "suites", "--kubeconfig", str(kubeconfig)]
    command += ["--profile", "read-only", "--read-only", "--report-dir", str(place / "reports")]
    done = subprocess.run(  # noqa: S603 - our own suites
        [*command, "-q", "-p", "no:cacheprovider"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    found = list((place / "reports").glob("*/run.json"))
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return RunRecord.from_json(found[0].read_text(encoding="utf-8"))


def test_each_grant_is_needed_and_none_is_missed_silently(kubectl: Kubectl, tmp_path: Path) -> None:
    every = grants()
    whole = verify_with(kubectl, 0, every, tmp_path)
    before = {row.id: row.outcome for row in whole.rows}
    assert not whole.of(Outcome.INCONCLUSIVE, Outcome.NOT_RUN), "all grants, and still blind"

    def without(number: int) -> tuple[Grant, RunRecord]:
        left = [one for one in every if one != every[number - 1]]
        return every[number - 1], verify_with(kubectl, number, left, tmp_path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = list(pool.map(without, range(1, len(every) + 1)))
    useless = [str(grant) for grant, run in runs if not run.of(Outcome.INCONCLUSIVE)]
    assert useless == [str(FOR_THE_RECORD)]
    for grant, run in runs:
        after = {row.id: row for row in run.rows}
        assert set(after) == set(before)
        wrong = [
            one
            for one, row in after.items()
            if row.outcome is Outcome.PASSED and before[one] is not Outcome.PASSED
        ]
        assert wrong == [], f"passed only without {grant}"
        invented = [
            one
            for one, row in after.items()
            if row.outcome is Outcome.FAILED and before[one] is Outcome.PASSED
        ]
        assert invented == [], f"failed only without {grant}"
        for row in run.of(Outcome.INCONCLUSIVE):
            assert "forbidden" in row.cause, f"{row.id} without {grant}: {row.cause}"

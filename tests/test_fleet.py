"""Two clusters, each a real control plane with a kubeconfig of its own: two records, one page."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from clusterproof.outcome import ExitCode
from clusterproof.wait import wait_until
from testbed.cluster import binaries
from testbed.deploy.kubectl import Kubectl
from testbed.plane import Plane, api_server
from tests.nightly.api_server import settings, write_spec

pytestmark = pytest.mark.oracle


@dataclass(frozen=True)
class Fleet:
    """Both clusters, and how to name them."""

    planes: dict[str, Plane]
    uids: dict[str, str]

    def run(self, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        """`clusterproof WORDS` with both kubeconfigs."""
        files = os.pathsep.join(str(plane.kubeconfig) for plane in self.planes.values())
        environment = {**os.environ, "KUBECONFIG": files}
        environment.pop("PYTEST_CURRENT_TEST", None)
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "clusterproof", *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two control planes whose ConfigMap here/settings differs in one key."""
    programs = binaries.ensure(print)
    work = tmp_path_factory.mktemp("fleet")
    with (
        api_server(programs, work / "staging", "staging") as staging,
        api_server(programs, work / "production", "production") as production,
    ):
        planes = {"staging": staging, "production": production}
        for name, plane in planes.items():
            kubectl = Kubectl(programs / "kubectl", plane.kubeconfig)
            (config_map,) = settings(one="yes", two="yes" if name == "staging" else "no")
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "here"}}
            kubectl.apply([namespace, {"apiVersion": "v1", "kind": "ConfigMap", **config_map}])
        yield Fleet(planes, {name: _uid(plane) for name, plane in planes.items()})


def _uid(plane: Plane) -> str:
    return wait_until(
        plane.api.cluster_uid, bool, waiting_for="the UID of namespace kube-system", within_s=30
    )


def test_two_clusters_have_two_records_and_one_page(fleet: Fleet, tmp_path: Path) -> None:
    write_spec(tmp_path / "my-spec", "one", "two")
    words = ("--spec", "my-spec/spec.yaml", "--read-only", "-q")
    ended = fleet.run(tmp_path, "verify", "--contexts", "staging,production", *words)
    assert ended.returncode == ExitCode.FAILED, ended.stdout + ended.stderr
    assert "differs by cluster: settings-two: failed, passed" in ended.stdout
    assert "differs by cluster: settings-one" not in ended.stdout
    assert "one cluster under several names" not in ended.stdout
    page = (tmp_path / "reports" / "fleet.html").read_text(encoding="utf-8")
    assert fleet.uids["staging"] != fleet.uids["production"]
    assert [uid for uid in fleet.uids.values() if uid not in page] == []
    verdicts = {}
    for path in tmp_path.glob("reports/*/*/run.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        verdicts[path.parents[1].name] = (record["verdict"], record["cluster"]["uid"])
    assert verdicts == {
        "staging": ("passed", fleet.uids["staging"]),
        "production": ("failed", fleet.uids["production"]),
    }
    for path in sorted(tmp_path.glob("reports/*/*/run.json")):
        assert fleet.run(tmp_path, "history", "add", str(path)).returncode == ExitCode.PASSED
    metrics = fleet.run(tmp_path, "history", "metrics").stdout
    failed = {
        sample.labels["uid"]: sample.value
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == "clusterproof_rows" and sample.labels["outcome"] == "failed"
    }
    assert failed == {fleet.uids["staging"]: 0.0, fleet.uids["production"]: 1.0}


def test_a_cluster_that_is_gone_is_inconclusive_and_hides_no_other(
    fleet: Fleet, tmp_path: Path
) -> None:
    write_spec(tmp_path / "my-spec", "one")
    words = ("--spec", "my-spec/spec.yaml", "--read-only", "-q")
    ended = fleet.run(tmp_path, "verify", "--contexts", "staging,gone", *words)
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stdout + ended.stderr
    assert "passed        staging" in ended.stdout

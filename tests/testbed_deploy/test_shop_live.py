"""The second deployment on the local cluster: green by its own spec and by what init reads there.

Takes the place of what is deployed, and puts that back.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clusterproof.generate.sources import from_cluster
from clusterproof.generate.write import write_spec
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.observe.cluster import Cluster
from clusterproof.report.record import RunRecord
from testbed.cluster import binaries, paths
from testbed.deploy import deployment
from testbed.deploy.kubectl import Kubectl
from testbed.deploy.profiles import PROFILES

pytestmark = pytest.mark.cluster

WITHIN_S = 300.0


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    """The shop, in place of what was deployed."""
    kubectl = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    before = deployment.deployed_profile(kubectl) or "self-hosted"
    deployment.up(kubectl, PROFILES["shop"], within_s=WITHIN_S, say=print)
    yield
    deployment.up(kubectl, PROFILES[before], within_s=WITHIN_S, say=print)


def not_green(folder: Path, *options: str) -> dict[str, str]:
    """Row to its words, of those that are not green in a run as a user makes it."""
    command = [sys.executable, "-m", "pytest", "suites", "-q", "--tb=no"]
    command += ["--kubeconfig", str(paths.KUBECONFIG), "--report-dir", str(folder), *options]
    subprocess.run(  # noqa: S603 - our own suites
        command, check=False, cwd=paths.CHECKOUT, timeout=WITHIN_S, capture_output=True
    )
    (record,) = folder.glob("*/run.json")
    rows = RunRecord.from_json(record.read_text("utf-8")).rows
    assert len(rows) > 400
    return {row.id: f"{row.differences}{row.cause}" for row in rows if row.outcome != "passed"}


@pytest.mark.usefixtures("shop")
def test_shop_is_as_its_spec_says(tmp_path: Path) -> None:
    assert not_green(tmp_path, "--profile", "shop") == {}


@pytest.mark.usefixtures("shop")
def test_what_init_reads_of_the_shop_is_green_there(tmp_path: Path) -> None:
    with closing(KubeApi(connect(str(paths.KUBECONFIG)))) as api:
        source = from_cluster(Cluster(api), ["shop", "warehouse"])
    spec, _ = write_spec(source, tmp_path / "own", "own")
    assert not_green(tmp_path / "runs", "--spec", str(spec.path), "--read-only") == {}

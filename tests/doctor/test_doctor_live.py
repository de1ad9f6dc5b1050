"""What the doctor says is open, beside what a real run with the same rights could judge."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.doctor.rights import granted_of, rights_by_row
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.outcome import ExitCode, Outcome
from testbed.cluster import binaries, paths
from testbed.deploy.kubectl import Kubectl
from testbed.nightly.missing_grants import PREFIX, accounts, grants_of, verify_with

pytestmark = pytest.mark.cluster

SPEC = paths.CHECKOUT / "spec" / "self-hosted.yaml"


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    tool = Kubectl(binaries.program("kubectl"), paths.KUBECONFIG)
    with accounts(tool):
        yield tool


@pytest.mark.parametrize(
    "folders",
    [("read-only",), ("read-only", "secret-shape"), ("read-only", "volume-use", "active")],
    ids="+".join,
)
def test_rows_that_are_closed_are_those_that_a_run_could_not_judge(
    kubectl: Kubectl, tmp_path: Path, folders: tuple[str, ...]
) -> None:
    account = f"{PREFIX}doctor-{len(folders)}-{folders[-1]}"
    options = ("--profile", "self-hosted")
    run = verify_with(kubectl, account, grants_of(*folders), options, tmp_path)
    kubeconfig = tmp_path / account / "kubeconfig"
    by_row = rights_by_row(read_spec(SPEC))
    api = KubeApi(connect(str(kubeconfig)))
    try:
        granted = granted_of(api, {grant for grants in by_row.values() for grant in grants})
    finally:
        api.close()
    closed = {row for row, grants in by_row.items() if not all(granted[one] for one in grants)}
    blind = {row.id for row in run.of(Outcome.INCONCLUSIVE, Outcome.NOT_RUN)}
    assert closed == blind
    assert closed
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "clusterproof", "doctor", "--kubeconfig", str(kubeconfig)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == ExitCode.INCONCLUSIVE
    assert f"{len(by_row) - len(closed)} of {len(by_row)} can be judged" in ended.stdout


def test_an_administrator_has_every_row_open() -> None:
    ended = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "clusterproof", "doctor", "--kubeconfig", str(paths.KUBECONFIG)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (ExitCode.PASSED, "")
    rows = len(read_spec(SPEC).rows)
    assert f"{rows} of {rows} can be judged\n" in ended.stdout

"""A run of the suites leaves its journal beside the report."""

import subprocess
import sys
from pathlib import Path

from clusterproof.bundle.replay import replay_bundle
from clusterproof.outcome import ExitCode, Outcome

PROJECT = Path(__file__).parents[2]
NOBODY = """apiVersion: v1
kind: Config
current-context: nobody
contexts: [{name: nobody, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: u, user: {token: made-up}}]
"""


def test_each_row_of_a_run_is_in_its_journal(tmp_path: Path) -> None:
    config, reports = tmp_path / "config", tmp_path / "reports"
    config.write_text(NOBODY, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "suites/test_storage.py",
        "suites/test_autoscaling.py",
        "-q",
    ]
    command += ["--kubeconfig", str(config), "--report-dir", str(reports)]
    ended = subprocess.run(  # noqa: S603 - our own suites
        command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=60
    )
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stdout
    (folder,) = reports.iterdir()
    record, rows = replay_bundle(folder)
    assert {one.recorded.id for one in rows} == {row.id for row in record.rows}
    assert {row.outcome for row in record.rows} == {Outcome.INCONCLUSIVE}
    assert {one.without for one in rows} == {"nothing could be looked at"}

"""On the local cluster: each form of `next` runs, and shows what its row is about."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from clusterproof.outcome import Outcome
from clusterproof.report.record import RunRecord
from testbed.cluster import paths
from testbed.cluster.kubectl import environment
from tests.run.commands import mistakes_in

pytestmark = pytest.mark.cluster

GONE = "namespace-that-is-not-there"
_WITHIN_S = 500


def record_of(folder: Path, *options: str) -> RunRecord:
    """A run of the whole profile, reading only."""
    command = [sys.executable, "-m", "pytest", "suites", "-q", "--read-only", "--no-wait"]
    command += ["--kubeconfig", str(paths.KUBECONFIG), "--report-dir", str(folder), *options]
    subprocess.run(command, check=False, capture_output=True, timeout=_WITHIN_S)  # noqa: S603
    (path,) = folder.glob("*/run.json")
    return RunRecord.from_json(path.read_text("utf-8"))


def form_of(command: str) -> str:
    """A command without the names in it: what differs in them alone is one form."""
    words = shlex.split(command)
    return " ".join(
        re.sub(r"[a-z0-9.-]*\d[a-z0-9.-]*|(?<=/)[a-z0-9.-]+", "*", word) for word in words
    )


def shown_by(command: str) -> tuple[int, str]:
    """Exit code and output of a command as a person would paste it."""
    done = subprocess.run(  # noqa: S603 - a command of our own report
        ["bash", "-o", "pipefail", "-c", command],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment(), "KUBECONFIG": str(paths.KUBECONFIG)},
    )
    return done.returncode, done.stdout + done.stderr


def names_in(command: str) -> set[str]:
    """The last part of each object or collection that a command names."""
    return {word.rpartition("/")[2] for word in shlex.split(command)[1:] if word[:1] != "-"}


@pytest.mark.parametrize("options", [(), ("--namespace", f"router={GONE}")], ids=["whole", "gone"])
def test_each_form_of_next_runs_or_names_the_very_object(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    record = record_of(tmp_path, *options)
    rows = [row for row in record.rows if row.outcome is not Outcome.NOT_RUN]
    if options:
        assert any(row.outcome is Outcome.FAILED for row in rows)
    assert [row.id for row in rows if row.outcome is Outcome.FAILED and not row.next] == []
    offered = [row.next for row in rows] + [cause.show for cause in record.causes]
    by_form = {form_of(command): command for command in offered if command}
    wrong = {}
    for command in by_form.values():
        code, shown = shown_by(command)
        asks_a_right = " can-i " in command and shown.startswith("no")
        absent = re.search(r'\(NotFound\).*?"([^"]+)"', shown)
        is_missing = absent is not None and absent[1] in names_in(command) | {GONE}
        if mistakes_in(command.partition(" | ")[0]) or not (
            code == 0 or asks_a_right or is_missing
        ):
            wrong[command] = f"exit {code}: {shown[:300]}"
    assert wrong == {}

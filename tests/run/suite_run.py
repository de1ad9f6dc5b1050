"""Runs of the real suites against a small API server on loopback, as a person sees them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from clusterproof.report.record import RunRecord
from tests.nightly.api_server import CONFIG_MAPS, Answers, kubeconfig, served, settings, write_spec

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class SuiteRun:
    """How a run ended.

    Attributes:
        code: Of the process.
        shown: What it wrote to the terminal.
        folder: Of its reports; one that is not there where none was written.
    """

    code: int
    shown: str
    folder: Path

    @property
    def record(self) -> RunRecord:
        """What it wrote for a reader."""
        return RunRecord.from_json((self.folder / "run.json").read_text("utf-8"))


@dataclass(frozen=True)
class Suites:
    """Where the suites can be run: a server, a spec that names its settings, and plugins.

    Attributes:
        folder: What is written into it is a plugin by its name, `-p NAME`.
        answers: Of the server.
        spec: A row `settings-KEY` for each key.
    """

    folder: Path
    spec: Path
    server: str
    answers: Answers = field(default_factory=Answers)

    def run(self, *options: str) -> SuiteRun:
        """Run them; each time into a folder of reports of its own."""
        reports = self.folder / f"runs-{len(list(self.folder.glob('runs-*')))}"
        command = [sys.executable, "-m", "pytest", str(PROJECT / "suites")]
        command += ["--spec", str(self.spec), "--report-dir", str(reports)]
        command += ["--kubeconfig", str(kubeconfig(self.folder, self.server))]
        command += ["-o", f"cache_dir={self.folder / 'cache'}", *options]
        ended = subprocess.run(  # noqa: S603 - our own suites
            command,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        made = next(reports.iterdir(), None) if reports.is_dir() else None
        return SuiteRun(ended.returncode, ended.stdout + ended.stderr, made or reports / "none")


@contextmanager
def suites(folder: Path, *keys: str, **data: str) -> Iterator[Suites]:
    """Suites with a row for each key of a ConfigMap that holds `data`; each row expects `yes`."""
    answers = Answers()
    answers.lists[CONFIG_MAPS] = settings(**data)
    spec = write_spec(folder / "spec", *keys)
    with served(answers) as server:
        yield Suites(folder, spec, server, answers)

"""The files of a generator: one process at a time writes them, each with the id of its run.

The folder holds the last test; the tests before it in the same process (the web UI runs several in
turn) are kept in `test-1`, `test-2` and so on.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clusterproof.load.finding import Finding
from clusterproof.load.folder import FILES, RUN_VARIABLE, lock
from clusterproof.load.record import run_record
from clusterproof.report.files import replace_file
from clusterproof.report.write import WRITERS, write_reports


class Records:
    """The folder of one process.

    Attributes:
        run: The id that each file of a test carries.
        tests: How many have begun.
    """

    def __init__(self, folder: Path, spec: Path) -> None:
        """Make the folder, and keep every other process out of it.

        Raises:
            SpecError: It cannot be written, or another run is using it.
        """
        self.folder = folder
        self.tests = 0
        self._spec = spec
        given = os.environ.get(RUN_VARIABLE, "")
        self.run = given or secrets.token_hex(6)
        self._lock = None if given else lock(folder)  # who gave the id holds the lock

    def begin(self) -> None:
        """A test begins: the files of the one before it are kept.

        Raises:
            OSError: The disk is full, or the folder is gone.
        """
        if self.tests:
            before = self.folder / f"test-{self.tests}"
            before.mkdir(exist_ok=True)
            for name in (*FILES, *WRITERS):
                if (self.folder / name).exists():
                    shutil.copyfile(self.folder / name, before / name)  # there is always a last one
            self.run = secrets.token_hex(6)
        self.tests += 1
        shutil.copyfile(self._spec, self.folder / "objectives.yaml")

    def report(self, record: Mapping[str, Any], findings: Iterable[Finding]) -> None:
        """Write the reports that every run has; a session that watches writes them itself.

        Raises:
            OSError: The disk is full, or the folder is gone.
        """
        if self._lock is not None:
            facts = {**record, "run": self.run}
            write_reports(run_record(findings, facts, spec_path=str(self._spec)), self.folder)

    def write(self, record: Mapping[str, Any], account: Mapping[str, Any]) -> None:
        """Write the files of the test, in place of those that say what is known of it so far.

        Raises:
            OSError: The disk is full, or the folder is gone.
        """
        for name, facts in zip(FILES, (record, account), strict=True):
            text = json.dumps({"run": self.run, **facts}, indent=1 if facts is record else None)
            replace_file(self.folder / name, text.encode())

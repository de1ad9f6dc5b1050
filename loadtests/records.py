"""The files of a generator: one process at a time writes them, each with the id of its run.

The folder holds the last test; the tests before it in the same process (the web UI runs several in
turn) are kept in `test-1`, `test-2` and so on.
"""

import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from clusterproof.load.account import Account
from clusterproof.load.finding import Finding
from clusterproof.load.folder import FILES, RUN_VARIABLE, lock
from clusterproof.load.record import run_record
from clusterproof.redact import Redactor
from clusterproof.redact.errors import cannot_write
from clusterproof.report.files import replace_file
from clusterproof.report.write import WRITERS, write_reports

LOG = logging.getLogger("clusterproof.load")
_SECRETS_NAME = re.compile(r"posthog_secret['\"]?:\s*['\"]?[a-z0-9.-]+/[a-z0-9.-]+(?=['\",}\s]|$)")
"""The field of a load spec that is called a secret, and its value, NAMESPACE/NAME."""


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
        lines = self._spec.read_text(encoding="utf-8").splitlines(keepends=True)
        redact = Redactor().text
        kept = "".join(_redacted(line, redact) for line in lines)
        replace_file(self.folder / "objectives.yaml", kept.encode())

    def keep(
        self, record: Mapping[str, Any], account: Account, findings: Iterable[Finding] = ()
    ) -> bool:
        """Write the files of the test, in place of those that say what is known of it so far.

        Args:
            record: Of the generator.
            account: What was counted.
            findings: With them, the reports that every run has are written too; a session that
                watches writes them itself.

        Returns:
            Whether they could be written; if not, the reason is in the log.
        """
        redactor = Redactor()
        shown = account.worded(redactor.data)  # names and reasons hold what a scenario chose
        parts = (redactor.data({"run": self.run, **record}), {"run": self.run, **shown.to_json()})
        try:
            for name, facts, indent in zip(FILES, parts, (1, None), strict=True):
                replace_file(self.folder / name, json.dumps(facts, indent=indent).encode())
            if findings and self._lock is not None:
                facts = {**record, "run": self.run}
                run = run_record(findings, facts, spec_path=str(self._spec))
                write_reports(run, self.folder)
        except OSError as error:
            LOG.error("the record cannot be written: %s", cannot_write(error))  # noqa: TRY400 - the sentence is enough
            return False
        return True


def _redacted(line: str, redact: Callable[[str], str]) -> str:
    name = _SECRETS_NAME.search(line)
    if name is None:
        return redact(line)
    return redact(line[: name.start()]) + name.group() + redact(line[name.end() :])

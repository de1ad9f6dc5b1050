"""What pytest itself cannot write, or we cannot redact, is one sentence and an exit code."""

import re
from pathlib import Path

import pytest

from clusterproof.outcome import ExitCode
from tests.run.suite_run import suites

_NO_SPACE = """
import errno

def full(path, data):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))
"""


@pytest.mark.parametrize("value", ["yes", "no"])
def test_a_junit_file_that_cannot_be_written_is_one_sentence(tmp_path: Path, value: str) -> None:
    with suites(tmp_path, "a", a=value) as place:
        run = place.run("--junitxml", "/dev/full")
    assert run.code == ExitCode.NOT_WRITTEN, run.shown
    assert re.findall("^not written .*", run.shown, re.MULTILINE) == [
        "not written  /dev/full: No space left on device"
    ]
    assert "Traceback" not in run.shown
    assert [row.id for row in run.record.rows] == ["settings-a"]


def test_a_junit_file_that_cannot_be_redacted_is_removed(tmp_path: Path) -> None:
    secret = "hunter2-" + "q" * 8
    (tmp_path / "full_disk.py").write_text(
        f"{_NO_SPACE}\nimport clusterproof.report.cleaning as c\nc.replace_file = full\n"
        "import pytest\n\n@pytest.hookimpl(trylast=True)\n"
        "def pytest_sessionfinish(session):\n"
        "    path = session.config.option.xmlpath\n"
        "    text = open(path).read()\n"
        f"    text = text.replace('<testcase ', '<testcase note=\"password={secret}\" ', 1)\n"
        "    open(path, 'w').write(text)\n"
    )
    junit = tmp_path / "junit.xml"
    with suites(tmp_path, "a", a="yes") as place:
        run = place.run("--junitxml", str(junit), "-p", "full_disk")
    assert run.code == ExitCode.NOT_WRITTEN, run.shown
    assert f"{junit}: No space left on device; it was removed" in run.shown
    assert secret not in run.shown
    assert not junit.exists()

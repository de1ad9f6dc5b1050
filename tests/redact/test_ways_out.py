"""No way out shows a planted secret: one real run of the suites, and all that is made of it."""

import json
import os
import subprocess
import sys
import tarfile
import warnings
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterproof.bundle.journal import JOURNAL
from clusterproof.cli import main
from clusterproof.outcome import ExitCode, Outcome
from clusterproof.redact import MASK
from clusterproof.report.record import RunRecord
from tests.nightly.api_server import Answers, kubeconfig, served
from tests.redact.ways_out import PLUGIN, SECRETS, holding, leaks, planted, write_spec

PROJECT = Path(__file__).parents[2]
REPORTS = ("run.json", "junit.xml", "ctrf.json", "report.html", "summary.md", JOURNAL)


class Run:
    """A run of the real suites that ended."""

    def __init__(self, folder: Path, *options: str, refused: bool = False, **env: str) -> None:
        """Run them, against a server that ends with them."""
        self.values = planted()
        self.answers = Answers()
        holding(self.answers, self.values)
        if refused:
            self.answers.refused.add(SECRETS)
        (folder / "chatty.py").write_text(PLUGIN, "utf-8")
        spec = write_spec(folder / "spec", len(self.values))
        self.xml, self.log = folder / "pytest.xml", folder / "pytest.log"
        with served(self.answers) as server:
            ended = subprocess.run(  # noqa: S603 - our own suites
                [
                    *(sys.executable, "-m", "pytest", str(PROJECT / "suites"), "-p", "chatty"),
                    *("--spec", str(spec), "--kubeconfig", str(kubeconfig(folder, server))),
                    *("--report-dir", str(folder / "runs"), "-p", "no:cacheprovider"),
                    *(f"--junitxml={self.xml}", f"--log-file={self.log}", *options),
                ],
                cwd=PROJECT,
                env={
                    **os.environ,
                    **env,
                    "PYTHONPATH": str(folder),
                    "PLANTED": json.dumps(self.values),
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
        self.code, self.shown = ended.returncode, ended.stdout + ended.stderr
        self.folder = next((folder / "runs").iterdir(), folder / "none")

    def record(self) -> RunRecord:
        """What it wrote for a reader."""
        return RunRecord.from_json((self.folder / "run.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"), "-rA", "--tb=long", "-v", "-o", "junit_logging=all")


def test_the_run_judged_every_row_and_says_so(run: Run) -> None:
    assert run.code == ExitCode.FAILED, run.shown[-3000:]
    counts = run.record().counts
    assert (counts[Outcome.FAILED], counts[Outcome.INCONCLUSIVE]) == (54, 6)
    assert [row.id for row in run.record().rows] == [f"settings-k{n}" for n in range(60)]
    assert run.answers.asked.count(SECRETS) == 1


def test_the_terminal_shows_none(run: Run) -> None:
    assert run.shown.count(MASK) > 60
    for said in ("printed", "logged", "warned of", "raised with", "summary says"):
        assert f"{said} " in run.shown, said
    assert leaks(run.shown, run.values) == []


def test_the_xml_and_the_log_of_pytest_show_none(run: Run) -> None:
    assert len(list(ET.parse(run.xml).iter("testcase"))) == 60  # noqa: S314 - our own file
    text = " ".join(ET.parse(run.xml).getroot().itertext())  # noqa: S314 - our own file
    assert "printed " in text
    assert leaks(text + run.xml.read_text("utf-8"), run.values) == []
    assert leaks(run.log.read_text("utf-8"), run.values) == []


@pytest.mark.parametrize("name", REPORTS)
def test_no_report_shows_one(run: Run, name: str) -> None:
    text = (run.folder / name).read_text("utf-8")
    assert MASK in text
    assert leaks(text, run.values) == []


def test_diagnostics_show_none(run: Run) -> None:
    texts = [path.read_text("utf-8") for path in run.folder.glob("diagnostics/*.txt")]
    assert any("refused: [redacted]" in text for text in texts)
    assert leaks("\n".join(texts), run.values) == []


def test_the_archive_shows_none(run: Run, tmp_path: Path) -> None:
    archive = tmp_path / "run.tar.gz"
    assert main(["bundle", str(run.folder), "--out", str(archive)]) == ExitCode.PASSED
    with tarfile.open(archive) as packed:
        names = packed.getnames()
        members = [packed.extractfile(name) for name in names]
        text = "\n".join(member.read().decode() for member in members if member)
    assert JOURNAL in names
    assert leaks(text, run.values) == []


def test_the_history_its_pages_and_its_message_show_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, site, record = tmp_path / "h.sqlite3", tmp_path / "site", str(run.folder / "run.json")
    answers = Answers()
    with served(answers) as server:
        monkeypatch.setenv("CLUSTERPROOF_WEBHOOK", f"{server}/hook")
        assert main(["history", "add", "--store", str(store), record]) == ExitCode.PASSED
        assert main(["history", "site", "--store", str(store), str(site)]) == ExitCode.PASSED
        assert main(["history", "notify", "--store", str(store), record]) == ExitCode.PASSED
    pages = [path.read_text("utf-8") for path in site.rglob("*") if path.is_file()]
    told = json.dumps(answers.posted, ensure_ascii=False)
    assert "settings-k0" in told
    assert leaks("\n".join(pages) + told, run.values) == []
    assert leaks(store.read_bytes().decode(errors="replace"), run.values) == []


def test_an_internal_error_shows_none(tmp_path: Path) -> None:
    run = Run(tmp_path, "--tb=short", CRASH="1")
    assert "INTERNALERROR" in run.shown
    assert "crashed with [redacted]" in run.shown
    assert leaks(run.shown, run.values) == []


def test_where_secrets_may_not_be_read_shapes_go_and_the_record_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, "-q", refused=True)
    assert run.code == ExitCode.FAILED
    (note,) = run.record().notes
    assert note.startswith("the Secrets of here could not be listed")
    assert not any("secrets" in right for right in run.record().rights)
    text = run.shown + "".join((run.folder / name).read_text("utf-8") for name in REPORTS)
    shaped = [value for value in run.values if value.startswith(("phc_", "sk-", "glpat-"))]
    assert len(shaped) == 6
    assert [value for value in shaped if value in text or value[::-1] in text] == []


def test_a_warning_of_a_library_is_no_error_of_a_row(run: Run) -> None:
    """In our own tests it is one: `make test` must say what a library deprecates."""
    assert "PASSED" in run.shown or "FAILED" in run.shown
    assert "warned of [redacted]" in run.shown
    with pytest.raises(UserWarning, match="an error here"):
        warnings.warn("an error here", stacklevel=1)

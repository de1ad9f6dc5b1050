"""What a person installs: the wheel alone, each command in an empty folder, and no checkout."""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from clusterproof.outcome import ExitCode
from testbed.cluster import paths
from testbed.release import environment_with
from tests.installed.installation import (
    MANIFEST,
    Installation,
    install,
    newest_python,
    pythons,
    pythons_between,
    wheel_in,
)
from tests.nightly.api_server import (
    CONFIG_MAPS,
    Answers,
    kubeconfig,
    served,
    settings,
    write_spec,
)
from tests.test_platforms import wanted

pytestmark = pytest.mark.wheel

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=pythons())
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    place = tmp_path_factory.getbasetemp() / f"installed-{request.param}"
    return install(place, pythons()[request.param])


@pytest.fixture
def answers() -> Answers:
    found = Answers()
    found.lists[CONFIG_MAPS] = settings(one="yes", two="yes")
    return found


@pytest.fixture
def home(tmp_path: Path, answers: Answers) -> Iterator[Path]:
    """An empty folder, with ~/.kube/config and a spec in my-spec/ as the documents name them."""
    (tmp_path / ".kube").mkdir()
    with served(answers) as server:
        written = kubeconfig(tmp_path / ".kube", server)
        written.rename(tmp_path / ".kube" / "config")
        write_spec(tmp_path / "my-spec", "one", "two")
        yield tmp_path


_REGISTRY = ("UV_INDEX", "UV_DEFAULT_INDEX", "PIP_INDEX", "HTTP", "http", "SSL_CERT")
"""Begin the names of variables by which a machine may say where packages come from."""

CONFIG = "--kubeconfig=~/.kube/config"
MINE = ("--spec", "my-spec/spec.yaml")
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's: any user may start it, as not every Python below the home of root."""


def test_it_has_its_version_and_no_conflict(installed: Installation, tmp_path: Path) -> None:
    assert installed.run(tmp_path, "--version").out.startswith("clusterproof 0.")
    checked = subprocess.run(  # noqa: S603 - our own uv
        [str(paths.UV), "pip", "check", "--python", str(installed.python)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_it_brings_what_it_asks_for_and_nothing_of_development(
    installed: Installation, tmp_path: Path
) -> None:
    script = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    listed = installed.program(tmp_path, "python", "-c", script).out.split()
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in listed}
    assert "httpx" in names
    assert names - wanted(extra="") == {"clusterproof"}


def test_pip_itself_installs_it_and_finds_no_conflict(
    installed: Installation, tmp_path: Path
) -> None:
    _ended(
        str(paths.UV), "venv", "--seed", "--python", str(installed.python), str(tmp_path / "own")
    )
    python = str(tmp_path / "own" / "bin" / "python")
    _ended(python, "-m", "pip", "install", "--quiet", str(installed.wheel))
    assert _ended(python, "-m", "pip", "check") == "No broken requirements found.\n"
    program = str(tmp_path / "own" / "bin" / "clusterproof")
    assert "profile read-only" in _ended(program, "plan", "--profile", "read-only", cwd=tmp_path)


def test_pipx_installs_it(installed: Installation, tmp_path: Path) -> None:
    places = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    words = ("tool", "run", "pipx", "install", "--python", str(installed.python))
    _ended(str(paths.UV), *words, str(installed.wheel), places=places)
    program = str(tmp_path / "bin" / "clusterproof")
    assert _ended(program, "--version").startswith("clusterproof 0.")


@pytest.mark.parametrize("name", pythons_between())
def test_it_verifies_on_each_python_between_the_oldest_and_the_newest(
    name: str, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.getbasetemp() / f"between-{name}"
    installed = install(place, pythons_between()[name])
    ended = installed.run(home, "verify", *MINE, CONFIG, "--read-only")
    assert ended.code == ExitCode.PASSED, ended.out + ended.err


def test_a_plan_of_each_profile_needs_no_checkout(installed: Installation, tmp_path: Path) -> None:
    for profile in ("self-hosted", "cloud", "lab", "read-only"):
        ended = installed.run(tmp_path, "plan", "--profile", profile)
        assert ended.code == 0, ended.out + ended.err
        assert f"profile {profile}" in ended.out
    assert list(tmp_path.iterdir()) == []


def test_verify_passes_and_reports_where_the_person_is(installed: Installation, home: Path) -> None:
    ended = installed.run(home, "verify", *MINE, CONFIG, "--read-only")
    assert ended.code == ExitCode.PASSED, ended.out + ended.err
    (record,) = home.glob("reports/*/run.json")
    assert json.loads(record.read_text(encoding="utf-8"))["verdict"] == "passed"
    assert (record.parent / "report.html").is_file()


def test_verifying_takes_no_root(
    answers: Answers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Made by root, where we are, and run by a user who owns nothing but one folder."""
    wheel = wheel_in(tmp_path_factory.getbasetemp() / "wheel")
    user = NOBODY if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="clusterproof-nobody-") as scratch:
        place, folder = Path(scratch), Path(scratch) / "mine"
        place.chmod(0o755)
        installed = Installation(
            environment_with(wheel, place / "environment", python=SYSTEM_PYTHON), wheel
        )
        (folder / ".kube").mkdir(parents=True)
        with served(answers) as server:
            kubeconfig(folder / ".kube", server).rename(folder / ".kube" / "config")
            write_spec(folder / "my-spec", "one", "two")
            for path in (folder, *folder.rglob("*")):
                os.chown(path, user or -1, user or -1)
            words = ("verify", *MINE, CONFIG, "--read-only")
            ended = installed.program(folder, "clusterproof", *words, user=user)
        assert ended.code == ExitCode.PASSED, ended.out + ended.err
        (record,) = folder.glob("reports/*/run.json")
        assert record.stat().st_uid == (user or os.getuid())
    assert answers.posted == []


def test_a_difference_and_a_refusal_have_their_exit_codes(
    installed: Installation, home: Path, answers: Answers
) -> None:
    answers.lists[CONFIG_MAPS] = settings(one="no", two="yes")
    words = ("verify", *MINE, CONFIG, "--report-dir", "mine", "--junitxml", "junit.xml")
    assert installed.run(home, *words).code == ExitCode.FAILED
    assert (home / "junit.xml").is_file()
    assert list(home.glob("mine/*/run.json"))
    answers.refused = {CONFIG_MAPS}
    assert installed.run(home, *words).code == ExitCode.INCONCLUSIVE


def test_no_plugin_that_happens_to_be_there_is_loaded(installed: Installation, home: Path) -> None:
    ended = installed.run(home, "verify", *MINE, CONFIG, "-v")
    assert ended.code == 0, ended.out
    header = ended.out.partition("collected")[0]
    assert "plugins:" not in header, header
    names = installed.program(home, "python", "-m", "pip", "--version")
    assert names.code != 0, "not even pip is needed"


def test_a_run_of_somebody_elses_tests_does_not_load_it(
    installed: Installation, tmp_path: Path
) -> None:
    (tmp_path / "test_mine.py").write_text("def test_mine(): pass\n", encoding="utf-8")
    ended = installed.program(tmp_path, "python", "-m", "pytest", "-q", "--help")
    assert "--allow-production" not in ended.out
    assert installed.program(tmp_path, "python", "-m", "pytest", "-q").code == 0


def test_a_folder_with_modules_of_the_same_names_does_not_matter(
    installed: Installation, home: Path
) -> None:
    for name in ("fixtures", "suites", "yaml", "conftest"):
        (home / f"{name}.py").write_text("raise SystemExit('loaded')\n", encoding="utf-8")
    ended = installed.run(home, "verify", *MINE, CONFIG)
    assert ended.code == 0, ended.out + ended.err


def test_the_doctor_and_the_first_spec(installed: Installation, home: Path) -> None:
    ended = installed.run(home, "doctor", "--kubeconfig", ".kube/config", *MINE)
    assert ended.code == 0, ended.out
    assert "2 of 2 can be judged" in ended.out
    (home / "manifests.yaml").write_text(MANIFEST, encoding="utf-8")
    words = ("init", "own", "--namespace", "shop", "--manifests", "manifests.yaml")
    ended = installed.run(home, *words)
    assert ended.code == 0, ended.err
    assert "next: clusterproof verify --spec" in ended.out
    checked = installed.run(home, "check-spec", "own/spec.yaml")
    assert checked.code == 0, checked.err
    assert "rows" in checked.out
    ended = installed.run(home, "init", "live", "--namespace", "here", CONFIG)
    assert ended.code in {0, ExitCode.USAGE}, ended.err


def test_a_run_is_packed_judged_again_and_kept(installed: Installation, home: Path) -> None:
    assert installed.run(home, "verify", *MINE, CONFIG).code == 0
    (run,) = home.glob("reports/*")
    assert installed.run(home, "bundle", str(run), "--out", "run.tar.gz").code == 0
    ended = installed.run(home, "replay", "run.tar.gz")
    assert (ended.code, "2 of 2 rows judged again" in ended.out) == (0, True), ended.out
    assert installed.run(home, "history", "add", str(run / "run.json")).code == 0
    assert "passed" in installed.run(home, "history", "list").out
    assert installed.run(home, "history", "site", "pages").code == 0
    assert (home / "pages" / "index.html").is_file()
    assert "clusterproof_rows" in installed.run(home, "history", "metrics").out
    ended = installed.run(home, "nightly", "rights", str(run / "run.json"))
    assert "configmaps" in ended.out


def test_a_night(installed: Installation, home: Path) -> None:
    words = ("nightly", "run", "--results", "night", *MINE, "--kubeconfig", ".kube/config")
    ended = installed.run(home, *words, "--read-only")
    assert ended.code == 0, ended.out + ended.err
    assert (home / "night" / "history.sqlite3").is_file()
    assert (home / "night" / "metrics.prom").is_file()


def test_a_load_takes_its_extra_and_says_so(installed: Installation, tmp_path: Path) -> None:
    ended = installed.run(tmp_path, "load", "judge")
    assert ended.code == ExitCode.USAGE
    assert 'next: pip install "clusterproof[load]"' in ended.err


def test_the_fleet_has_one_page(installed: Installation, home: Path, answers: Answers) -> None:
    other = Answers()
    other.lists[CONFIG_MAPS] = settings(one="no", two="yes")
    other.uid = "uid-of-the-other"
    with served(other) as server:
        path = home / ".kube" / "config"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["clusters"].append({"name": "second", "cluster": {"server": server}})
        for name, cluster in (("staging", "loopback"), ("production", "second"), ("gone", "none")):
            context = {"cluster": cluster, "user": "nobody"}
            config["contexts"].append({"name": name, "context": context})
        path.write_text(json.dumps(config), encoding="utf-8")
        words = ("verify", "--contexts", "staging,production", *MINE, CONFIG, "--read-only")
        ended = installed.run(home, *words)
        assert ended.code == ExitCode.FAILED, ended.out + ended.err
        page = (home / "reports" / "fleet.html").read_text(encoding="utf-8")
        for text in ("uid-of-this-cluster", "uid-of-the-other", "staging", "production"):
            assert text in page
        assert "1 of 2 rows did not pass everywhere" in page
        assert "differs by cluster: settings-one: failed, passed" in ended.out
        assert len(list(home.glob("reports/*/*/run.json"))) == 2
        ended = installed.run(home, "verify", "--contexts", "staging,gone", *MINE, CONFIG)
        assert ended.code == ExitCode.INCONCLUSIVE
        assert "no run was made: exit code 4" in ended.out
    assert answers.posted == []


def test_uvx_runs_it(installed: Installation, tmp_path: Path) -> None:
    ended = subprocess.run(  # noqa: S603 - our own uv
        [str(paths.UV), "tool", "run", "--python", str(installed.python), "--from",
         str(installed.wheel), "clusterproof", "--version"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.stdout.startswith("clusterproof 0."), ended.stderr


def _ended(*words: str, cwd: Path | None = None, places: Mapping[str, str] | None = None) -> str:
    """What a program printed that ended well."""
    ended = subprocess.run(  # noqa: S603 - our own wheel, by the tools of those who install
        words, cwd=cwd, env={**os.environ, **(places or {})}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _cache() -> str:
    ended = subprocess.run(  # noqa: S603 - our own uv
        [str(paths.UV), "cache", "dir"], capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stdout.strip()


def test_the_script_of_the_github_action(installed: Installation, home: Path) -> None:
    """The very script of deploy/ci, with the real uvx and this wheel."""
    action = yaml.safe_load((PROJECT / "deploy/ci/github/action.yml").read_text(encoding="utf-8"))
    (step,) = [each for each in action["runs"]["steps"] if each.get("id") == "verify"]
    tools = home / "tools"
    tools.mkdir()
    (tools / "uvx").write_text(f'#!/bin/sh\nexec "{paths.UV}" tool run "$@"\n', encoding="utf-8")
    (tools / "uvx").chmod(0o755)
    given = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(home),
        "UV_CACHE_DIR": _cache(),
        "UV_PYTHON": str(installed.python),
        "KUBECONFIG_PATH": "~/.kube/config",
        "SPEC": "my-spec/spec.yaml",
        "PROFILE": "self-hosted",
        "OPTIONS": "--read-only -q",
        "PACKAGE": str(installed.wheel),
        "REPORTS": "clusterproof-reports",
        "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
        "GITHUB_OUTPUT": str(home / "output"),
    }  # fmt: skip
    for name in (
        "PIP_INDEX_URL",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "HTTPS_PROXY",
        "SSL_CERT_FILE",
    ):
        if name in os.environ:
            given[name] = os.environ[name]
    ended = subprocess.run(  # noqa: S603 - our own script
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],  # noqa: S607
        cwd=home, env=given, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (home / "output").read_text(encoding="utf-8") == "exit-code=0\n"
    assert "Passed" in (home / "summary.md").read_text(encoding="utf-8")
    assert list((home / "clusterproof-reports").glob("*/junit.xml"))


def test_the_wheel_holds_its_suites_once_and_no_test_of_ours(installed: Installation) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    folders = {name.split("/")[0] for name in names}
    assert {name for name in folders if not name.endswith(".dist-info")} == {"clusterproof"}
    assert "clusterproof/suites/suites/test_workloads.py" in names
    assert "clusterproof/suites/spec/self-hosted.yaml" in names
    assert [name for name in names if "__pycache__" in name or "testbed" in name] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any("entry_points" in name and "pytest11" in name for name in names)


def test_the_newest_python_is_newer_where_there_is_one() -> None:
    ended = subprocess.run([newest_python(), "-V"], capture_output=True, text=True, check=True)  # noqa: S603
    assert ended.stdout >= "Python 3.11", sys.version

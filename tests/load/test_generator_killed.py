"""Whatever ends a load run leaves what was seen until then, and it is judged: SIGKILL, a full disk.

The whole of `clusterproof load run`, with the real Locust, against an API server on loopback.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from clusterproof.load.objectives import VARIABLE
from clusterproof.outcome import ExitCode
from tests.load.generator import HANGS_S, PROJECT, Ended, load_spec, read, started, until
from tests.observe.loopback import Reply, Request, listed, served

LONG = {"long": [{"rate": 40, "for_s": 3600}], "short": [{"rate": 40, "for_s": 2}]}
NOTHING_GROWS = ("prlimit", "--fsize=0")
"""As on a full disk: no file can be written to, and those that are there stay."""


class Router:
    """Counts what it is asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked = 0

    def answer(self, request: Request) -> Reply:
        """One request."""
        del request
        self.asked += 1
        return Reply(body={"models": []})


def _api(request: Request) -> Reply:
    """A cluster with a Service in which nothing happens; each watch ends after two seconds."""
    if "watch=" in request.path:
        return Reply(body="", after_s=2.0)
    if request.path.endswith("/services/model-router"):
        return Reply(body={"spec": {"selector": {"app": "router"}, "clusterIP": "127.0.0.1"}})
    if request.path.endswith("/namespaces/kube-system"):
        return Reply(body={"metadata": {"name": "kube-system", "uid": "u1"}})
    return Reply(body={**listed("Any"), "metadata": {"resourceVersion": "1"}})


class Session:
    """`clusterproof load run` and `judge` in one folder."""

    def __init__(self, folder: Path, server: str, host: str) -> None:
        """Write the load spec, without a claim about the cluster, and a kubeconfig."""
        self.out = folder / "out"
        self.spec = load_spec(folder, shapes=LONG)
        whole = yaml.safe_load(self.spec.read_text(encoding="utf-8"))
        for section in ("scaling", "metrics", "evidence"):
            del whole[section]
        self.spec.write_text(yaml.safe_dump(whole), encoding="utf-8")
        named = {"name": "loopback"}
        kubeconfig = {
            "clusters": [{**named, "cluster": {"server": server}}],
            "users": [{**named, "user": {"token": "made-up"}}],
            "contexts": [{**named, "context": {"cluster": "loopback", "user": "loopback"}}],
            "current-context": "loopback",
        }
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
        self.host = host
        self.options: tuple[str, ...] = ()

    def command(self, word: str, *options: str) -> list[str]:
        """The command line."""
        common = ["--objectives", str(self.spec), "--out", str(self.out), *options]
        return [sys.executable, "-m", "clusterproof.load", word, *common]

    @contextmanager
    def running(self, shape: str, *before: str) -> Iterator["subprocess.Popen[str]"]:
        """A run under way; killed in the end if it is still there."""
        options = ("--kubeconfig", str(self.kubeconfig), "--host", self.host, "--shape", shape)
        process = subprocess.Popen(  # noqa: S603 - our own argv
            [*before, *self.command("run", *options, *self.options)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def ran(self, shape: str, *before: str) -> tuple[int, str]:
        """A run that ended by itself, with words before the command: exit code, and output."""
        with self.running(shape, *before) as process:
            text, _ = process.communicate(timeout=HANGS_S)
        return process.returncode, text


@pytest.fixture
def router() -> Router:
    """What is loaded."""
    return Router()


@pytest.fixture
def session(tmp_path: Path, router: Router) -> Iterator[Session]:
    """A session with its cluster and its target."""
    with served(router.answer) as host, served(_api) as server:
        yield Session(tmp_path, server, host)


def _killed(session: Session, router: Router) -> None:
    """A run that is killed in the middle of its hour; its generator ends by itself."""
    with session.running("long") as process:
        until(lambda: router.asked > 40)
        until((session.out / "recording.jsonl").exists)
        process.send_signal(signal.SIGKILL)
    until((session.out / "account.json").exists)
    until(lambda: _is_free(session.out))


def _is_free(out: Path) -> bool:
    """Whether no process writes there any more."""
    return subprocess.run(["flock", "-n", str(out / ".lock"), "true"], check=False).returncode == 0  # noqa: S603, S607 - util-linux


def test_a_killed_run_is_judged_when_the_next_one_begins(session: Session, router: Router) -> None:
    _killed(session, router)
    code, text = session.ran("short")
    assert code == ExitCode.PASSED, text
    (apart,) = session.out.glob("killed-*")
    assert f"the run before this one was killed: INCONCLUSIVE; report: {apart}/load.html" in text
    killed, after = read(apart / "load.json"), read(session.out / "load.json")
    assert (killed["outcome"], after["outcome"]) == ("inconclusive", "passed")
    assert (killed["shape"], after["shape"]) == ("long", "short")
    assert {"junit.xml", "summary.md", "recording.json.gz", "load.html"} <= {
        path.name for path in apart.iterdir()
    }
    assert not (session.out / "recording.jsonl").exists()


def test_a_killed_run_can_be_judged_at_once(session: Session, router: Router) -> None:
    _killed(session, router)
    ended = subprocess.run(  # noqa: S603 - our own argv
        session.command("judge"), capture_output=True, text=True, check=False, cwd=PROJECT
    )
    assert ended.returncode == ExitCode.INCONCLUSIVE, ended.stderr
    assert "the process that started it is gone" in ended.stdout
    assert "the process that watched was killed" in (session.out / "load.html").read_text("utf-8")


def test_nobody_writes_where_a_run_is_under_way(session: Session, router: Router) -> None:
    """Not even while only the generator of a killed one still ends."""
    with session.running("long"):
        until(lambda: router.asked > 10)
        code, text = session.ran("short")
    assert code == ExitCode.USAGE
    assert "another run is writing there" in text


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_a_run_that_is_told_to_end_is_judged_at_once(
    session: Session, router: Router, signals: list[signal.Signals]
) -> None:
    with session.running("long") as process:
        until(lambda: router.asked > 40)
        for number in signals:
            process.send_signal(number)
        text, _ = process.communicate(timeout=HANGS_S)
    assert process.returncode == ExitCode.INCONCLUSIVE, text
    assert read(session.out / "load.json")["outcome"] == "inconclusive"
    assert not (session.out / "recording.jsonl").exists()


def test_a_full_disk_is_one_sentence_and_its_exit_code(session: Session) -> None:
    """The verdict is not lost with its report."""
    code, text = session.ran("short")
    assert code == ExitCode.PASSED, text
    command = [*NOTHING_GROWS, *session.command("judge")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)  # noqa: S603 - our own argv
    assert ended.returncode == ExitCode.NOT_WRITTEN
    (sentence,) = ended.stderr.splitlines()
    assert sentence == f"load: {session.out}/load.html: File too large"
    assert "\nPASSED" in ended.stdout


def test_a_locustfile_of_ones_own_is_watched_too(session: Session, tmp_path: Path) -> None:
    """In another folder, for another scenario of the load spec."""
    file = tmp_path / "own.py"
    file.write_bytes((PROJECT / "loadtests" / "router.py").read_bytes())
    whole = yaml.safe_load(session.spec.read_text(encoding="utf-8"))
    whole["scenarios"] = {"own": whole["scenarios"]["router"]}
    session.spec.write_text(yaml.safe_dump(whole), encoding="utf-8")
    session.options = ("--scenario", "own", "-f", str(file))
    code, output = session.ran("short")
    assert code == ExitCode.PASSED, output
    assert read(session.out / "load.json")["scenario"] == "own"


def test_the_run_to_compare_with_is_looked_for_before_the_load(
    session: Session, router: Router
) -> None:
    """Not after it; the last run of the same folder may be named too."""
    session.options = ("--previous", str(session.out / "load.json"))
    code, text = session.ran("short")
    assert code == ExitCode.USAGE, text
    assert f"--previous {session.out}/load.json: no such file" in text
    assert not router.asked
    options, session.options = session.options, ()
    session.ran("short")
    session.options = options
    code, text = session.ran("short")
    assert code == ExitCode.PASSED, text
    assert "Previous: the run of" in (session.out / "load.html").read_text("utf-8")


def test_an_option_that_locust_does_not_know_is_wrong_input(
    session: Session, router: Router
) -> None:
    session.options = ("--", "--nosuch")
    code, text = session.ran("short")
    assert code == ExitCode.USAGE, text
    assert "the generator refused" in text
    assert "unrecognized arguments: --nosuch" in text
    assert not router.asked


def test_a_disk_that_is_full_before_the_load_offers_none(session: Session, router: Router) -> None:
    code, text = session.ran("short", *NOTHING_GROWS)
    assert code == ExitCode.NOT_WRITTEN, text
    assert f"{session.out}/recording.jsonl: File too large" in text
    assert "Traceback" not in text
    assert not router.asked


def test_a_killed_generator_leaves_a_record_and_it_is_inconclusive(tmp_path: Path) -> None:
    """By itself, without anybody who watches."""
    router, out = Router(), tmp_path / "out"
    spec = load_spec(tmp_path, shapes=LONG)
    options = ("--headless", "--shape", "long", "--out", str(out))
    with served(router.answer) as host, started(spec, *options, "--host", host) as process:
        until((out / "account.json").exists)
        until(lambda: read(out / "account.json")["started"] > 100)
        process.send_signal(signal.SIGKILL)
        process.wait()
    record, account = read(out / "generator.json"), read(out / "account.json")
    assert record["run"] == account["run"]
    assert (record["outcome"], record["stopped_early"]) == ("inconclusive", "it was killed")


def test_a_record_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """And an exit code of its own: the verdict was printed, and nobody can read it later."""
    router, out = Router(), tmp_path / "out"
    out.mkdir()
    (out / "account.json").mkdir()
    with served(router.answer) as host:
        spec = load_spec(tmp_path, shapes={"short": LONG["short"]})
        ended = Ended(out, spec, "--host", host)
    assert ended.code == ExitCode.NOT_WRITTEN, ended.text
    assert f"the record cannot be written: {out}/account.json: Is a directory" in ended.text
    assert "\nPASSED" in ended.text
    assert "Traceback" not in ended.text


def test_the_load_spec_of_the_environment_is_kept_with_the_run(tmp_path: Path) -> None:
    router, out = Router(), tmp_path / "out"
    spec = load_spec(tmp_path, shapes={"short": LONG["short"]})
    with served(router.answer) as host:
        ended = Ended(out, spec, "--host", host)
    assert ended.code == ExitCode.PASSED, ended.text
    assert (out / "objectives.yaml").read_bytes() == spec.read_bytes()
    assert VARIABLE not in os.environ

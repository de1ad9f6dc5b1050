"""`clusterproof undo`, run as a user runs it, against an API server on loopback."""

import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from clusterproof.act.rehearsal.undo import Undo, WayBack
from clusterproof.cli import main
from clusterproof.outcome import ExitCode
from clusterproof.redact import MASK
from clusterproof.run.options import undo_command
from tests.nightly.api_server import kubeconfig, write_spec
from tests.observe.loopback import Reply, Request, api_server, served

SETTINGS = "/api/v1/namespaces/here/configmaps/c"
RECORDS = "/api/v1/namespaces/tools/configmaps"
TOKEN = "glpat-" + "a1B2" * 5  # made up for this test
SPEC_TEXT = """\
name: small
profile: small
namespaces: {home: NAME, tools: tools}
settings:
  dialler: {namespace: "${tools}", image: "tools:1"}
include: [rows.yaml]
"""


class Server:
    """Keeps the record and one ConfigMap, and notes what it is asked."""

    def __init__(self, holds: str = "debug") -> None:
        """A ConfigMap as a rehearsal left it, or as somebody changed it since."""
        self.settings: dict[str, Any] = {"metadata": {"name": "c"}, "data": {"LOG": holds}}
        self.record: dict[str, Any] | None = None
        self.asked: list[tuple[str, str]] = []
        self.refuses_patch = False

    def answer(self, request: Request) -> Reply:
        """One request."""
        path = request.path.partition("?")[0]
        self.asked.append((request.method, path))
        status = Reply(404, {"kind": "Status", "apiVersion": "v1", "message": "not there"})
        if path == SETTINGS and request.method == "PATCH":
            if self.refuses_patch:
                return Reply(403, {"kind": "Status", "apiVersion": "v1", "message": TOKEN})
            self.settings["data"]["LOG"] = request.json()[-1]["value"]
        if path == SETTINGS:
            return Reply(body=self.settings)
        if not path.startswith(RECORDS):
            if request.method in {"POST", "PUT"}:
                made = request.json()
                made["metadata"] |= {"uid": "u", "resourceVersion": "1"}
                return Reply(201, made)
            return status
        if request.method == "POST":
            self.record = request.json()
        record = self.record
        if request.method == "DELETE":
            self.record = None
        return status if record is None else Reply(body={"kind": "ConfigMap", **record})

    @property
    def leases(self) -> list[tuple[str, str]]:
        """What was asked of Leases."""
        return [(method, path) for method, path in self.asked if "/leases" in path]


def left(server: Server, **fields: Any) -> None:  # noqa: ANN401 - fields of an entry
    """Write the record of a run that was killed."""
    entry = {"path": SETTINGS, "field": "/data/LOG", "was": "info", "put": "debug", **fields}
    with api_server(server.answer) as api:
        WayBack(api, "tools", "run-1").remember("a-row", [Undo(**entry)])
    server.asked.clear()


def undo(server: Server, folder: Path, *options: str, home: str = "here") -> int:
    """The exit code of the command."""
    write_spec(folder, "log")  # for its rows
    spec = folder / "small.yaml"
    spec.write_text(SPEC_TEXT.replace("NAME", home), "utf-8")
    with served(server.answer) as url:
        config = str(kubeconfig(folder, url))
        return main(["undo", "--kubeconfig", config, "--spec", str(spec), *options])


def test_nothing_is_written_where_nothing_was_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    assert undo(server, tmp_path) == ExitCode.PASSED
    assert "nothing to put back: no ConfigMap/tools/" in capsys.readouterr().out
    assert {method for method, _ in server.asked} == {"GET"}
    assert not server.leases


def test_what_was_left_is_put_back_under_the_lease(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    left(server)
    assert undo(server, tmp_path) == ExitCode.PASSED
    assert "put back: a-row of run run-1" in capsys.readouterr().out
    assert server.settings["data"]["LOG"] == "info"
    assert server.record is None
    assert server.leases


def test_an_alias_may_have_another_namespace_as_in_the_suites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    left(server)
    assert undo(server, tmp_path, home="there") == ExitCode.INCONCLUSIVE
    assert "in no namespace of the spec" in capsys.readouterr().err
    assert server.record is not None
    assert not server.leases
    assert undo(server, tmp_path, "--namespace", "home=here", home="there") == ExitCode.PASSED
    assert server.settings["data"]["LOG"] == "info"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "a day"])
def test_an_age_is_a_number_of_hours(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["undo", "--oldest", text])
    assert f"--oldest: {text!r}: expected a number of hours above 0" in capsys.readouterr().err


def test_what_is_old_is_put_back_where_its_age_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that the refusal names does it."""
    server = Server()
    left(server)
    assert server.record is not None
    server.record["data"]["at"] = "2026-01-01T00:00:00+00:00"
    assert undo(server, tmp_path) == ExitCode.INCONCLUSIVE
    shown = capsys.readouterr().err
    assert "expected at most 24 hours old, observed a-row of run run-1" in shown
    assert server.settings["data"]["LOG"] == "debug"
    again = shlex.split(shown.partition("next: ")[2].partition("  #")[0])
    assert undo(server, tmp_path, *again[again.index("--oldest") :]) == ExitCode.PASSED
    assert server.settings["data"]["LOG"] == "info"


def test_a_namespace_that_is_written_otherwise_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert undo(Server(), tmp_path, "--namespace", "here") == ExitCode.USAGE
    assert "expected ALIAS=NAME" in capsys.readouterr().err


def test_what_objects_hold_is_redacted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(holds=TOKEN)
    left(server)
    assert undo(server, tmp_path) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "changed since, left as it is" in shown
    assert MASK in shown
    assert TOKEN not in shown


def test_an_error_is_redacted_and_its_command_looks_in_the_same_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server()
    left(server)
    server.refuses_patch = True
    code = undo(server, tmp_path, "--context", "loopback", "--namespace", "home=here", home="x")
    assert code == ExitCode.INCONCLUSIVE
    shown = capsys.readouterr().err
    assert "not put back" in shown
    assert TOKEN not in shown
    again = shown.partition("next: ")[2].partition("  #")[0]
    assert shlex.split(again) == [
        *("clusterproof", "undo", "--kubeconfig", str(tmp_path / "kubeconfig")),
        *("--context", "loopback", "--spec", str(tmp_path / "small.yaml")),
        *("--namespace", "home=here"),
    ]


def test_a_rehearsal_names_the_command_with_its_own_options() -> None:
    given = Namespace(kubeconfig="my config", context="c", spec="own.yaml", namespace=["a=b"])
    assert undo_command(given) == (
        "clusterproof undo --kubeconfig 'my config' --context c --spec own.yaml --namespace a=b"
    )
    usual = Namespace(kubeconfig=None, context=None, spec=None, namespace=[], profile="self-hosted")
    assert undo_command(usual) == "clusterproof undo"

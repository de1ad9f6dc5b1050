"""A password in a URL, of `--host` or of the load spec, is sent, and stands in no file."""

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from clusterproof.load.folder import RUN_VARIABLE
from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE
from loadtests.records import Records
from loadtests.target import without_credentials

PROJECT = Path(__file__).resolve().parents[2]
PASSWORD = "hunt@er2/hunter2"  # noqa: S105 - made up
QUOTED = "hunt%40er2%2Fhunter2"


@pytest.mark.parametrize(
    ("url", "clean", "pair"),
    [
        (f"http://load:{QUOTED}@h:80/x", "http://h:80/x", f"load:{PASSWORD}"),
        ("http://load@h", "http://h", "load:"),
        ("https://a:b@c@[::1]:8443", "https://[::1]:8443", "a:b@c"),
    ],
)
def test_credentials_become_a_header(url: str, clean: str, pair: str) -> None:
    header = f"Basic {base64.b64encode(pair.encode()).decode()}"
    assert without_credentials(url) == (clean, {"authorization": header})


def test_a_url_without_credentials_stays() -> None:
    for url in ("http://h:80/a@b", "http://[::1"):
        assert without_credentials(url) == (url, {})


def test_a_load_sends_the_header_and_writes_no_password(tmp_path: Path) -> None:
    sent: set[str | None] = set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent.add(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that the server calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    spec = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text("utf-8"))
    spec["evidence"]["prometheus"] = f"http://load:{QUOTED}@prometheus:9090"
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    out = tmp_path / "out"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://load:{QUOTED}@127.0.0.1:{server.server_address[1]}"
    command = [sys.executable, "-m", "locust", "-f", "loadtests/router.py", "--headless"]
    command += ["--host", host, "--shape", "smoke", "--time-factor", "0.1", "--rate-factor", "0.2"]
    command += ["--out", str(out), "--html", str(out / "locust.html")]
    ended = subprocess.run(  # noqa: S603 - our own argv
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=PROJECT,
        env={**os.environ, VARIABLE: str(path)},
    )
    server.shutdown()
    server.server_close()
    token = base64.b64encode(f"load:{PASSWORD}".encode()).decode()
    assert sent == {f"Basic {token}"}, ended.stderr[-2000:]
    record = json.loads((out / "generator.json").read_text("utf-8"))
    assert record["host"] == f"http://127.0.0.1:{server.server_address[1]}"
    texts = [path.read_text("utf-8") for path in out.iterdir() if path.is_file()]
    told = "\n".join((*texts, ended.stdout, ended.stderr))
    assert [form for form in (PASSWORD, QUOTED, token) if form in told] == []


@pytest.mark.parametrize(
    "line",
    [
        "evidence: {prometheus: 'http://u:hunter2pass@prom:9090', posthog_secret: shop/keys}",
        "prometheus: http://u:hunter2pass@prom:9090 # beside posthog_secret: shop/keys",
        "posthog_secret: shop/keys # http://u:hunter2pass@prom:9090",
        'posthog_secret: "http://u:hunter2pass@prom:9090"',
    ],
)
def test_the_spec_that_is_kept_has_the_name_of_a_secret_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv(RUN_VARIABLE, "0123456789ab")  # of a session that holds the folder
    spec = tmp_path / "spec.yaml"
    spec.write_text(f"{line}\n", encoding="utf-8")
    Records(tmp_path, spec).begin()
    kept = (tmp_path / "objectives.yaml").read_text(encoding="utf-8")
    assert "hunter2pass" not in kept
    assert ("shop/keys" in kept) == ("shop/keys" in line)

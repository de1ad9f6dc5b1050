"""A locustfile of one's own: tasks, tags, User classes, headers, streams, limits of single ones."""

import json
import os
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.load.latency import Latencies
from clusterproof.load.objectives import VARIABLE
from clusterproof.outcome import ExitCode
from tests.load.generator import HANGS_S, PROJECT, Ended, command, finding
from tests.observe.loopback import Reply, Request, served
from tests.testbed_router.test_server import ended as router_ended
from tests.testbed_router.test_server import started as router_started

DOCS = (PROJECT / "docs" / "load.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
TOKEN = "shop-token-0123456789"  # noqa: S105 - made up
BUSY_MACHINE = {"late_p99_ms": 20_000, "loop_lag_p99_ms": 20_000, "cpu_busiest": 2.0}
PATIENT = {"timeout_s": 30, "drain_s": 35, "drop_after_s": 30}
TWO = "two\u2028data: lines"
"""A model writes what it likes: this ends a line for str.splitlines, and for no stream."""
SEEDED = ("--seed", "6")
"""Which request each arrival is: with this one a quarter of them are `ask`. By chance one run of 25
would have fewer than the six that a figure needs."""


def _spec(folder: Path, **shop: Any) -> Path:  # noqa: ANN401 - fields of a scenario
    """The documented locustfile's own load spec, shorter, and patient with a busy machine."""
    (text,) = (
        block for block in re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL) if "shop:" in block
    )
    spec = yaml.safe_load(text)
    spec["scenarios"]["shop"] |= {
        "objectives": {"p99_ms": 20_000},
        "requests": {},
        "shapes": {"short": [{"rate": 60, "for_s": 2}]},
        **PATIENT,
        **shop,
    }
    spec["credibility"] = BUSY_MACHINE
    path = folder / "objectives.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return path


class Shop:
    """Answers all that the documented locustfile asks: streams of a second, that begin at once."""

    def __init__(self, *, is_cut: bool = False, part_s: float = 0.3) -> None:
        """Nothing was asked yet; each of three parts of a stream takes `part_s` seconds."""
        self.is_cut = is_cut
        self.part_s = part_s
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        handler.rfile.read(int(handler.headers.get("content-length") or 0))
        with self.lock:
            self.asked[f"{handler.command} {handler.path}"] += 1
            self.headers.append({k.lower(): v for k, v in handler.headers.items()})
        handler.send_response(200)
        if handler.command == "POST":
            handler.send_header("content-type", "text/event-stream")
            handler.send_header("transfer-encoding", "chunked")
            handler.end_headers()
            handler.wfile.flush()
            for text in (": a comment", "data: one", f"data: {TWO}", "data: [DONE]"):
                part = f"{text}\n\n".encode()
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                threading.Event().wait(self.part_s if "data" in text else 0)
                if self.is_cut and "one" in text:
                    handler.close_connection = True
                    return
            handler.wfile.write(b"0\r\n\r\n")
            return
        body = json.dumps({"models": [], "id": "a"}).encode()
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@contextmanager
def _open(shop: Shop) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            shop.answer(self)

        def do_POST(self) -> None:
            shop.answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _run(folder: Path, spec: Path, *options: str, text: str = EXAMPLE, **env: str) -> Ended:
    file = folder / "shop.py"
    file.write_text(text, encoding="utf-8")
    settings: dict[str, Any] = {"env": {"SHOP_TOKEN": TOKEN, **env}}
    return Ended(folder / "out", spec, *options, file=str(file), **settings)


def test_the_documented_locustfile_offers_each_class_its_share(tmp_path: Path) -> None:
    """By seed and number, whoever claims; the token is sent and stands nowhere."""
    shop = Shop()
    with _open(shop) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, *SEEDED)
    assert ended.code == ExitCode.PASSED, ended.text
    names = {name: row["ok"] for name, row in ended.account["names"].items()}
    assert sum(names.values()) == 120
    assert names["ask"] == shop.asked["POST /api/v1/route"]
    assert 15 <= names["ask"] <= 45  # a quarter of 120, within three standard deviations
    assert names["list-models"] > names["one-model"] > 0
    assert {headers["authorization"] for headers in shop.headers} == {f"Bearer {TOKEN}"}
    written = [p.read_text("utf-8") for p in (tmp_path / "out").iterdir() if p.is_file()]
    assert not [text for text in (*written, ended.text) if TOKEN in text]


BARE = """
from locust import task
from loadtests.arrivals import Caller
from loadtests.wiring import shape_of

class Writer(Caller):
    @task
    def remove(self):
        self.call("DELETE", "/item")
    @task
    def look(self):
        self.call("HEAD", "/item")
    @task
    def ask(self):
        self.call("DELETE", "/item", expect="id")

Shape = shape_of("shop")
"""


def test_an_answer_that_has_no_content_by_its_rules_is_right(tmp_path: Path) -> None:
    """Unless a field of it is expected."""

    class Server(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_DELETE(self) -> None:
            self.send_response(204)
            self.send_header("content-encoding", "gzip")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("content-encoding", "gzip")
            self.send_header("content-length", "12")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"http://127.0.0.1:{server.server_port}"
    ended = _run(tmp_path, _spec(tmp_path), "--host", host, text=BARE)
    server.shutdown()
    server.server_close()
    names = ended.account["names"]
    assert not names["remove"]["failed"], ended.text
    assert not names["look"]["failed"]
    assert names["ask"]["ok"] == 0
    assert set(names["ask"]["failed"]) == {"no id in the answer"}


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "utf-8"])
def test_an_answer_that_cannot_be_decoded_is_a_wrong_one(tmp_path: Path, encoding: str) -> None:
    """It came, and was counted by whom it came from; only a cut one is none at all."""
    asked = Counter[str]()

    def answer(request: Request) -> Reply:
        asked[request.path] += 1
        headers = {"content-encoding": encoding}
        return Reply(body={"models": [], "id": "a"}, headers=headers)

    with served(answer) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, "--tags", "read")
    assert _claims(ended)["answers"] == "failed", ended.text
    assert ended.account["started"] == asked.total()
    assert not ended.account["faults"]
    for row in ended.account["names"].values():
        assert not row["ok"]
        if encoding != "gzip":  # of which what is there is an end too early
            assert all("not the expected answer" in why for why in row["failed"])


def test_each_arrival_is_a_visitor_without_the_cookies_of_another(tmp_path: Path) -> None:
    """A cookie of affinity would hold a caller on one Pod for the whole run."""
    cookies: Counter[str] = Counter()

    def answer(request: Request) -> Reply:
        if request.path == "/login":
            return Reply(body={}, headers={"set-cookie": "session=mine; Path=/"})
        headers = {name.lower(): text for name, text in request.headers.items()}
        cookies[headers.get("cookie", "")] += 1
        return Reply(body={"models": [], "id": "a"}, headers={"set-cookie": "pod=web-1; Path=/"})

    begins = "class Reader(Caller):\n    def on_start(self) -> None:\n        "
    text = EXAMPLE.replace("class Reader(Caller):\n", f'{begins}self.client.get("/login")\n\n')
    assert text != EXAMPLE
    own = 'expect="models", headers={"cookie": "session=own"}'
    for file, sent in (
        (text, "session=mine"),
        (text.replace('expect="models"', own), "session=own"),
    ):
        cookies.clear()
        with served(answer) as host:
            options = ("--host", host, "--tags", "read", *SEEDED)
            ended = _run(tmp_path, _spec(tmp_path), *options, text=file)
        assert ended.code == ExitCode.PASSED, ended.text
        assert cookies.total() == 120
        assert cookies[sent] > 60


def test_workers_get_the_headers_of_their_master(tmp_path: Path) -> None:
    shop = Shop()
    ports = ("--processes", "2", "--master-port", "25561", "--master-bind-port", "25561")
    with _open(shop) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, *ports)
    assert ended.code == ExitCode.PASSED, ended.text
    assert {headers["authorization"] for headers in shop.headers} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (("--tags", "read"), {"list-models", "one-model"}),
        (("--exclude-tags", "read"), {"ask"}),
        (("Writer",), {"ask"}),
    ],
)
def test_tags_and_classes_choose_among_the_requests(
    tmp_path: Path, options: tuple[str, ...], left: set[str]
) -> None:
    """The rate stays what the plan says."""
    with _open(Shop()) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, *options)
    assert ended.code == ExitCode.PASSED, ended.text
    assert ended.account["names"].keys() == left
    assert ended.account["started"] == 120


@pytest.mark.parametrize(
    ("options", "env", "sentence"),
    [
        ((), {"SHOP_TOKEN": ""}, None),
        (("--header", "no colon"), {}, "--header: expected 'NAME: TEXT'"),
        (("--header", "x-key: ${NO_SUCH}"), {}, "header x-key: NO_SUCH: expected in the environ"),
        (("--tags", "nosuch"), {}, "no request is left: expected tasks that --tags and the mix"),
        (("--cert", "/dev/null"), {}, "--cert /dev/null: "),
    ],
)
def test_wrong_options_are_one_sentence_and_no_request(
    tmp_path: Path, options: tuple[str, ...], env: dict[str, str], sentence: str | None
) -> None:
    shop = Shop()
    with _open(shop) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, *options, **env)
    if sentence is None:  # an empty token is a token
        assert ended.code == ExitCode.PASSED, ended.text
        return
    assert ended.code == ExitCode.USAGE, ended.text
    assert sentence in ended.text
    assert "Traceback" not in ended.text
    assert not shop.asked


def test_a_header_of_the_command_line_goes_before_the_specs(tmp_path: Path) -> None:
    shop = Shop()
    with _open(shop) as host:
        header = "Authorization: Key ${OTHER}"
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, "--header", header, OTHER="k1")
    assert ended.code == ExitCode.PASSED, ended.text
    assert {headers["authorization"] for headers in shop.headers} == {"Key k1"}


def _claims(ended: Ended) -> dict[str, str]:
    return {f["id"]: f["outcome"] for f in ended.record["findings"]}


def test_the_first_token_of_a_stream_has_a_figure_and_limits_of_its_own(tmp_path: Path) -> None:
    """The whole answer takes 4.5 s more, however busy the machine is.

    So it is over its limit, and the first token's figure is another one by about as much.
    """
    own = {"first_token_p50_ms": 20_000, "p50_ms": 3000, "failure_ratio": 0.0}
    shapes = {"short": [{"rate": 20, "for_s": 2}]}
    spec = _spec(tmp_path, requests={"ask": own, "list-models": {"p50_ms": 20_000}}, shapes=shapes)
    with _open(Shop(part_s=1.5)) as host:
        ended = _run(tmp_path, spec, "--host", host, *SEEDED)
    claims, row = _claims(ended), ended.account["names"]["ask"]
    first, whole = (Latencies.decode(row[of]).value_s(0.5) for of in ("first", "latency"))
    assert whole - first > 1
    observed = finding(ended.record, "first-token-p50-ask")["observed"]
    assert observed.startswith(f"{first * 1000:.2f} ms"), ended.text
    assert claims["first-token-p50-ask"] == "passed"
    assert claims["latency-p50-list-models"] == "passed"
    assert claims["answers-ask"] == "passed"
    assert claims["latency-p50-ask"] == "failed"
    assert ended.code == ExitCode.FAILED
    assert "its first token" in ended.text


def test_the_events_of_a_stream_are_as_they_were_sent(tmp_path: Path) -> None:
    ask = 'self.call("POST", "/api/v1/route", body=body, stream=True)'
    text = EXAMPLE.replace(ask, f"assert {ask} == {['one', TWO]!r}")
    with _open(Shop()) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, "Writer", text=text)
    assert ended.code == ExitCode.PASSED, ended.text


def test_a_stream_that_is_cut_off_is_a_failure_and_ended(tmp_path: Path) -> None:
    with _open(Shop(is_cut=True)) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, "--exclude-tags", "read")
    row = ended.account["names"]["ask"]
    assert ended.code == ExitCode.FAILED, ended.text
    assert row["ok"] == 0
    assert sum(row["failed"].values()) + sum(row["unanswered"].values()) == row["started"]


def test_each_stage_is_held_to_its_own_limits(tmp_path: Path) -> None:
    """A minute of peak is not diluted by ten of calm: here the second stage is the slow one."""
    asked = Counter[str]()

    def answer(request: Request) -> Reply:
        asked[request.path] += 1
        late = asked[request.path] > 80
        return Reply(body={"models": [], "id": "a"}, after_s=0.4 if late else 0.0)

    stages = [
        {"rate": 60, "for_s": 2, "objectives": {"p95_ms": 300}},
        {"rate": 60, "for_s": 2, "objectives": {"p95_ms": 300}},
    ]
    whole = {"p50_ms": 20_000}
    spec = _spec(tmp_path, shapes={"two": stages}, callers=60, objectives=whole)
    text = EXAMPLE.replace("@task(9)", "@task(999)")
    with served(answer) as host:
        ended = _run(tmp_path, spec, "--host", host, "--tags", "read", text=text)
    claims = _claims(ended)
    assert claims["latency-p95-stage-2"] == "failed", ended.text
    assert claims["latency-p50"] == "passed"


def test_a_task_makes_one_request(tmp_path: Path) -> None:
    """None at all, or a second one, is our own fault: the account would not be the plan's."""
    call = 'self.call("GET", "/api/v1/models", expect="models")'
    for made in ("pass", f"{call}; {call}"):
        with _open(Shop()) as host:
            text = EXAMPLE.replace(call, made)
            ended = _run(tmp_path, _spec(tmp_path), "--host", host, "--tags", "read", text=text)
        assert ended.code == ExitCode.INCONCLUSIVE, ended.text
        assert _claims(ended)["generator-account"] == "inconclusive"


def test_a_class_names_its_host_as_anywhere_in_locust(tmp_path: Path) -> None:
    """Else the load would go to the Service of whatever kubeconfig is there."""
    shop = Shop()
    with _open(shop) as host:
        text = EXAMPLE.replace(
            "class Reader(Caller):", f'class Reader(Caller):\n    host = "{host}"'
        )
        ended = _run(tmp_path, _spec(tmp_path), "--tags", "read", text=text)
        assert ended.code == ExitCode.PASSED, ended.text
        assert shop.asked.total() == 120
        several = text.replace(
            "class Writer(Caller):", 'class Writer(Caller):\n    host = "http://x"'
        )
        ended = _run(tmp_path, _spec(tmp_path), text=several)
    assert ended.code == ExitCode.USAGE
    assert "User classes name 2 hosts: expected one, or --host" in ended.text


def test_default_headers_of_a_class_go_with_its_own_requests_only(tmp_path: Path) -> None:
    """Whichever class the caller is of, that has claimed the arrival."""
    shop = Shop()
    text = EXAMPLE
    for name in ("Reader", "Writer"):
        headers = f'default_headers = {{"x-{name.lower()}": "yes"}}'
        text = text.replace(f"class {name}(Caller):", f"class {name}(Caller):\n    {headers}")
    with _open(shop) as host:
        ended = _run(tmp_path, _spec(tmp_path), "--host", host, *SEEDED, text=text)
    assert ended.code == ExitCode.PASSED, ended.text
    sent = {
        (headers["accept"], *sorted({"x-reader", "x-writer"} & headers.keys()))
        for headers in shop.headers
    }
    assert sent == {("application/json", "x-reader"), ("text/event-stream", "x-writer")}


def test_a_wait_time_is_refused(tmp_path: Path) -> None:
    """No arrival would be claimed by it, and none be sent."""
    wait = "from locust import between\nReader.wait_time = between(1, 2)\n"
    text = EXAMPLE.replace("Shape =", f"{wait}Shape =")
    ended = _run(tmp_path, _spec(tmp_path), "--host", "http://127.0.0.1:9", text=text)
    assert ended.code == ExitCode.USAGE
    assert "Reader.wait_time: expected none" in ended.text


def test_with_json_stdout_is_the_statistics_alone(tmp_path: Path) -> None:
    """Whoever reads them by a program gets no verdict in between; it is on stderr."""
    file = tmp_path / "shop.py"
    file.write_text(EXAMPLE, encoding="utf-8")
    options = ("--headless", "--tags", "read", "--json", "--skip-log", "--out", str(tmp_path))
    with _open(Shop()) as host:
        ended = subprocess.run(  # noqa: S603 - our own argv
            command("--host", host, *options, file=str(file)),
            capture_output=True,
            text=True,
            cwd=PROJECT,
            env={**os.environ, VARIABLE: str(_spec(tmp_path)), "SHOP_TOKEN": TOKEN},
            timeout=HANGS_S,
            check=False,
        )
    assert ended.returncode == ExitCode.PASSED, ended.stderr
    assert sum(row["num_requests"] for row in json.loads(ended.stdout)) == 120
    assert "PASSED" in ended.stderr


def test_a_user_that_nobody_counts_is_refused(tmp_path: Path) -> None:
    text = EXAMPLE + "\nfrom locust import FastHttpUser\nclass Stock(FastHttpUser):\n    pass\n"
    ended = _run(tmp_path, _spec(tmp_path), "--host", "http://127.0.0.1:9", text=text)
    assert ended.code == ExitCode.USAGE
    assert "expected a Caller" in ended.text


def test_the_reference_router_streams_to_the_scenario_for_it(tmp_path: Path) -> None:
    """The project's own load spec, callers and router, of which only the database is away."""
    router = router_started({"ROUTER_SIM_TOKEN_MS": "50"})
    try:
        spec = yaml.safe_load((PROJECT / "spec" / "objectives.yaml").read_text(encoding="utf-8"))
        spec["scenarios"]["stream"] |= {"shapes": {"short": [{"rate": 20, "for_s": 4}]}, **PATIENT}
        patient = {"first_token_p95_ms": 20_000, "p95_ms": 20_000}
        spec["scenarios"]["stream"]["requests"] = {"route-stream": patient}
        spec["credibility"] = BUSY_MACHINE
        path = tmp_path / "objectives.yaml"
        path.write_text(yaml.safe_dump(spec), encoding="utf-8")
        env = {"LOCUST_SCENARIO": "stream"}
        ended = Ended(tmp_path / "out", path, "--host", router.http, env=env)
    finally:
        router_ended(router)
    assert ended.code == ExitCode.PASSED, ended.text
    row = ended.account["names"]["route-stream"]
    assert row["ok"] == 80
    assert Latencies.decode(row["first"]).value_s(0.5) < Latencies.decode(row["latency"]).value_s(
        0.5
    )
    assert _claims(ended)["first-token-p95-route-stream"] == "passed"

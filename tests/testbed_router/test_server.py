"""The router as a process on loopback, with no database and no Redis: it says so and ends well."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from clusterproof.errors import ObservationError
from clusterproof.wait import wait_until

USAGE = {"model_id": "gpt-4o", "input_tokens": 1, "output_tokens": 1}
CHECKOUT = Path(__file__).parents[2]


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [item.getsockname()[1] for item in sockets]
    for item in sockets:
        item.close()
    return ports


@dataclass(frozen=True)
class Running:
    """A router process and where it listens."""

    process: subprocess.Popen[str]
    http: str
    metrics: str
    grpc_port: int


def started(environment: dict[str, str]) -> Running:
    http, grpc, metrics, nothing = free_ports(4)
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed.router.router"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "POSTHOG_HOST": f"http://127.0.0.1:{nothing}",
            "POSTHOG_API_KEY": "phc_planted-secret",
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(nothing),
            "DB_NAME": "model_router",
            "DB_USER": "model_router",
            "DB_PASSWORD": "planted-secret",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(nothing),
            "OPENAI_API_KEY": "sk-planted-secret",
            "ANTHROPIC_API_KEY": "sk-ant-planted-secret",
            "HTTP_PORT": str(http),
            "GRPC_PORT": str(grpc),
            "METRICS_PORT": str(metrics),
            "ROUTER_HEALTH_GRACE_S": "1000",
            **environment,
        },
    )
    running = Running(
        process, f"http://127.0.0.1:{http}", f"http://127.0.0.1:{metrics}/metrics", grpc
    )

    def answers() -> int:
        try:
            return httpx.get(f"{running.http}/health", timeout=5).status_code
        except httpx.HTTPError as error:
            raise ObservationError(str(error)) from error

    wait_until(answers, lambda _: True, waiting_for="the router to answer", within_s=30)
    return running


def ended(running: Running, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    running.process.send_signal(how)
    out, err = running.process.communicate(timeout=30)
    return running.process.returncode, out + err


@pytest.fixture(scope="module")
def router() -> Iterator[Running]:
    """A router without its dependencies; ended at the end."""
    running = started({})
    try:
        yield running
    finally:
        if running.process.poll() is None:
            ended(running)


def test_health_says_which_dependency_is_silent(router: Running) -> None:
    answer = httpx.get(f"{router.http}/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert {name: check["ok"] for name, check in answer.json()["checks"].items()} == {
        "database": False,
        "redis": False,
    }


def test_it_is_not_ready_without_its_dependencies(router: Running) -> None:
    assert httpx.get(f"{router.http}/ready").status_code == 503


def test_it_routes_without_them(router: Running) -> None:
    answer = httpx.post(
        f"{router.http}/api/v1/route",
        json={"prompt": "hello", "max_tokens": 5, "strategy": "fastest"},
        headers={"x-request-id": "mine"},
    )
    assert (answer.status_code, answer.headers["x-request-id"]) == (200, "mine")
    assert set(answer.json()) == {
        "model_id", "model_name", "provider", "estimated_cost", "estimated_latency", "reason",
        "ab_test_id", "variant_id", "is_ab_test",
    }  # fmt: skip
    assert answer.json()["is_ab_test"] is False


def test_it_answers_token_by_token_where_it_is_asked_to(router: Running) -> None:
    """Each in an event of its own."""
    body = {"prompt": "three small words", "stream": True}
    with httpx.stream("POST", f"{router.http}/api/v1/route", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        parts = list(answer.iter_raw())
    assert len(parts) > 2
    lines = [line for line in b"".join(parts).decode().split("\n\n") if line]
    routed, *tokens, last = [line.removeprefix("data: ") for line in lines]
    assert json.loads(routed)["model_id"]
    assert [json.loads(token)["token"] for token in tokens] == ["three", "small", "words"]
    assert last == "[DONE]"
    wrong = httpx.post(f"{router.http}/api/v1/route", json={**body, "stream": "yes"})
    assert wrong.status_code == 400
    assert "stream: expected true or false" in wrong.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/models", None, 200),
        ("GET", "/api/v1/models/gpt-4o", None, 200),
        ("GET", "/api/v1/models/none", None, 404),
        ("GET", "/api/v1/circuit-breakers", None, 200),
        ("GET", "/api/v1/abtests", None, 200),
        ("POST", "/api/v1/cost/predict", {"model_id": "gpt-4o", "prompt": "x"}, 200),
        ("POST", "/api/v1/cost/compare", {"prompt": "x"}, 200),
        ("POST", "/api/v1/cost/predict", {}, 400),
        ("POST", "/api/v1/route", {}, 400),
        ("POST", "/api/v1/usage", USAGE, 503),
        ("GET", "/api/v1/usage/stats", None, 503),
        ("GET", "/api/v1/usage/stats?window_s=0", None, 400),
        ("DELETE", "/api/v1/models", None, 405),
        ("GET", "/nothing", None, 404),
    ],
)  # fmt: skip
def test_each_path_answers(
    router: Running, method: str, path: str, body: object, status: int
) -> None:
    assert httpx.request(method, f"{router.http}{path}", json=body).status_code == status


def test_an_answered_request_is_counted_at_once(router: Running) -> None:
    line = 'model_router_requests_total{endpoint="/api/v1/route",method="POST",status="200"}'

    def counted() -> float:
        lines = httpx.get(router.metrics).text.splitlines()
        return next(float(text.rsplit(" ", 1)[1]) for text in lines if text.startswith(line))

    before = counted()
    for _ in range(5):
        httpx.post(f"{router.http}/api/v1/route", json={"prompt": "hello"})
    assert counted() == before + 5


def test_it_announces_its_end_before_it_ends_and_shows_no_secret() -> None:
    running = started({"ROUTER_ACCESS_LOG": "all"})
    running.process.send_signal(signal.SIGUSR1)
    with httpx.Client() as client:
        answer = wait_until(
            lambda: client.get(f"{running.http}/api/v1/models"),
            lambda got: got.headers.get("connection") == "close",
            waiting_for="answers that close their connection",
            within_s=5,
        )
    assert answer.status_code == 200
    code, said = ended(running)
    assert code == 0
    assert "planted-secret" not in said
    lines = [json.loads(line) for line in said.splitlines()]
    access = [line for line in lines if line["log"] == "access"]
    assert access[0]["path"] == "/api/v1/models"
    assert access[0]["duration_ms"] > 0


def test_health_gives_up_after_its_grace() -> None:
    running = started({"ROUTER_HEALTH_GRACE_S": "0"})
    try:
        answer = wait_until(
            lambda: httpx.get(f"{running.http}/health"),
            lambda got: got.status_code == 503,
            waiting_for="/health to answer 503",
            within_s=15,
        )
        assert answer.json()["status"] == "down"
    finally:
        ended(running)


def test_a_missing_setting_ends_it_with_one_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "testbed.router.router"],
        cwd=CHECKOUT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("router: POSTHOG_HOST is not set")

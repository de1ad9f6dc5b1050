"""Below Locust's user agent: one request is sent once, and nothing of its answer is kept."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import Cookie, CookieJar

import pytest
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.response import HTTPConnectionClosed

from loadtests.client import OncePool, cookies_for, send_once
from tests.load.generator import PROJECT
from tests.observe.loopback import Reply, Request, served

_OVER_A_THOUSAND_DESCRIPTORS = """
from gevent import monkey
monkey.patch_all()
import os, resource
from gevent.pywsgi import WSGIServer
from loadtests.client import OncePool

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
held = [os.dup(0) for _ in range(1100)]
ports = []

def application(environ, start_response):
    ports.append(environ["REMOTE_PORT"])
    start_response("200 OK", [("content-length", "2")])
    return [b"{}"]

server = WSGIServer(("127.0.0.1", 0), application, log=None)
server.start()
client = OncePool(concurrency=1).get_client(f"http://127.0.0.1:{server.server_port}")
for _ in range(3):
    client.get("/").read()
print(len(ports), len(set(ports)))
"""

HEADERS = {"accept": "application/json"}
CUT = (HTTPConnectionClosed, HTTPParseError)


@pytest.fixture
def pool() -> Iterator[OncePool]:
    connections = OncePool(concurrency=1, connection_timeout=10, network_timeout=10)
    yield connections
    connections.close()


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that reads a request for each answer, gives it, and closes after the last."""
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                received.append(connection.recv(65536))
                connection.sendall(answer)
        listener.settimeout(1)
        try:
            again, _ = listener.accept()
            with again:
                received.append(again.recv(65536))
        except TimeoutError:
            pass

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        server.join()
        listener.close()


def test_a_request_is_written_at_once_with_its_length_and_headers(pool: OncePool) -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as (host, received):
        answer = send_once(pool, "POST", f"{host}/a b?c=d", payload='{"é": 1}', headers=HEADERS)
        assert (answer.status_code, bytes(answer.read())) == (200, b"{}")
    (head, body) = received[0].split(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    assert line == "POST /a%20b?c=d HTTP/1.1"
    assert f"Host: {host.removeprefix('http://')}" in fields
    assert "Content-Length: 9" in fields
    assert "accept: application/json" in fields
    assert body.decode() == '{"é": 1}'
    assert len(received) == 1


@pytest.mark.parametrize(("method", "lengths"), [("GET", 0), ("POST", 1)])
def test_the_length_of_no_body_is_said_where_a_method_has_one(
    pool: OncePool, method: str, lengths: int
) -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as (host, received):
        assert send_once(pool, method, host, payload=None, headers=HEADERS).status_code == 204
    assert received[0].count(b"\r\nContent-Length: 0\r\n") == lengths


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
def test_a_request_whose_connection_is_cut_is_not_sent_again(pool: OncePool, answer: bytes) -> None:
    """A GET may be repeated by RFC 9110: then a cut connection would not be seen."""
    with answering(answer) as (host, received), pytest.raises(CUT):
        send_once(pool, "GET", host, payload=None, headers=HEADERS)
    assert len(received) == 1


def test_one_connection_serves_one_request_after_the_other(pool: OncePool) -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with answering(whole, whole) as (host, received):
        for path in ("first", "second"):
            answer = send_once(pool, "GET", f"{host}/{path}", payload=None, headers=HEADERS)
            assert answer.read() == b""
    assert [request.split(b" ")[1] for request in received] == [b"/first", b"/second"]


def test_headers_may_be_others_in_each_request(pool: OncePool) -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.headers["x-trace"])
        return Reply(body={})

    with served(answer) as host:
        for number in range(200):
            headers = {"x-trace": str(number)}
            response = send_once(pool, "GET", host, payload=None, headers=headers)
            assert response.read()
    assert seen == [str(number) for number in range(200)]


def test_a_header_that_would_be_two_is_refused_before_anything_is_sent(pool: OncePool) -> None:
    with pytest.raises(ValueError, match="invalid value for header field"):
        send_once(
            pool,
            "GET",
            "http://127.0.0.1:9/",
            payload=None,
            headers={"x-key": "a\r\nx-other: b"},
        )


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GE T", "/", {}),
        ("GET / HTTP/1.1\r\nx: y", "/", {}),
        ("GET", "//elsewhere.example/", {}),
        ("POST", "/", {"Content-Length": "3"}),
        ("POST", "/", {"transfer-encoding": "chunked"}),
    ],
)
def test_what_would_be_another_request_is_refused_before_anything_is_sent(
    pool: OncePool, method: str, path: str, headers: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="expected"):
        send_once(pool, method, f"http://127.0.0.1:9{path}", payload="{}", headers=headers)


def test_a_method_is_written_in_capitals(pool: OncePool) -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as (host, received):
        send_once(pool, "post", f"{host}/x", payload="{}", headers=HEADERS)
    assert received[0].startswith(b"POST /x HTTP/1.1\r\nContent-Length: 2\r\n")


def test_the_librarys_own_requests_are_sent_once_too(pool: OncePool) -> None:
    """As those of `self.client` in on_start."""
    with answering(b"") as (host, received), pytest.raises(CUT):
        pool.get_client(host).get("/")
    assert len(received) == 1


def test_cookies_go_to_the_host_that_set_them() -> None:
    jar = CookieJar()
    made = Cookie(
        *(0, "session", "s1", None, False, "shop.example", True, False, "/cart", True, False),
        *(None, False, None, None, {}),
    )
    jar.set_cookie(made)
    assert cookies_for("http://shop.example/cart", jar) == {"Cookie": "session=s1"}
    assert cookies_for("http://shop.example/", jar) == {}
    assert cookies_for("http://other.example/cart", jar) == {}


def test_connections_are_kept_over_the_descriptors_that_select_takes() -> None:
    """As in a process with over a thousand callers: select(2) knows descriptors up to 1023."""
    ended = subprocess.run(  # noqa: S603 - our own argv
        [sys.executable, "-c", _OVER_A_THOUSAND_DESCRIPTORS],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
    )
    assert ended.stdout == "3 1\n", ended.stderr

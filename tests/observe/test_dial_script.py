"""The dial script, run as it is in a Pod, against real sockets on loopback."""

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from clusterproof.errors import ObservationError
from clusterproof.observe.certificates import fingerprint
from clusterproof.observe.dialling import (
    Dialled,
    DialOutcome,
    Peer,
    command,
    parse_results,
)
from clusterproof.observe.sources import source_of
from testbed.certificates import self_signed

HOST = "127.0.0.1"
NO_NAME = "a..b"  # fails in the resolver's own encoding: no question leaves this machine


def dial(*peers: Peer) -> dict[str, Dialled]:
    ended = subprocess.run(  # noqa: S603 - our own script
        command(sys.executable, peers), capture_output=True, text=True, timeout=30, check=True
    )
    assert ended.stderr == ""
    return dict(parse_results(ended.stdout, peers))


def dial_one(peer: Peer) -> Dialled:
    return dial(peer)[peer.id]


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None], *, backlog: int = 8) -> Iterator[int]:
    """A TCP server that hands each connection to `serve`; its port."""
    with socket.create_server((HOST, 0), backlog=backlog) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def replying(answer: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(512)
        connection.sendall(answer)

    return serve


def silent(connection: socket.socket) -> None:
    connection.recv(512)
    connection.recv(512)


@pytest.fixture
def closed_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def blackhole() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops every further SYN."""
    with socket.create_server((HOST, 0), backlog=0) as server, contextlib.ExitStack() as stack:
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_listening_port_is_connected() -> None:
    with listening(silent) as port:
        found = dial_one(Peer("a", HOST, port))
    assert (found.outcome, found.attempts, found.dialled) == (DialOutcome.CONNECTED, 1, HOST)


def test_closed_port_is_refused_not_silent(closed_port: int) -> None:
    found = dial_one(Peer("a", HOST, closed_port))
    assert (found.outcome, found.attempts) == (DialOutcome.REFUSED, 2)


def test_dropped_packets_are_a_timeout_not_a_refusal(blackhole: int) -> None:
    found = dial_one(Peer("a", HOST, blackhole, timeout_s=0.3))
    assert (found.outcome, found.attempts) == (DialOutcome.TIMEOUT, 2)
    assert 500 < found.elapsed_ms < 2000


def test_no_route_is_unreachable() -> None:
    # The kernel refuses TCP to a broadcast address by itself.
    assert dial_one(Peer("a", "127.255.255.255", 9)).outcome is DialOutcome.UNREACHABLE


def test_name_that_does_not_resolve_is_neither() -> None:
    found = dial_one(Peer("a", NO_NAME, 9))
    assert (found.outcome, found.by_address, found.attempts) == (DialOutcome.DNS_FAILURE, None, 0)


def test_known_address_is_dialled_where_the_name_does_not_resolve(closed_port: int) -> None:
    with listening(silent) as port:
        found = dial(
            Peer("open", NO_NAME, port, known=(HOST,)),
            Peer("closed", NO_NAME, closed_port, known=(HOST,)),
        )
    assert found["open"].outcome is DialOutcome.DNS_FAILURE
    assert found["open"].by_address is DialOutcome.CONNECTED
    assert found["closed"].by_address is DialOutcome.REFUSED


def test_name_alone_is_resolved_and_not_dialled() -> None:
    found = dial_one(Peer("a", "localhost", 0, "NAME"))
    assert (found.outcome, found.attempts) == (DialOutcome.CONNECTED, 0)
    assert HOST in found.addresses


def test_peers_are_dialled_at_once(blackhole: int) -> None:
    began = time.monotonic()
    found = dial(*(Peer(f"p{n}", HOST, blackhole, timeout_s=0.4) for n in range(20)))
    assert {one.outcome for one in found.values()} == {DialOutcome.TIMEOUT}
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("protocol", "answer", "text"),
    [
        ("redis", b"+PONG\r\n", "+PONG"),
        ("redis", b"-NOAUTH Authentication required.\r\n", "-NOAUTH Authentication required."),
        ("postgresql", b"N", "N"),
        ("postgresql", b"S", "S"),
    ],
)
def test_first_words_of_a_protocol_come_back(protocol: str, answer: bytes, text: str) -> None:
    with listening(replying(answer)) as port:
        found = dial_one(Peer("a", HOST, port, protocol))  # type: ignore[arg-type]
    assert (found.outcome, found.text) == (DialOutcome.CONNECTED, text)


def _redis_that_tells(lines: str) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        client.recv(64)
        client.sendall(b"+PONG\r\n")
        client.recv(64)
        body = lines.encode()
        answer = b"$%d\r\n%b\r\n" % (len(body), body)
        client.sendall(answer[:9])
        client.sendall(answer[9:])

    return serve


FILLER = "# Server\r\nredis_version:7.0.15\r\n" + "x:1\r\n" * 300


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ("used_memory:9\r\nmaxmemory:8\r\nmaxmemory_policy:noeviction", "; full: 9 of 8 bytes"),
        ("used_memory:9\r\nmaxmemory:8\r\nmaxmemory_policy:allkeys-lru", ""),
        ("used_memory:9\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction", ""),
        ("used_memory:8\r\nmaxmemory:8\r\nmaxmemory_policy:noeviction", ""),
        (
            "used_memory:9\r\nmem_not_counted_for_evict:1\r\nmaxmemory:8\r\n"
            "maxmemory_policy:noeviction",
            "",
        ),
        ("aof_enabled:1\r\naof_last_write_status:err", "; cannot write its append-only file"),
        ("aof_enabled:0\r\naof_last_write_status:err", ""),
        ("role:slave", "; a read-only replica"),
        ("role:slave\r\nslave_read_only:1", "; a read-only replica"),
        ("role:slave\r\nslave_read_only:0", ""),
        (
            "used_memory:9\r\nmaxmemory:8\r\nmaxmemory_policy:noeviction\r\nrole:slave\r\n"
            "slave_read_only:0",
            "",
        ),
        (
            "used_memory:9\r\nmaxmemory:8\r\nmaxmemory_policy:noeviction\r\nrole:slave",
            "; a read-only replica",
        ),
        ("role:master", ""),
        ("used_memory:many", ""),
        ("", ""),
    ],
)
def test_a_redis_that_takes_no_writes_says_so(lines: str, text: str) -> None:
    with listening(_redis_that_tells(f"{FILLER}{lines}\r\n")) as port:
        found = dial_one(Peer("a", HOST, port, "redis"))
    assert (found.outcome, found.text) == (DialOutcome.CONNECTED, f"+PONG{text}")


def test_http_status_and_body_come_back() -> None:
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait"
    with listening(replying(answer)) as port:
        found = dial_one(Peer("a", HOST, port, "http", path="/health"))
    assert (found.outcome, found.status, found.text) == (DialOutcome.CONNECTED, 503, "wait")


def test_another_protocol_is_a_protocol_error() -> None:
    with listening(replying(b"220 mail\r\n")) as port:
        found = dial_one(Peer("a", HOST, port, "http"))
    assert found.outcome is DialOutcome.PROTOCOL_ERROR
    assert "no HTTP answer" in found.text


def test_connection_without_an_answer_says_so() -> None:
    with listening(silent) as port:
        found = dial_one(Peer("a", HOST, port, "redis", timeout_s=0.3))
    assert found.outcome is DialOutcome.TIMEOUT
    assert found.text.startswith("connected, then no answer")


def test_dns_is_asked_by_hand() -> None:
    questions = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))

        def answer() -> None:
            question, client = server.recvfrom(512)
            questions.append(question)
            header = question[:2] + b"\x81\x80" + question[4:6] + b"\0\1\0\0\0\0"
            server.sendto(header + question[12:], client)

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        found = dial_one(Peer("a", "kube-dns.kube-system.svc", port, "DNS", known=(HOST,)))
        thread.join(5)
    assert (found.outcome, found.text) == (DialOutcome.CONNECTED, "rcode 0, 1 answers")
    assert questions[0][12:] == b"\x08kube-dns\x0bkube-system\x03svc\0\0\1\0\1"


def test_udp_to_a_closed_port_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        port = server.getsockname()[1]
    assert dial_one(Peer("a", HOST, port, "UDP")).outcome is DialOutcome.REFUSED


def test_silent_dns_is_a_timeout() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        port = server.getsockname()[1]
        found = dial_one(Peer("a", HOST, port, "DNS", timeout_s=0.2))
    assert (found.outcome, found.attempts) == (DialOutcome.TIMEOUT, 2)


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    leaf, key = self_signed(host, days=30)
    cert_path, key_path = folder / f"{host}.crt", folder / f"{host}.key"
    cert_path.write_bytes(leaf)
    key_path.write_bytes(key)
    return cert_path, key_path


@pytest.fixture
def https(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A TLS server for router.example.com that answers 200; its port and certificate."""
    cert_path, key_path = certificate(tmp_path, "router.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_path, key_path)

    def serve(connection: socket.socket) -> None:
        with (
            contextlib.suppress(ssl.SSLError),
            context.wrap_socket(connection, server_side=True) as wrapped,
        ):
            wrapped.recv(1024)
            wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with listening(serve) as port:
        yield port, cert_path


def test_tls_trusts_the_given_leaf_and_tells_which_was_served(https: tuple[int, Path]) -> None:
    port, cert_path = https
    peer = Peer("a", HOST, port, "tls", sni="router.example.com", cadata=cert_path.read_text())
    found = dial_one(peer)
    assert (found.outcome, found.status) == (DialOutcome.CONNECTED, 200)
    assert found.fingerprint == fingerprint(cert_path.read_bytes())


def test_tls_with_another_certificate_is_a_protocol_error(
    https: tuple[int, Path], tmp_path: Path
) -> None:
    port, cert_path = https
    other, _ = certificate(tmp_path, "other.example.com")
    found = dial(
        Peer("trust", HOST, port, "tls", sni="router.example.com", cadata=other.read_text()),
        Peer("name", HOST, port, "tls", sni="other.example.com", cadata=cert_path.read_text()),
    )
    assert {one.outcome for one in found.values()} == {DialOutcome.PROTOCOL_ERROR}
    assert "signed certificate" in found["trust"].text
    assert "other.example.com" in found["name"].text


def test_script_needs_nothing_but_the_standard_library_and_fits_into_an_argument() -> None:
    assert len(source_of("dial")) < 11_000
    assert '"""' not in source_of("dial")


def test_many_threads_may_ask_for_scripts_at_once() -> None:
    source_of.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: source_of.__wrapped__("dial"), range(64)))
    assert set(texts) == {source_of("dial")}


@pytest.mark.parametrize("said", ["not json", "{}", '{"id": "a", "outcome": "fine"}', "[]"])
def test_words_that_are_no_result_are_refused(said: str) -> None:
    with pytest.raises(ObservationError, match="one JSON line for each peer"):
        parse_results(said, [Peer("a", HOST, 1)])


def test_peer_without_a_result_is_named() -> None:
    with pytest.raises(ObservationError, match=r"none for .*'a'"):
        parse_results("", [Peer("a", HOST, 1)])


def test_a_proxy_that_accepts_every_connection_says_nothing_of_the_peer() -> None:
    """A mesh takes each in the Pod itself: here an address that is nobody's answers as well."""
    peers = [Peer("a", HOST, 0), Peer("gone", NO_NAME, 0, known=(HOST,))]
    with listening(silent) as port:
        peers = [replace(peer, port=port) for peer in peers]
        argv = [part.replace("192.0.2.1", HOST) for part in command(sys.executable, peers)]
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - our own script
    results = parse_results(ended.stdout, peers)
    assert results["a"].outcome is DialOutcome.INTERCEPTED
    assert "accepts connections to nowhere" in results["a"].text
    assert results["gone"].outcome is DialOutcome.DNS_FAILURE
    assert results["gone"].by_address is DialOutcome.INTERCEPTED

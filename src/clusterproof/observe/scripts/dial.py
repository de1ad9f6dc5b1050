"""Dials peers from where it runs, and prints one JSON line for each.

Sent as an argument of `python3 -c`, so: standard library only, Python 3.7 and later, no file.
Input (argv[1]): a JSON list of peers, see `clusterproof.observe.dialling.Peer`.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import sys
import threading
import time
from typing import Any

RESOLVE_S = 3.0
DNS_HEADER_BYTES = 12
PARTIAL_CHAIN = 0x80000  # ssl.VERIFY_X509_PARTIAL_CHAIN, named by Python 3.10 and later only
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}
DATAGRAMS = ("UDP", "DNS")
LONGEST_INFO = 64 * 1024
ASK_DNS = ("DNS", "DNS over TCP")
# Of documents alone (RFC 5737, RFC 3849); what accepts a connection to them is near.
NOWHERE = ("192.0.2.1", "2001:db8::1")
NOWHERE_S = 0.5


def resolve(host: str) -> tuple[list[str], str]:
    """Addresses of `host`, IPv4 first, or the reason for none; bounded, as getaddrinfo is not."""
    box: list[tuple[list[str], str]] = []

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            addresses = {str(info[4][0]) for info in infos}
            box.append((sorted(addresses, key=lambda address: (":" in address, address)), ""))
        except (OSError, UnicodeError) as error:
            box.append(([], str(error)))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(RESOLVE_S)
    return box[0] if box else ([], f"no answer from the resolver in {RESOLVE_S:g} s{resolvers()}")


def resolvers() -> str:
    """The nameservers of this container, as a clause; nothing where it does not say."""
    try:
        with open("/etc/resolv.conf") as file:  # noqa: PTH123 - no import that a dial needs not
            words = [line.split() for line in file]
    except (OSError, UnicodeError):
        return ""
    servers = [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"]
    return f"; nameserver {', '.join(servers)}" if servers else ""


def is_address(host: str) -> bool:
    """Whether `host` needs no resolving."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def connect(address: str, port: int, kind: int, timeout_s: float) -> socket.socket:
    """A connected socket; for a datagram one that only means a route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(timeout_s)
    try:
        sock.connect((address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def say(sock: socket.socket, data: bytes) -> bytes:
    """Send `data` and take what comes first."""
    sock.sendall(data)
    answer = sock.recv(512)
    if not answer:
        raise ValueError("closed without an answer")
    return answer


def say_nothing(_sock: socket.socket, _peer: dict[str, Any]) -> dict[str, Any]:
    """TCP: to be connected is all."""
    return {}


def ask_udp(sock: socket.socket, _peer: dict[str, Any]) -> dict[str, Any]:
    """UDP: whatever comes back."""
    return {"text": repr(say(sock, b"\0")[:40])}


def ask_postgresql(sock: socket.socket, _peer: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL: an SSLRequest is answered S or N before any authentication."""
    return {"text": say(sock, struct.pack(">II", 8, 80877103))[:1].decode("latin-1")}


def ask_redis(sock: socket.socket, _peer: dict[str, Any]) -> dict[str, Any]:
    """Redis: PING is answered +PONG, or -NOAUTH where a password is asked for.

    One that takes no writes is alive all the same: what INFO says of that stands behind +PONG.
    """
    text = say(sock, b"PING\r\n").split(b"\r\n")[0][:60].decode("latin-1")
    if not text.startswith("+PONG"):
        return {"text": text}
    try:
        return {"text": text + redis_state(told_by_redis(sock))}
    except (OSError, ValueError):
        return {"text": text}


def told_by_redis(sock: socket.socket) -> dict[str, str]:
    """The lines of INFO; none where it is refused."""
    answer = say(sock, b"INFO\r\n")
    head, _, body = answer.partition(b"\r\n")
    if not head.startswith(b"$"):
        return {}
    length = min(int(head[1:]), LONGEST_INFO)
    while len(body) < length:
        more = sock.recv(4096)
        if not more:
            break
        body += more
    lines = body[:length].decode("latin-1").splitlines()
    return {name: entry for name, _, entry in (line.partition(":") for line in lines)}


def redis_state(fields: dict[str, str]) -> str:
    """Why it takes no writes, by what INFO says; or "".

    A replica keeps no limit of its own, unless it is told to (replica-ignore-maxmemory).
    """
    is_replica = fields.get("role") == "slave"
    if is_replica and fields.get("slave_read_only") != "0":
        return "; a read-only replica"
    used = int(fields.get("used_memory", 0)) - int(fields.get("mem_not_counted_for_evict", 0))
    most = int(fields.get("maxmemory", 0))
    if not is_replica and 0 < most < used and fields.get("maxmemory_policy") == "noeviction":
        return f"; full: {used} of {most} bytes"
    if fields.get("aof_enabled") == "1" and fields.get("aof_last_write_status") == "err":
        return "; cannot write its append-only file"
    return ""


def ask_http(sock: socket.socket, peer: dict[str, Any]) -> dict[str, Any]:
    """HTTP: the status and the start of the body."""
    import http.client  # noqa: PLC0415 - only who speaks HTTP pays for it

    headers = {"Host": peer["sni"] or peer["host"], "User-Agent": "clusterproof"}
    headers.update(peer["headers"], Connection="close")
    lines = "".join("{}: {}\r\n".format(*each) for each in headers.items())
    sock.sendall("GET {} HTTP/1.1\r\n{}\r\n".format(peer["path"], lines).encode())
    answer = http.client.HTTPResponse(sock)
    try:
        answer.begin()
        return {"status": answer.status, "text": answer.read(120).decode(errors="replace")}
    except http.client.HTTPException as error:
        raise ValueError(f"no HTTP answer: {error!r}") from error


def ask_https(sock: socket.socket, peer: dict[str, Any]) -> dict[str, Any]:
    """HTTP over TLS; trusts the given certificates and nothing else."""
    import hashlib  # noqa: PLC0415 - only who speaks TLS pays for it
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= PARTIAL_CHAIN
    context.load_verify_locations(cadata=peer["cadata"])
    with context.wrap_socket(sock, server_hostname=peer["sni"]) as wrapped:
        served = hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
        return dict(ask_http(wrapped, peer), fingerprint=served)


def ask_dns(sock: socket.socket, peer: dict[str, Any]) -> dict[str, Any]:
    """DNS: one question (A, recursion desired) built by hand; any answer to it is an answer."""
    number, asked = dns_question(peer["host"])
    sock.sendall(asked)
    return dns_answer(number, sock.recv(4096))


def ask_dns_over_tcp(sock: socket.socket, peer: dict[str, Any]) -> dict[str, Any]:
    """The same over TCP, where the length goes before (RFC 1035, 4.2.2)."""
    number, asked = dns_question(peer["host"])
    answer = say(sock, struct.pack(">H", len(asked)) + asked)
    while len(answer) < DNS_HEADER_BYTES + 2:
        more = sock.recv(512)
        if not more:
            break
        answer += more
    return dns_answer(number, answer[2:])


def dns_question(host: str) -> tuple[bytes, bytes]:
    """A number, and the question that carries it."""
    number = os.urandom(2)
    labels = [label.encode("idna") for label in host.rstrip(".").split(".")]
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0\0\1\0\1"
    return number, number + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + question


def dns_answer(number: bytes, answer: bytes) -> dict[str, Any]:
    """What an answer says; refuses what is none, or one to another question."""
    if len(answer) < DNS_HEADER_BYTES or answer[:2] != number or not answer[2] & 0x80:
        raise ValueError(f"no DNS answer: {answer[:16]!r}")
    count = struct.unpack(">H", answer[6:8])[0]
    return {"text": f"rcode {answer[3] & 15}, {count} answers"}


TALKS = {
    "TCP": say_nothing,
    "UDP": ask_udp,
    "DNS": ask_dns,
    "DNS over TCP": ask_dns_over_tcp,
    "postgresql": ask_postgresql,
    "redis": ask_redis,
    "http": ask_http,
    "clickhouse": ask_http,
    "tls": ask_https,
}


def attempt(peer: dict[str, Any], address: str) -> tuple[str, dict[str, Any]]:
    """The outcome of one attempt at one address, and what was said or why not."""
    kind = socket.SOCK_DGRAM if peer["protocol"] in DATAGRAMS else socket.SOCK_STREAM
    reached = False
    try:
        with connect(address, peer["port"], kind, peer["timeout_s"]) as sock:
            reached = kind == socket.SOCK_STREAM
            return "connected", TALKS[peer["protocol"]](sock, peer)
    except socket.timeout:  # noqa: UP041 - another class than TimeoutError before Python 3.10
        began = "connected, then " if reached else ""
        return "timeout", {"text": f"{began}no answer in {peer['timeout_s']:g} s"}
    except ConnectionRefusedError:
        return "refused", {"text": "reset or rejected"}
    except (ConnectionError, ValueError) as error:
        return "protocol-error", {"text": str(error) or type(error).__name__}
    except OSError as error:
        outcome = "unreachable" if error.errno in NO_ROUTE else "protocol-error"
        return outcome, {"text": getattr(error, "verify_message", "") or str(error)}


def dial(peer: dict[str, Any]) -> dict[str, Any]:
    """Resolve, dial, and dial again; a name that fails is dialled by its known addresses."""
    known, failure = peer["known"], ""
    if is_address(peer["host"]):
        addresses = [peer["host"]]
    elif peer["protocol"] in ASK_DNS and known:  # asking DNS for the way to DNS would prove nothing
        addresses = known
    else:
        addresses, failure = resolve(peer["host"])
    result: dict[str, Any] = {"addresses": addresses, "attempts": 0, "text": failure}
    if failure:
        result["outcome"], addresses = "dns-failure", known
    elif peer["protocol"] == "NAME":
        result["outcome"], addresses = "connected", []
    several = addresses[:2]
    for number in range(max(peer["attempts"], len(several)) if several else 0):
        address = several[number % len(several)]
        outcome, details = attempt(peer, address)
        result.update(attempts=number + 1, dialled=address)
        if failure:
            result["by_address"] = outcome
        else:
            result.update(details, outcome=outcome)
        if outcome == "connected":
            break
    return result


def mark_intercepted(peer: dict[str, Any], result: dict[str, Any]) -> None:
    """Tell a connection that only a proxy accepted: a mesh's takes each, whatever becomes of it."""
    field = "by_address" if "by_address" in result else "outcome"
    if peer["protocol"] != "TCP" or result.get(field) != "connected":
        return
    nowhere = NOWHERE[":" in result["dialled"]]
    try:
        connect(nowhere, peer["port"], socket.SOCK_STREAM, NOWHERE_S).close()
    except OSError:
        return
    result[field] = "intercepted"
    result["text"] = result["text"] or "a proxy accepts connections to nowhere, too"


def main(peers: list[dict[str, Any]]) -> None:
    """Dial all at once; no peer can hold the others up."""
    # glibc's resolver, unless told, takes 10 s to give up.
    os.environ["RES_OPTIONS"] = os.environ.get("RES_OPTIONS", "") + " timeout:1 attempts:2"
    results: dict[str, dict[str, Any]] = {}

    def run(peer: dict[str, Any]) -> None:
        began = time.monotonic()
        try:
            result = dial(peer)
        except Exception as error:  # noqa: BLE001 - one peer must not lose the others
            result = {"outcome": "protocol-error", "text": repr(error)}
        result["elapsed_ms"] = round((time.monotonic() - began) * 1000, 1)
        mark_intercepted(peer, result)
        results[peer["id"]] = result

    threads = [threading.Thread(target=run, args=(peer,), daemon=True) for peer in peers]
    for thread in threads:
        thread.start()
    longest_s = max([peer["timeout_s"] * max(2, peer["attempts"]) for peer in peers] or [0])
    ends_at = time.monotonic() + RESOLVE_S + longest_s + 1
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    for peer in peers:
        outcome_of_peer = results.get(peer["id"], {"outcome": "timeout", "text": "no end in time"})
        sys.stdout.write(json.dumps(dict(outcome_of_peer, id=peer["id"])) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a resolver that hangs would hold the interpreter


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

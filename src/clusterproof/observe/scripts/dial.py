"""Dials peers from where it runs, and prints one JSON line for each.

Sent as an argument of `python3 -c`, so: standard library only, Python 3.7 and later, no file.
Input (argv[1]): a JSON list of peers, see `clusterproof.observe.dialling.Peer`.
"""

import errno
import json
import os
import socket
import struct
import sys
import threading
import time

RESOLVE_S = 4.0
PARTIAL_CHAIN = 0x80000  # ssl.VERIFY_X509_PARTIAL_CHAIN, named by Python 3.10 and later only
NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL}


def resolve(host):
    """Addresses of `host`, IPv4 first, or the reason for none; bounded, as getaddrinfo is not."""
    box = []

    def ask():
        try:
            found = {info[4][0] for info in socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM)}
            box.append((sorted(found, key=lambda one: (":" in one, one)), ""))
        except (OSError, UnicodeError) as error:
            box.append(([], str(error)))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(RESOLVE_S)
    return box[0] if box else ([], "no answer from the resolver in %g s" % RESOLVE_S)


def is_address(host):
    """Whether `host` needs no resolving."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


def connect(address, port, kind, timeout_s):
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


def say(sock, data):
    """Send `data` and take what comes first."""
    sock.sendall(data)
    answer = sock.recv(512)
    if not answer:
        raise ValueError("closed without an answer")
    return answer


def http_get(sock, host, path):
    """The status and the start of the body."""
    import http.client

    head = "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: clusterproof\r\nConnection: close\r\n\r\n"
    sock.sendall((head % (path, host)).encode())
    answer = http.client.HTTPResponse(sock)
    try:
        answer.begin()
        return {"status": answer.status, "text": answer.read(120).decode(errors="replace")}
    except http.client.HTTPException as error:
        raise ValueError("no HTTP answer: %r" % error) from error


def tls_get(sock, peer):
    """GET over TLS; trusts the given certificates and nothing else."""
    import hashlib
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= PARTIAL_CHAIN
    context.load_verify_locations(cadata=peer["cadata"])
    with context.wrap_socket(sock, server_hostname=peer["sni"]) as wrapped:
        served = hashlib.sha256(wrapped.getpeercert(binary_form=True)).hexdigest()
        return dict(http_get(wrapped, peer["sni"], peer["path"]), fingerprint=served)


def ask_dns(sock, name):
    """One question (A, recursion desired), built by hand; any answer to it is an answer."""
    number = os.urandom(2)
    labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0\0\1\0\1"
    sock.sendall(number + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + question)
    answer = sock.recv(4096)
    if len(answer) < 12 or answer[:2] != number or not answer[2] & 0x80:
        raise ValueError("no DNS answer: %r" % answer[:16])
    count = struct.unpack(">H", answer[6:8])[0]
    return {"text": "rcode %d, %d answers" % (answer[3] & 15, count)}


def talk(peer, address):
    """Connect to one address and speak the peer's protocol; what was said."""
    protocol, timeout_s = peer["protocol"], peer["timeout_s"]
    kind = socket.SOCK_DGRAM if protocol in ("UDP", "DNS") else socket.SOCK_STREAM
    with connect(address, peer["port"], kind, timeout_s) as sock:
        if protocol == "DNS":
            return ask_dns(sock, peer["query"] or peer["host"])
        if protocol == "UDP":
            return {"text": repr(say(sock, b"\0")[:40])}
        if protocol == "postgresql":  # SSLRequest: S or N, before any authentication
            return {"text": say(sock, struct.pack(">II", 8, 80877103))[:1].decode("latin-1")}
        if protocol == "redis":
            return {"text": say(sock, b"PING\r\n").split(b"\r\n")[0][:60].decode("latin-1")}
        if protocol in ("http", "clickhouse"):
            return http_get(sock, peer["sni"] or peer["host"], peer["path"])
        if protocol == "tls":
            return tls_get(sock, peer)
        return {}


def attempt(peer, address):
    """The outcome of one attempt, and what was said or why not."""
    try:
        return "connected", talk(peer, address)
    except socket.timeout:
        return "timeout", {"text": "no answer in %g s" % peer["timeout_s"]}
    except ConnectionRefusedError:
        return "refused", {"text": "reset or rejected"}
    except (ConnectionError, ValueError, UnicodeError) as error:
        return "protocol-error", {"text": str(error) or type(error).__name__}
    except OSError as error:
        outcome = "unreachable" if error.errno in NO_ROUTE else "protocol-error"
        return outcome, {"text": getattr(error, "verify_message", "") or str(error)}


def dial(peer):
    """Resolve, dial, and dial again; a name that fails is dialled by its known addresses."""
    known, failure = peer["known"], ""
    if is_address(peer["host"]):
        addresses = [peer["host"]]
    elif peer["protocol"] == "DNS" and known:  # asking DNS for the way to DNS would prove nothing
        addresses = known
    else:
        addresses, failure = resolve(peer["host"])
    found = {"addresses": addresses, "attempts": 0, "by_address": "", "text": failure}
    if failure:
        found["outcome"], addresses = "dns-failure", known
    elif peer["protocol"] == "NAME":
        found["outcome"], addresses = "connected", []
    for number in range(max(peer["attempts"], min(2, len(addresses))) if addresses else 0):
        address = addresses[number % min(2, len(addresses))]
        outcome, said = attempt(peer, address)
        found["attempts"] = number + 1
        if failure:
            found["by_address"], found["dialled"] = outcome, address
        else:
            found.update(said, outcome=outcome, dialled=address)
        if outcome == "connected":
            break
    return found


def main(peers):
    """Dial all at once; no peer can hold the others up."""
    # glibc's resolver, unless told, takes 10 s to give up.
    os.environ["RES_OPTIONS"] = (
        os.environ.get("RES_OPTIONS", "") + " timeout:1 attempts:2"
    ).strip()
    results = {}

    def run(peer):
        began = time.monotonic()
        try:
            found = dial(peer)
        except Exception as error:
            found = {"outcome": "protocol-error", "text": repr(error)}
        found["elapsed_ms"] = round((time.monotonic() - began) * 1000, 1)
        results[peer["id"]] = found

    threads = [threading.Thread(target=run, args=(peer,), daemon=True) for peer in peers]
    for thread in threads:
        thread.start()
    longest_s = max([peer["timeout_s"] * max(2, peer["attempts"]) for peer in peers] or [0])
    ends_at = time.monotonic() + RESOLVE_S + longest_s + 1
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    for peer in peers:
        found = results.get(peer["id"], {"outcome": "timeout", "text": "no end in time"})
        sys.stdout.write(json.dumps(dict(found, id=peer["id"])) + "\n")
    sys.stdout.flush()
    os._exit(0)  # a resolver that hangs would hold the interpreter


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

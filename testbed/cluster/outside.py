"""The outside world: answers HTTPS on 443 and HTTP on 80 for the simulated providers.

Run as `python -m testbed.cluster.outside` in the namespace cp-outside. PostHog's names are answered
by `posthog_cloud`; every other request gets a small JSON answer that is good enough for "this peer
is reachable".
"""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from testbed.cluster import paths
from testbed.cluster.posthog_cloud import HOSTS, Asked, Cloud, as_json
from testbed.cluster.topology import OUTSIDE
from testbed.settings import patient

BODY_LIMIT_BYTES = 2**20
REQUEST_WITHIN_S = 10.0


class Answer(BaseHTTPRequestHandler):
    """Says 200 to everything, but for PostHog's names."""

    cloud = Cloud()
    protocol_version = "HTTP/1.1"
    timeout = patient(REQUEST_WITHIN_S)

    def do_GET(self) -> None:
        """What PostHog Cloud says, or a small JSON answer."""
        sent = self.rfile.read(min(int(self.headers.get("content-length") or 0), BODY_LIMIT_BYTES))
        host = self.called()
        if host in HOSTS and self.command in {"GET", "POST"}:
            asked = Asked(self.command, self.path, dict(self.headers), sent)
            reply = self.cloud.answer(host, asked)
        else:
            called = self.headers.get("host", "")
            reply = as_json(200, {"simulated": True, "status": 1, "host": called})
        self.send_response(reply.status)
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.send_header("content-length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def called(self) -> str:
        """The name that the caller has for us."""
        return str(self.headers.get("host", "")).partition(":")[0]

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - the base class looks these names up

    def log_message(self, *_: object) -> None:
        """Say nothing: a dial per second would fill the log."""


def main() -> None:
    """Serve both ports until ended."""
    plain = ThreadingHTTPServer((str(OUTSIDE.address), 80), Answer)
    secure = ThreadingHTTPServer((str(OUTSIDE.address), 443), Answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths.CERTS / "outside.crt", paths.CERTS / "outside.key")
    # The handshake happens in the connection's own thread: a silent client blocks nobody.
    secure.socket = context.wrap_socket(
        secure.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    secure.serve_forever()


if __name__ == "__main__":
    main()

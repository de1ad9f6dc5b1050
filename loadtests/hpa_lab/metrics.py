"""Stands between the API server and metrics-server: passes on what it answers, and keeps it.

So it is known exactly what the controller was told and when. Loopback only.
"""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

METRICS_PORT = 17444
_PASSED_ON_WITHIN_S = 5.0
_NAMESPACED = "/apis/metrics.k8s.io/v1beta1/namespaces/"
_AWAY = 503

Ask = Callable[[], tuple[int, bytes]]
Heard = Callable[[str, Ask], tuple[int, bytes]]
"""From a namespace and how to ask for its Pods' metrics: the status and the body to answer."""


def pass_on(heard: Heard, behind: str, token: str, certificate: Path) -> ThreadingHTTPServer:
    """Answer metrics.k8s.io from metrics-server until `shutdown`.

    Args:
        heard: Called for each read of a namespace's Pods; decides what is answered.
        behind: Base URL of metrics-server.
        token: What it is asked with.
        certificate: Of both servers, with its key, in PEM.
    """
    client = httpx.Client(
        base_url=behind,
        headers={"authorization": f"Bearer {token}"},
        verify=ssl.create_default_context(cafile=str(certificate)),
        timeout=_PASSED_ON_WITHIN_S,
    )

    def ask(target: str) -> tuple[int, bytes]:
        try:
            answer = client.get(target)
        except httpx.HTTPError as error:
            return _AWAY, json.dumps({"kind": "Status", "message": str(error)}).encode()
        return answer.status_code, answer.content

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith(_NAMESPACED):
                namespace = self.path.removeprefix(_NAMESPACED).partition("/")[0]
                code, content = heard(namespace, lambda: ask(self.path))
            else:
                code, content = ask(self.path)
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing: the recordings say it all."""

    server = ThreadingHTTPServer(("127.0.0.1", METRICS_PORT), Between)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

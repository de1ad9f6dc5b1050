"""Serves the static site and /metrics: what keeps telling Prometheus of the nights between runs.

Reads only: GET and HEAD, files below one directory, and the store opened anew for each scrape, so
that a run that was added since is seen.
"""

from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST

from clusterproof.errors import ClusterproofError
from clusterproof.history.metrics import metrics_text
from clusterproof.history.store import History

IDLE_TIMEOUT_S: Final = 10.0
"""A client that says nothing for this long is let go. Our choice."""


class Handler(SimpleHTTPRequestHandler):
    """One request: a page of the site, /metrics, or /healthz."""

    timeout = IDLE_TIMEOUT_S

    def __init__(self, *args: Any, store: Path, **options: Any) -> None:  # noqa: ANN401 - passed on
        """Remember where the store is; the base class answers the request at once."""
        self._store = store
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        """Answer one GET."""
        if self.path == "/healthz":
            self._answer(HTTPStatus.OK, "text/plain; charset=utf-8", b"ok\n")
        elif self.path == "/metrics":
            self._metrics()
        else:
            super().do_GET()

    def list_directory(self, path: Any) -> None:  # noqa: ANN401 - the base class' own type
        """Show no directory without an index: a reader needs none of them."""
        del path
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base class' own
        """Say nothing: an access log of a probe every few seconds tells nobody anything."""

    def _metrics(self) -> None:
        try:
            with History(self._store) as history:
                text = metrics_text(history)
        except (ClusterproofError, OSError) as error:
            answer = f"{error}\n".encode()
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", answer)
            return
        self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, text.encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def server(address: str, port: int, *, site: Path, store: Path) -> ThreadingHTTPServer:
    """A server that is bound and not yet serving; port 0 takes any free port."""
    handler = partial(Handler, store=store, directory=str(site))
    return ThreadingHTTPServer((address, port), handler)

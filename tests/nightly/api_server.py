"""A loopback API server with a few objects, for runs of the real suites without a cluster."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from clusterproof.nightly.rights import Grant

Json = dict[str, Any]
REVIEW = "SelfSubjectAccessReview"
KINDS = {
    "configmaps": "ConfigMap",
    "deployments": "Deployment",
    "events": "Event",
    "nodes": "Node",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "secrets": "Secret",
}


class Answers:
    """What the server answers: objects by the path of their collection.

    Attributes:
        hangs: True: nothing is answered until `released`.
        posted: The bodies that were posted.
        refused: Paths that are answered with 403.
        asked: The paths that were asked for, in order.
        uid: Of namespace kube-system.
        lacking: Rights that a SelfSubjectAccessReview says we have not, as a run record has them.
    """

    def __init__(self) -> None:
        """An empty cluster."""
        self.lists: dict[str, list[Json]] = {}
        self.hangs = False
        self.released = threading.Event()
        self.posted: list[Json] = []
        self.refused: set[str] = set()
        self.asked: list[str] = []
        self.lacking: set[str] = set()
        self.uid = "uid-of-this-cluster"

    def reviewed(self, review: Json) -> Json:
        """A SelfSubjectAccessReview, answered."""
        asked = review["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        grant = Grant(asked.get("namespace", ""), asked.get("group", ""), resource, asked["verb"])
        return {**review, "status": {"allowed": str(grant) not in self.lacking}}


@contextmanager
def served(answers: Answers) -> Iterator[str]:
    """The address of a server that answers so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answers.hangs:
                answers.released.wait(60)
                return
            path = self.path.partition("?")[0]
            answers.asked.append(path)
            if path in answers.refused:
                message = f"{path.rpartition('/')[2]} is forbidden"
                self._answer({"kind": "Status", "code": 403, "message": message}, 403)
                return
            body: Json = {"gitVersion": "v1.35.4", "metadata": {"uid": answers.uid}}
            if path not in {"/version", "/api/v1/namespaces/kube-system"}:
                kind = KINDS.get(path.rpartition("/")[2], "Unknown")
                body = {"kind": f"{kind}List", "metadata": {"resourceVersion": "1"}}
                body["items"] = answers.lists.get(path, [])
            self._answer(body)

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = json.loads(self.rfile.read(length))
            answers.posted.append(body)
            self._answer(answers.reviewed(body) if body.get("kind") == REVIEW else {}, 201)

        def _answer(self, body: Json, status: int = 200) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        answers.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def kubeconfig(folder: Path, server: str) -> Path:
    """A kubeconfig of a cluster at `server`, context `loopback`."""
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "loopback",
        "clusters": [{"name": "loopback", "cluster": {"server": server}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "nobody"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


SPEC = """\
name: small
profile: small
namespaces: {home: here}
include: [rows.yaml]
"""


def write_spec(folder: Path, *keys: str) -> Path:
    """A spec with a row for each key of ConfigMap here/settings, which must say `yes`."""
    rows = [
        {
            "id": f"settings-{key}",
            "claim": f"The setting {key} says yes",
            "source": "tests/nightly",
            "check": "field",
            "of": "ConfigMap/${home}/settings",
            "path": f"data.{key}",
            "expect": {"equals": "yes"},
        }
        for key in keys
    ]
    folder.mkdir(exist_ok=True)
    (folder / "rows.yaml").write_text(json.dumps({"area": "configuration", "rows": rows}))
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return folder / "spec.yaml"


def settings(**data: str) -> list[Json]:
    """The ConfigMap."""
    return [{"metadata": {"name": "settings", "namespace": "here"}, "data": data}]


CONFIG_MAPS = "/api/v1/namespaces/here/configmaps"

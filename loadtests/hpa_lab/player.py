"""Plays the pods (as kwok does) and serves metrics.k8s.io from the curves, keeping what it gave."""

import json
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clusterproof.errors import ObservationError
from clusterproof.load.recorder import usage_of
from clusterproof.load.recording import Change, Recording, UsageRead, slimmed
from clusterproof.load.timeline import is_ready
from clusterproof.observe.api import KubeApi
from loadtests.hpa_lab.curves import Curve

METRICS_PORT = 17444
_WINDOW_S = 5
_TERMINATES_S = 3.0
_METRIC_AFTER_READY_S = 5.0
_TICK_S = 0.2
_GROUP = "/apis/metrics.k8s.io/v1beta1"
Json = dict[str, Any]


class World:
    """All that is played: pods by namespace, the recordings, the clock of the curves."""

    def __init__(self, api: KubeApi, curves: list[Curve]) -> None:
        """Play nothing yet."""
        self._api = api
        self.curves = {curve.namespace: curve for curve in curves}
        self.recordings = {name: Recording(time.time()) for name in self.curves}
        self.ticks: dict[str, list[float]] = {name: [] for name in self.curves}
        self.origin = time.time()
        self._pods: dict[str, dict[str, Json]] = {name: {} for name in self.curves}
        self._born: dict[str, tuple[int, float]] = {}
        self._orders: dict[str, int] = dict.fromkeys(self.curves, 0)
        self._done: dict[str, str] = {}
        self._going: dict[str, float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Watch, and move pods along."""
        for kind, path in (
            ("pod", "/api/v1/pods"),
            ("deployment", "/apis/apps/v1/deployments"),
            ("hpa", "/apis/autoscaling/v2/horizontalpodautoscalers"),
        ):
            threading.Thread(target=self._watch, args=(kind, path), daemon=True).start()
        threading.Thread(target=self._move, daemon=True).start()

    def stop(self) -> None:
        """End the threads and the recordings."""
        self._stop.set()
        with self._lock:
            for recording in self.recordings.values():
                recording.ended_at = time.time()

    def usage(self, namespace: str) -> Json | None:
        """PodMetricsList of a namespace now; None when the metrics API is to give no answer."""
        now = time.time()
        curve = self.curves[namespace]
        at_s = now - self.origin
        with self._lock:
            items = [] if curve.blind(at_s) else self._items(curve, at_s, now)
            read = UsageRead(now, {i["metadata"]["name"]: usage_of(i) for i in items})
            if curve.blind(at_s):
                read = UsageRead(now, {}, "503")
            if not self.ticks[namespace] or now - self.ticks[namespace][-1] > 1.0:
                # Both metrics of one reconcile ask; they get the same world.
                self.ticks[namespace].append(now)
                self.recordings[namespace].usage.append(read)
        if curve.blind(at_s):
            return None
        return {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items}

    def _items(self, curve: Curve, at_s: float, now: float) -> list[Json]:
        pods = self._pods[curve.namespace]
        ready = sum(1 for pod in pods.values() if is_ready(pod))
        items = []
        for name, pod in sorted(pods.items()):
            order, born = self._born[pod["metadata"]["uid"]]
            age = now - born
            if age < curve.ready_after_s + _METRIC_AFTER_READY_S and at_s > _METRIC_AFTER_READY_S:
                continue
            if curve.lacks_metrics(order, at_s):
                continue
            cpu = curve.cpu_milli(at_s, ready) if is_ready(pod) else 5
            usage = {"cpu": f"{cpu}m", "memory": f"{curve.memory_mib(at_s)}Mi"}
            items.append(
                {
                    "metadata": {"name": name, "namespace": curve.namespace},
                    "timestamp": _stamp(now),
                    "window": f"{_WINDOW_S}s",
                    "containers": [{"name": "target", "usage": usage}],
                }
            )
        return items

    def _watch(self, kind: str, path: str) -> None:
        version = "0"
        while not self._stop.is_set():
            try:
                for event in self._api.watch(path, resource_version=version, for_s=600):
                    item = event["object"]
                    version = item["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._keep(kind, event["type"], item)
            except ObservationError:
                version = "0"
                self._stop.wait(_TICK_S)

    def _keep(self, kind: str, event: str, item: Json) -> None:
        now, namespace = time.time(), item["metadata"]["namespace"]
        if namespace not in self.curves:
            return
        with self._lock:
            change = Change(now, kind, event, slimmed(kind, item))
            self.recordings[namespace].changes.append(change)
            if kind != "pod":
                return
            uid = item["metadata"]["uid"]
            if event == "DELETED":
                self._pods[namespace].pop(change.name, None)
                return
            if uid not in self._born:
                self._born[uid] = (self._orders[namespace], now)
                self._orders[namespace] += 1
            self._pods[namespace][change.name] = item

    def _move(self) -> None:
        with ThreadPoolExecutor(max_workers=8) as workers:
            while not self._stop.wait(_TICK_S):
                with self._lock:
                    pods = [p for known in self._pods.values() for p in known.values()]
                list(workers.map(self._move_pod, pods))

    def _move_pod(self, pod: Json) -> None:
        metadata = pod["metadata"]
        uid, namespace, name = metadata["uid"], metadata["namespace"], metadata["name"]
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        now = time.time()
        order, born = self._born[uid]
        curve = self.curves[namespace]
        try:
            if "deletionTimestamp" in metadata:
                if now - self._going.setdefault(uid, now) >= _TERMINATES_S:
                    self._api.request("DELETE", path, body={"gracePeriodSeconds": 0})
                    self._going[uid] = now + 60
                return
            ready = now - born >= curve.ready_after_s and not curve.never_ready(order)
            wanted = "ready" if ready else "running"
            if self._done.get(uid) != wanted:
                self._done[uid] = wanted
                self._api.request(
                    "PATCH",
                    f"{path}/status",
                    body={"status": _status(ready=ready, born=born, now=now)},
                    content_type="application/strategic-merge-patch+json",
                )
        except ObservationError:
            self._done.pop(uid, None)


def _status(*, ready: bool, born: float, now: float) -> Json:
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": _stamp(now),
    }
    return {"phase": "Running", "startTime": _stamp(born), "conditions": [condition]}


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def serve_metrics(world: World, work: Path) -> ThreadingHTTPServer:
    """Serve metrics.k8s.io on loopback until `shutdown`."""

    class Metrics(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            parts = path.split("/")
            if path.startswith(f"{_GROUP}/namespaces/") and parts[5] in world.curves:
                body = world.usage(parts[5])
                self._answer(503 if body is None else 200, body or {"kind": "Status", "code": 503})
            else:
                self._answer(200, _discovery())

        def log_message(self, *_: object) -> None:
            """Say nothing: the recordings say it all."""

        def _answer(self, code: int, body: Mapping[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", METRICS_PORT), Metrics)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(work))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _discovery() -> Json:
    pods = {"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [{**pods, "singularName": ""}],
    }


def _certificate(work: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = work / "metrics.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    path.chmod(0o600)
    return path

"""Says by annotations what kwok's Pods use and when each is Ready, and keeps what happens."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.client import OK, SERVICE_UNAVAILABLE
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.load.recording import Change, Recording, UsageRead, slimmed, usage_of
from clusterproof.load.timeline import is_ready
from loadtests.hpa_lab.curves import Curve
from loadtests.hpa_lab.metrics import Ask

_SAY_EVERY_S = 2.5
"""A quarter of the interval in which metrics-server asks."""
_ONE_RECONCILE_S = 1.0
"""Its questions, one for each metric, come closer than this."""
_RETRY_S = 0.2
_IDLE_MILLI = 5
_MERGE = "application/merge-patch+json"
_PREFIX = "hpa-lab"
Json = dict[str, Any]


class World:
    """All that is played: pods by namespace, the recordings, the clock of the curves."""

    def __init__(self, api: KubeApi, curves: list[Curve]) -> None:
        """Play nothing yet."""
        self._api = api
        self.curves = {curve.namespace: curve for curve in curves}
        self.recordings = {name: Recording(time.time()) for name in self.curves}
        self.origin = time.time()
        self._told: dict[str, tuple[int, bytes]] = {}
        self._pods: dict[str, dict[str, Json]] = {name: {} for name in self.curves}
        self._born: dict[str, tuple[int, float]] = {}
        self._orders: dict[str, int] = dict.fromkeys(self.curves, 0)
        self._said: dict[str, Json] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self) -> None:
        """Watch, and say what the Pods use."""
        for kind, path in (
            ("pod", "/api/v1/pods"),
            ("target", "/apis/apps/v1/deployments"),
            ("hpa", "/apis/autoscaling/v2/horizontalpodautoscalers"),
        ):
            threading.Thread(target=self._watch, args=(kind, path), daemon=True).start()
        threading.Thread(target=self._play, daemon=True).start()

    def stop(self) -> None:
        """End the threads and the recordings."""
        self._stop.set()
        with self._lock:
            for recording in self.recordings.values():
                recording.ended_at = time.time()

    def ticks(self, namespace: str) -> tuple[float, ...]:
        """When the controller asked for the usage: one reconcile each."""
        return tuple(read.at for read in self.recordings[namespace].usage)

    def heard(self, namespace: str, ask: Ask) -> tuple[int, bytes]:
        """What the controller is told of a namespace now; both metrics get the same world."""
        now = time.time()
        if namespace not in self.curves:
            return ask()
        usage = self.recordings[namespace].usage
        if usage and now - usage[-1].at < _ONE_RECONCILE_S:
            return self._told[namespace]
        blind = self.curves[namespace].blind(now - self.origin)
        status, body = (SERVICE_UNAVAILABLE, b'{"kind": "Status", "code": 503}') if blind else ask()
        self._told[namespace] = status, body
        if status == OK:
            items = json.loads(body)["items"]
            read = UsageRead(now, {i["metadata"]["name"]: usage_of(i) for i in items})
        else:
            read = UsageRead(now, {}, str(int(status)))
        with self._lock:
            usage.append(read)
        return status, body

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
                self._stop.wait(_RETRY_S)

    def _keep(self, kind: str, event: str, item: Json) -> None:
        now, namespace = time.time(), item["metadata"]["namespace"]
        if namespace not in self.curves:
            return
        with self._lock:
            change = Change(now, kind, event, slimmed(kind, item))
            if kind == "pod" and not self._is_news(namespace, change):
                return  # only what the player itself said has changed
            self.recordings[namespace].changes.append(change)

    def _is_news(self, namespace: str, change: Change) -> bool:
        known, pod = self._pods[namespace], change.object
        uid = pod["metadata"]["uid"]
        before = known.get(change.name)
        if change.type == "DELETED":
            known.pop(change.name, None)
            return True
        if uid not in self._born:
            self._born[uid] = (self._orders[namespace], change.at)
            self._orders[namespace] += 1
        known[change.name] = pod
        return before is None or _less_version(before) != _less_version(pod)

    def _play(self) -> None:
        with ThreadPoolExecutor(max_workers=4) as workers:
            while not self._stop.is_set():
                with self._lock:
                    said = [
                        (name, pod, self._annotations(curve, pod))
                        for name, curve in self.curves.items()
                        for pod in self._pods[name].values()
                    ]
                list(workers.map(lambda each: self._say(*each), said))
                self._stop.wait(_SAY_EVERY_S)

    def _annotations(self, curve: Curve, pod: Json) -> Json:
        order, born = self._born[pod["metadata"]["uid"]]
        at_s = time.time() - self.origin
        ready = sum(1 for each in self._pods[curve.namespace].values() if is_ready(each))
        cpu = curve.cpu_milli(at_s, ready) if is_ready(pod) else _IDLE_MILLI
        memory = 0 if curve.lacks_metrics(order, at_s) else curve.memory_mib(at_s)
        made = {f"{_PREFIX}/cpu": f"{cpu}m", f"{_PREFIX}/memory": f"{memory}Mi"}
        if not curve.never_ready(order):
            ready_at = datetime.fromtimestamp(born + curve.ready_after_s, UTC)
            made[f"{_PREFIX}/ready-at"] = ready_at.isoformat().replace("+00:00", "Z")
        return made

    def _say(self, namespace: str, pod: Json, annotations: Json) -> None:
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        if self._said.get(uid) == annotations:
            return
        body = {"metadata": {"uid": uid, "annotations": annotations}}
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        try:
            self._api.request("PATCH", path, body=body, content_type=_MERGE)
        except ObservationError:
            return  # gone meanwhile, or said again the next time
        self._said[uid] = annotations


def _less_version(pod: Json) -> Json:
    metadata = {k: v for k, v in pod["metadata"].items() if k != "resourceVersion"}
    return {**pod, "metadata": metadata}

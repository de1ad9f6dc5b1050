"""Watches the scale target while the load runs; thin, and it writes nothing.

Reads: watch of HorizontalPodAutoscalers, Deployments, Pods, Events, Services, EndpointSlices and
ResourceQuotas of one namespace; metrics.k8s.io every 2 s; each pod's /metrics through the API
server's pod proxy every 2 s, and twice a second from the moment that the pod is being deleted, so
that its last value is caught. Rights: get, list, watch on these, get on pods/proxy.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.load.counters import PROCESS_CPU, PROCESS_START, Scrape, parse_metrics
from clusterproof.load.recording import Change, Json, Recording, UsageRead, slimmed
from clusterproof.load.sections import Metrics, Scaling
from clusterproof.load.timeline import is_ready
from clusterproof.load.usage import usage_of
from clusterproof.observe.proxy import METRICS_PAGE, get_through

_EVERY_S = 2.0
_TICK_S = 0.5
_WATCH_S = 120.0
_PROXY_TIMEOUT_S = 3.0
_SCRAPERS = 4


class Recorder:
    """One recording at a time; `start`, `stop`."""

    def __init__(self, api: KubeApi, scaling: Scaling, metrics: Metrics) -> None:
        """Look at nothing yet."""
        self._api = api
        self._scaling = scaling
        self._waiting = metrics.events_waiting
        self._kept = (
            *(metrics.requests, metrics.durations_count, metrics.durations_sum),
            *(metrics.exposures, metrics.events_sent, metrics.events_waiting),
            *(PROCESS_CPU, PROCESS_START),
        )
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._pods: dict[str, Json] = {}
        self.recording = Recording(time.time())

    def start(self) -> None:
        """Begin to watch; returns when every first list is there.

        Raises:
            ObservationError: A list was refused: the run would be blind.
        """
        namespace = f"namespaces/{self._scaling.namespace}"
        ready = []
        for kind, path, selector in (
            ("hpa", f"/apis/autoscaling/v2/{namespace}/horizontalpodautoscalers", ""),
            ("deployment", f"/apis/apps/v1/{namespace}/deployments", ""),
            ("pod", f"/api/v1/{namespace}/pods", self._scaling.selector),
            ("event", f"/api/v1/{namespace}/events", ""),
            ("service", f"/api/v1/{namespace}/services", ""),
            ("endpointslice", f"/apis/discovery.k8s.io/v1/{namespace}/endpointslices", ""),
            ("quota", f"/api/v1/{namespace}/resourcequotas", ""),
        ):
            version = self._list(kind, path, selector)
            ready.append((kind, path, selector, version))
        for arguments in ready:
            self._run(self._watch, *arguments)
        self._run(self._read_usage)
        self._run(self._scrape_all)

    def stop(self) -> Recording:
        """Read every pod once more, end the threads, and hand over what was seen."""
        self._scrape_pods(list(self._pods.values()))
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_TICK_S)
        with self._lock:
            self.recording.ended_at = time.time()
            return self.recording

    def status(self) -> str:
        """Replicas and utilization now, for the terminal."""
        with self._lock:
            ready = sum(1 for pod in self._pods.values() if is_ready(pod))
            hpa = next((c.object for c in reversed(self.recording.changes) if c.kind == "hpa"), {})
        seen = hpa.get("status") or {}
        shown = [
            f"{m['resource']['name']} {m['resource']['current'].get('averageUtilization')} %"
            for m in seen.get("currentMetrics") or []
            if m and "resource" in m
        ]
        return f"{ready} Ready, desired {seen.get('desiredReplicas')}, {', '.join(shown)}"

    def waiting_events(self) -> float:
        """Events that the pods' last reads say are not delivered yet."""
        with self._lock:
            last = {scrape.uid: scrape for scrape in self.recording.scrapes}
            alive = {pod["metadata"]["uid"] for pod in self._pods.values()}
        return sum(scrape.total(self._waiting) for uid, scrape in last.items() if uid in alive)

    def note(self, text: str) -> None:
        """Keep a sentence for the report."""
        self._note(text)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _list(self, kind: str, path: str, selector: str) -> str:
        query = {"labelSelector": selector} if selector else {}
        answer = self._api.get(path, **query)
        items = answer.get("items") or []
        if kind != "event":
            self._forget_absent(kind, items)
        for item in items:
            if kind != "event":
                self._keep(kind, "LISTED", item)
        return str(answer["metadata"]["resourceVersion"])

    def _forget_absent(self, kind: str, items: list[Json]) -> None:
        """What went while no watch ran is gone, as for client-go's Reflector (Replace)."""
        listed = [item["metadata"] for item in items]
        there = {metadata.get("uid", metadata["name"]) for metadata in listed}
        with self._lock:
            known: dict[str, Json] = {}
            for change in self.recording.changes:
                if change.kind == kind:
                    uid = change.object["metadata"].get("uid", change.name)
                    known[uid] = change.object
                    if change.type == "DELETED":
                        del known[uid]
        for uid, last in known.items():
            if uid not in there:
                self._keep(kind, "DELETED", last)

    def _watch(self, kind: str, path: str, selector: str, version: str) -> None:
        while not self._stop.is_set():
            try:
                for event in self._api.watch(
                    path, resource_version=version, label_selector=selector, for_s=_WATCH_S
                ):
                    item = event["object"]
                    version = item["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self._keep(kind, event["type"], item)
                    if self._stop.is_set():
                        return
            except ObservationError as error:
                self._note(f"watch of {kind}: {error}; listed again")
                if self._stop.wait(_TICK_S):
                    return
                try:
                    version = self._list(kind, path, selector)
                except ObservationError as again:
                    self._note(f"list of {kind}: {again}")

    def _keep(self, kind: str, event: str, item: Json) -> None:
        change = Change(time.time(), kind, event, slimmed(kind, item))
        with self._lock:
            self.recording.changes.append(change)
            if kind == "pod":
                if event == "DELETED":
                    self._pods.pop(change.name, None)
                else:
                    self._pods[change.name] = change.object

    def _note(self, text: str) -> None:
        with self._lock:
            self.recording.notes.append(f"{time.time():.1f} {text}")

    def _read_usage(self) -> None:
        namespace = self._scaling.namespace
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"
        while not self._stop.wait(_EVERY_S):
            try:
                answer = self._api.get(path, labelSelector=self._scaling.selector)
                read = UsageRead(
                    time.time(), {i["metadata"]["name"]: usage_of(i) for i in answer["items"]}
                )
            except ObservationError as error:
                read = UsageRead(time.time(), {}, str(error))
            with self._lock:
                self.recording.usage.append(read)

    def _scrape_all(self) -> None:
        tick = 0
        every = round(_EVERY_S / _TICK_S)
        while not self._stop.wait(_TICK_S):
            tick += 1
            with self._lock:
                pods = list(self._pods.values())
            due = [p for p in pods if tick % every == 0 or "deletionTimestamp" in p["metadata"]]
            self._scrape_pods(due)

    def _scrape_pods(self, pods: list[Json]) -> None:
        running = [p for p in pods if (p.get("status") or {}).get("phase") == "Running"]
        if not running:
            return
        with ThreadPoolExecutor(max_workers=min(_SCRAPERS, len(running))) as workers:
            found = [scrape for scrape in workers.map(self._scrape, running) if scrape]
        with self._lock:
            self.recording.scrapes += found

    def _scrape(self, pod: Json) -> Scrape | None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        place = (self._scaling.namespace, name, self._scaling.metrics_port)
        try:
            answer = get_through(
                self._api, place, "/metrics", _PROXY_TIMEOUT_S, accept=METRICS_PAGE
            )
            if not answer.is_success:
                return None
            values = parse_metrics(answer.text, self._kept)
        except (ObservationError, ValueError):
            return None
        return Scrape(time.time(), name, uid, values)

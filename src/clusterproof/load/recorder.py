"""Watches the scale target while the load runs; thin, and it writes nothing.

Reads: watch of HorizontalPodAutoscalers, Pods, Events, Services, EndpointSlices, ResourceQuotas and
the scale target of one namespace (its scale subresource every second, where it is no built-in
kind); metrics.k8s.io every 2 s; each pod's metrics through the API server's pod proxy every 2 s,
and twice a second from the moment that the pod is being deleted, so that its last value is caught.
Rights: get, list, watch on these, get on pods/proxy.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.kube.hpa import figures_of
from clusterproof.kube.kinds import KINDS, POD_METRICS
from clusterproof.load.counters import PROCESS_CPU, PROCESS_START, Scrape, parse_metrics
from clusterproof.load.recording import (
    AUTOSCALER,
    Change,
    ClockRead,
    Gap,
    Json,
    Recording,
    Stream,
    Unread,
    UsageRead,
    is_about,
    slimmed,
    usage_of,
)
from clusterproof.load.sections import Metrics, Scaling
from clusterproof.load.target import HPAS, Target
from clusterproof.load.timeline import is_ready
from clusterproof.load.watches import Watch
from clusterproof.observe.proxy import METRICS_PAGE, get_through

_EVERY_S = 2.0
_TICK_S = 0.5
_PROXY_TIMEOUT_S = 3.0
_SCALE_EVERY_S = 1.0
_SCRAPERS = 4
_STREAM_EVERY_S = 1.0
_REASON = 200


class Recorder:
    """One recording at a time; `start`, `stop`."""

    def __init__(
        self,
        api: KubeApi,
        target: Target,
        scaling: Scaling | None,
        metrics: Metrics | None,
        stream: Path | None = None,
    ) -> None:
        """Look at nothing yet; without `metrics` no Pod is asked.

        What is seen is written to `stream` within a second, if that is given.
        """
        self._stream = stream
        self._api = api
        self._target = target
        self._scaling = scaling
        self._metrics = metrics
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._watches: list[Watch] = []
        self._died: list[Gap] = []
        self._is_listed = False
        self._pods: dict[str, Json] = {}
        self.recording = Recording(time.time())

    def start(self) -> None:
        """Begin to watch; returns when every first list is there.

        Raises:
            ObservationError: A list was refused: the run would be blind.
            OSError: The stream cannot be written.
        """
        stream = None if self._stream is None else Stream(self.recording, self._stream)
        for kind, path in self._watched():
            selector = self._target.selector if kind == "pod" else ""
            watch = Watch(self._api, path, selector, kind=kind, keep=partial(self._keep, kind))
            watch.relist()
            self._watches.append(watch)
        self._is_listed = True
        self._read_clock()
        for watch in self._watches:
            self._run(watch.kind, watch.follow, self._stop)
        if self._scaling is not None:
            self._run("usage", self._read_usage)
            if not self._is_watched:
                self._run("target", self._follow_scale)
        if self._metrics is not None:
            self._run("counters", self._scrape_all)
        if stream is not None:
            self._run("stream", self._write_stream, stream)

    @property
    def _is_watched(self) -> bool:
        """Whether the scale target keeps its replicas in spec.replicas: all built-in kinds do."""
        return self._target.collection.startswith("/apis/apps/v1/")

    def _watched(self) -> Iterator[tuple[str, str]]:
        namespace = self._target.namespace
        if self._scaling is not None:
            yield "hpa", HPAS.collection(namespace)
            if self._is_watched:
                yield "target", self._target.collection
        for kind in ("Pod", "Event", "Service", "EndpointSlice"):
            yield kind.lower(), KINDS[kind].collection(namespace)
        yield "quota", KINDS["ResourceQuota"].collection(namespace)

    def stop(self) -> Recording:
        """Read every pod once more, end the threads, and hand over what was seen."""
        self._scrape_pods(list(self._pods.values()))
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=_TICK_S)
        self._read_clock()
        with self._lock:
            ended_at = self.recording.ended_at = time.time()
            died = [gap._replace(until=gap.until or ended_at) for gap in self._died]
            self.recording.gaps = [*(gap for watch in self._watches for gap in watch.gaps()), *died]
            return self.recording

    def status(self) -> str:
        """Replicas and utilization now, for the terminal."""
        with self._lock:
            ready = sum(1 for pod in self._pods.values() if is_ready(pod))
            hpa = next((c.object for c in reversed(self.recording.changes) if c.kind == "hpa"), {})
        status = hpa.get("status") or {}
        shown = [
            f"{metric} {figure}" for metric, figure in (figures_of(hpa) if hpa else {}).items()
        ]
        return f"{ready} Ready, desired {status.get('desiredReplicas')}, {', '.join(shown)}"

    def waiting_events(self) -> float:
        """Events that the pods' last reads say are not delivered yet."""
        waiting = self._metrics and self._metrics.events_waiting
        if not waiting:
            return 0.0
        with self._lock:
            last = {scrape.uid: scrape for scrape in self.recording.scrapes}
            alive = {pod["metadata"]["uid"] for pod in self._pods.values()}
        return sum(scrape.total(waiting) for uid, scrape in last.items() if uid in alive)

    def note(self, text: str) -> None:
        """Keep a sentence for the report."""
        with self._lock:
            self.recording.notes.append(f"{time.time():.1f} {text}")

    def _run(self, kind: str, work: Callable[..., None], *arguments: object) -> None:
        def run() -> None:
            try:
                work(*arguments)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing is seen from here on
                why = f"{type(error).__name__}: {error}"
                self._died.append(Gap(kind, time.time(), 0.0, None, why))

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _write_stream(self, stream: Stream) -> None:
        while not self._stop.wait(_STREAM_EVERY_S):
            try:
                stream.flush()
            except OSError as error:
                self.note(f"no more is written while the run lasts: {error}")
                return

    def _read_clock(self) -> None:
        least_s, most_s = self._api.clock_ahead_s
        with self._lock:
            if math.isfinite(least_s) and math.isfinite(most_s):
                self.recording.clock.append(ClockRead(time.time(), least_s, most_s))

    def _keep(self, kind: str, event: str, item: Json) -> None:
        if kind == "event" and not (self._is_listed or self._is_about_hpa(item)):
            return  # what happened before the run
        if kind == "target" and item["metadata"]["name"] != self._target.name:
            return
        change = Change(time.time(), kind, event, slimmed(kind, item))
        with self._lock:
            self.recording.changes.append(change)
            if kind == "pod":
                if event == "DELETED":
                    self._pods.pop(change.name, None)
                else:
                    self._pods[change.name] = change.object

    def _is_about_hpa(self, event: Json) -> bool:
        return self._scaling is not None and is_about(event, AUTOSCALER, self._scaling.hpa)

    def _read_usage(self) -> None:
        path = POD_METRICS.collection(self._target.namespace)
        while not self._stop.wait(_EVERY_S):
            try:
                answer = self._api.get(path, labelSelector=self._target.selector)
                read = UsageRead(
                    time.time(), {i["metadata"]["name"]: usage_of(i) for i in answer["items"]}
                )
            except ObservationError as error:
                read = UsageRead(time.time(), {}, str(error), error.status)
            with self._lock:
                self.recording.usage.append(read)

    def _follow_scale(self) -> None:
        """The scale subresource cannot be watched: read it each second."""
        replicas, why, heard_at = None, "", time.time()
        while not self._stop.wait(_SCALE_EVERY_S):
            try:
                item = self._api.get(self._target.scale)
            except ObservationError as error:
                why = str(error)
                continue
            changed = item["spec"].get("replicas", 0) != replicas
            if why:
                gap = Gap("target", heard_at, time.time(), int(changed), why)
                self._died.append(gap)
            if changed:
                self._keep("target", "LISTED" if replicas is None else "MODIFIED", item)
            replicas, why, heard_at = item["spec"].get("replicas", 0), "", time.time()
        if why:
            self._died.append(Gap("target", heard_at, 0.0, None, why))

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
        if not running or self._metrics is None:
            return
        with ThreadPoolExecutor(max_workers=min(_SCRAPERS, len(running))) as workers:
            scrapes = [scrape for scrape in workers.map(self._scrape, running) if scrape]
        with self._lock:
            self.recording.scrapes += scrapes

    def _scrape(self, pod: Json) -> Scrape | None:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        metrics = self._metrics
        assert metrics is not None  # noqa: S101 - nothing is scraped without
        try:
            answer = get_through(
                self._api,
                (self._target.namespace, name, metrics.port),
                metrics.path,
                _PROXY_TIMEOUT_S,
                accept=METRICS_PAGE,
            )
            if answer.is_success:
                names = (*metrics.names, PROCESS_CPU, PROCESS_START)
                values = parse_metrics(answer.text, names, metrics.where)
                return Scrape(time.time(), name, uid, values)
            why = f"HTTP {answer.status_code}: {answer.text[:_REASON]}"
        except (ObservationError, ValueError) as error:
            why = str(error)[:_REASON]
        with self._lock:
            self.recording.unread.append(Unread(time.time(), name, uid, why))
        return None

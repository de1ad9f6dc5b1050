"""A local copy of one kind of object, kept by list and watch."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import as_items, as_object
from clusterproof.kube.client import KubeApi
from clusterproof.kube.objects import Json
from clusterproof.kube.patience import Patience
from testbed.settings import patient

T = TypeVar("T")

ANSWER_WITHIN_S = 30.0
# The server ends each watch itself, so one that is silent for longer has lost its peer.
WATCH_S = 240.0
FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 5.0

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Mirror(Generic[T]):
    """What `project` makes of each object under `path`; None leaves an object out.

    Only a change of the projection counts as a change, so the heartbeat of a Node or the status
    of a Pod wakes nobody who does not look at it.

    Attributes:
        api: Where to look.
        path: The collection, e.g. `/api/v1/pods`.
        project: Pure; keeps what the controller needs.
        changed: Set after each change.
        synced: Set once the first list is in: before that, an empty copy means nothing.
    """

    api: KubeApi
    path: str
    project: Callable[[Json], T | None]
    changed: threading.Event
    synced: threading.Event = field(default_factory=threading.Event, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _items: dict[tuple[str, str], T] = field(default_factory=dict, init=False)

    def snapshot(self) -> tuple[T, ...]:
        """The projections as they are now, ordered by namespace and name."""
        with self._lock:
            return tuple(self._items[key] for key in sorted(self._items))

    def start(self, stop: threading.Event) -> None:
        """Fill and follow in a thread of its own until `stop` is set."""
        threading.Thread(target=self._run, args=(stop,), name=self.path, daemon=True).start()

    def _run(self, stop: threading.Event) -> None:
        version = ""
        backoff_s = FIRST_BACKOFF_S
        while not stop.is_set():
            try:
                version = version or self._list()
                for event in self.api.watch(self.path, resource_version=version, for_s=WATCH_S):
                    version = event["object"]["metadata"]["resourceVersion"]
                    self._take(event)
                    backoff_s = FIRST_BACKOFF_S
                backoff_s = FIRST_BACKOFF_S
            except ObservationError as error:
                if error.status is not None:
                    version = ""  # compacted, or of another server: only a new list helps
                log.warning("%s; again in %.1f s", error, backoff_s)
                stop.wait(backoff_s)
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _list(self) -> str:
        """Replace the copy; the resourceVersion to watch from."""
        listed = ask(self.api, "GET", self.path)
        projected = {_key(item): self.project(item) for item in as_items(listed, self.path)}
        fresh = {key: facts for key, facts in projected.items() if facts is not None}
        with self._lock:
            differs = fresh != self._items
            self._items = fresh
        if differs or not self.synced.is_set():
            self.synced.set()
            self.changed.set()
        return str(listed["metadata"]["resourceVersion"])

    def _take(self, event: Json) -> None:
        if event["type"] == "BOOKMARK":
            return
        key = _key(event["object"])
        facts = None if event["type"] == "DELETED" else self.project(event["object"])
        with self._lock:
            before = self._items.pop(key, None)
            if facts is not None:
                self._items[key] = facts
        if before != facts:
            self.changed.set()


def ask(api: KubeApi, method: str, path: str, body: Json | None = None) -> Json:
    """The API server's answer to one request: a slow machine is waited for, and asked again.

    Raises:
        ObservationError: No answer, or a refusal.
    """
    answer = api.request(
        method, path, body=body, timeout_s=patient(ANSWER_WITHIN_S), patience=Patience()
    )
    return as_object(answer, path)


def _key(item: Json) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]

"""A local copy of one kind of object, kept by list and watch."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from testbed.controllers.kube import Api, ApiError, Json

T = TypeVar("T")

FIRST_BACKOFF_S = 0.2
LONGEST_BACKOFF_S = 5.0

log = logging.getLogger(__name__)


class Mirror(Generic[T]):
    """What `project` makes of each object under `path`; None leaves an object out.

    Only a change of the projection counts as a change, so the heartbeat of a Node or the status
    of a Pod wakes nobody who does not look at it.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        project: Callable[[Json], T | None],
        changed: threading.Event,
    ) -> None:
        """Set up an empty copy; `start` begins to fill it.

        Args:
            api: Where to look.
            path: The collection, e.g. `/api/v1/pods`.
            project: Pure; keeps what the controller needs.
            changed: Set after each change.
        """
        self._api = api
        self.path = path
        self._project = project
        self._changed = changed
        self._lock = threading.Lock()
        self._items: dict[tuple[str, str], T] = {}
        self._synced = threading.Event()
        self._error = ""

    @property
    def synced(self) -> bool:
        """True once the first list is in: before that, an empty copy means nothing."""
        return self._synced.is_set()

    @property
    def error(self) -> str:
        """Why the copy may be stale, or "" while the watch runs."""
        return self._error

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
                if not version:
                    version = self._list()
                for event in self._api.watch(self.path, version):
                    version = str(event.item["metadata"]["resourceVersion"])
                    self._note(event.kind, event.item)
                    backoff_s, self._error = FIRST_BACKOFF_S, ""
                backoff_s, self._error = FIRST_BACKOFF_S, ""
            except ApiError as error:
                if error.status is not None:
                    version = ""  # compacted, or of another server: only a new list helps
                self._error = str(error)
                log.warning("%s; again in %.1f s", error, backoff_s)
                stop.wait(backoff_s)
                backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    def _list(self) -> str:
        items, version = self._api.list_all(self.path)
        fresh = {_key(item): kept for item in items if (kept := self._project(item)) is not None}
        with self._lock:
            differs = fresh != self._items
            self._items = fresh
        first = not self._synced.is_set()
        self._synced.set()
        self._error = ""
        if differs or first:
            self._changed.set()
        return version

    def _note(self, kind: str, item: Json) -> None:
        if kind == "BOOKMARK":
            return
        kept = None if kind == "DELETED" else self._project(item)
        with self._lock:
            before = self._items.get(_key(item))
            if kept is None:
                self._items.pop(_key(item), None)
            else:
                self._items[_key(item)] = kept
        if before != kept:
            self._changed.set()


def _key(item: Json) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]

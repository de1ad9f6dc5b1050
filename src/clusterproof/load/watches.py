"""The objects of one kind, followed as client-go's Reflector does: list, watch, resume, list again.

A watch that breaks off is resumed from the last resourceVersion: nothing is missed then, though it
comes late. Where that version has expired (410 Gone), the kind is listed again and what is absent
is deleted (Reflector.ListAndWatch and Replace, tools/cache/reflector.go, v1.35). Either way the
time in between is a Gap, with the number of changes that fell into it.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus

from clusterproof.errors import ObservationError
from clusterproof.kube.client import KubeApi
from clusterproof.load.recording import Gap, Json

WATCH_S = 120.0
AGAIN_AFTER_S, MOST_PAUSE_S = 0.5, 5.0
"""An API server that is in trouble is asked ever more seldom. Our choice."""
_BACKLOG_S = 1.0
"""What comes this soon after a watch was resumed had happened before: our choice."""
Keep = Callable[[str, Json], None]


class Watch:
    """Of one collection, or of what a label selects in it."""

    def __init__(self, api: KubeApi, path: str, selector: str, *, kind: str, keep: Keep) -> None:
        """Look at nothing yet.

        Args:
            api: The API server.
            path: Of the collection.
            selector: Of labels; "" for all objects.
            kind: Its name in the recording.
            keep: Called with the type of each change (LISTED in a first list) and the object.
        """
        self._gaps: list[Gap] = []
        self.kind = kind
        self._api, self._path, self._selector, self._keep = api, path, selector, keep
        self._known: dict[str, Json] = {}
        self._version = ""
        self._heard_at = 0.0
        self._broken: Gap | None = None
        self._began, self._late = 0.0, 0

    def relist(self) -> int:
        """Read the whole collection; how many objects differ from what was known.

        Raises:
            ObservationError: Refused, or not answered.
        """
        query = {"labelSelector": self._selector} if self._selector else {}
        answer = self._api.get(self._path, **query)
        listed = {_uid(item): item for item in answer.get("items") or []}
        gone = [item for uid, item in self._known.items() if uid not in listed]
        changed = [
            item
            for uid, item in listed.items()
            if uid not in self._known or _version(self._known[uid]) != _version(item)
        ]
        for item in gone:
            self._keep("DELETED", item)
        for item in changed:
            self._keep("LISTED", item)
        self._known = listed
        self._version = _version(answer)
        self._heard_at = time.time()
        return len(gone) + len(changed)

    def follow(self, stop: threading.Event) -> None:
        """Watch until told to stop; `relist` came before."""
        pause_s = AGAIN_AFTER_S
        while not stop.is_set():
            try:
                self._watch(stop)
                pause_s = AGAIN_AFTER_S
            except ObservationError as error:
                if self._broken is None:
                    self._broken = Gap(self.kind, self._heard_at, 0.0, None, str(error))
                    pause_s = AGAIN_AFTER_S
                if stop.wait(pause_s):
                    break
                pause_s = min(2 * pause_s, MOST_PAUSE_S)
                if error.status == HTTPStatus.GONE:
                    with suppress(ObservationError):
                        self._mend(self.relist(), at=time.time())

    def gaps(self) -> list[Gap]:
        """The times until now in which nothing was seen."""
        broken, began, now = self._broken, self._began, time.time()
        if broken is None:
            return list(self._gaps)
        if began and now - began > _BACKLOG_S:  # resumed, and nothing has happened since
            return [*self._gaps, broken._replace(until=began, changes=self._late)]
        return [*self._gaps, broken._replace(until=now)]

    def _watch(self, stop: threading.Event) -> None:
        """One watch to its end; a gap before it ends with what had happened meanwhile."""
        self._began, self._late = time.time(), 0
        try:
            for event in self._api.watch(
                self._path,
                resource_version=self._version,
                label_selector=self._selector,
                for_s=WATCH_S,
            ):
                if time.time() - self._began > _BACKLOG_S:
                    self._mend(self._late, at=self._began)
                self._late += event["type"] != "BOOKMARK"
                self._take(event)
                if stop.is_set():
                    return
        except ObservationError:
            if self._late:
                self._mend(self._late, at=self._began)
            self._began = 0.0
            raise
        self._mend(self._late, at=self._began)
        self._heard_at = time.time()

    def _mend(self, changes: int, *, at: float) -> None:
        if self._broken is not None:
            self._gaps.append(self._broken._replace(until=at, changes=changes))
            self._broken = None

    def _take(self, event: Json) -> None:
        item = event["object"]
        self._version, self._heard_at = _version(item), time.time()
        if event["type"] == "BOOKMARK":
            return
        if event["type"] == "DELETED":
            self._known.pop(_uid(item), None)
        else:
            self._known[_uid(item)] = item
        self._keep(event["type"], item)


def _uid(item: Json) -> str:
    metadata = item["metadata"]
    return str(metadata.get("uid", metadata["name"]))


def _version(item: Json) -> str:
    return str((item.get("metadata") or {}).get("resourceVersion", ""))

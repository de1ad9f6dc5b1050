"""What a rehearsal changes and how it was before: kept in the cluster until it is put back.

The record is a ConfigMap of our own, written before the first change. A run that is killed leaves
it; the next rehearsal, or `clusterproof undo`, puts back what it names.

A field is put back only where it still holds what the rehearsal put there: by its value, tested
again by the API server as part of the patch (a JSON patch with `test`, of the resourceVersion that
was looked at too), and by its owners in `managedFields`, which tell a field that was set to the
same value by somebody else. Whatever else is there now is somebody's later change: it stays, and is
said.
Rights: `get`, `create`, `delete configmaps` in the namespace of the dialler; `get` and `patch` of
what is changed.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from clusterproof.act.rehearsal.reversible import refusal
from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json, KubeApi
from clusterproof.observe.cluster import RUN_LABEL

NAME = "clusterproof-rehearsal"
MANAGER = "clusterproof-rehearsal"
"""Our `fieldManager`: the API server writes it beside each field that a rehearsal sets."""
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
OLDEST_S = 24 * 3600.0
"""What is older is not put back by itself: who knows what has come to rest on it since. Our choice:
a rehearsal lasts minutes, and a run of each night finds what the last one left."""
_TRIES = 5
"""Looks at one field: its object may change between the look and the patch."""
_SHOWN = 80
_IMAGE = re.compile(r"(/spec/template/spec/containers)/(0|[1-9][0-9]*)/image")
"""The list of containers, and which of them."""


@dataclass(frozen=True, slots=True)
class Undo:
    """One field that a rehearsal sets.

    Attributes:
        path: What is patched: an object, or its subresource `scale`.
        field: Of the object, as a JSON pointer (RFC 6901).
        was: What it held before; None where it was absent.
        put: What the rehearsal puts there.
        container: The one that an image is of, or "": its place in the list is not its identity
            (`x-kubernetes-list-map-keys: name`), for others are put in front of it.
    """

    path: str
    field: str
    was: Any
    put: Any
    container: str = ""

    @property
    def object_path(self) -> str:
        """The API path of the object."""
        return self.path.removesuffix("/scale")

    @property
    def patch(self) -> list[Json]:
        """The JSON patch that puts the field back, if it still holds what was put there."""
        tests = [{"op": "test", "path": self.field, "value": self.put}]
        if self.container and (list_of := _IMAGE.fullmatch(self.field)):
            name = f"{list_of[1]}/{list_of[2]}/name"
            tests.insert(0, {"op": "test", "path": name, "value": self.container})
        if self.was is None:
            return [*tests, {"op": "remove", "path": self.field}]
        return [*tests, {"op": "replace", "path": self.field, "value": self.was}]

    def located(self, item: Json) -> "Undo | None":
        """The same, with the field where its container is now; None where that is gone."""
        list_of = _IMAGE.fullmatch(self.field)
        if not self.container or list_of is None:
            return self
        for index, container in enumerate(_value_at(item, list_of[1]) or []):
            if container.get("name") == self.container:
                return replace(self, field=f"{list_of[1]}/{index}/image")
        return None

    def to_json(self) -> Json:
        """As the record has it."""
        fields = asdict(self)
        if not self.container:
            del fields["container"]
        return fields


class Refused(NamedTuple):
    """A field that was not put back, since somebody changed it meanwhile.

    Attributes:
        path: The API path of its object.
        field: Of the object, as a JSON pointer.
        why: As a sentence that names the object, what it holds, and who set it where that is known.
    """

    path: str
    field: str
    why: str


def pointer(*tokens: str | int) -> str:
    """A JSON pointer."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in tokens)


class WayBack:
    """The record of the rehearsal that is under way, or the one that a killed run left."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        run_id: str,
        *,
        namespaces: Collection[str] | None = None,
        command: str = "clusterproof undo",
    ) -> None:
        """Remember nothing yet.

        Args:
            api: Where the record is, and what it is about.
            namespace: Of the record.
            run_id: Of this run.
            namespaces: The only ones in which objects are put back; any when None.
            command: What a reader runs to put back what could not be put back here.
        """
        self._api = api
        self._run_id = run_id
        self._namespaces = namespaces
        self._command = command
        self._collection = f"/api/v1/namespaces/{quote(namespace)}/configmaps"
        self._path = f"{self._collection}/{NAME}"
        self._entries: tuple[Undo, ...] = ()
        self._age_s = 0.0
        self.place = f"ConfigMap/{namespace}/{NAME}"

    def left_over(self) -> str:
        """Take on what another run left; which run and row, and its age; "" for nothing.

        Raises:
            ObservationError: It could not be read, or names what no rehearsal changes.
        """
        record = self._api.find(self._path)
        if record is None:
            return ""
        fields = record.get("data") or {}
        try:
            entries = tuple(Undo(**entry) for entry in json.loads(fields["undo"]))
            text = f"{fields['row']} of run {fields['run']}, begun {fields['at']}"
            age_s = (self._api.now() - datetime.fromisoformat(fields["at"])).total_seconds()
        except (KeyError, TypeError, ValueError) as error:
            raise self._not_followed("another record") from error
        self._refuse(entries)
        self._entries, self._age_s = entries, age_s
        return f"{text}, {_age(age_s)} ago"

    def _refuse(self, entries: Sequence[Undo]) -> None:
        for entry in entries:
            held = (entry.was, entry.put)
            if why := refusal(entry.path, entry.field, held, self._namespaces):
                raise self._not_followed(f"one that would change {why}")

    def _not_followed(self, observed: str) -> ObservationError:
        return ObservationError(
            f"{self.place}: expected what a rehearsal of this version changes, observed"
            f" {observed}; nothing is put back by it",
            next_command=f"kubectl -n {self._path.split('/')[4]} get configmap {NAME} -o yaml",
        )

    def remember(self, row: str, entries: Sequence[Undo]) -> None:
        """Keep what will be changed, in the order in which it is put back; before any change.

        Raises:
            ObservationError: It could not be kept, or not be put back: nothing may be changed.
        """
        self._refuse(entries)
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "labels": {RUN_LABEL: self._run_id}},
            "data": {
                "run": self._run_id,
                "row": row,
                "at": self._api.now().isoformat(timespec="seconds"),
                "undo": json.dumps([entry.to_json() for entry in entries]),
            },
        }
        self._api.request("POST", self._collection, body=body)
        self._entries = tuple(entries)

    def take_back(self, *, oldest_s: float = OLDEST_S) -> str:
        """Put back what a killed run left; which row of which run, or "" for nothing.

        What was changed since is left as it is, and named.

        Args:
            oldest_s: The greatest age of what is put back.

        Raises:
            ObservationError: As `left_over` and `go` do; or it is older, and so left: the next
                command puts it back.
        """
        left = self.left_over()
        if left and abs(self._age_s) > oldest_s:  # one of the future is as strange as an old one
            fields = ", ".join(f"{entry.object_path} {entry.field}" for entry in self._entries)
            self._entries = ()
            hours = math.ceil(abs(self._age_s) / 3600) + 1
            raise ObservationError(
                f"{self.place}: expected at most {_age(oldest_s)} old, observed {left}: nothing is"
                f" put back by itself of {fields}",
                next_command=f"{self._command} --oldest {hours}  # changes the cluster",
            )
        return "; ".join((left, *(refused.why for refused in self.go()))) if left else ""

    def go(self) -> tuple[Refused, ...]:
        """Put back each field, trying all before the first error is raised; then forget them.

        Returns:
            Each field that was left, since somebody changed it meanwhile.

        Raises:
            ObservationError: A field could not be put back; the record is kept.
        """
        if not self._entries:
            return ()
        errors: list[ObservationError] = []
        changed: list[Refused] = []
        for entry in self._entries:
            try:
                left = self._put_back(entry)
                changed += (Refused(entry.object_path, entry.field, why) for why in left)
            except ObservationError as error:
                errors.append(error)
        if errors:
            raise ObservationError(
                f"not put back: {errors[0]}",
                next_command=f"{self._command}  # changes the cluster: goes on where this ended",
            )
        try:
            self._api.request("DELETE", self._path)
        except ObservationError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        self._entries = ()
        return tuple(changed)

    def _put_back(self, entry: Undo) -> Iterator[str]:
        for _ in range(_TRIES):
            item = self._api.find(entry.object_path)
            if item is None:
                yield f"{entry.object_path} is gone: there is nothing to put back"
                return
            located = entry.located(item)
            if located is None:
                yield f"{entry.object_path} has no container {entry.container} any more"
                return
            holds = _value_at(item, located.field)
            if holds == entry.was:
                return
            try:
                others = _set_by_others(item, located.field)
            except (AttributeError, LookupError, TypeError, ValueError):
                others = ""  # what the field was part of is not there any more
            if holds != entry.put or others:
                yield _changed_since(located, holds, others)
                return
            try:
                self._api.request(
                    "PATCH",
                    entry.path,
                    query={"fieldManager": MANAGER},
                    body=[*_unchanged(item), *located.patch],
                    content_type=JSON_PATCH,
                )
            except ObservationError as error:
                if error.status not in {HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.NOT_FOUND}:
                    raise
                refusal = error  # the field, or the object, changed since it was looked at
            else:
                return
        raise refusal


def _age(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _value_at(item: Json, field: str) -> Any:  # noqa: ANN401 - JSON
    """What the object holds at a JSON pointer; None where it holds nothing."""
    at: Any = item
    for token in _tokens(field):
        if isinstance(at, list):
            at = at[int(token)] if token.isdecimal() and int(token) < len(at) else None
        else:
            at = at.get(token) if isinstance(at, dict) else None
    return at


def _tokens(field: str) -> list[str]:
    return [token.replace("~1", "/").replace("~0", "~") for token in field.split("/")[1:]]


def _unchanged(item: Json) -> list[Json]:
    """What a JSON patch tests so that it is of the object that was looked at, and no later one."""
    version = (item.get("metadata") or {}).get("resourceVersion")
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}] * bool(version)


def _set_by_others(item: Json, field: str) -> str:
    """Who else set the field after us, and when; "" where it is ours alone, or nobody can tell.

    Source: Kubernetes docs, "Server-Side Apply", field management: an update that changes a value
    takes it from every manager that had it, and ours did; whoever applies the same value since
    shares it with us, and whoever updates it to the same value does not show.
    """
    managers = item["metadata"].get("managedFields") or []
    keys: list[str] = []
    at: Any = item
    for token in _tokens(field):
        if isinstance(at, list):
            at = at[int(token)] if int(token) < len(at) else {}
            keys.append("k:" + json.dumps({"name": at.get("name")}, separators=(",", ":")))
        else:
            at = (at or {}).get(token)
            keys.append(f"f:{token}")
    owners = {}
    for manager in managers:
        owned: Any = manager.get("fieldsV1") or {}
        for key in keys:
            owned = owned.get(key) if isinstance(owned, dict) else None
        if owned is not None and manager.get("manager") != MANAGER:
            owners[manager.get("manager", "")] = manager.get("time", "at an unknown time")
    return ", ".join(f"{name} {time}" for name, time in sorted(owners.items()))


def _changed_since(entry: Undo, holds: object, others: str) -> str:
    by = f", set by {others}" if others else ""
    return (
        f"{entry.object_path}: {entry.field} was {_short(entry.was)}, the rehearsal put"
        f" {_short(entry.put)}, observed {_short(holds)}{by}: changed since, left as it is"
    )


def _short(held: object) -> str:
    text = "absent" if held is None else json.dumps(held)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"

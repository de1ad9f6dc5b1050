"""Reads what stands around a row: objects, events, logs, policies; bounded, and redacted.

Rights, beside the row's own: `list events`, `get pods/log`; without them the file says so.
Values of environments and ConfigMaps are not shown, only how long they are: nobody can tell from
its shape that a plain word is a password.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import yaml

from clusterproof.diagnose.scope import Scope, scope_of
from clusterproof.errors import ObservationError
from clusterproof.kube.client import Json
from clusterproof.kube.objects import labels_of
from clusterproof.kube.pods import is_ready
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.policy import policies_of
from clusterproof.redact import Redactor
from clusterproof.spec.row import ObjectRef, Row

PODS_AT_MOST: Final = 3
EVENTS_AT_MOST: Final = 20
LOG_LINES: Final = 40
LOG_BYTES: Final = 8 * 1024
OBJECT_BYTES: Final = 12 * 1024
ROW_BYTES: Final = 64 * 1024
RUN_BYTES: Final = 2 * 1024 * 1024
RUN_S: Final = 20.0
"""Bounds of our choice: a night in which everything fails still ends in time, and in 2 MiB."""

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_HIDDEN = frozenset({"managedFields", "selfLink"})
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a file of diagnostics."""

    title: str
    text: str


class Diagnostics:
    """Gathers for one run, and stops at its bounds."""

    def __init__(
        self,
        cluster: Cluster,
        redactor: Callable[[], Redactor],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read nothing yet."""
        self._cluster = cluster
        self._redactor = redactor
        self._clock = clock
        self._spent_s = 0.0
        self._bytes = 0
        self._first: dict[Scope, str] = {}

    def of(self, row: Row) -> str:
        """The text about a row, redacted; a pointer where another row has the same scope."""
        scope = scope_of(row)
        head = f"{row.id}: {row.claim}\nscope: {', '.join(map(str, scope.refs)) or 'none'}\n"
        if scope in self._first:
            return f"{head}the same objects as of row {self._first[scope]}: see its file\n"
        if self._spent_s >= RUN_S or self._bytes >= RUN_BYTES:
            return f"{head}not gathered: the run's bounds ({RUN_S:g} s, {RUN_BYTES} bytes)\n"
        began = self._clock()
        self._first[scope] = row.id
        parts = [head]
        for section in self._sections(scope):
            parts.append(f"\n## {section.title}\n{section.text.rstrip()}\n")
            self._spent_s += self._clock() - began
            began = self._clock()
            if self._spent_s >= RUN_S:
                parts.append("\n(the run's time for diagnostics is spent)\n")
                break
        text = self._redactor().text("".join(parts))
        text = _cut(text, ROW_BYTES)
        self._bytes += len(text)
        return text

    def _sections(self, scope: Scope) -> Iterator[Section]:
        names: set[str] = {ref.name for ref in scope.refs}
        for ref in scope.refs:
            yield self._read(str(ref), lambda ref=ref: self._object(ref))  # type: ignore[misc]
        for workload in scope.workloads:
            for pod in self._pods(workload):
                name = str(pod["metadata"]["name"])
                names.add(name)
                yield Section(f"Pod {workload.namespace}/{name}", _cut(_dump(pod), OBJECT_BYTES))
                yield from self._logs(pod)
            yield self._read(
                f"NetworkPolicies of {workload.namespace}",
                lambda w=workload: self._policies(w.namespace),  # type: ignore[misc]
            )
        for namespace in scope.namespaces:
            yield self._read(
                f"events in {namespace}",
                lambda place=namespace: self._events(place, names),  # type: ignore[misc]
            )

    def _read(self, title: str, look: Callable[[], str]) -> Section:
        try:
            return Section(title, look())
        except ObservationError as error:
            return Section(title, f"could not be read: {error}")

    def _object(self, ref: ObjectRef) -> str:
        if ref.kind == "Secret":
            for secret in self._cluster.listed("Secret"):
                metadata = secret["metadata"]
                if (metadata.get("namespace"), metadata["name"]) == (ref.namespace, ref.name):
                    return f"keys: {', '.join(sorted(secret.get('data') or {}))}"
            return "not read by this run"
        item = self._cluster.find(ref)
        return _cut(_dump(item), OBJECT_BYTES) if item else "absent"

    def _pods(self, workload: ObjectRef) -> list[Json]:
        """The first few, those that are not ready before others."""
        try:
            pods = self._cluster.pods_of(workload)
        except ObservationError:
            return []
        return sorted(pods, key=is_ready)[:PODS_AT_MOST]

    def _logs(self, pod: Json) -> Iterator[Section]:
        """The last lines of a container that is not ready, and of the one before its restart."""
        metadata = pod["metadata"]
        place = f"/api/v1/namespaces/{quote(metadata['namespace'])}/pods/{quote(metadata['name'])}"
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            name = str(status["name"])
            for previous in (False, True):
                wanted = status.get("restartCount", 0) if previous else not status.get("ready")
                if not wanted:
                    continue
                query = {"container": name, "tailLines": f"{LOG_LINES}"}
                query |= {"limitBytes": f"{LOG_BYTES}", "timestamps": "true"}
                query |= {"previous": "true"} if previous else {}
                title = f"{'previous ' if previous else ''}log of {metadata['name']}/{name}"
                yield self._read(
                    title,
                    lambda query=query: self._cluster.api.text(f"{place}/log", **query),  # type: ignore[misc]
                )

    def _policies(self, namespace: str) -> str:
        lines = []
        for policy in policies_of(self._cluster, namespace):
            lines.append(f"{policy.name}")
            lines += [f"  egress[{number}]: {rule}" for number, rule in enumerate(policy.egress)]
        return "\n".join(lines) or "none: everything is allowed"

    def _events(self, namespace: str, names: set[str]) -> str:
        events = [
            event
            for event in self._cluster.objects("Event", namespace)
            if _is_about(str((event.get("involvedObject") or {}).get("name", "")), names)
        ]
        events.sort(key=_when)
        lines = [
            f"{_when(event)}  {event.get('type', '')}  {event.get('reason', '')}  "
            f"{(event.get('involvedObject') or {}).get('name', '')}: {event.get('message', '')}"
            for event in events[-EVENTS_AT_MOST:]
        ]
        return "\n".join(lines) or "none about these objects"


def _is_about(name: str, names: set[str]) -> bool:
    return any(name == related or name.startswith(f"{related}-") for related in names)


def _when(event: Json) -> str:
    metadata = event.get("metadata") or {}
    moment = event.get("lastTimestamp") or event.get("eventTime")
    return str(moment or metadata.get("creationTimestamp") or "")


def _dump(item: Json) -> str:
    """An object as YAML, without its history, and with lengths in place of values."""
    return str(yaml.dump(_shown(item), Dumper=_DUMPER, sort_keys=False, width=120))


def _shown(item: Json) -> Json:
    shown: Json = {key: value for key, value in item.items() if key not in {"data", "binaryData"}}
    metadata = {key: value for key, value in item["metadata"].items() if key not in _HIDDEN}
    annotations = metadata.get("annotations") or {}
    if _APPLIED in annotations:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _APPLIED}
    shown["metadata"] = {**metadata, "labels": labels_of(item)}
    for key in ("data", "binaryData"):
        if item.get(key):
            shown[key] = {name: _length(value) for name, value in item[key].items()}
    return {key: _without_values(value) for key, value in shown.items()}


def _without_values(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_without_values(element) for element in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _without_values(inner) for key, inner in value.items()}
    if isinstance(value.get("env"), list):
        shown["env"] = [
            {**entry, "value": _length(entry["value"])} if "value" in entry else entry
            for entry in value["env"]
        ]
    if isinstance(value.get("httpHeaders"), list):
        shown["httpHeaders"] = [
            {**entry, "value": _length(entry.get("value"))} for entry in value["httpHeaders"]
        ]
    for words in ("command", "args"):
        if isinstance(value.get(words), list):
            shown[words] = value[words]
    return shown


def _length(value: object) -> str:
    return f"({len(str(value))} characters)"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n(cut: {len(text) - limit} more characters)"

"""What was seen of the cluster during a run: raw, time-stamped, and nothing concluded.

One clock (ours) stamps everything at the moment it arrived; objects are as the API served them,
less what no judge reads.
"""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from clusterproof.load.counters import Scrape
from clusterproof.load.hpa.rules import milli
from clusterproof.redact import Redactor
from clusterproof.report.files import replace_file

Json = dict[str, Any]
AUTOSCALER = "HorizontalPodAutoscaler"
_FREE_TEXT = ("event", "pod")
_DROPPED = ("managedFields", "annotations")
TOPOLOGY = (
    "service.kubernetes.io/topology-aware-hints",
    "service.kubernetes.io/topology-mode",
)
"""Annotations of a Service that the load may stay in its zone by. Source: core/v1,
DeprecatedAnnotationTopologyAwareHints and AnnotationTopologyMode."""
_POD_SPEC = (
    *("nodeName", "containers", "initContainers", "resources"),
    "terminationGracePeriodSeconds",
)
_CONTAINER = ("name", "resources", "restartPolicy", "lifecycle")


@dataclass(frozen=True, slots=True)
class Change:
    """One watch event, or one object of the first list (type LISTED).

    Attributes:
        at: When it arrived.
        kind: hpa, target (what the HPA scales), pod, event, service, endpointslice or quota.
    """

    at: float
    kind: str
    type: str
    object: Json

    @property
    def name(self) -> str:
        """Of the object."""
        return str(self.object["metadata"]["name"])


@dataclass(frozen=True, slots=True)
class UsageRead:
    """One answer of the metrics API for the pods, or why there was none.

    Attributes:
        pods: By pod name: timestamp, window (seconds) and usage by container, in thousandths.
    """

    at: float
    pods: Mapping[str, Json]
    error: str = ""
    status: int | None = None


class Gap(NamedTuple):
    """A time in which nothing was seen of one kind, between two watches or lists.

    Attributes:
        kind: As of a change; "usage" or "counters" for a reader that died.
        since: When the last was heard before it.
        until: When it was seen again; the end of the run, if it never was.
        changes: What was found to have changed meanwhile; None when it was never seen again.
        why: What ended the watch.
    """

    kind: str
    since: float
    until: float
    changes: int | None
    why: str


class Unread(NamedTuple):
    """One attempt to read a Pod's counters that failed."""

    at: float
    pod: str
    uid: str
    why: str


class ClockRead(NamedTuple):
    """By how much the API server's clock was ahead of ours, in seconds: the least and the most."""

    at: float
    least_s: float
    most_s: float


@dataclass(slots=True)
class Recording:
    """All of a run.

    Attributes:
        gaps: When the observer was blind.
        unread: What it could not read of Pods.
        clock: How the API server's clock stood to ours; empty when it was not compared.
        context: Of the kubeconfig.
        cluster_uid: UID of namespace kube-system, or "" where it may not be read.
    """

    started_at: float
    ended_at: float = 0.0
    changes: list[Change] = field(default_factory=list)
    usage: list[UsageRead] = field(default_factory=list)
    scrapes: list[Scrape] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    run: str = ""
    gaps: list[Gap] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    clock: list[ClockRead] = field(default_factory=list)
    context: str = ""
    cluster_uid: str = ""

    @property
    def clock_ahead_s(self) -> float:
        """By how much the times that the cluster wrote are ahead of ours, as far as is known."""
        if not self.clock:
            return 0.0
        return (self.clock[-1].least_s + self.clock[-1].most_s) / 2

    def of(self, kind: str, name: str = "") -> list[Change]:
        """The changes of one kind (and one object), in order of time."""
        return [c for c in self.changes if c.kind == kind and name in {"", c.name}]

    def write(self, path: Path) -> None:
        """As gzipped JSON, without what has the shape of a secret: in an event, or a command.

        Raises:
            OSError: It cannot be written.
        """
        redactor = Redactor()
        lists = {
            name: [_encoded(name, row, redactor) for row in getattr(self, name)] for name in _LISTS
        }
        replace_file(path, gzip.compress(json.dumps(self._head() | lists).encode()))

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """What `write` wrote."""
        data = json.loads(gzip.decompress(path.read_bytes()))
        for name, decode in _LISTS.items():
            data[name] = [decode(row) for row in data.get(name, ())]
        return cls(**data)

    def _head(self) -> Json:
        return {name: getattr(self, name) for name in _HEAD}


class Stream:
    """A file that grows with a recording, for what is seen of a run whose observer is killed.

    Lines of JSON: the head of the recording, then each of its rows as it comes.
    """

    def __init__(self, recording: Recording, path: Path) -> None:
        """Begin the file.

        Raises:
            OSError: It cannot be written.
        """
        self._recording = recording
        self._written = dict.fromkeys(_LISTS, 0)
        self._redactor = Redactor()
        head = json.dumps(recording._head())  # noqa: SLF001 - of this module
        replace_file(path, f"{head}\n".encode())
        self._file = path.open("a", encoding="utf-8")

    def flush(self) -> None:
        """Write what is new; lists only grow.

        Raises:
            OSError: It cannot be written.
        """
        for name, written in self._written.items():
            rows = getattr(self._recording, name)[written:]
            self._written[name] += len(rows)
            for row in rows:
                line = [name, _encoded(name, row, self._redactor)]
                self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    @classmethod
    def read(cls, path: Path) -> Recording:
        """What was written, up to the last line that is whole.

        Raises:
            ValueError: Not even the head is.
        """
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        recording = Recording(**json.loads(head))
        for line in lines:
            try:
                name, row = json.loads(line)
            except ValueError:
                break
            getattr(recording, name).append(_LISTS[name](row))
        times = (row.at for name in _TIMED for row in getattr(recording, name))
        recording.ended_at = max(times, default=recording.started_at)
        return recording


_HEAD = ("started_at", "ended_at", "run", "context", "cluster_uid")
_TIMED = ("changes", "usage", "scrapes", "unread", "clock")
_LISTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "notes": str,
        "changes": lambda row: Change(*row),
        "usage": lambda row: UsageRead(*row),
        "scrapes": lambda row: Scrape(*row),
        "gaps": lambda row: Gap(*row),
        "unread": lambda row: Unread(*row),
        "clock": lambda row: ClockRead(*row),
    }
)


def _encoded(name: str, row: Any, redactor: Redactor) -> Any:  # noqa: ANN401 - JSON
    """A row of one of the lists as JSON has it, without what has the shape of a secret."""
    clean = redactor.data
    if name == "changes":
        item = clean(row.object) if row.kind in _FREE_TEXT else row.object
        return [row.at, row.kind, row.type, item]
    if name == "usage":
        return [row.at, row.pods, clean(row.error), row.status]
    if name == "scrapes":
        return [row.at, row.pod, row.uid, row.values]
    return clean(row) if name == "notes" else clean(list(row))


def slimmed(kind: str, item: Mapping[str, Any]) -> Json:
    """The object without what no judge reads."""
    metadata = {k: v for k, v in item["metadata"].items() if k not in _DROPPED}
    made = {**{k: v for k, v in item.items() if k not in {"kind", "apiVersion"}}}
    made["metadata"] = metadata
    if kind == "service":
        annotations = item["metadata"].get("annotations") or {}
        metadata["annotations"] = {k: annotations[k] for k in TOPOLOGY if k in annotations}
    if kind == "pod":
        spec = {k: v for k, v in item["spec"].items() if k in _POD_SPEC}
        for group in ("containers", "initContainers"):
            spec[group] = [
                {k: v for k, v in container.items() if k in _CONTAINER}
                for container in spec.get(group) or []
            ]
        made["spec"] = spec
    if kind == "target":
        spec = item["spec"]
        made["spec"] = {k: spec[k] for k in ("replicas", "strategy", "selector") if k in spec}
        # Only a Scale of 0 has none: ScaleSpec.Replicas is omitempty (autoscaling/v1).
        made["spec"].setdefault("replicas", 0)
    return made


def is_about(event: Json, kind: str, name: str) -> bool:
    """Whether an Event is about the object of that kind and name."""
    about = event.get("involvedObject") or {}
    return (about.get("kind"), about.get("name")) == (kind, name)


def usage_of(item: Mapping[str, Any]) -> Json:
    """What metrics.k8s.io/v1beta1 says of a Pod (PodMetrics), in thousandths and seconds."""
    return {
        "timestamp": epoch(item["timestamp"]),
        "window_s": _seconds(item["window"]),
        "usage": {
            c["name"]: {resource: milli(value) for resource, value in c["usage"].items()}
            for c in item["containers"]
        },
    }


def epoch(text: str) -> float:
    """Seconds since the epoch of an API timestamp."""
    return datetime.fromisoformat(text).timestamp()


def _seconds(duration: str) -> float:
    """A Go duration of the metrics API: 10.5s, 1m0s, 15s, 500ms."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
    parts = re.findall(r"([0-9.]+)([a-zµ]+)", duration)
    return sum(float(number) * units[unit] for number, unit in parts)

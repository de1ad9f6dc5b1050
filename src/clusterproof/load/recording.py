"""What was seen of the cluster during a run: raw, time-stamped, and nothing concluded.

One clock (ours) stamps everything at the moment it arrived; objects are as the API served them,
less what no judge reads.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from clusterproof.load.counters import Scrape
from clusterproof.redact import Redactor

Json = dict[str, Any]
_FREE_TEXT = ("event", "pod")
_DROPPED = ("managedFields", "annotations")
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
        """As gzipped JSON, without what has the shape of a secret: in an event, or a command."""
        clean = Redactor().data
        data = {
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "notes": clean(self.notes),
            "run": self.run,
            "context": self.context,
            "cluster_uid": self.cluster_uid,
            "changes": [
                [c.at, c.kind, c.type, clean(c.object) if c.kind in _FREE_TEXT else c.object]
                for c in self.changes
            ],
            "usage": [[u.at, u.pods, clean(u.error), u.status] for u in self.usage],
            "scrapes": [[s.at, s.pod, s.uid, s.values] for s in self.scrapes],
            "gaps": clean([list(gap) for gap in self.gaps]),
            "unread": clean([list(attempt) for attempt in self.unread]),
            "clock": [list(read) for read in self.clock],
        }
        path.write_bytes(gzip.compress(json.dumps(data).encode()))

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """What `write` wrote."""
        data = json.loads(gzip.decompress(path.read_bytes()))
        return cls(
            started_at=data["started_at"],
            ended_at=data["ended_at"],
            changes=[Change(*c) for c in data["changes"]],
            usage=[UsageRead(*u) for u in data["usage"]],
            scrapes=[Scrape(*s) for s in data["scrapes"]],
            notes=data["notes"],
            run=data.get("run", ""),
            context=data.get("context", ""),
            cluster_uid=data.get("cluster_uid", ""),
            gaps=[Gap(*gap) for gap in data.get("gaps", ())],
            unread=[Unread(*attempt) for attempt in data.get("unread", ())],
            clock=[ClockRead(*read) for read in data.get("clock", ())],
        )


def slimmed(kind: str, item: Mapping[str, Any]) -> Json:
    """The object without what no judge reads."""
    metadata = {k: v for k, v in item["metadata"].items() if k not in _DROPPED}
    made = {**{k: v for k, v in item.items() if k not in {"kind", "apiVersion"}}}
    made["metadata"] = metadata
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
    return made

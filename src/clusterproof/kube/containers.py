"""The containers of a Pod, of all kinds: init, native sidecar, main, ephemeral."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from clusterproof.kube.objects import Json


class ContainerKind(StrEnum):
    """How the kubelet runs a container."""

    INIT = "init"
    SIDECAR = "sidecar"
    """An init container with `restartPolicy: Always`: it starts before, and stays beside, main."""
    MAIN = "main"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True, slots=True)
class Container:
    """A container as declared, with what the kubelet says of it.

    Attributes:
        kind: How it is run.
        spec: As the Pod spec declares it.
        status: Its container status; empty for a template, or before the kubelet wrote one.
    """

    kind: ContainerKind
    spec: Json
    status: Json = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique among all kinds of containers of a Pod."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """As declared."""
        return str(self.spec.get("image", ""))

    @property
    def stays_up(self) -> bool:
        """Whether it runs as long as the Pod does: main containers and native sidecars.

        Restates podutil.IsRestartableInitContainer (pkg/api/v1/pod).
        """
        return self.kind in {ContainerKind.MAIN, ContainerKind.SIDECAR}

    @property
    def waiting(self) -> Json:
        """Its waiting state, or {}."""
        return (self.status.get("state") or {}).get("waiting") or {}

    @property
    def is_waiting(self) -> bool:
        """Whether it has not started: the kubelet says so, with a reason or without."""
        return (self.status.get("state") or {}).get("waiting") is not None

    @property
    def is_running(self) -> bool:
        """Whether the kubelet says that it runs."""
        return (self.status.get("state") or {}).get("running") is not None

    @property
    def last_end(self) -> Json:
        """How it ended the last time (state, else lastState); {} for one that never ended."""
        for state in (self.status.get("state"), self.status.get("lastState")):
            terminated: Json = (state or {}).get("terminated") or {}
            if terminated:
                return terminated
        return {}

    @property
    def previous_end(self) -> Json:
        """How the run before the present one ended: what a restart followed; {} without one."""
        return (self.status.get("lastState") or {}).get("terminated") or {}

    @property
    def restarts(self) -> int:
        """Since the Pod began."""
        return int(self.status.get("restartCount", 0))

    def bound(self, bound: str, resource: str) -> str | None:
        """A request or limit as declared: `bound` is `requests` or `limits`."""
        declared: Json = (self.spec.get("resources") or {}).get(bound) or {}
        return declared.get(resource)


_DIGEST = re.compile(r"@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$")


def has_digest(image: str) -> bool:
    """Whether an image is named by what is in it, so that the name never leads to another."""
    return _DIGEST.search(image) is not None


def is_pinned(image: str) -> bool:
    """Whether an image is named by a digest, or by a tag other than latest.

    A name without a tag means `latest` (parsers.ParseImageName); a registry's port is no tag.
    """
    return has_digest(image) or ImageName.of(image).tag not in {"", "latest"}


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image's name in all its parts (distribution/reference, ParseNormalizedNamed, TagNameOnly).

    Attributes:
        repository: With the registry: `docker.io/library/nginx` for `nginx`.
        tag: "" where a digest alone names it; `latest` where nothing does.
        digest: "" without.
    """

    repository: str
    tag: str
    digest: str

    @classmethod
    def of(cls, image: str) -> "ImageName":
        """The parts of a name as a Pod has it."""
        name, _, digest = image.partition("@")
        path, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        registry, _, inner = f"{path}{slash}{last}".partition("/")
        is_registry = inner and (set(registry) & {".", ":"} or registry == "localhost")
        if not is_registry:
            registry, inner = "docker.io", f"{path}{slash}{last}"
        registry = "docker.io" if registry == "index.docker.io" else registry
        if registry == "docker.io" and "/" not in inner:
            inner = f"library/{inner}"
        return cls(f"{registry}/{inner}", tag or ("" if digest else "latest"), digest)


_PLACES = (
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)


def containers_of(spec: Json, status: Json | None = None) -> tuple[Container, ...]:
    """Every container of a Pod spec, in the order in which the kubelet starts them.

    Restates podutil.VisitContainers with AllContainers (pkg/api/v1/pod/util.go).

    Args:
        spec: A Pod's spec, or the spec of a workload's template.
        status: The Pod's status.
    """
    return tuple(_containers(spec, status or {}))


def _containers(spec: Json, status: Json) -> Iterator[Container]:
    for place, statuses in _PLACES:
        by_name = {entry["name"]: entry for entry in status.get(statuses) or []}
        for declared in spec.get(place) or []:
            yield Container(_kind(place, declared), declared, by_name.get(declared["name"], {}))


def _kind(place: str, declared: Json) -> ContainerKind:
    if place == "ephemeralContainers":
        return ContainerKind.EPHEMERAL
    if place == "containers":
        return ContainerKind.MAIN
    if declared.get("restartPolicy") == "Always":
        return ContainerKind.SIDECAR
    return ContainerKind.INIT


def lasting_containers(spec: Json, status: Json | None = None) -> tuple[Container, ...]:
    """The containers that run as long as the Pod does: native sidecars, then the main ones."""
    return tuple(each for each in containers_of(spec, status) if each.stays_up)


def container_named(spec: Json, name: str) -> Container | None:
    """The container of that name, whatever its kind."""
    return next((each for each in containers_of(spec) if each.name == name), None)

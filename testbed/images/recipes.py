"""What is in each image, as data. Nothing here runs anything.

A layer is built once and shared by every image above it, so the archives of one build agree byte
for byte in what they share. Versions of PyPI packages come from uv.lock, never from here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from testbed.images.dockerfile import STAGES

_STRICT = ConfigDict(extra="forbid")


@checked(frozen=True, config=_STRICT)
class Copy:
    """A file or folder of the checkout, and where it goes in the image."""

    source: str
    target: str
    mode: int | None = None


@checked(frozen=True, config=_STRICT)
class User:
    """A line of /etc/passwd and of /etc/group: some programs refuse a number without a name."""

    name: str
    uid: int
    home: str = "/tmp"  # noqa: S108 - the path inside the image


@checked(frozen=True, config=_STRICT)
class Folder:
    """An empty folder, owned by the number that will write to it."""

    path: str
    owner: int
    mode: int = 0o755


@checked(frozen=True, config=_STRICT)
class Layer:
    """One layer: what is added to its parent.

    Attributes:
        name: Unique; also the name in the cache.
        parent: The layer below. None: made from nothing.
        debian: Debian packages, without recommends.
        pypi: Distributions (extras allowed), installed as uv.lock pins them, with what they need.
        copies: Files of the checkout.
        users: Names for numbers.
        folders: Empty folders.
        drop: Globs below the root that are deleted after installing.
    """

    name: str
    parent: str | None = None
    debian: tuple[str, ...] = ()
    pypi: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()
    users: tuple[User, ...] = ()
    folders: tuple[Folder, ...] = ()
    drop: tuple[str, ...] = ()


@checked(frozen=True, config=_STRICT)
class Image:
    """One image: its topmost layer and how it starts."""

    name: str
    tag: str
    layer: str
    user: str
    title: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    workdir: str = "/"

    @property
    def reference(self) -> str:
        """The name under which Pods ask for it."""
        return f"{REGISTRY}/{self.name}:{self.tag}"


REGISTRY = "clusterproof.dev"  # a name only: nothing is ever pulled from or pushed to it
RELEASE = "0.2.0"
"""The tag of the images that are released: the project's version."""

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _released(name: str, layer: str, tag: str) -> Image:
    """An image of deploy/Dockerfile: the stage of its name, on layers of ours."""
    stage = STAGES[name]
    environment = {**stage.environment, "PATH": _PATH.removeprefix("PATH=")}
    return Image(
        name=name,
        tag=tag,
        layer=layer,
        user=stage.user,
        title=stage.labels["org.opencontainers.image.title"],
        entrypoint=tuple(stage.entrypoint),
        command=tuple(stage.command),
        environment=tuple(f"{key}={text}" for key, text in sorted(environment.items())),
        ports=tuple(stage.ports),
        workdir=stage.workdir,
    )


def _read(name: str) -> Any:  # noqa: ANN401 - YAML
    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _layers() -> Iterator[Layer]:
    """The layers of layers.yaml."""
    for name, fields in _read("layers.yaml").items():
        if stage := fields.pop("stage", ""):
            copied = STAGES[stage].copied
            fields["copies"] = [{"source": source, "target": target} for source, target in copied]
        yield Layer(name=name, **fields)


LAYERS = tuple(_layers())

IMAGES = (
    *TypeAdapter(tuple[Image, ...]).validate_python(_read("images.yaml")),
    _released("clusterproof", "dialler", RELEASE),
    _released("dialler", "dialler", "1.0.0"),
    _released("load", "load", RELEASE),
)


def layer_named(name: str) -> Layer:
    """The layer of this name.

    Raises:
        KeyError: There is none.
    """
    return {layer.name: layer for layer in LAYERS}[name]


def chain(name: str) -> tuple[Layer, ...]:
    """The layers of an image whose topmost is `name`, lowest first."""
    layer = layer_named(name)
    return (*(chain(layer.parent) if layer.parent else ()), layer)

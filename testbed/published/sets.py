"""The manifest sets, as a person applies them: `helm install -n NAME`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusterproof.kube.kinds import KINDS, kind_of

FOLDER = Path(__file__).parents[2] / "tests" / "generate" / "published"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ManifestSet:
    """What one chart renders.

    Attributes:
        title: The chart and its version.
        objects: In the order of the file, each in a namespace if its kind is in one.
    """

    title: str
    objects: tuple[Json, ...]

    @property
    def name(self) -> str:
        """Of the chart, and of the namespace that it is installed in."""
        return name_of(self.title)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where its objects are, its own namespace first."""
        places = {str(each["metadata"].get("namespace") or self.name) for each in self.objects}
        return (self.name, *sorted(places - {self.name}))


def name_of(title: str) -> str:
    """`argo-cd` of `argo-cd-7.7.5`."""
    return title.rpartition("-")[0]


def manifest_sets(folder: Path = FOLDER) -> Iterator[ManifestSet]:
    """Every set, by title."""
    for path in sorted(folder.glob("*.yaml")):
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
        objects = tuple(_placed(each, name_of(path.stem)) for each in documents)
        yield ManifestSet(path.stem, objects)


def _placed(manifest: Json, namespace: str) -> Json:
    kind = KINDS.get(kind_of(manifest))
    if kind is not None and not kind.namespaced:
        return manifest
    return {**manifest, "metadata": {"namespace": namespace, **manifest["metadata"]}}


def reference(manifest: Json) -> str:
    """`Kind/namespace/name`, as a spec names the object."""
    metadata = manifest["metadata"]
    return f"{kind_of(manifest)}/{metadata.get('namespace', '')}/{metadata['name']}"

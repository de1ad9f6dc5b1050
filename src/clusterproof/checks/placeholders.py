"""No placeholder of a deployment's own documents is left anywhere in a namespace.

Source: the deployment's contract, Placeholders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, judged
from clusterproof.kube.env import contents_of
from clusterproof.kube.objects import Json, controller_of
from clusterproof.observe.configuration import text_in
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Row

_SCANNED = (
    "ConfigMap",
    "Secret",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Pod",
    "Service",
    "Ingress",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PEM = "-----BEGIN"


class PlaceholdersRow(Row):
    """No placeholder of the deployment's README survived into a namespace."""

    check: Literal["placeholders"]
    namespace: str
    placeholders: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Where a placeholder was found: (place, placeholder).

    Attributes:
        scanned: How many objects were read.
    """

    found: tuple[tuple[str, str], ...]
    scanned: int


def look(row: PlaceholdersRow, site: Site) -> Observed[Placeholders]:
    """Every place of a namespace that still holds a placeholder; Secrets by key only."""
    places: list[tuple[str, str]] = []
    scanned = 0
    for kind in _SCANNED:
        for object_ in site.cluster.objects(kind, row.namespace):
            if controller_of(object_) is not None:
                continue  # its owner has the text, and gives it the next one
            scanned += 1
            for place, text in _texts(kind, object_):
                places += [(place, word) for word in row.placeholders if _holds(text, word)]
    evidence = (f"{scanned} objects of {', '.join(_SCANNED)} read", *(place for place, _ in places))
    next_command = f"kubectl -n {row.namespace} get {','.join(_SCANNED).lower()} -o name"
    return Observed(
        Placeholders(tuple(places), scanned), f"namespace {row.namespace}", evidence, next_command
    )


def _texts(kind: str, object_: Json) -> Iterator[tuple[str, str]]:
    """Every text of an object with its place: what somebody wrote, and no copy of it."""
    metadata = object_["metadata"]
    name = f"{kind}/{metadata['name']}"
    for part in ("labels", "annotations"):
        for key, text in (metadata.get(part) or {}).items():
            if key != _LAST_APPLIED:
                yield f"{name} metadata.{part}['{key}']", text
    if kind in {"ConfigMap", "Secret"}:
        for key, content in contents_of(kind, object_).items():
            text = text_in(content)
            if text is not None and not (kind == "Secret" and _PEM in text):
                yield f"{name} {key}", text
    else:
        yield from _strings(f"{name} spec", object_.get("spec"))


def _strings(place: str, json: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(json, str):
        yield place, json
    elif isinstance(json, dict):
        for key, inner in json.items():
            yield from _strings(f"{place}.{key}", inner)
    elif isinstance(json, list):
        for index, inner in enumerate(json):
            named = inner.get("name") if isinstance(inner, dict) else None
            at = f"[name={named}]" if named else f"[{index}]"
            yield from _strings(f"{place}{at}", inner)


def _holds(text: str, placeholder: str) -> bool:
    """One such as `sk-...` counts as the whole value only: real ones begin like it."""
    return text.strip() == placeholder if placeholder.endswith("...") else placeholder in text


def judge(row: PlaceholdersRow, fact: Placeholders) -> Judgement:
    """None is left, in something that was there to be read."""
    return judged(_differences(row, fact), [f"{fact.scanned} objects of {row.namespace}"])


def _differences(row: PlaceholdersRow, fact: Placeholders) -> Iterator[Difference]:
    if fact.scanned == 0:
        yield Difference(f"namespace {row.namespace}", "objects", "none", code="namespace-empty")
    for place, placeholder in fact.found:
        observed = f"the placeholder {placeholder}"
        yield Difference(place, "a value of your own", observed, code="placeholder-left")


KIND = Kind(
    PlaceholdersRow,
    look,
    judge,
    codes=(
        "namespace-empty",
        "placeholder-left",
    ),
)

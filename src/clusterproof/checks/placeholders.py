"""Rows `check: placeholders`.

Source: the deployment's contract, Placeholders.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from clusterproof.checks.kind import Kind
from clusterproof.checks.site import Site
from clusterproof.judgement import Difference, Judgement, compared_in, judged
from clusterproof.kube.env import contents_of
from clusterproof.kube.objects import Json, controller_of
from clusterproof.observe.configuration import _text_of
from clusterproof.observe.observed import Observed
from clusterproof.spec.row import Row


class PlaceholdersRow(Row):
    """No placeholder of the deployment's README survived into a namespace."""

    check: Literal["placeholders"]
    namespace: str
    placeholders: tuple[str, ...] = Field(min_length=1)


_SCANNED = (
    "ConfigMap",
    "Secret",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Job",
    "Ingress",
)


_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


_PEM = "-----BEGIN"


@dataclass(frozen=True, slots=True)
class Placeholders:
    """Where a placeholder was found: (place, placeholder)."""

    found: tuple[tuple[str, str], ...]
    scanned: int


def look(row: PlaceholdersRow, site: Site) -> Observed[Placeholders]:
    """Every place of a namespace that still holds a placeholder; Secrets by key only."""
    cluster = site.cluster
    found, scanned = [], 0
    for kind in _SCANNED:
        for item in cluster.objects(kind, row.namespace):
            if controller_of(item) is not None:
                continue  # its owner has the text, and gives it the next one
            scanned += 1
            for place, text in _texts(kind, item):
                found += [(place, one) for one in row.placeholders if _holds(text, one)]
    evidence = (f"{scanned} objects of {', '.join(_SCANNED)} read", *(place for place, _ in found))
    next_command = f"kubectl -n {row.namespace} get {','.join(_SCANNED).lower()} -o name"
    return Observed(
        Placeholders(tuple(found), scanned), f"namespace {row.namespace}", evidence, next_command
    )


def _texts(kind: str, item: Json) -> Iterator[tuple[str, str]]:
    """Every text of an object with its place: what somebody wrote, and no copy of it."""
    name, metadata = f"{kind}/{item['metadata']['name']}", item["metadata"]
    for part in ("labels", "annotations"):
        for key, text in (metadata.get(part) or {}).items():
            if key != _LAST_APPLIED:
                yield f"{name} metadata.{part}['{key}']", text
    if kind in {"ConfigMap", "Secret"}:
        for key, data in contents_of(kind, item).items():
            text = _text_of(data)
            if text is not None and not (kind == "Secret" and _PEM in text):
                yield f"{name} {key}", text
    else:
        yield from _strings(f"{name} spec", item.get("spec"))


def _strings(place: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            named = inner.get("name") if isinstance(inner, dict) else None
            at = f"[name={named}]" if named else f"[{index}]"
            yield from _strings(f"{place}{at}", inner)


def _holds(text: str, placeholder: str) -> bool:
    """One such as `sk-...` counts as the whole value only: real ones begin like it."""
    return text.strip() == placeholder if placeholder.endswith("...") else placeholder in text


def differences(row: PlaceholdersRow, value: Placeholders) -> Iterator[Difference]:
    """None is left, in something that was there to be read."""
    if value.scanned == 0:
        yield Difference(f"namespace {row.namespace}", "objects", "none")
    for place, placeholder in value.found:
        yield Difference(place, "a value of your own", f"the placeholder {placeholder}")


def judge(row: PlaceholdersRow, fact: Placeholders) -> Judgement:
    """None is left, in something that was there to be read."""
    return judged(differences(row, fact), compared_in(fact))


KIND = Kind(PlaceholdersRow, look, judge)

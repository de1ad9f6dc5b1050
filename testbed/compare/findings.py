"""What a static tool says of manifests, as plain data."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from clusterproof.kube.client import Json

_ALL_OK = 10
"""kube-score's grade of a check that passed."""

_SCHEMA = re.compile(
    r"^ERROR (?P<file>\S+) did not validate for resource (?P<where>\S+) against version \S+: "
    r"(?P<path>[^:]*): (?P<said>.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One complaint.

    Attributes:
        check: The tool's own id of it.
        where: The object, with the part of it where the tool says so.
        said: The tool's words.
    """

    check: str
    where: str
    said: str


def read_kube_score(text: str) -> list[Finding]:
    """The comments of every check that did not pass, from kube-score's JSON."""
    objects: list[Json] = json.loads(text)
    return [
        Finding(
            check["check"]["id"],
            "/".join(filter(None, (_named(item), str(comment.get("path") or "")))),
            str(comment.get("summary") or check["check"]["name"]),
        )
        for item in objects
        for check in item["checks"] or []
        if not check["skipped"] and check["grade"] < _ALL_OK
        for comment in check["comments"] or [{}]
    ]


def _named(item: Json) -> str:
    return f"{item['type_meta']['kind']}/{item['object_meta']['name']}"


def read_checkov(text: str) -> list[list[Finding]]:
    """The failed checks of each folder, from the lines of `checkov_each.py`.

    Checkov fails a check once for each resource, whichever of its containers it is about.
    """
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("[")]
    return [[Finding(*fields) for fields in failed] for failed in lines]


def read_schema(text: str, files: Sequence[str]) -> list[list[Finding]]:
    """The errors that kubernetes-validate prints of each file."""
    by_file: dict[str, list[Finding]] = {file: [] for file in files}
    for error in _SCHEMA.finditer(text):
        where = f"{error['where']}/{error['path']}"
        by_file[error["file"]].append(Finding("schema", where, error["said"]))
    return list(by_file.values())

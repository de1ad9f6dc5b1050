"""What a static tool says of manifests, as plain data."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from clusterproof.observe.api import Json

_ALL_OK = 10
"""kube-score's grade of a check that passed."""

_SCHEMA = re.compile(
    r"^ERROR \S+ did not validate for resource (?P<where>\S+) against version \S+: "
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


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that reads manifests.

    Attributes:
        version: As pinned.
        command: Run in the folder of the manifests.
        read: From what it prints to findings.
    """

    name: str
    version: str
    command: tuple[str, ...]
    read: Callable[[str], list[Finding]]


def read_kube_score(objects: list[Json]) -> list[Finding]:
    """The comments of every check that did not pass, from kube-score's JSON."""
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


def read_checkov(report: Json) -> list[Finding]:
    """The failed checks of Checkov's JSON, with the fields that each one read."""
    return [
        Finding(
            check["check_id"],
            "/".join((check["resource"], *_keys(check))),
            check["check_name"],
        )
        for check in report["results"]["failed_checks"]
    ]


def _keys(check: Json) -> list[str]:
    return sorted((check.get("check_result") or {}).get("evaluated_keys") or [])


def read_schema(text: str) -> list[Finding]:
    """The errors that kubernetes-validate prints."""
    return [
        Finding("schema", f"{found['where']}/{found['path']}", found["said"])
        for found in _SCHEMA.finditer(text)
    ]

"""The faults, as data: which requests, how often, and what is done to them (faults.yaml)."""

import json
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

Act = Literal[
    "answer", "reset", "close", "hang", "half", "drip", "delay", "mangle", "exec", "nothing"
]
Certificate = Literal["right", "expired", "wrong-ca", "wrong-host", "plain"]

_FILE = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
PATTERNS: Mapping[str, str] = _FILE["patterns"]
_TYPES = {"json": "application/json", "html": "text/html; charset=utf-8"}


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class Fault:
    """One way to be wrong.

    Attributes:
        name: Kebab-case.
        says: What happens, in words.
        act: What is done to a request that matches.
        on: A regular expression over "METHOD target"; exec is the method EXEC.
        skip: How many matching requests pass first.
        times: How many are hit after that; None for all.
        per_path: Count `skip` and `times` for each path by itself.
        how: For act "exec": which way; for act "mangle": which way.
        limit: Rewrite the page size of lists, so that they have several pages.
        serves: Which certificate the proxy shows.
        transient: The run is to come to what it comes to without the fault.
    """

    name: str
    says: str
    act: Act = "answer"
    on: str = PATTERNS["but-version"]
    skip: int = 0
    times: int | None = None
    per_path: bool = False
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    how: str = ""
    delay_s: float = 0.0
    limit: int | None = None
    serves: Certificate = "right"
    transient: bool = False


def refused(status: int, reason: str, message: str) -> str:
    """A Status, as the API server words a refusal."""
    return json.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": status,
        }
    )


def read(name: str, entry: Mapping[str, Any]) -> Fault:
    """The fault of an entry of the file.

    Raises:
        ValueError: A field is unknown, or of another type.
        KeyError: There is no refusal with its status.
    """
    fields = dict(entry)
    if hits := fields.pop("hits", ""):
        fields["on"] = PATTERNS.get(hits, hits)
    kind = next((kind for kind in _TYPES if kind in fields), "")
    if kind:
        fields["body"] = fields.pop(kind)
    elif "status" in fields:
        kind, default = "json", _FILE["refusals"][fields["status"]]
        words = (fields.pop(key, default[key]) for key in ("reason", "message"))
        fields["body"] = refused(fields["status"], *words)
    if kind:
        fields["headers"] = {"content-type": _TYPES[kind], **fields.get("headers", {})}
    return Fault(name=name, **fields)


READING = tuple(read(name, entry) for name, entry in _FILE["reading"].items())
"""For runs that only read."""

WRITING = tuple(read(name, entry) for name, entry in _FILE["writing"].items())
"""For runs that make Pods of their own."""

FAULTS = {fault.name: fault for fault in (*READING, *WRITING)}

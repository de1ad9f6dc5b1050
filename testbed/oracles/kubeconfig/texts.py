"""How somebody wrote a generated kubeconfig: its names, its text, and where it lies."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import yaml

from testbed.oracles.kubeconfig.situation import GROUP, OTHER_TOKEN, Case, Pick

Entry = dict[str, Any]
_EXTENSION = {"name": f"{GROUP}/exec", "extension": {"a": [1, {"b": True}]}}
_TWICE = [{"name": "x", "extension": {}}] * 2
_NOWHERE = {"server": "http://127.0.0.1:1"}
_ARN = "arn:aws:eks:eu-1:1:cluster/x"


def _context(entry: Entry) -> Entry:
    context: Entry = entry["contexts"][0]["context"]
    return context


def _cluster(entry: Entry) -> Entry:
    cluster: Entry = entry["clusters"][0]["cluster"]
    return cluster


def _unnamed(entry: Entry) -> None:
    del entry["clusters"][0]["name"], _context(entry)["cluster"]


def _unknown_fields(entry: Entry) -> None:
    for part in (entry, _cluster(entry), entry["users"][0]["user"]):
        part |= {"colour": "red", "Server": "x", "TOKEN": "x"}


def _odd_context(entry: Entry) -> None:
    entry["contexts"].append({"name": _ARN, "context": deepcopy(_context(entry))})
    entry["current-context"] = _ARN


def _no_kind(entry: Entry) -> None:
    del entry["kind"], entry["apiVersion"]


_NAMES: dict[str, Callable[[Entry], object]] = {
    "no-current": lambda entry: entry.pop("current-context"),
    "null-current": lambda entry: entry.update({"current-context": None}),
    "absent-current": lambda entry: entry.update({"current-context": "nowhere"}),
    "absent-user": lambda entry: _context(entry).update(user="nobody"),
    "no-user": lambda entry: _context(entry).pop("user"),
    "double": lambda entry: entry["clusters"].append({"name": "c", "cluster": _NOWHERE}),
    "double-user": lambda entry: entry["users"].append(
        {"name": "u", "user": {"token": OTHER_TOKEN}}
    ),
    "no-kind": _no_kind,
    "other-kind": lambda entry: entry.update(kind="Configuration"),
    "other-version": lambda entry: entry.update(apiVersion="v2"),
    "unknown-fields": _unknown_fields,
    "unnamed": _unnamed,
    "null-entry": lambda entry: entry["users"].append(None),
    "users-map": lambda entry: entry.update(users={"u": entry["users"][0]["user"]}),
    "double-extension": lambda entry: _cluster(entry)["extensions"].extend(_TWICE),
    "exec-extension": lambda entry: _cluster(entry)["extensions"].append(_EXTENSION),
    "number-name": lambda entry: entry["clusters"].append({"name": 5, "cluster": _NOWHERE}),
    "odd-context": _odd_context,
}


def odd_name(pick: Pick) -> str:
    """What is odd about the names of the first context, or the kind of the file."""
    return pick("names", ("none",) * 14 + tuple(_NAMES))


def with_odd_name(odd: str, entry: Entry) -> None:
    """Change it in the file."""
    if odd != "none":
        _NAMES[odd](entry)


_TEXTS: dict[str, Callable[[str, Entry], str]] = {
    "json": lambda _, entry: json.dumps(entry, indent=2),
    "json-tabs": lambda _, entry: json.dumps(entry, indent="\t"),
    "crlf": lambda text, _: text.replace("\n", "\r\n"),
    "unquoted": lambda text, _: text.replace("token-of-the-case", "2026e11").replace("'y'", "y"),
    "twice": lambda text, _: f"{text}current-context: b\ncurrent-context: a\n",
    "two-documents": lambda text, _: f"{text}---\ncurrent-context: b\n",
    "tab-indent": lambda text, _: text.replace("\n  ", "\n\t"),
    "tabs-after-colon": lambda text, _: text.replace("server: ", "server:\t").replace(
        "token: ", "token:\t"
    ),
    "anchors": lambda text, _: (
        "base: &base {extra: 1}\n"
        + text.replace("  cluster:\n    server", "  cluster:\n    <<: *base\n    server")
    ),
    "empty": lambda *_: "",
    "comment": lambda *_: "# nothing\n",
    "list": lambda *_: "- a\n",
    "broken": lambda *_: "clusters: [\n",
    "null": lambda *_: "~\n",
}
_ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "latin-1": lambda text: ("# gr\u00f6\u00dfer\n" + text).encode("latin-1", "replace"),
}


def odd_text(pick: Pick) -> str:
    """How the file is written."""
    return pick("text", ("yaml",) * 6 + (*_TEXTS, *_ENCODINGS))


def written_text(form: str, entry: Entry) -> bytes:
    """The file as somebody wrote it."""
    text = yaml.safe_dump(entry, sort_keys=False, allow_unicode=True)
    if form in _TEXTS:
        text = _TEXTS[form](text, entry)
    return _ENCODINGS.get(form, str.encode)(text)


_BOTH = ("env-first", "env-last", "env-split", "env-relative", "env-empty")
_PLACES = (
    *_BOTH,
    *("env-last", "explicit", "explicit", "env", "home", "env-odd"),
    *("explicit+env", "explicit-absent", "env-absent", "env-folder", "env-broken"),
    *("nothing", "relative"),
)


def place(pick: Pick, made: Case, own: bytes, other: bytes) -> bool:
    """Where the file is, and which others there are beside it; whether both are read."""
    where = pick("place", _PLACES)
    made.files["kube/config"] = own
    made.files["more/config"] = other
    made.files["more/empty"] = b""
    first, second = "{folder}/kube/config", "{folder}/more/config"
    if where in {"explicit", "explicit+env"}:
        made.arguments += ["--kubeconfig", first]
    elif where == "relative":
        made.arguments += ["--kubeconfig", "kube/config"]
    elif where == "explicit-absent":
        made.arguments += ["--kubeconfig", "{folder}/absent"]
    elif where == "home":
        made.files[".kube/config"] = made.files.pop("kube/config")
        for name in [name for name in made.files if name.startswith("kube/")]:
            made.files[f".{name}"] = made.files[name]
    made.environment |= {
        "env": {"KUBECONFIG": first},
        "env-first": {"KUBECONFIG": f"{first}:{second}"},
        "env-last": {"KUBECONFIG": f"{second}:{first}"},
        "env-odd": {"KUBECONFIG": f":{{folder}}/absent:{first}::{first}:"},
        "env-relative": {"KUBECONFIG": "more/config:./kube/config"},
        "env-empty": {"KUBECONFIG": f"{{folder}}/more/empty:{first}:{second}"},
        "env-split": {"KUBECONFIG": f"{{folder}}/absent:{second}:{first}"},
        "explicit+env": {"KUBECONFIG": second},
        "env-absent": {"KUBECONFIG": "{folder}/absent:{folder}/absent2"},
        "env-folder": {"KUBECONFIG": f"{first}:{{folder}}/kube"},
        "env-broken": {"KUBECONFIG": f"{first}:{{folder}}/kube/broken"},
    }.get(where, {})
    made.files["kube/broken"] = b"users: {}\nclusters: [\n"
    return where in _BOTH

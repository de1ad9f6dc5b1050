"""API calls as the rights that they take, in RBAC's words.

Source: Kubernetes docs, "Authorization overview", request verbs (v1.35).
"""

import re
from collections.abc import Iterable

_PATH = re.compile(
    r"^/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<resource>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def rights_of(calls: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The distinct rights behind some (method, path), sorted.

    Each as `verb resource[/sub][.group][ in NAMESPACE]`.
    """
    return tuple(sorted({right for method, path in calls if (right := right_of(method, path))}))


def right_of(method: str, path: str) -> str:
    """The right that one call takes; "" for a path that is no resource (such as /version)."""
    match = _PATH.match(path)
    if match is None:
        return ""
    resource = match["resource"] + (f"/{match['sub']}" if match["sub"] else "")
    group = f".{match['group']}" if match["group"] else ""
    place = f" in {match['namespace']}" if match["namespace"] else ""
    return f"{_verb(method, named=match['name'] is not None)} {resource}{group}{place}"


def _verb(method: str, *, named: bool) -> str:
    if method == "EXEC":
        return "create"
    if method == "WATCH":
        return "watch"
    if method == "DELETE" and not named:
        return "deletecollection"
    return _VERBS.get(method) or ("get" if named else "list")

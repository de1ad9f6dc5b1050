"""API calls as the rights that they take, in RBAC's words.

Source: Kubernetes docs, "Authorization overview", request verbs (v1.35). A websocket to a Pod is a
GET and so takes `get`; since v1.35 the Pod's own registry asks for `create` as well
(AuthorizePodWebsocketUpgradeCreatePermission; pkg/registry/core/pod/rest/subresources.go).
"""

import re
from collections.abc import Iterable, Iterator

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
    return tuple(sorted({right for method, path in calls for right in rights_behind(method, path)}))


def rights_behind(method: str, path: str) -> Iterator[str]:
    """The rights that one call takes; none for a path that is no resource (such as /version)."""
    match = _PATH.match(path)
    if match is None:
        return
    resource = match["resource"] + (f"/{match['sub']}" if match["sub"] else "")
    group = f".{match['group']}" if match["group"] else ""
    place = f" in {match['namespace']}" if match["namespace"] else ""
    for verb in _verbs(method, named=match["name"] is not None):
        yield f"{verb} {resource}{group}{place}"


def _verbs(method: str, *, named: bool) -> tuple[str, ...]:
    if method == "EXEC":
        return ("create", "get")
    if method == "WATCH":
        return ("watch",)
    if method == "DELETE" and not named:
        return ("deletecollection",)
    return (_VERBS.get(method) or ("get" if named else "list"),)

"""The faults, as data: which requests, how often, and what is done to them."""

import json
from dataclasses import dataclass, field
from typing import Literal

Act = Literal[
    "answer", "reset", "close", "hang", "half", "drip", "delay", "mangle", "exec", "nothing"
]
Certificate = Literal["right", "expired", "wrong-ca", "wrong-host", "plain"]

EVERYTHING = r"."
BUT_VERSION = r"^(?!GET /version)"
LISTS = r"^GET /apis?/[^?]*\?.*limit="
PROXY = r"^GET [^?]*/(pods|services)/[^/]+/proxy/"
EXEC = r"^EXEC "
CREATES = r"^POST [^?]*/pods(\?|$)"
PODS = r"^GET /api/v1(/namespaces/[^/]+)?/pods\?"


@dataclass(frozen=True, slots=True)
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
    on: str = BUT_VERSION
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


_JSON = {"content-type": "application/json"}
_HTML = {"content-type": "text/html; charset=utf-8"}
_LOGIN = "<!doctype html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
_401 = refused(401, "Unauthorized", "Unauthorized")
_403 = refused(403, "Forbidden", "is forbidden: as the fault says")
_404 = refused(404, "NotFound", "the server could not find the requested resource")
_409 = refused(409, "Conflict", "the object has been modified")
_410 = refused(410, "Expired", "The provided continue parameter is too old")
_429 = refused(429, "TooManyRequests", "too many requests, please try again later")
_500 = refused(500, "InternalError", "etcdserver: request timed out")
_503 = refused(503, "ServiceUnavailable", "apiserver not ready")


def _status(
    name: str, says: str, status: int, body: str, on: str = BUT_VERSION, **more: object
) -> Fault:
    return Fault(name, says, status=status, body=body, headers=_JSON, on=on, **more)  # type: ignore[arg-type]


READING: tuple[Fault, ...] = (
    _status("unauthorized", "401 to everything", 401, _401, EVERYTHING),
    _status("forbidden", "403 to everything but /version", 403, _403),
    _status("forbidden-pods", "403 to lists of pods", 403, _403, PODS),
    _status("forbidden-secrets", "403 to lists of secrets", 403, _403, r"/secrets\?"),
    _status("not-found", "404 to every list", 404, _404, LISTS),
    Fault(
        "not-found-html",
        "404 in HTML to every list",
        on=LISTS,
        status=404,
        headers=_HTML,
        body="<h1>404 page not found</h1>",
    ),
    _status("conflict", "409 to every read", 409, _409),
    _status("gone", "410 to every list", 410, _410, LISTS),
    Fault(
        "throttled-once",
        "429 with Retry-After: 1, once for each list",
        on=LISTS,
        status=429,
        headers={**_JSON, "retry-after": "1"},
        body=_429,
        times=1,
        per_path=True,
        transient=True,
    ),
    Fault(
        "throttled-for-good",
        "429 with Retry-After: 1, always",
        status=429,
        headers={**_JSON, "retry-after": "1"},
        body=_429,
    ),
    Fault(
        "throttled-for-an-hour",
        "429 with Retry-After: 3600",
        status=429,
        headers={**_JSON, "retry-after": "3600"},
        body=_429,
    ),
    _status("internal-error", "500 to everything", 500, _500, EVERYTHING),
    _status(
        "internal-error-once",
        "500, once for each list",
        500,
        _500,
        LISTS,
        times=1,
        per_path=True,
        transient=True,
    ),
    _status("unavailable", "503 to everything but /version", 503, _503),
    Fault(
        "bad-gateway",
        "502 in HTML to everything",
        on=EVERYTHING,
        status=502,
        headers=_HTML,
        body="<html><body><h1>502 Bad Gateway</h1></body></html>",
    ),
    Fault("reset", "every connection is reset", act="reset", on=EVERYTHING),
    Fault(
        "reset-once", "the first 2 lists are reset", act="reset", on=LISTS, times=2, transient=True
    ),
    Fault("reset-pods", "lists of pods are reset", act="reset", on=PODS),
    Fault("closed", "closed without an answer", act="close"),
    Fault("hang", "no answer to anything", act="hang", on=EVERYTHING),
    Fault("hang-after-version", "no answer but to /version", act="hang"),
    Fault("hang-pods", "no answer to lists of pods", act="hang", on=PODS),
    Fault("hang-pod-proxy", "no answer through the pod proxy", act="hang", on=PROXY),
    Fault("half-answer", "half of every body, then the connection closes", act="half"),
    Fault(
        "half-answer-once",
        "half of the first 2 bodies",
        act="half",
        on=LISTS,
        times=2,
        transient=True,
    ),
    Fault("drip", "one byte in 2 s", act="drip", delay_s=2.0),
    Fault("drip-pods", "lists of pods at one byte in 2 s", act="drip", delay_s=2.0, on=PODS),
    Fault("slow", "every answer 1 s late", act="delay", delay_s=1.0, transient=True),
    Fault(
        "cut-json", "JSON that ends in the middle, with the right length", act="mangle", how="cut"
    ),
    Fault("other-json", "an object without kind and items", headers=_JSON, body="{}"),
    Fault("array", "a JSON array", headers=_JSON, body="[]"),
    Fault("null", "null", headers=_JSON, body="null"),
    Fault(
        "status-200",
        "a Status Success instead of a list",
        headers=_JSON,
        body=json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
    ),
    Fault(
        "wrong-kind",
        "every list is an empty list of another kind",
        on=LISTS,
        headers=_JSON,
        body=json.dumps(
            {
                "kind": "LeaseList",
                "apiVersion": "coordination.k8s.io/v1",
                "metadata": {},
                "items": [],
            }
        ),
    ),
    Fault(
        "items-null-entries", "lists whose items are null", act="mangle", how="null-items", on=LISTS
    ),
    Fault("no-items", "lists without items", act="mangle", how="no-items", on=LISTS),
    Fault("not-utf8", "bytes that are no UTF-8", act="mangle", how="not-utf8"),
    Fault("html", "200 and a page to sign in", headers=_HTML, body=_LOGIN, on=EVERYTHING),
    Fault(
        "html-after-version",
        "200 and a page to sign in, but for /version",
        headers=_HTML,
        body=_LOGIN,
    ),
    Fault(
        "redirect",
        "302 to a page to sign in",
        status=302,
        headers={**_HTML, "location": "https://127.0.0.1:1/login"},
        body=_LOGIN,
    ),
    Fault("empty", "200 and nothing", headers=_JSON),
    _status(
        "page-expired", "the second page of every list is 410", 410, _410, r"[?&]continue=", limit=2
    ),
    _status(
        "page-broken", "the second page of every list is 500", 500, _500, r"[?&]continue=", limit=2
    ),
    Fault(
        "page-expired-once",
        "the second page is 410, once",
        on=r"[?&]continue=",
        limit=2,
        status=410,
        headers=_JSON,
        body=_410,
        times=1,
        transient=True,
    ),
    Fault("small-pages", "pages of 2 objects", act="nothing", limit=2, on=r"^$", transient=True),
    _status("token-expires", "401 from the 12th request on", 401, _401, EVERYTHING, skip=11),
    Fault(
        "dies-in-the-middle", "reset from the 12th request on", act="reset", on=EVERYTHING, skip=11
    ),
    Fault(
        "hangs-in-the-middle",
        "no answer from the 12th request on",
        act="hang",
        on=EVERYTHING,
        skip=11,
    ),
    Fault(
        "error-pods-services",
        "500 to lists of pods and services",
        status=500,
        headers=_JSON,
        body=_500,
        on=r"/(pods|services)\?",
    ),
    _status("proxy-forbidden", "403 through the pod proxy", 403, _403, PROXY),
    _status(
        "proxy-not-found",
        "404 through the pod proxy: no such pod",
        404,
        refused(404, "NotFound", 'pods "x" not found'),
        PROXY,
    ),
    _status("proxy-unavailable", "503 through the pod proxy", 503, _503, PROXY),
    Fault("proxy-reset", "reset through the pod proxy", act="reset", on=PROXY),
    Fault("proxy-half", "half answers through the pod proxy", act="half", on=PROXY),
    Fault(
        "expired-certificate",
        "the server's certificate expired yesterday",
        act="nothing",
        on=EVERYTHING,
        serves="expired",
    ),
    Fault(
        "wrong-ca",
        "the server's certificate is of another authority",
        act="nothing",
        on=EVERYTHING,
        serves="wrong-ca",
    ),
    Fault(
        "wrong-host",
        "the server's certificate is for another name",
        act="nothing",
        on=EVERYTHING,
        serves="wrong-host",
    ),
    Fault("no-tls", "plain HTTP on the port", act="nothing", on=EVERYTHING, serves="plain"),
)
"""For runs that only read."""

WRITING: tuple[Fault, ...] = (
    _status("exec-forbidden", "403 to every exec", 403, _403, EXEC),
    _status("exec-error", "500 to every exec", 500, _500, EXEC),
    _status("exec-not-found", "404 to every exec", 404, _404, EXEC),
    Fault(
        "exec-html", "200 and a page instead of a websocket", on=EXEC, headers=_HTML, body=_LOGIN
    ),
    Fault("exec-reset", "every exec is reset", act="reset", on=EXEC),
    Fault("exec-handshake-hang", "no answer to the handshake", act="hang", on=EXEC),
    Fault("exec-silent", "a websocket on which nothing comes", act="exec", how="silent", on=EXEC),
    Fault("exec-cut", "cut at the first output", act="exec", how="cut", on=EXEC),
    Fault("exec-closed-early", "a close frame at once", act="exec", how="close", on=EXEC),
    Fault("exec-no-status", "the output, and no status", act="exec", how="no-status", on=EXEC),
    Fault("exec-bad-status", "a status that is no JSON", act="exec", how="bad-status", on=EXEC),
    Fault("exec-half-output", "half of every output", act="exec", how="half", on=EXEC),
    Fault("exec-garbage", "bytes that are no websocket", act="exec", how="garbage", on=EXEC),
    _status("create-forbidden", "403 to the creation of pods", 403, _403, CREATES),
    _status(
        "create-conflict",
        "409 to the creation of pods",
        409,
        refused(409, "AlreadyExists", 'pods "x" already exists'),
        CREATES,
    ),
    _status(
        "create-quota",
        "403 exceeded quota",
        403,
        refused(403, "Forbidden", "exceeded quota: as the fault says"),
        CREATES,
    ),
    _status("create-error", "500 to the creation of pods", 500, _500, CREATES),
    Fault("create-hang", "no answer to the creation of pods", act="hang", on=CREATES),
    Fault(
        "create-unanswered",
        "the pod is made, and the answer is lost",
        act="half",
        on=CREATES,
    ),
    _status(
        "pod-never-seen",
        "404 to the reading of our own pod",
        404,
        _404,
        r"^GET [^?]*/pods/clusterproof-[^/?]+$",
    ),
    _status(
        "delete-refused", "500 to the first deletions of pods", 500, _500, r"^DELETE [^?]*/pods/"
    ),
    _status("lease-forbidden", "403 to leases", 403, _403, r"/leases", transient=True),
    _status("lease-error", "500 to leases", 500, _500, r"/leases"),
)
"""For runs that make Pods of their own."""

FAULTS = {fault.name: fault for fault in (*READING, *WRITING)}

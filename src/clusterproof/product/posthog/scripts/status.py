"""Asks PostHog for a feature flag of some users, or for its own status page.

Keys: POSTHOG_API_KEY and POSTHOG_PERSONAL_API_KEY of the environment; POSTHOG_CA, certificates
that are trusted beside the system's own.
`/decide/?v=3` is asked where there is no `/flags`: a PostHog that is older answers 404, or, as any
path that it does not know is a page of its user interface, with HTML.
Source: PostHog's posthog/api/decide.py, posthog/urls.py and rust/feature-flags/src/api (stored
versions, read 2026-11-27).
Request:
    do: "flags" or "status".
    query_host, project_id: of both.
    flags: host, flag, users (each asked twice).
    status: queries (how many are timed).
Answer:
    flags: asked: for each request {user, path (that answered), status, error, found, enabled,
        variant, failed (PostHog could not evaluate this flag), partial (nor some flag), reason (why
        it is on or off, where that is told), limited (the plan has no flag requests left), empty
        (the answer has no flags at all), request_id}; defined: what the project's settings say of
        the flag {error, found, active, deleted, variants}.
    status: page {status, body, error}; events {status, value, error}; query_s (of each query).
"""

import json
import os
import ssl
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Union

Json = dict[str, Any]
TIMEOUT_S = 10
THROTTLED, LONGEST_WAIT_S, TRIES = 429, 10, 3
NOT_FOUND, SERVERS = 404, 500
FLAGS, DECIDE = "/flags/?v=2", "/decide/?v=3"
PAUSE = threading.Event()
TLS = ssl.create_default_context()
if os.environ.get("POSTHOG_CA"):
    TLS.load_verify_locations(cadata=os.environ["POSTHOG_CA"])
SECRETS = ("POSTHOG_API_KEY", "POSTHOG_PERSONAL_API_KEY")


def call(url: str, body: Union[Json, None] = None) -> Json:  # noqa: UP007 - Python 3.9 in a Pod
    """GET, or POST of a body, with the personal key; {status, body, error, html}, status 0 is none.

    A rate that is used up (429) is waited for, as long as PostHog asks for and within a bound.
    """
    answer: Json = {}
    for _ in range(TRIES):
        answer = once(url, body)
        if answer["status"] != THROTTLED or answer["wait_s"] > LONGEST_WAIT_S:
            break
        PAUSE.wait(answer["wait_s"])
    return answer


def once(url: str, body: Union[Json, None]) -> Json:  # noqa: UP007 - Python 3.9 in a Pod
    """As `call`, without a wait."""
    headers = {"content-type": "application/json"}
    if not url.endswith((FLAGS, DECIDE)):
        headers["authorization"] = f"Bearer {os.environ.get('POSTHOG_PERSONAL_API_KEY', '')}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310 - the spec's
    html = False
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=TLS) as answer:  # noqa: S310
            html = is_html(answer.headers)
            body = json.loads(answer.read())
            return {"status": answer.status, "body": body, "error": "", "html": html}
    except urllib.error.HTTPError as error:
        text = error.read(200).decode(errors="replace")
        asked = error.headers.get("retry-after") or ""
        wait_s = float(asked) if asked.strip().isdigit() else 1.0
        message, html = f"{error.code}: {text}", is_html(error.headers)
        failed = {"status": error.code, "body": None, "error": message}
        return {**failed, "wait_s": wait_s, "html": html}
    except (OSError, ValueError) as error:
        message = f"{type(error).__name__}: {error}"
        return {"status": 0, "body": None, "error": message, "html": html}


def is_html(headers: Any) -> bool:  # noqa: ANN401 - http.client's
    """True for a page."""
    return (headers.get("content-type") or "").startswith("text/html")


def is_absent(answer: Json) -> bool:
    """True where the path is none that answers flags; a gateway's page of an error is not that."""
    return bool(answer["status"] == NOT_FOUND or (answer["html"] and answer["status"] < SERVERS))


def answer_for(request: Json, user: str) -> tuple[str, Json]:
    """The path that answered for one user, and its answer."""
    body = {"api_key": os.environ.get("POSTHOG_API_KEY", ""), "distinct_id": user}
    newer = call(f"{request['host']}{FLAGS}", body)
    if not is_absent(newer):
        return FLAGS, newer
    older = call(f"{request['host']}{DECIDE}", body)
    return (FLAGS, newer) if is_absent(older) else (DECIDE, older)


def flags_in(body: Json) -> Json:
    """The flags of an answer, each as `/flags/?v=2` has them.

    `/decide` of version 3 has a variant or a truth value for each flag, version 2 only for those
    that are on, and version 1 their names alone.
    """
    if isinstance(body.get("flags"), dict):
        return {name: flag for name, flag in body["flags"].items() if isinstance(flag, dict)}
    plain = body.get("featureFlags")
    plain = dict.fromkeys(plain, True) if isinstance(plain, list) else plain
    return {
        name: {"enabled": bool(flag), "variant": flag if isinstance(flag, str) else None}
        for name, flag in (plain.items() if isinstance(plain, dict) else ())
    }


def why(flag: Json) -> str:
    """Why a flag is on or off, as `/flags` tells it, or ""."""
    reason = flag.get("reason")
    if not isinstance(reason, dict) or not reason.get("code"):
        return ""
    words = reason.get("description")
    return f"{reason['code']} ({words})"[:200] if words else str(reason["code"])[:200]


def ask_flag(request: Json, user: str) -> Json:
    """What the flag evaluates to for one user."""
    path, answer = answer_for(request, user)
    body = answer["body"] if isinstance(answer["body"], dict) else {}
    evaluated = flags_in(body)
    flag = evaluated.get(request["flag"])
    partial = bool(body.get("errorsWhileComputingFlags"))
    quota = body.get("quotaLimited")
    reason = body.get("error") or body.get("detail")
    error = answer["error"] or (f"error: {reason}"[:200] if reason and not evaluated else "")
    return {
        "user": user,
        "path": path,
        "status": answer["status"],
        "error": error,
        "found": flag is not None,
        "enabled": (flag or {}).get("enabled") is True,
        "variant": (flag or {}).get("variant"),
        "failed": bool((flag or {}).get("failed")),
        "partial": partial,
        "reason": why(flag or {}),
        "limited": isinstance(quota, list) and "feature_flags" in quota,
        "empty": not error and not partial and not evaluated,
        "request_id": str(body.get("requestId") or ""),
    }


def defined(request: Json) -> Json:
    """The flag as the project's settings have it; takes the scope feature_flag:read."""
    name = urllib.parse.quote(request["flag"], safe="")
    path = f"/api/projects/{request['project_id']}/feature_flags/?search={name}&limit=100"
    answer = call(f"{request['query_host']}{path}")
    body = answer["body"] if isinstance(answer["body"], dict) else {}
    known: Json = {"error": answer["error"], "found": False}
    for flag in body.get("results") or []:
        if flag.get("key") == request["flag"]:
            multivariate = (flag.get("filters") or {}).get("multivariate") or {}
            variants = [variant.get("key") for variant in multivariate.get("variants") or []]
            known = {"error": "", "found": True, "variants": variants}
            known.update({name: bool(flag.get(name)) for name in ("active", "deleted")})
    return known


def flags(request: Json) -> Json:
    """Every user twice, on connections of their own."""
    users = [*request["users"], *request["users"]]
    with ThreadPoolExecutor(max_workers=6) as pool:
        asked = list(pool.map(lambda user: ask_flag(request, user), users))
    return {"asked": asked, "defined": defined(request)}


def status(request: Json) -> Json:
    """The status page, the events of the last hour, and how long a query takes."""
    host, project = request["query_host"], request["project_id"]
    page = call(f"{host}/api/instance_status/")
    took, events = [], {"status": 0, "value": None, "error": ""}
    for turn in range(request["queries"]):
        # Each query is another one: no cache has an answer for it.
        hour = "timestamp >= now() - INTERVAL 1 HOUR"
        text = f"SELECT count() FROM events WHERE {hour} AND event != '{turn}-{time.time()}'"  # noqa: S608 - numbers
        body = {"query": {"kind": "HogQLQuery", "query": text}, "refresh": "force_blocking"}
        started = time.monotonic()
        answer = call(f"{host}/api/projects/{project}/query/", body)
        answered = answer["body"] if isinstance(answer["body"], dict) else {}
        rows: Any = answered.get("results")
        error = answer["error"]
        try:
            value = int(rows[0][0])
        except (IndexError, KeyError, TypeError, ValueError):
            value, error = None, error or f"an answer that is no count: {str(rows)[:80]}"
        events = {"status": answer["status"], "value": value, "error": error}
        if error:
            break
        took.append(round(time.monotonic() - started, 4))
    return {"page": page, "events": events, "query_s": took}


def main(argument: str) -> None:
    """Do what is asked; write the answer without any key in it."""
    request = json.loads(argument)
    answer = flags(request) if request["do"] == "flags" else status(request)
    text = json.dumps(answer)
    for name in SECRETS:
        if os.environ.get(name):
            text = text.replace(os.environ[name], f"[{name}]")
    sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1])

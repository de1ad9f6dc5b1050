"""Sends routing requests to the Model Router as known users, and tells what each was answered.

Request:
    url: of POST /api/v1/route.   users: their ids, each asked `rounds` times.   rounds: int.
    plain: ids of users that ask once, and not for an A/B test.
    strategies: taken in turn.    timeout_s: of one request.    at_once: requests under way.
Answer:
    answers: for each request {user, plain, status, body, exposure, duration_ms, error}; status 0 is
        none.
    took_s: from the first request to the last answer.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Json = dict[str, Any]
KEPT = ("model_id", "provider", "ab_test_id", "variant_id", "is_ab_test")


def ask(request: Json, user: str, strategy: str, *, plain: bool) -> Json:
    """One request on a connection of its own, so that the Service chooses a Pod each time."""
    body = {
        "prompt": "clusterproof: which model answers this?",
        "max_tokens": 16,
        "strategy": strategy,
        "user_id": user,
        "enable_ab_test": not plain,
    }
    call = urllib.request.Request(  # noqa: S310 - the URL is the spec's
        request["url"],
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "connection": "close"},
        method="POST",
    )
    started = time.monotonic()
    fate: Json = {"user": user, "plain": plain, "status": 0, "body": {}, "exposure": ""}
    fate["error"] = ""
    try:
        with urllib.request.urlopen(call, timeout=request["timeout_s"]) as answer:  # noqa: S310
            fate["status"] = answer.status
            fate["exposure"] = (answer.headers.get("X-Exposure-Event-Id") or "").strip().lower()
            content = json.loads(answer.read())
            fate["body"] = {key: content.get(key) for key in KEPT}
    except urllib.error.HTTPError as error:
        fate["status"] = error.code
        fate["error"] = error.read(200).decode(errors="replace")
    except (OSError, ValueError, AttributeError) as error:
        fate["error"] = f"{type(error).__name__}: {error}"
    fate["duration_ms"] = round((time.monotonic() - started) * 1000, 1)
    return fate


def main(argument: str) -> None:
    """Send them all; write the answer."""
    request = json.loads(argument)
    users, strategies = request["users"], request["strategies"]
    asked = [(user, False) for _ in range(request["rounds"]) for user in users]
    # Spread among the others, so that they meet the same Pods.
    for turn, user in enumerate(request["plain"]):
        asked.insert(turn * (request["rounds"] + 1), (user, True))
    started = time.monotonic()

    def fate_of(turn: int) -> Json:
        user, plain = asked[turn]
        return ask(request, user, strategies[turn % len(strategies)], plain=plain)

    with ThreadPoolExecutor(max_workers=request["at_once"]) as pool:
        fates = list(pool.map(fate_of, range(len(asked))))
    took_s = time.monotonic() - started
    sys.stdout.write(json.dumps({"answers": fates, "took_s": round(took_s, 3)}))


if __name__ == "__main__":
    main(sys.argv[1])

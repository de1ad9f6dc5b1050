"""Asks Prometheus for the vectors that some queries come to now, or for its active targets.

Request:
    url: of Prometheus, as seen from this Pod.   queries: PromQL.   targets: whether to list them.
Answer:
    vectors: for each query the `result` of its answer.   targets: `activeTargets`.
    error: why there are none, or "".
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_S = 10


def ask(url: str, path: str, key: str, **query: str) -> list[Any]:
    """What one answer of the HTTP API has under `key`."""
    asked = f"{url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the spec's URL
        entries: list[Any] = json.loads(answer.read())["data"][key]
        return entries


def main(argument: str) -> None:
    """Ask them all; write the answer."""
    request = json.loads(argument)
    vectors, targets, error = [], [], ""
    try:
        url = request["url"]
        vectors = [ask(url, "query", "result", query=query) for query in request["queries"]]
        if request["targets"]:
            targets = ask(url, "targets", "activeTargets", state="active")
    except urllib.error.HTTPError as refused:
        error = f"{refused.code}: {refused.read(200).decode(errors='replace')}"
    except (OSError, ValueError, KeyError, TypeError) as other:
        error = f"{type(other).__name__}: {other}"
    sys.stdout.write(json.dumps({"vectors": vectors, "targets": targets, "error": error}))


if __name__ == "__main__":
    main(sys.argv[1])

"""Asks Prometheus for the vectors that some queries come to now.

Request:
    url: of Prometheus, as seen from this Pod.   queries: PromQL.
Answer:
    vectors: for each query the `result` of its answer.   error: why there are none, or "".
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_S = 10


def ask(url: str, query: str) -> list[Any]:
    """One instant query."""
    asked = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310 - the spec's URL
        vector: list[Any] = json.loads(answer.read())["data"]["result"]
        return vector


def main(argument: str) -> None:
    """Ask them all; write the answer."""
    request = json.loads(argument)
    vectors, error = [], ""
    try:
        vectors = [ask(request["url"], query) for query in request["queries"]]
    except urllib.error.HTTPError as refused:
        error = f"{refused.code}: {refused.read(200).decode(errors='replace')}"
    except (OSError, ValueError, KeyError, TypeError) as other:
        error = f"{type(other).__name__}: {other}"
    sys.stdout.write(json.dumps({"vectors": vectors, "error": error}))


if __name__ == "__main__":
    main(sys.argv[1])

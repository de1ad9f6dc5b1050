"""Sent by `freshness`: prints salted hashes of variables and files, never a value.

Arguments: the salt, and a JSON list of names; one that begins with a slash is a file. Prints one
JSON object: `hashes`, name to hash or null, and `behind`, the names of the variables that stand
behind the first of those in the environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys

salt, names = sys.argv[1].encode(), json.loads(sys.argv[2])


def content(name: str) -> bytes | None:
    """What the variable or the file holds."""
    if not name.startswith("/"):
        return os.environb.get(name.encode())
    try:
        with open(name, "rb") as file:  # noqa: PTH123 - for a Python without pathlib, too
            return file.read()
    except OSError:
        return None


held = {name: content(name) for name in names}
# As it was given: Python adds a variable of its own (LC_CTYPE).
given = content("/proc/self/environ") or b""
order = [entry.partition(b"=")[0].decode(errors="replace") for entry in given.split(b"\0") if entry]
first = min([order.index(name) for name in names if name in order] or [len(order)])
sys.stdout.write(
    json.dumps(
        {
            "hashes": {
                name: None if value is None else hashlib.sha256(salt + value).hexdigest()
                for name, value in held.items()
            },
            "behind": order[first + 1 :],
        }
    )
)

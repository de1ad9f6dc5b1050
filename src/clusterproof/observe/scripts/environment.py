"""Sent by `freshness`: prints salted hashes of environment variables, never a value.

Arguments: the salt, and a JSON list of names. Prints one JSON object, name to hash or null.
"""

import hashlib
import json
import os
import sys

salt, names = sys.argv[1], json.loads(sys.argv[2])
hashes = {
    name: hashlib.sha256(f"{salt}{os.environ[name]}".encode()).hexdigest()
    if name in os.environ
    else None
    for name in names
}
sys.stdout.write(json.dumps(hashes))

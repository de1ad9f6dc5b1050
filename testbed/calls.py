"""A pytest plugin for measurements: which requests a run made, in their order.

`pytest suites -p testbed.calls`, with the file to write in CLUSTERPROOF_CALLS: a JSON list of
[method, path], paths without their queries.
"""

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "CLUSTERPROOF_CALLS"


def pytest_sessionfinish(session: Any) -> None:  # noqa: ANN401 - pytest's, which is not imported here
    """Write them down; nothing where the run never connected."""
    from fixtures.recording import recorder_of  # noqa: PLC0415 - the conftest loads it first

    api = recorder_of(session.config).api
    if api is not None:
        Path(os.environ[VARIABLE]).write_text(json.dumps(api.calls), encoding="utf-8")

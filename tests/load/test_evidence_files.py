"""What is read from PostHog for a load run is redacted before it is written."""

import json
import os
import subprocess
import sys
from pathlib import Path

from clusterproof.load.posthog_events import KEY_VARIABLE
from clusterproof.load.session import write_facts
from clusterproof.redact import MASK
from tests.observe.loopback import PERSONAL_KEY, Reply, served

TOKEN = "glpat-" + "a1B2x" * 4  # made up for this test
UUID = "01940000-0000-7000-8000-0000000000"


def test_events_are_written_without_a_secret_and_found_by_their_uuid(tmp_path: Path) -> None:
    rows = [[f"{UUID}01", "control"], [f"{UUID}02", TOKEN]]
    events = tmp_path / "events.json"
    with served(lambda _request: Reply(body={"results": rows})) as url:
        subprocess.run(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
                *("--since", "0", "--until", "1", "--out", str(events)),
            ],
            env={**os.environ, KEY_VARIABLE: PERSONAL_KEY},
            check=True,
            timeout=60,
        )
    assert json.loads(events.read_text("utf-8")) == {f"{UUID}01": "control", f"{UUID}02": MASK}


def test_the_files_of_a_run_are_redacted(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, {f"{UUID}01": TOKEN, TOKEN: 2.5})
    assert json.loads(path.read_text("utf-8")) == {f"{UUID}01": MASK, MASK: 2.5}

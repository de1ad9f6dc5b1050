"""The real Locust with our scenario, against a small server on loopback."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from clusterproof.load.objectives import DEFAULT_PATH, VARIABLE
from testbed.settings import patient

PROJECT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]
HANGS_S = patient(240)
"""What is not there by then never comes: many times what a machine of two busy cores needs."""


def load_spec(folder: Path, **router: Any) -> Path:  # noqa: ANN401 - fields of a scenario
    """A load spec whose router is asked for its models, 40 times a second for 3 s."""
    spec = yaml.safe_load((PROJECT / DEFAULT_PATH).read_text(encoding="utf-8"))
    scenario = spec["scenarios"]["router"]
    scenario |= {"mix": {"list-models": 1}, "shapes": {"short": [{"rate": 40, "for_s": 3}]}}
    # The machine that runs the tests may be busy: what is asserted is not how busy, nor how fast an
    # answer is on it, or whether it comes at all.
    slow = {"p50_ms": 20_000, "p95_ms": 20_000, "p99_ms": 20_000, "failure_ratio": 0}
    scenario |= {"objectives": slow}
    scenario |= {"callers": 8, "timeout_s": 30, "drain_s": 35, "drop_after_s": 30} | router
    spec["credibility"] |= {"late_p99_ms": 20_000, "loop_lag_p99_ms": 20_000, "cpu_busiest": 2.0}
    path = folder / "objectives.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return path


def command(*options: str, file: str = "router") -> list[str]:
    """Locust with a scenario."""
    path = file if file.endswith(".py") else f"loadtests/{file}.py"
    return [sys.executable, "-m", "locust", "-f", path, *options]


@contextmanager
def started(
    spec: Path,
    *options: str,
    file: str = "router",
    **settings: Any,  # noqa: ANN401 - of Popen
) -> Iterator["subprocess.Popen[str]"]:
    """Locust under way; killed in the end if it is still there."""
    environment = {**os.environ, VARIABLE: str(spec), **settings.pop("env", {})}
    process = subprocess.Popen(  # noqa: S603 - our own argv
        command(*options, file=file),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        **{"cwd": PROJECT, "stdin": subprocess.DEVNULL, **settings},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Ended:
    """A run of Locust that ended by itself."""

    def __init__(self, folder: Path, spec: Path, *options: str, **settings: Any) -> None:  # noqa: ANN401 - of Popen
        """Run it to its end."""
        with started(spec, "--headless", "--out", str(folder), *options, **settings) as process:
            self.text, _ = process.communicate(timeout=HANGS_S)
        self.code = process.returncode
        self.folder = folder

    @property
    def record(self) -> Json:
        """generator.json."""
        return read(self.folder / "generator.json")

    @property
    def account(self) -> Json:
        """account.json."""
        return read(self.folder / "account.json")

    def outcome_of(self, row: str) -> str:
        """The outcome of one finding."""
        return str(finding(self.record, row)["outcome"])


def read(path: Path) -> Json:
    """A JSON file."""
    content: Json = json.loads(path.read_text(encoding="utf-8"))
    return content


def finding(record: Json, row: str) -> Json:
    """One finding of a record."""
    (only,) = [one for one in record["findings"] if one["id"] == row]
    return dict(only)


def until(look: Callable[[], Any]) -> Any:  # noqa: ANN401 - what is looked at
    """The first true value of `look`."""
    ends = time.monotonic() + HANGS_S
    while not (value := look()):
        assert time.monotonic() < ends, "it did not come about in time"
        time.sleep(0.05)
    return value

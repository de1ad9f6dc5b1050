"""What each Locust process of the comparison writes: its CPU while it sent, and what it counted."""

import json
import os
import time
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

OUT = "CLUSTERPROOF_BENCH_OUT"
PATH = "/api/v1/models"


class Meter:
    """CPU of this process from test start to test stop: imports and start-up are left out."""

    def __init__(self) -> None:
        """Measure the test that runs next."""
        self.extra: dict[str, Any] = {}
        self._cpu_s = self._wall = 0.0
        events.test_start.add_listener(self.begin)
        events.test_stop.add_listener(self.end)

    def begin(self, **_: object) -> None:
        """The test starts."""
        self._cpu_s, self._wall = time.process_time(), time.perf_counter()

    def end(self, environment: Environment, **_: object) -> None:
        """The test stopped: write it down."""
        cpu_s, wall_s = time.process_time() - self._cpu_s, time.perf_counter() - self._wall
        total = environment.stats.total
        record = {
            "requests": total.num_requests,
            "failures": total.num_failures,
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "p99_ms": total.get_response_time_percentile(0.99),
            **{name: value() if callable(value) else value for name, value in self.extra.items()},
        }
        Path(os.environ[OUT]).write_text(json.dumps(record), encoding="utf-8")

"""Our open model on the same endpoint: `BENCH_RATE` requests per second for `BENCH_FOR_S`."""

import os
import time
from typing import Any

from locust import events, task
from locust.contrib.fasthttp import FastResponse
from locust.env import Environment

from clusterproof.load.account import Account
from clusterproof.load.objectives import read_objectives
from clusterproof.load.schedule import Plan, Stage
from loadtests.arrivals import Caller
from loadtests.bench.measured import PATH, Meter
from loadtests.lane import Lane, Requests

METER = Meter()
ACCOUNT = Account()
SCENARIO = read_objectives().scenario("router")


class Ours(Caller):
    """Sends each arrival as one request."""

    abstract = False

    @task
    def ask(self) -> None:
        """Ask once."""
        self.call("GET", PATH)

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """Do not parse the answer: the stock users do not either."""
        del name, answer
        return None, ""


def _begin(environment: Environment, **_: object) -> None:
    rate, for_s = float(os.environ["BENCH_RATE"]), float(os.environ["BENCH_FOR_S"])
    # The comparison has the same connection for the whole run, and gives no arrival up.
    scenario = SCENARIO.model_copy(update={"drop_after_s": 3600, "connection_max_age_s": 3600})
    Ours.lane = Lane(
        Plan([Stage(rate, rate, for_s)]),
        scenario,
        ACCOUNT,
        Requests([Ours], {}),
        origin=time.perf_counter() + 0.2,
        host=environment.host,
    )
    Ours.lane.assign(0, 1)


events.test_start.add_listener(_begin)
METER.extra = {
    "requests": lambda: ACCOUNT.answered,
    "p99_ms": lambda: ACCOUNT.total().latency.value_s(0.99) * 1000,
    "p99_service_ms": lambda: ACCOUNT.total().service.value_s(0.99) * 1000,
}

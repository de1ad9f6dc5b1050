"""The Model Router's whole API under an open load: spec/objectives.yaml, scenario `router`.

    locust -f loadtests/router.py --host http://ROUTER:8080            # web UI
    locust -f loadtests/router.py --host URL --headless --shape step   # 3 -> 10 -> 3

What arrival i looks like depends on the seed and on i alone: with the seed that a run's record
names, it repeats exactly, on any number of workers.
"""

import random
import sys
from pathlib import Path
from typing import Any

from locust.contrib.fasthttp import FastResponse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # from whatever folder Locust runs

from clusterproof.load.mix import Mix, chance_of
from loadtests.arrivals import Arrival, Caller
from loadtests.wiring import PlanShape, Run

_PROMPTS = (
    "Summarise this call in one sentence.",
    "Which appointment did the caller ask for, and when?",
    "Translate the caller's last sentence into English and keep its tone.",
    "List the open questions of this conversation, most urgent first, one line each.",
)
_STRATEGIES = {
    "route-cheapest": "cheapest",
    "route-fastest": "fastest",
    "route-best-quality": "best_quality",
    "route-ab": "cheapest",
}
_GETS = {
    "list-models": "/api/v1/models",
    "usage-stats": "/api/v1/usage/stats?window_s=60",
    "circuit-breakers": "/api/v1/circuit-breakers",
}
_NEEDED = {
    "list-models": "models",
    "get-model": "id",
    "predict-cost": "estimated_cost",
    "compare-cost": "cheapest",
    "post-usage": "recorded",
    "usage-stats": "routed",
    "circuit-breakers": "circuit_breakers",
}


class RouterCaller(Caller):
    """A caller of the router; each arrival is one request of the mix."""

    abstract = False
    requests = frozenset({*_STRATEGIES, *_NEEDED})
    needs = ("models",)

    def send(self, arrival: Arrival) -> None:
        """Send the request that belongs to this arrival, by seed and index."""
        chance = chance_of(self.lane.seed, arrival.index)
        name = _MIX.draw(chance)
        request_id = {"x-request-id": f"load-{RUN.started_at:.0f}-{arrival.index}"}
        if name in _STRATEGIES:
            self._route(arrival, name, chance, request_id)
        elif name in _GETS:
            self.call(arrival, "GET", _GETS[name], name=name, headers=request_id)
        elif name == "get-model":
            path = f"/api/v1/models/{chance.choice(RUN.scenario.models)}"
            self.call(arrival, "GET", path, name=name, headers=request_id)
        else:
            path, body = _body(name, chance, request_id["x-request-id"])
            self.call(arrival, "POST", path, name=name, body=body, headers=request_id)

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """An answer without its result is a failure, not a fast success."""
        content, fault = super().read(name, answer)
        if fault:
            return content, fault
        if name in _STRATEGIES:
            fault = _routing_fault(content, wants_variant=name == "route-ab")
            content["event_id"] = answer.headers.get("x-exposure-event-id", "")
        elif _NEEDED[name] not in content:
            fault = f"no {_NEEDED[name]} in the answer"
        return content, fault

    def _route(
        self, arrival: Arrival, name: str, chance: random.Random, request_id: dict[str, str]
    ) -> None:
        user = f"load-user-{chance.randrange(RUN.scenario.users):06d}"
        body = {
            "prompt": chance.choice(_PROMPTS),
            "max_tokens": chance.choice((64, 256, 1024)),
            "strategy": _STRATEGIES[name],
            "user_id": user,
            "enable_ab_test": name == "route-ab",
            "experiment": RUN.scenario.flag,
        }
        answer = self.call(
            arrival, "POST", "/api/v1/route", name=name, body=body, headers=request_id
        )
        if answer and answer.get("variant_id"):
            self.expose(user, answer["variant_id"], answer["event_id"])


def _routing_fault(answer: dict[str, Any], *, wants_variant: bool) -> str:
    if answer.get("model_id") not in RUN.scenario.models:
        return "no known model_id in the answer"
    if wants_variant != bool(answer.get("is_ab_test")) or wants_variant != bool(
        answer.get("variant_id")
    ):
        return f"is_ab_test {answer.get('is_ab_test')}, variant {answer.get('variant_id')!r}"
    return ""


def _body(name: str, chance: random.Random, request_id: str) -> tuple[str, dict[str, Any]]:
    tokens = chance.randrange(20, 2000)
    if name == "post-usage":
        return "/api/v1/usage", {
            "request_id": request_id,
            "model_id": chance.choice(RUN.scenario.models),
            "user_id": f"load-user-{chance.randrange(RUN.scenario.users):06d}",
            "input_tokens": tokens,
            "output_tokens": chance.randrange(10, 800),
        }
    body: dict[str, Any] = {"input_tokens": tokens, "max_tokens": chance.choice((64, 256, 1024))}
    if name == "predict-cost":
        return "/api/v1/cost/predict", {**body, "model_id": chance.choice(RUN.scenario.models)}
    return "/api/v1/cost/compare", body


RUN = Run("router", RouterCaller)
_MIX = Mix(RUN.scenario.mix)


class RouterShape(PlanShape):
    """The shape that --shape names."""

    abstract = False
    run = RUN

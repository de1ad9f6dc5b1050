"""The Model Router's whole API under an open load: spec/objectives.yaml, scenario `router`.

    locust -f loadtests/router.py --host http://ROUTER:8080            # web UI
    locust -f loadtests/router.py --host URL --headless --shape step   # 3 -> 10 -> 3

What arrival i looks like depends on the seed and on i alone: with the seed that a run's record
names, it repeats exactly, on any number of workers.
"""

import sys
from pathlib import Path
from typing import Any

from locust import tag, task
from locust.contrib.fasthttp import FastResponse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # from whatever folder Locust runs

from loadtests.arrivals import Caller
from loadtests.wiring import shape_of

_PROMPTS = (
    "Summarise this call in one sentence.",
    "Which appointment did the caller ask for, and when?",
    "Translate the caller's last sentence into English and keep its tone.",
    "List the open questions of this conversation, most urgent first, one line each.",
)


class RouterCaller(Caller):
    """A caller of the router; each task is one request of its API, and the mix says how often."""

    abstract = False
    needs = ("models",)

    @tag("route")
    @task
    def route_cheapest(self) -> None:
        """By cost."""
        self._route("cheapest")

    @tag("route")
    @task
    def route_fastest(self) -> None:
        """By latency."""
        self._route("fastest")

    @tag("route")
    @task
    def route_best_quality(self) -> None:
        """By quality."""
        self._route("best_quality")

    @tag("route")
    @task
    def route_ab(self) -> None:
        """By cost, for a user of the A/B test."""
        self._route("cheapest", enable_ab_test=True)

    @tag("route", "stream")
    @task
    def route_stream(self) -> None:
        """By latency; the answer comes token by token."""
        self._route("fastest", stream=True)

    @tag("read")
    @task
    def list_models(self) -> None:
        """All models."""
        self._call("GET", "/api/v1/models", expect="models")

    @tag("read")
    @task
    def get_model(self) -> None:
        """One of them."""
        self._call("GET", f"/api/v1/models/{self._model()}", expect="id")

    @tag("read")
    @task
    def usage_stats(self) -> None:
        """Sums of the last minute."""
        self._call("GET", "/api/v1/usage/stats?window_s=60", expect="routed")

    @tag("read")
    @task
    def circuit_breakers(self) -> None:
        """Of the Pod that answers."""
        self._call("GET", "/api/v1/circuit-breakers", expect="circuit_breakers")

    @tag("cost")
    @task
    def predict_cost(self) -> None:
        """Of one model."""
        body = {**self._tokens(), "model_id": self._model()}
        self._call("POST", "/api/v1/cost/predict", body=body, expect="estimated_cost")

    @tag("cost")
    @task
    def compare_cost(self) -> None:
        """Of all models."""
        self._call("POST", "/api/v1/cost/compare", body=self._tokens(), expect="cheapest")

    @tag("write")
    @task
    def post_usage(self) -> None:
        """A row that is durable when it is answered."""
        tokens = self.chance.randrange(20, 2000)
        body = {
            "request_id": self._request_id,
            "model_id": self._model(),
            "user_id": self._user(),
            "input_tokens": tokens,
            "output_tokens": self.chance.randrange(10, 800),
        }
        self._call("POST", "/api/v1/usage", body=body, expect="recorded")

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """An answer without its result is a failure, not a fast success."""
        content, fault = super().read(name, answer)
        if not fault and name.startswith("route-"):
            fault = self._routing_fault(content, wants_variant=name == "route-ab")
            content["event_id"] = answer.headers.get("x-exposure-event-id", "").strip().lower()
        return content, fault

    @property
    def _request_id(self) -> str:
        return f"load-{self.lane.started_at:.0f}-{self.arrival.index}"

    def _user(self) -> str:
        return f"load-user-{self.chance.randrange(self.scenario.users):06d}"

    def _model(self) -> str:
        return self.chance.choice(self.scenario.models)

    def _tokens(self) -> dict[str, Any]:
        tokens = self.chance.randrange(20, 2000)
        return {"input_tokens": tokens, "max_tokens": self.chance.choice((64, 256, 1024))}

    def _call(self, method: str, path: str, **parts: Any) -> Any:  # noqa: ANN401 - of `call`
        return self.call(method, path, headers={"x-request-id": self._request_id}, **parts)

    def _route(self, strategy: str, *, enable_ab_test: bool = False, stream: bool = False) -> None:
        user = self._user()
        body = {
            "prompt": self.chance.choice(_PROMPTS),
            "max_tokens": self.chance.choice((64, 256, 1024)),
            "strategy": strategy,
            "user_id": user,
            "enable_ab_test": enable_ab_test,
            "experiment": self.scenario.flag,
            **({"stream": True} if stream else {}),
        }
        answer = self._call("POST", "/api/v1/route", body=body, stream=stream)
        if answer and not stream and answer.get("variant_id"):
            self.expose(user, answer["variant_id"], answer["event_id"])

    def _routing_fault(self, answer: dict[str, Any], *, wants_variant: bool) -> str:
        if answer.get("model_id") not in self.scenario.models:
            return "no known model_id in the answer"
        is_ab_test, variant = answer.get("is_ab_test"), answer.get("variant_id")
        if wants_variant != bool(is_ab_test) or wants_variant != bool(variant):
            return f"is_ab_test {is_ab_test}, variant {variant!r}"
        return ""


Shape = shape_of("router")

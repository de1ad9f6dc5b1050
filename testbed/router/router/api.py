"""The HTTP API: reads requests, asks the parts, words the answers."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from .abtests import ABTests
from .assignment import ABTest, Variant, read_test
from .breakers import Breakers
from .cache import Cache
from .catalogue import MODELS, Model, cost, find, latency_ms, tokens_in
from .config import Settings
from .errors import InvalidError, UnavailableError
from .events import Events
from .flags import Flags
from .health import Health
from .metrics import Metrics
from .provider import Provider, ProviderError
from .requests import read_completion, read_estimate
from .routing import Choice, choose
from .state import Phase
from .usage import UsageStore, read_usage

_LARGEST_BODY = 256 * 1024
_LONGEST_WINDOW_S = 30 * 24 * 3600
_ATTEMPTS = 2  # models tried for one request
EXPOSURE_HEADER = "x-exposure-event-id"


@dataclass
class Api:
    """Everything a handler needs."""

    settings: Settings
    phase: Phase
    metrics: Metrics
    health: Health
    usage: UsageStore
    tests: ABTests
    cache: Cache
    flags: Flags
    breakers: Breakers
    provider: Provider
    events: Events | None
    routed: int = 0

    async def route(self, request: Request) -> Response:
        """POST /api/v1/route: choose a model and have it serve the prompt."""
        self.routed += 1
        number = self.routed  # others may come in while the body is read
        request_id: str = request.state.request_id
        wanted = read_completion(await _json(request))
        if self.settings.faults.hits("fail_requests", number):
            return JSONResponse({"error": "injected failure"}, 500)
        test, variant = None, None
        if wanted.enable_ab_test and wanted.user_id and self.flags.experiment_on:
            test = self.tests.running(wanted.experiment)
        if test:
            variant = await self.tests.variant_for(test, wanted.user_id)
        tokens = tokens_in(wanted.prompt)
        tried: list[str] = []
        while True:
            open_models = [m for m in MODELS if m.id not in tried and self.breakers.admits(m.id)]
            forced = [m for m in open_models if variant and m.id == variant.model_id]
            choice = choose(forced or open_models, wanted.strategy, tokens, wanted.max_tokens)
            tried.append(choice.model.id)
            self.breakers.begin(choice.model.id)
            try:
                await self.provider.complete(choice.model, request_id)
            except ProviderError as error:
                self.breakers.end(choice.model.id, success=False)
                if len(tried) == _ATTEMPTS:
                    raise UnavailableError(f"{error}; tried {', '.join(tried)}") from error
                continue
            self.breakers.end(choice.model.id, success=True)
            break
        self.cache.count_routed(choice.model.id)
        headers = {}
        if test and variant:
            self.metrics.exposed(test.id, variant.id)
            details = {"request_id": request_id, "model_id": choice.model.id,
                       "pod": self.settings.pod_name}  # fmt: skip
            if self.events:
                headers[EXPOSURE_HEADER] = self.events.exposure(
                    wanted.user_id, test.id, variant.id, details
                )
        routed = _routed(choice, test, variant, forced=bool(forced))
        if wanted.stream:
            answer = self.provider.tokens(wanted.prompt, wanted.max_tokens)
            return StreamingResponse(
                _events(routed, answer), headers=headers, media_type="text/event-stream"
            )
        return JSONResponse(routed, headers=headers)

    async def models(self, _: Request) -> Response:
        """GET /api/v1/models: all of them."""
        return JSONResponse({"models": [self._model(model) for model in MODELS]})

    async def model(self, request: Request) -> Response:
        """GET /api/v1/models/{id}: one of them."""
        return JSONResponse(self._model(find(request.path_params["id"])))

    async def predict_cost(self, request: Request) -> Response:
        """POST /api/v1/cost/predict: what one model would cost."""
        wanted = read_estimate(await _json(request), needs_model=True)
        return JSONResponse(
            _estimate(find(wanted.model_id), wanted.input_tokens, wanted.max_tokens)
        )

    async def compare_cost(self, request: Request) -> Response:
        """POST /api/v1/cost/compare: what every model would cost, cheapest first."""
        wanted = read_estimate(await _json(request), needs_model=False)
        estimates = [_estimate(model, wanted.input_tokens, wanted.max_tokens) for model in MODELS]
        estimates.sort(key=lambda item: (item["estimated_cost"], item["model_id"]))
        return JSONResponse({"cheapest": estimates[0]["model_id"], "estimates": estimates})

    async def add_usage(self, request: Request) -> Response:
        """POST /api/v1/usage: durable when it is answered."""
        usage = read_usage(await _json(request), request.state.request_id)
        added = await self.usage.add(usage)
        answer = {"request_id": usage.request_id, "cost": usage.cost, "recorded": added}
        return JSONResponse(answer, 201 if added else 200)

    async def usage_stats(self, request: Request) -> Response:
        """GET /api/v1/usage/stats?window_s=3600."""
        text = request.query_params.get("window_s", "3600")
        if not text.isdecimal() or not 0 < int(text) <= _LONGEST_WINDOW_S:
            raise InvalidError(f"window_s: expected seconds from 1 to {_LONGEST_WINDOW_S}")
        stats = await self.usage.stats(int(text))
        await self.cache.flush()
        return JSONResponse({**stats, "routed": await self.cache.routed()})

    async def circuit_breakers(self, _: Request) -> Response:
        """GET /api/v1/circuit-breakers: of this Pod."""
        breakers = {
            model_id: {"state": state, "failures": failures}
            for model_id, (state, failures) in self.breakers.states().items()
        }
        return JSONResponse({"pod": self.settings.pod_name, "circuit_breakers": breakers})

    async def ab_tests(self, _: Request) -> Response:
        """GET /api/v1/abtests."""
        return JSONResponse({"abtests": [asdict(test) for test in self.tests.all]})

    async def put_ab_test(self, request: Request) -> Response:
        """POST /api/v1/abtests: reaches the other routers within a few seconds."""
        test = read_test(await _json(request), frozenset(model.id for model in MODELS))
        await self.tests.put(test)
        for variant in test.variants:
            self.metrics.declare_test(test.id, variant.id)
        return JSONResponse(asdict(test), 201)

    async def tell_health(self, _: Request) -> Response:
        """GET /health: 503 once a dependency has been silent for longer than the grace."""
        report = await self.health.look()
        down = report.down_for_s > self.settings.health_grace_s
        if self.settings.faults.on("lying_health"):
            return JSONResponse({"status": "ok", "checks": {}})
        status = "ok" if report.ok else "down" if down else "degraded"
        return JSONResponse(report.body(status), 503 if down else 200)

    async def tell_ready(self, _: Request) -> Response:
        """GET /ready: 200 only when a request would be served now."""
        report = await self.health.look()
        faults = self.settings.faults
        if faults.on("lying_health"):
            return JSONResponse({"status": "ready", "checks": {}})
        if not self.phase.started:
            status = "starting"
        elif self.phase.draining:
            status = "draining"
        else:
            status = "ready" if report.ok and not faults.on("never_ready") else "not ready"
        return JSONResponse(report.body(status), 200 if status == "ready" else 503)

    def _model(self, model: Model) -> dict[str, Any]:
        return {**asdict(model), "available": self.breakers.admits(model.id)}


def _routed(
    choice: Choice, test: ABTest | None, variant: Variant | None, *, forced: bool
) -> dict[str, Any]:
    reason = choice.reason
    if forced and test and variant:
        reason = f"variant {variant.id} of {test.id}"
    return {
        "model_id": choice.model.id,
        "model_name": choice.model.name,
        "provider": choice.model.provider,
        "estimated_cost": choice.estimated_cost,
        "estimated_latency": choice.estimated_latency_ms,
        "reason": reason,
        "ab_test_id": test.id if test else "",
        "variant_id": variant.id if variant else "",
        "is_ab_test": test is not None,
    }


async def _events(routed: dict[str, Any], tokens: AsyncIterator[str]) -> AsyncIterator[str]:
    """Server-sent events: which model serves, its tokens, and [DONE] as providers end a stream."""
    yield f"data: {json.dumps(routed)}\n\n"
    async for token in tokens:
        yield f"data: {json.dumps({'token': token})}\n\n"
    yield "data: [DONE]\n\n"


def _estimate(model: Model, input_tokens: int, output_tokens: int) -> dict[str, Any]:
    return {
        "model_id": model.id,
        "provider": model.provider,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "estimated_cost": cost(model, input_tokens, output_tokens),
        "estimated_latency": latency_ms(model, output_tokens),
    }


async def _json(request: Request) -> Mapping[str, Any]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise InvalidError(f"body: expected at most {_LARGEST_BODY} bytes")
    try:
        value = json.loads(body)
    except ValueError:
        raise InvalidError("body: expected JSON") from None
    if not isinstance(value, dict):
        raise InvalidError("body: expected a JSON object")
    return value

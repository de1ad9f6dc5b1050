"""Puts the parts together; `Router` is all that the server runs and ends."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.routing import Router as Routes
from starlette.types import ASGIApp, Receive, Scope, Send

from .abtests import ABTests
from .api import Api
from .breakers import Breakers
from .cache import Cache
from .catalogue import MODELS
from .config import Settings
from .database import Database
from .errors import InvalidError, UnavailableError, UnknownError
from .events import Events, connect
from .flags import Flags
from .health import Health
from .metrics import Metrics
from .middleware import Observe
from .provider import Provider
from .state import Phase
from .usage import UsageStore

_TICK_S = 1.0
_RELOAD_EVERY = 5
_FLAGS_EVERY = 30
_RETRY_START_S = 1.0
_LOG = logging.getLogger("router")


@dataclass
class Router:
    """The application and what lives as long as it does."""

    settings: Settings
    phase: Phase
    metrics: Metrics
    health: Health
    database: Database
    cache: Cache
    tests: ABTests
    flags: Flags
    events: Events | None
    application: ASGIApp

    async def start(self) -> None:
        """Make tables and tests; tries until the database is there."""
        while not self.phase.started:
            try:
                await self.database.prepare()
                await self.tests.add_default(self.settings.experiment_flag)
            except UnavailableError as error:
                _LOG.warning("not started yet: %s", error)
                await asyncio.sleep(_RETRY_START_S)
                continue
            for test in self.tests.all:
                for variant in test.variants:
                    self.metrics.declare_test(test.id, variant.id)
            self.phase.started = True
            _LOG.info("started")

    async def keep_fresh(self) -> None:
        """For ever: flush counts, read A/B tests and flags anew."""
        tick = 0
        while True:
            await self.cache.flush()
            if self.phase.started and tick % _RELOAD_EVERY == 0:
                with suppress(UnavailableError):  # /ready says so; the last tests stay
                    await self.tests.reload()
            if tick % _FLAGS_EVERY == 0:
                await self.flags.refresh()
            tick += 1
            await asyncio.sleep(_TICK_S)

    async def close(self, within_s: float) -> int:
        """Deliver and close; how many events were left undelivered."""
        left = 0
        if self.events:
            left = await asyncio.to_thread(self.events.close, within_s)
        await self.cache.flush()
        await self.cache.close()
        await self.database.close()
        return left


def assemble(settings: Settings) -> Router:
    """Every part of the router, connected; nothing is dialled yet."""
    phase, metrics = Phase(), Metrics(settings.faults)
    database = Database(
        host=settings.db_host,
        port=settings.db_port,
        name=settings.db_name,
        user=settings.db_user,
        password=settings.db_password,
    )
    cache = Cache(settings.redis_host, settings.redis_port)
    events = None
    if settings.posthog_enabled:
        events = connect(settings.posthog_host, settings.posthog_api_key, metrics, settings.faults)
    flags = Flags(events.client if events else None, cache, settings.experiment_flag)
    tests = ABTests(database, flags.variant, settings.faults)
    metrics.in_flight.set_function(lambda: phase.in_flight)
    health = Health({"database": database.ping, "redis": cache.ping})
    api = Api(
        settings=settings,
        phase=phase,
        metrics=metrics,
        health=health,
        usage=UsageStore(database),
        tests=tests,
        cache=cache,
        flags=flags,
        breakers=Breakers(model.id for model in MODELS),
        provider=Provider(
            settings.sim_cpu_s,
            settings.sim_latency_s,
            settings.sim_failure_share,
            settings.sim_token_s,
        ),
        events=events,
    )
    application = _application(api)
    return Router(
        settings, phase, metrics, health, database, cache, tests, flags, events, application
    )


def _application(api: Api) -> ASGIApp:
    routes = [
        Route("/api/v1/route", api.route, methods=["POST"]),
        Route("/api/v1/models", api.models, methods=["GET"]),
        Route("/api/v1/models/{id}", api.model, methods=["GET"]),
        Route("/api/v1/cost/predict", api.predict_cost, methods=["POST"]),
        Route("/api/v1/cost/compare", api.compare_cost, methods=["POST"]),
        Route("/api/v1/usage", api.add_usage, methods=["POST"]),
        Route("/api/v1/usage/stats", api.usage_stats, methods=["GET"]),
        Route("/api/v1/circuit-breakers", api.circuit_breakers, methods=["GET"]),
        Route("/api/v1/abtests", api.ab_tests, methods=["GET"]),
        Route("/api/v1/abtests", api.put_ab_test, methods=["POST"]),
        Route("/health", api.tell_health, methods=["GET"]),
        Route("/ready", api.tell_ready, methods=["GET"]),
    ]
    paths = {route.endpoint: route.path for route in routes}
    return Observe(
        _answer_errors(Routes(routes, redirect_slashes=False)),
        metrics=api.metrics,
        phase=api.phase,
        settings=api.settings,
        endpoint_of=lambda scope: paths.get(scope["endpoint"]) if "endpoint" in scope else None,
    )


def _answer_errors(app: ASGIApp) -> ASGIApp:
    """Turn our own errors into answers; any other is logged and answered with 500."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Starlette's router raises its 404 and 405 only when it knows that an application is above.
        scope["app"] = answering
        answer: Response
        try:
            await app(scope, receive, send)
        except InvalidError as error:
            answer = _error(HTTPStatus.BAD_REQUEST, str(error), problems=error.problems)
        except UnknownError as error:
            answer = _error(HTTPStatus.NOT_FOUND, str(error))
        except UnavailableError as error:
            answer = _error(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except HTTPException as error:
            answer = _error(HTTPStatus(error.status_code), error.detail)
        except Exception:  # noqa: BLE001 - the last layer: logged in full, answered with 500
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            answer = _error(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")
        else:
            return
        await answer(scope, receive, send)

    return answering


def _error(status: HTTPStatus, message: str, problems: tuple[str, ...] = ()) -> JSONResponse:
    body: dict[str, object] = {"error": message}
    if problems:
        body["problems"] = list(problems)
    return JSONResponse(body, status)

"""The web process: every endpoint on port 8000."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import VERSION
from .checks import ROLES, Dependencies
from .context import Context, context_of
from .endpoints_capture import BATCH_ROUTES, capture, capture_v1
from .endpoints_flags import flags
from .endpoints_query import feature_flags, instance_status, project, query
from .errors import ApiError, ProjectsUnavailableError
from .event_queue import EventQueue, connect
from .metrics import WebMetrics, new_registry
from .migrations import conninfo
from .projects import Projects
from .settings import Settings
from .store import EventStore

Endpoint = Callable[[Request], Awaitable[Response]]


async def livez(_: Request) -> Response:
    """Alive: it answers. No dependency is looked at."""
    return JSONResponse({"http": True})


async def readyz(request: Request) -> Response:
    """Each check of the role, or of all roles; 503 when one that is not excluded fails."""
    context = context_of(request)
    role = request.query_params.get("role")
    if role and role not in ROLES:
        return JSONResponse({"error": "InvalidRole"}, 400)
    dependencies = context.dependencies
    found = await (dependencies.state(ROLES[role]) if role else dependencies.everything())
    if context.settings.faults.on("lying_health"):
        return JSONResponse(dict.fromkeys(found, True))
    excluded = set(request.query_params.getlist("exclude"))
    required = {name: held for name, held in found.items() if name not in excluded}
    if role == "decide":
        held = required.get("cache", False) or required.get("postgres_flags", False)
    else:
        held = all(required.values())
    return JSONResponse(found, 200 if held else 503)


async def health(request: Request) -> Response:
    """The old health endpoint: the database is reachable and migrated."""
    found = await context_of(request).dependencies.state(
        ("postgres", "postgres_migrations_uptodate")
    )
    if all(found.values()) or context_of(request).settings.faults.on("lying_health"):
        return PlainTextResponse("ok")
    return PlainTextResponse("unhealthy", 503)


async def preflight(request: Request) -> Response:
    """What PostHog's login page asks first."""
    context = context_of(request)
    found = await context.dependencies.everything()
    try:
        workers = bool(await context.queue.workers())
    except RedisError:
        workers = False
    return JSONResponse(
        {
            "django": True,
            "redis": found["cache"],
            "plugins": workers,
            "celery": workers,
            "clickhouse": found["clickhouse"],
            "kafka": found["kafka_connected"],
            "db": found["postgres"],
            "initiated": found["postgres_migrations_uptodate"],
            "cloud": False,
            "demo": False,
            "realm": "hosted-clickhouse",
            "region": None,
            "site_url": context.settings.site_url,
            "posthog_version": VERSION,
        }
    )


async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    registry = context_of(request).metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def front(_: Request) -> Response:
    """What stands in for PostHog's user interface."""
    return PlainTextResponse("PostHog-compatible reference: it has an API and no user interface.\n")


async def _api_error(_: Request, error: Exception) -> Response:
    if isinstance(error, ApiError):
        return JSONResponse(error.body(), error.status)
    detail = {"type": "server_error", "code": "error", "detail": str(error), "attr": None}
    return JSONResponse(detail, 503)


class Timing:
    """Counts and times requests by route, method and status; the route, not the path."""

    def __init__(self, app: ASGIApp, web_metrics: WebMetrics) -> None:
        """Wrap the application."""
        self.app = app
        self.metrics = web_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and look at the status that comes back."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            route = scope.get("route")
            path = route.path if isinstance(route, Route) else "unmatched"
            took = time.perf_counter() - started
            self.metrics.requests.labels(path, scope["method"], str(status)).observe(took)


def routes() -> list[Route]:
    """Every path that is served."""
    methods = ["GET", "POST", "OPTIONS"]
    served = [
        Route(path + slash, capture, methods=methods)
        for path in BATCH_ROUTES
        for slash in ("", "/")
    ]
    served += [
        Route("/i/v1/analytics/events", capture_v1, methods=["POST"]),
        Route("/flags", flags, methods=["POST"]),
        Route("/flags/", flags, methods=["POST"]),
        Route("/decide", flags, methods=["POST"]),
        Route("/decide/", flags, methods=["POST"]),
        Route("/_health", health),
        Route("/_livez", livez),
        Route("/_readyz", readyz),
        Route("/_preflight", preflight),
        Route("/_preflight/", preflight),
        Route("/metrics", metrics),
        Route("/api/instance_status", instance_status),
        Route("/api/instance_status/", instance_status),
        Route("/", front),
    ]
    for prefix in ("/api/projects/{project_id}", "/api/environments/{project_id}"):
        served += [
            Route(f"{prefix}/query/", query, methods=["POST"]),
            Route(f"{prefix}/query", query, methods=["POST"]),
            Route(f"{prefix}/feature_flags/", feature_flags),
            Route(f"{prefix}/feature_flags", feature_flags),
            Route(f"{prefix}/", project),
            Route(prefix, project),
        ]
    return served


def build_app(settings: Settings) -> Starlette:
    """The application; its connections open with its start and close with its end."""
    web_metrics = WebMetrics(new_registry())

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        client = connect(settings.redis_url)
        queue = EventQueue(client)
        projects = Projects(conninfo(settings))
        store = EventStore(settings.clickhouse_url, settings.clickhouse_password)
        dependencies = Dependencies(projects, queue, store)
        app.state.context = Context(settings, projects, queue, store, dependencies, web_metrics)
        yield
        await store.aclose()
        await projects.aclose()
        await client.aclose()

    app = Starlette(
        routes=routes(),
        lifespan=lifespan,
        exception_handlers={ApiError: _api_error, ProjectsUnavailableError: _api_error},
    )
    app.add_middleware(Timing, web_metrics=web_metrics)
    return app

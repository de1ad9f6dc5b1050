"""Starts the processes: web, worker, migrate; each ends gracefully on SIGTERM."""

import asyncio
import contextlib
import logging
import signal

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .checks import ROLES, Dependencies
from .event_queue import EventQueue, connect
from .metrics import WorkerMetrics, new_registry
from .migrations import conninfo, migrate
from .projects import Projects
from .settings import Settings
from .store import EventStore
from .web import build_app
from .worker import Worker

GRACE_S = 20
"""How long open requests may take to finish after SIGTERM; within a Pod's 30 s."""

log = logging.getLogger("posthog")


def _server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=75,
            server_header=False,
        )
    )


async def _serve(server: uvicorn.Server, *, own_signals: bool) -> None:
    """Serve until told to stop; exit status 0 then, where uvicorn would die of the signal."""

    def stop() -> None:
        server.should_exit = True

    if own_signals:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    await server.serve()


def run_web(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    log.info("web on port %d", settings.port)
    asyncio.run(_serve(_server(build_app(settings), settings), own_signals=True))


def worker_app(worker: Worker, dependencies: Dependencies, metrics: WorkerMetrics) -> Starlette:
    """The worker's own health and metrics, on port 8001."""
    lying = worker.settings.faults.on("lying_health")

    async def livez(_: Request) -> Response:
        alive = worker.alive()
        body = {
            "http": True,
            "consuming": alive,
            "seconds_since_turn": round(worker.stalled_s(), 1),
        }
        return JSONResponse(body, 200 if alive or lying else 503)

    async def readyz(_: Request) -> Response:
        found = {**await dependencies.state(ROLES["worker"]), "consuming": worker.alive()}
        return JSONResponse(found, 200 if lying or all(found.values()) else 503)

    async def show_metrics(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    routes = [Route("/_livez", livez), Route("/_readyz", readyz), Route("/metrics", show_metrics)]
    return Starlette(routes=routes)


async def _work(settings: Settings) -> None:
    client = connect(settings.redis_url)
    queue = EventQueue(client)
    projects = Projects(conninfo(settings))
    store = EventStore(settings.clickhouse_url, settings.clickhouse_password, timeout_s=30)
    metrics = WorkerMetrics(new_registry())
    worker = Worker(settings, queue, projects, store, metrics)
    server = _server(worker_app(worker, Dependencies(projects, queue, store), metrics), settings)
    serving = asyncio.create_task(_serve(server, own_signals=False))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stopping.set)
    log.info("worker %s, health on port %d", settings.worker_name, settings.port)
    try:
        await worker.run()
    finally:
        server.should_exit = True
        await serving
        await store.aclose()
        await projects.aclose()
        await client.aclose()


def run_worker(settings: Settings) -> None:
    """Consume until SIGTERM or SIGINT."""
    asyncio.run(_work(settings))


def run_migrate(settings: Settings) -> None:
    """Bring both databases up to date."""
    asyncio.run(migrate(settings))
    log.info("databases are up to date")

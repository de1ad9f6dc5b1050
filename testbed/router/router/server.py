"""Runs the router: three ports, and an end that loses nothing.

SIGUSR1 (sent by the preStop hook) announces the end: /ready turns 503 and every answer asks its
caller to connect elsewhere, while everything is still served. SIGTERM then stops the listening,
finishes what is in flight, delivers the events and exits with 0.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from prometheus_client import start_http_server

from .app import Router, assemble
from .config import Settings
from .grpc_health import GrpcHealth

_HEALTH_EVERY_S = 2.0
# Between the end of listening and the end of idle connections: what a caller sent on a connection
# before it heard of the end is still read and answered.
_LINGER_S = 1.0
_EVENTS_WITHIN_S = 8.0
_LOG = logging.getLogger("router")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the order of the end is ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`."""
        yield


async def serve(settings: Settings) -> int:
    """Serve until SIGTERM; the exit code."""
    router = assemble(settings)
    grpc_health = GrpcHealth(settings.grpc_port)
    metrics_server, metrics_thread = start_http_server(
        settings.metrics_port, registry=router.metrics.registry
    )
    server = _Server(
        uvicorn.Config(
            router.application,
            host="0.0.0.0",  # noqa: S104 - a Pod is reached from others
            port=settings.http_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Longer than callers keep an idle connection: the caller closes first, so no request
            # meets a connection that has just been closed.
            timeout_keep_alive=120,
            timeout_graceful_shutdown=int(settings.drain_within_s),
        )
    )
    ending = asyncio.Event()
    _watch_signals(router, ending)
    grpc_health.start()
    tasks = [
        asyncio.create_task(server.serve()),
        asyncio.create_task(router.start()),
        asyncio.create_task(router.keep_fresh()),
        asyncio.create_task(_follow_health(router, grpc_health)),
    ]
    waiting = asyncio.create_task(ending.wait())
    done, _ = await asyncio.wait([*tasks[:1], *tasks[2:], waiting], return_when="FIRST_COMPLETED")
    unexpected = [task for task in done if task is not waiting]
    for task in unexpected:
        _LOG.error("ended by itself: %r", task.exception())
    grpc_health.say(serving=False)
    for listener in server.servers:
        listener.close()
    await asyncio.sleep(_LINGER_S)
    server.should_exit = True
    await tasks[0]
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    left = await router.close(_EVENTS_WITHIN_S)
    grpc_health.stop()
    metrics_server.shutdown()
    metrics_thread.join()
    _LOG.info("ended; %d events undelivered", left)
    return 1 if left or unexpected else 0


def _watch_signals(router: Router, ending: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def announce() -> None:
        router.phase.draining = True

    def end() -> None:
        if router.settings.faults.on("cut_on_sigterm"):
            os._exit(0)
        announce()
        ending.set()

    loop.add_signal_handler(signal.SIGUSR1, announce)
    loop.add_signal_handler(signal.SIGTERM, end)
    loop.add_signal_handler(signal.SIGINT, end)


async def _follow_health(router: Router, grpc_health: GrpcHealth) -> None:
    while True:
        report = await router.health.look()
        phase = router.phase
        grpc_health.say(serving=report.ok and phase.started and not phase.draining)
        await asyncio.sleep(_HEALTH_EVERY_S)


def configure_logging() -> None:
    """One JSON object a line on standard output; libraries speak from warnings up."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("router").setLevel(logging.INFO)
    # The SDK logs failed uploads itself, with the request's text; ours say what matters.
    logging.getLogger("posthog").setLevel(logging.CRITICAL)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "log": record.name,
            "level": record.levelname.lower(),
            "at": round(time.time(), 3),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)

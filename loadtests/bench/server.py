"""A loopback server that answers the router's API at once: for measuring generators, not routers.

    python -m loadtests.bench.server --port 18080 [--stall-at 10 --stall-for 5] [--log FILE]

It keeps the service time of each request by its own clock, from the first byte of the request to
the last byte handed to the socket, and writes them as JSON when it ends: the truth that generators
are compared with. `--work-us` burns that much CPU per request; `--delay-ms` answers later.
"""

import argparse
import asyncio
import contextlib
import json
import random
import signal
import time
from pathlib import Path

_ROUTED = {
    "model_id": "gpt-4o-mini",
    "model_name": "GPT-4o mini",
    "provider": "openai",
    "estimated_cost": 0.001,
    "estimated_latency": 300,
    "reason": "cheapest",
}
_PLAIN = {**_ROUTED, "ab_test_id": "", "variant_id": "", "is_ab_test": False}
_TESTED = {**_ROUTED, "ab_test_id": "model-router-experiment", "is_ab_test": True}
_VARIANTS = ("control", "treatment")
_OTHER = {
    "models": [],
    "id": "gpt-4o",
    "estimated_cost": 1,
    "cheapest": "gpt-4o",
    "recorded": True,
    "routed": {},
    "circuit_breakers": {},
}


def _answer(body: dict[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    return f"{head}\r\nx-exposure-event-id: 0\r\n\r\n".encode() + content


class Answers(asyncio.Protocol):
    """One connection: requests one after the other, with keep-alive."""

    def __init__(self, options: argparse.Namespace, log: list[float]) -> None:
        """Answer as the options say and log service times."""
        self._options = options
        self._log = log
        self._buffer = b""
        self._started = 0.0
        self._transport: asyncio.Transport | None = None
        self._plain, self._other = _answer(_PLAIN), _answer(_OTHER)
        self._tested = [_answer({**_TESTED, "variant_id": variant}) for variant in _VARIANTS]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller connected."""
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        if not self._buffer:
            self._started = time.perf_counter()
        self._buffer += data
        while True:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = self._buffer[:head_end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            end = head_end + 4 + length
            if len(self._buffer) < end:
                return
            request, self._buffer = self._buffer[:end], self._buffer[end:]
            self._serve(request)

    def _serve(self, request: bytes) -> None:
        started, self._started = self._started, time.perf_counter()
        until = time.perf_counter() + self._options.work_us / 1e6
        while time.perf_counter() < until:
            pass
        if b"/api/v1/route" in request[:40]:
            at = request.find(b"load-user-")
            tested = b'"enable_ab_test": true' in request
            content = self._tested[request[at + 15] % 2] if tested else self._plain
        else:
            content = self._other
        if not self._options.delay_ms:
            self._finish(content, started)
            return
        # Mostly short and sometimes long, by the same seed in every run.
        delay_s = self._options.delay_ms / 1000 * (1 + 3 * self._options.chance.expovariate(1.0))
        asyncio.get_running_loop().call_later(delay_s, self._finish, content, started)

    def _finish(self, content: bytes, started: float) -> None:
        if self._transport:
            self._transport.write(content)
        self._log.append(time.perf_counter() - started)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT, or at most `--most-s` seconds."""
    loop = asyncio.get_running_loop()
    log: list[float] = []
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(
        lambda: Answers(options, log), "127.0.0.1", options.port, backlog=4096
    )
    if options.stall_for:
        # The whole process stands still, as in a long garbage collection.
        loop.call_later(options.stall_at, time.sleep, options.stall_for)
    async with server:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), timeout=options.most_s)
    if options.log:
        times = time.process_time()
        record = {"served": len(log), "cpu_s": times, "service_s": [round(s, 7) for s in log]}
        options.log.write_text(json.dumps(record), encoding="utf-8")


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--port", type=int, default=18080)
    parser.add_argument("--stall-at", type=float, default=0.0, help="Second of the stall")
    parser.add_argument("--stall-for", type=float, default=0.0, help="Its length; 0 for none")
    parser.add_argument("--work-us", type=float, default=0.0, help="CPU per request, microseconds")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="Least wait of an answer")
    parser.add_argument("--most-s", type=float, default=300.0, help="Ends by itself after this")
    parser.add_argument("--log", type=Path, default=None)
    options = parser.parse_args()
    options.chance = random.Random(7)  # noqa: S311 - a reproducible delay, not a secret
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()

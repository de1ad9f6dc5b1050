"""`python -m loadtests.bench`: our generator beside wrk, stock FastHttpUser and plain HttpUser.

Three questions, each on a loopback server of our own that logs the service time of every request:
requests per CPU-second of the generator; the error of p99 against the server's log of the same
requests; and what a stall of 5 s at 100 requests per second does to the reported p99.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clusterproof.outcome import ExitCode
from clusterproof.wait import wait_until
from loadtests.bench.measured import OUT, PATH
from loadtests.bench.pairs import ratio_of_pairs
from loadtests.bench.summary import summary

PORT = 18099
URL = f"http://127.0.0.1:{PORT}"
_USERS = 32
_WRK_EVERY = 4
_STALL_S, _STALL_RATE, _STALL_FOR_S = 5.0, 100.0, 60.0
Json = dict[str, Any]


def main() -> int:
    """Run them, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--for-s", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=24, help="of ours and each stock user")
    parser.add_argument("--out", type=Path, default=Path("reports/bench"))
    parser.add_argument("--only", choices=("efficiency", "p99", "stall"), help="default: all three")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.stderr.write("bench: no program wrk to compare with: apt-get install wrk\n")
        return int(ExitCode.USAGE)
    options.out.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[], Json]] = {
        "efficiency": lambda: efficiency(options.out, options.for_s, options.pairs),
        "p99": lambda: p99_error(options.out, options.for_s * 4),
        "stall": lambda: stall(options.out),
    }
    found = {name: ask() for name, ask in parts.items() if options.only in {None, name}}
    (options.out / "bench.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    sys.stdout.write("\n".join([json.dumps(found, indent=1), *summary(found), ""]))
    return 0


def efficiency(out: Path, for_s: float, pairs: int) -> Json:
    """Requests per CPU-second of each generator, and how many times ours is each stock user's.

    Those run side by side, each first in every third round; wrk beside every fourth.
    """
    beside = ("ours", "stock_fast", "stock_http")
    rates: dict[str, list[float]] = {}
    for number in range(pairs):
        first = number % len(beside)
        names = [*beside[first:], *beside[:first]]
        if number % _WRK_EVERY == 0:
            names.append("wrk")
        for name in names:
            with server(out):
                record = wrk(for_s) if name == "wrk" else locust(out, name, for_s, rate=20000)
            rates.setdefault(name, []).append(record["requests"] / record["cpu_s"])
    medians = {name: statistics.median(rounds) for name, rounds in rates.items()}
    return {
        "requests_per_cpu_s": {name: round(median) for name, median in medians.items()},
        "rounds": {name: [round(rate) for rate in rounds] for name, rounds in rates.items()},
        "ours_times": {
            name: asdict(ratio_of_pairs(rates["ours"], rates[name])) for name in beside[1:]
        },
        "wrk_times_ours": round(medians["wrk"] / medians["ours"], 1),
    }


def p99_error(out: Path, for_s: float) -> Json:
    """Each generator's p99 against the server's log of the same requests."""
    found: Json = {}
    for name in ("ours", "stock_fast", "stock_http", "wrk"):
        with server(out, "--delay-ms", "30") as log:
            if name == "wrk":
                record = wrk(for_s, "--latency")
            else:
                record = locust(out, name, for_s, rate=150)
        served = sorted(json.loads(log.read_text(encoding="utf-8"))["service_s"])
        # Nearest rank, as the histogram takes it: one rank more is several percent in this tail.
        truth_ms = served[int(len(served) * 0.99 + 0.5) - 1] * 1000
        found[name] = {
            "requests": record["requests"],
            "served": len(served),
            "p99_ms": record["p99_ms"],
            "server_p99_ms": round(truth_ms, 3),
            "error": round(record["p99_ms"] / truth_ms - 1, 5),
        }
    return found


def stall(out: Path) -> Json:
    """A stall of the whole server, in the middle of a steady open load."""
    affected = _STALL_S * _STALL_RATE
    worst = 0.01 * _STALL_RATE * _STALL_FOR_S
    found: Json = {"analytic_p99_ms": 1000 * _STALL_S * (1 - worst / affected)}
    for name in ("ours", "stock_paced"):
        with server(out, "--stall-at", "20", "--stall-for", str(_STALL_S)):
            record = locust(out, name, _STALL_FOR_S, rate=_STALL_RATE, users=20)
        found[name] = {"p99_ms": record["p99_ms"], "requests": record["requests"]}
    return found


@contextmanager
def server(out: Path, *options: str) -> Iterator[Path]:
    """The loopback server, for as long as the context lasts; its log is there afterwards."""
    log = out / "served.json"
    log.unlink(missing_ok=True)
    process = subprocess.Popen(  # noqa: S603 - our own argv
        [
            *(sys.executable, "-m", "loadtests.bench.server", "--port", str(PORT)),
            *("--most-s", "180", "--log", str(log), *options),
        ]
    )
    try:
        wait_until(
            lambda: (
                subprocess.run(  # noqa: S603 - our own argv
                    [
                        sys.executable,
                        "-c",
                        f"import socket;socket.create_connection(('127.0.0.1',{PORT}))",
                    ],
                    check=False,
                    capture_output=True,
                ).returncode
            ),
            lambda code: code == 0,
            waiting_for="the loopback server",
            within_s=20,
        )
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def locust(out: Path, name: str, for_s: float, *, rate: float, users: int = _USERS) -> Json:
    """One Locust process for `for_s`; what its meter wrote."""
    record = out / f"{name}.json"
    record.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "locust", "-f", f"loadtests/bench/{name}.py", "--headless"),
        *("--host", URL, "-u", str(users), "-r", str(users), "-t", f"{for_s:.0f}s"),
        *("--stop-timeout", "10", "--only-summary", "--skip-log"),
    ]
    environment = {
        **os.environ,
        OUT: str(record),
        "BENCH_RATE": str(rate),
        "BENCH_FOR_S": str(for_s),
    }
    subprocess.run(  # noqa: S603 - our own argv
        command, env=environment, check=False, capture_output=True, timeout=for_s + 90
    )
    found: Json = json.loads(record.read_text(encoding="utf-8"))
    return found


def wrk(for_s: float, *options: str) -> Json:
    """The wrk program, one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command: Sequence[str] = [
        *("wrk", "-t1", f"-c{_USERS}", f"-d{for_s:.0f}s", *options, f"{URL}{PATH}")
    ]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    requests = re.search(r"(\d+) requests in", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    scale = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return {
        "requests": int(requests[1]) if requests else 0,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "p99_ms": float(p99[1]) * scale[p99[2]] if p99 else 0.0,
    }


if __name__ == "__main__":
    sys.exit(main())

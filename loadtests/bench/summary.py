"""What a run of the bench came to, for a person: pure."""

from collections.abc import Mapping
from typing import Any


def summary(found: Mapping[str, Any]) -> list[str]:
    """The figures of each part that ran, in plain lines."""
    lines: list[str] = []
    if cost := found.get("efficiency"):
        rates = cost["requests_per_cpu_s"]
        lines += [f"{name}: {rate} requests per CPU-second" for name, rate in rates.items()]
        for name, times in cost["ours_times"].items():
            ends = (times["lower"], times["upper"])
            interval = " to ".join("unknown" if end is None else f"{end:.2f}" for end in ends)
            lines.append(
                f"ours is {times['median']:.2f} times {name}, interval {interval},"
                f" in {len(times['pairs'])} pairs"
            )
        lines.append(f"wrk is {cost['wrk_times_ours']:.1f} times ours")
    lines += [
        f"{name}: p99 {row['p99_ms']:.1f} ms, by the server's log {row['server_p99_ms']:.1f} ms,"
        f" error {row['error']:+.2%}"
        for name, row in found.get("p99", {}).items()
    ]
    if stalled := found.get("stall"):
        lines.append(
            f"stall: analytic p99 {stalled['analytic_p99_ms']:.0f} ms, ours"
            f" {stalled['ours']['p99_ms']:.0f} ms, stock {stalled['stock_paced']['p99_ms']:.0f} ms"
        )
    return lines

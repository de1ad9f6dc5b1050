"""What a run of the bench came to, for a person: pure."""

from collections.abc import Mapping
from typing import Any


def summary(found: Mapping[str, Any]) -> list[str]:
    """The figures of each part that ran, in plain lines."""
    lines: list[str] = []
    if cost := found.get("efficiency"):
        rates = cost["requests_per_cpu_s"]
        lines += [f"{name}: {rate} requests per CPU-second" for name, rate in rates.items()]
        more = cost["ours_cost_over_stock_fast"]
        lower, upper = (
            "unknown" if more[end] is None else f"{more[end]:+.1%}" for end in ("lower", "upper")
        )
        lines += [
            f"ours is {cost['ours_times_stock_http']:.1f} times stock_http,"
            f" wrk {cost['wrk_times_ours']:.1f} times ours",
            f"ours costs {more['median']:+.1%} over stock_fast, interval {lower} to {upper},"
            f" in {len(more['pairs'])} pairs",
        ]
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

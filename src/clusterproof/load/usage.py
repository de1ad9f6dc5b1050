"""What the metrics API says of a Pod (metrics.k8s.io/v1beta1 PodMetrics), in plain numbers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clusterproof.load.hpa.rules import milli

Json = dict[str, Any]


def usage_of(item: Mapping[str, Any]) -> Json:
    """One PodMetrics object, in thousandths and seconds."""
    return {
        "timestamp": epoch(item["timestamp"]),
        "window_s": _seconds(item["window"]),
        "usage": {
            c["name"]: {resource: milli(value) for resource, value in c["usage"].items()}
            for c in item["containers"]
        },
    }


def epoch(text: str) -> float:
    """Seconds since the epoch of an API timestamp."""
    return datetime.fromisoformat(text).timestamp()


def _seconds(duration: str) -> float:
    """A Go duration of the metrics API: 10.5s, 1m0s, 15s, 500ms."""
    total, number = 0.0, ""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}
    unit = ""
    for character in f"{duration} ":
        if character.isdigit() or character in ".- ":
            if unit:
                total += float(number) * units[unit]
                number, unit = "", ""
            number += character
        else:
            unit += character
    return total

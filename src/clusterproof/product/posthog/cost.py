"""What a run sends to a PostHog that is somebody's bill, said before it is sent."""

from collections.abc import Collection
from urllib.parse import urlsplit

from clusterproof.product.router.traffic import MANY
from clusterproof.spec.settings import PosthogSettings, TrafficSettings

FLAG_USERS = 20
"""With two variants of equal share, one run in 500,000 would see only one of them."""
FLAG_ROUNDS = 2


def is_billed(settings: PosthogSettings | None) -> bool:
    """True for a PostHog that is not in the cluster."""
    host = urlsplit(settings.host).hostname if settings else None
    return bool(host) and ".svc" not in f"{host}."


def cost(kinds: Collection[str], settings: PosthogSettings, traffic: TrafficSettings | None) -> str:
    """A sentence with the most that is sent for rows of these kinds; "" where nothing is.

    Args:
        kinds: The kind of each row, as often as there are rows of it.
        settings: Where PostHog is, and how much is sent and asked.
        traffic: How the router is called; each answer of an A/B test is an event of its own.
    """
    parts = []
    readings = 0
    if "ingestion" in kinds:
        parts.append(f"{settings.events} events")
        readings += 1
    if traffic and {"exposure", "metric-moves"} & set(kinds):
        # Twice the batch where a counter rose by too much, and one that stands out among others.
        most = traffic.requests * (1 + 2 + MANY)
        parts.append(f"{traffic.requests} exposures by the router (at most {most})")
    readings += "exposure" in kinds
    if flags := sum(kind == "flag" for kind in kinds):
        parts.append(f"{flags * FLAG_USERS * FLAG_ROUNDS} flag requests")
    if not parts:
        return ""
    return (
        f"{urlsplit(settings.host).hostname} is sent {', '.join(parts)}, and asked at most "
        f"{readings * settings.queries} queries; our events have a distinct_id that begins with "
        "clusterproof-, those that we send also the property clusterproof_run"
    )

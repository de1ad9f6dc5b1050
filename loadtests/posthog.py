"""Ingestion into PostHog under an open load: spec/objectives.yaml, scenario `posthog`.

    POSTHOG_API_KEY=phc_... locust -f loadtests/posthog.py --host http://POSTHOG:8000

Posts single events, batches and flag questions as the SDK does, but itself: the SDK's queue drops
silently and measures nothing. The key comes from the environment and is never shown.
"""

import os
import random
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locust.contrib.fasthttp import FastResponse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # from whatever folder Locust runs

from clusterproof.load.mix import Mix, chance_of
from loadtests.arrivals import Arrival, Caller
from loadtests.wiring import PlanShape, Run

_BATCH = 20


class PosthogCaller(Caller):
    """A sender of events; each arrival is one request of the mix."""

    abstract = False
    requests = frozenset({"capture", "batch", "flags"})
    environment_needs = ("POSTHOG_API_KEY",)

    def send(self, arrival: Arrival) -> None:
        """Send the request that belongs to this arrival, by seed and index."""
        chance = chance_of(self.lane.seed, arrival.index)
        name = _MIX.draw(chance)
        key = os.environ.get("POSTHOG_API_KEY", "")
        user = f"load-user-{chance.randrange(RUN.scenario.users):06d}"
        if name == "capture":
            body = {"api_key": key, **_event(user, chance)}
            self.call(arrival, "POST", "/i/v0/e/", name=name, body=body)
        elif name == "batch":
            batch = [_event(user, chance) for _ in range(_BATCH)]
            body = {"api_key": key, "batch": batch, "sent_at": datetime.now(UTC).isoformat()}
            self.call(arrival, "POST", "/batch/", name=name, body=body)
        else:
            body = {"api_key": key, "token": key, "distinct_id": user}
            self.call(arrival, "POST", "/flags/?v=2", name=name, body=body)

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """Accepted means that PostHog says so, not only that it answered."""
        content, fault = super().read(name, answer)
        if fault:
            return content, fault
        if name == "flags":
            flag = RUN.scenario.flag
            known = flag in (content.get("flags") or content.get("featureFlags") or {})
            return content, "" if known else f"no flag {flag} in the answer"
        accepted = content.get("status") in {1, "Ok"}
        return content, "" if accepted else f"status {content.get('status')!r}"


def _event(user: str, chance: random.Random) -> dict[str, Any]:
    return {
        "event": "clusterproof load",
        "uuid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "distinct_id": user,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"$lib": "clusterproof", "run": f"{RUN.started_at:.0f}"},
    }


RUN = Run("posthog", PosthogCaller)
_MIX = Mix(RUN.scenario.mix)


class PosthogShape(PlanShape):
    """The shape that --shape names."""

    abstract = False
    run = RUN

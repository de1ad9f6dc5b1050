"""Ingestion into PostHog under an open load: spec/objectives.yaml, scenario `posthog`.

    POSTHOG_API_KEY=phc_... locust -f loadtests/posthog.py --host http://POSTHOG:8000

Posts single events, batches and flag questions as the SDK does, but itself: the SDK's queue drops
silently and measures nothing. The key comes from the environment and is never shown.
"""

import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from locust import task
from locust.contrib.fasthttp import FastResponse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # from whatever folder Locust runs

from loadtests.arrivals import Caller
from loadtests.wiring import shape_of

_BATCH = 20


class PosthogCaller(Caller):
    """A sender of events; each arrival is one request of the mix."""

    abstract = False
    environment_needs = ("POSTHOG_API_KEY",)

    @task
    def capture(self) -> None:
        """One event."""
        body = {"api_key": _key(), **self._event(self._user())}
        self.call("POST", "/i/v0/e/", body=body)

    @task
    def batch(self) -> None:
        """Many events of one user."""
        user = self._user()
        batch = [self._event(user) for _ in range(_BATCH)]
        sent_at = datetime.now(UTC).isoformat()
        self.call("POST", "/batch/", body={"api_key": _key(), "batch": batch, "sent_at": sent_at})

    @task
    def flags(self) -> None:
        """The flags of one user."""
        body = {"api_key": _key(), "token": _key(), "distinct_id": self._user()}
        self.call("POST", "/flags/?v=2", body=body)

    def read(self, name: str, answer: FastResponse) -> tuple[Any, str]:
        """Accepted means that PostHog says so, not only that it answered."""
        content, fault = super().read(name, answer)
        if fault:
            return content, fault
        if name == "flags":
            flag = self.scenario.flag
            known = flag in (content.get("flags") or content.get("featureFlags") or {})
            return content, "" if known else f"no flag {flag} in the answer"
        accepted = content.get("status") in {1, "Ok"}
        return content, "" if accepted else f"status {content.get('status')!r}"

    def _user(self) -> str:
        return f"load-user-{self.chance.randrange(self.scenario.users):06d}"

    def _event(self, user: str) -> dict[str, Any]:
        return {
            "event": "clusterproof load",
            "uuid": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "distinct_id": user,
            "timestamp": datetime.now(UTC).isoformat(),
            "properties": {"$lib": "clusterproof", "run": f"{self.lane.started_at:.0f}"},
        }


def _key() -> str:
    return os.environ.get("POSTHOG_API_KEY", "")


Shape = shape_of("posthog")

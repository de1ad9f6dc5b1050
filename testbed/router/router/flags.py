"""Feature flags, asked of PostHog by its SDK and remembered.

PostHog away means: as before. A router must not stop routing because flags cannot be read.
"""

import asyncio
import logging

from posthog import Posthog

from .cache import Cache

# The identity under which the router asks for itself, not for a user.
_OWN_ID = "model-router"
_NO_VALUE = "-"
_LOG = logging.getLogger("router.flags")


class Flags:
    """Reads flags; `experiment_on` is the switch of the whole experiment."""

    def __init__(self, client: Posthog | None, cache: Cache, experiment_flag: str) -> None:
        """Ask `client`; None (PostHog switched off) leaves every flag as it is by default."""
        self._client = client
        self._cache = cache
        self._experiment_flag = experiment_flag
        self.experiment_on = True

    async def refresh(self) -> None:
        """Ask whether the experiment runs; unanswered, the last answer stands."""
        if self._client is None:
            return
        value = await asyncio.to_thread(self._ask, self._experiment_flag, _OWN_ID)
        if value is not None:
            self.experiment_on = value is not False

    async def variant(self, key: str, user_id: str) -> str | None:
        """The variant that PostHog gives this user; None when it does not say."""
        cached = await self._cache.flag(key, user_id)
        if cached is not None:
            return None if cached == _NO_VALUE else cached
        if self._client is None:
            return None
        value = await asyncio.to_thread(self._ask, key, user_id)
        text = value if isinstance(value, str) else _NO_VALUE
        await self._cache.keep_flag(key, user_id, text)
        return None if text == _NO_VALUE else text

    def _ask(self, key: str, distinct_id: str) -> str | bool | None:
        if self._client is None:
            return None
        flags = self._client.evaluate_flags(distinct_id, flag_keys=[key])
        # The router sends its own exposure events: one for each request, not one for each read.
        return flags.get_flag(key, send_feature_flag_events=False)

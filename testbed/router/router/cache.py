"""What routers share through Redis: how often each model was chosen, and users' flag values."""

import logging
from collections import Counter

from redis.asyncio import Redis
from redis.exceptions import RedisError

from .errors import UnavailableError

_ROUTED = "model-router:routed"
_FLAG_TTL_S = 60
_LOG = logging.getLogger("router.cache")


class Cache:
    """The router's Redis."""

    def __init__(self, host: str, port: int) -> None:
        """Remember where it is; nothing is dialled yet."""
        self._redis = Redis(
            host=host, port=port, socket_timeout=1, socket_connect_timeout=1, decode_responses=True
        )
        self._unflushed: Counter[str] = Counter()

    async def ping(self) -> None:
        """See that it answers.

        Raises:
            UnavailableError: It does not.
        """
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise UnavailableError(f"Redis: {type(error).__name__}") from error

    def count_routed(self, model_id: str) -> None:
        """A request was routed to this model; reaches Redis with the next `flush`."""
        self._unflushed[model_id] += 1

    async def flush(self) -> None:
        """Add what was counted since the last time; kept for the next time on failure."""
        counted, self._unflushed = self._unflushed, Counter()
        if not counted:
            return
        pipeline = self._redis.pipeline(transaction=True)
        for model_id, number in counted.items():
            pipeline.hincrby(_ROUTED, model_id, number)
        try:
            await pipeline.execute()
        except (RedisError, OSError) as error:
            self._unflushed.update(counted)
            _LOG.warning("routed counts kept for later: %s", type(error).__name__)

    async def routed(self) -> dict[str, int]:
        """Requests routed to each model by all routers together.

        Raises:
            UnavailableError: Redis does not answer.
        """
        try:
            stored = await self._redis.hgetall(_ROUTED)
        except (RedisError, OSError) as error:
            raise UnavailableError(f"Redis: {type(error).__name__}") from error
        return {str(model_id): int(number) for model_id, number in sorted(stored.items())}

    async def flag(self, key: str, user_id: str) -> str | None:
        """A user's flag value of the last minute; None when it must be asked for."""
        try:
            value = await self._redis.get(f"model-router:flag:{key}:{user_id}")
        except (RedisError, OSError):
            return None  # a cache that is away is a cache miss
        return None if value is None else str(value)

    async def keep_flag(self, key: str, user_id: str, value: str) -> None:
        """Remember a user's flag value for a minute."""
        try:
            await self._redis.set(f"model-router:flag:{key}:{user_id}", value, ex=_FLAG_TTL_S)
        except (RedisError, OSError) as error:
            _LOG.warning("flag value not cached: %s", type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

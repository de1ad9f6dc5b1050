"""A simulated LLM provider: costs real CPU and real time, and answers the same to the same.

It stands where a request to a provider would be made; nothing leaves the Pod.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from .catalogue import Model

_BLOCK = b"\x00" * 4096
_SHARE_SCALE = 2**32
_MOST_TOKENS = 32


class ProviderError(Exception):
    """The simulated provider refused this request."""


@dataclass(frozen=True)
class Provider:
    """One provider for all models.

    Attributes:
        cpu_s: CPU time of the process that each request takes.
        latency_s: Time that each request waits besides, without CPU.
        failure_share: Share of the requests that fail, by the hash of the request's id.
        token_s: Time between two tokens of a streamed answer, without CPU.
    """

    cpu_s: float
    latency_s: float
    failure_share: float = 0.0
    token_s: float = 0.0

    async def complete(self, model: Model, request_id: str) -> None:
        """Serve one request.

        Raises:
            ProviderError: This request is among those that fail.
        """
        # The event loop is held on purpose: a busy router shows in its latency as a real one does.
        burn_cpu(self.cpu_s)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        if self.failure_share and failing(model.id, request_id) < self.failure_share:
            raise ProviderError(f"{model.provider} refused the request")

    async def tokens(self, prompt: str, most: int) -> AsyncIterator[str]:
        """The answer to a request that `complete` has served: the prompt's own words."""
        for word in prompt.split()[: min(most, _MOST_TOKENS)]:
            await asyncio.sleep(self.token_s)
            yield word


def failing(model_id: str, request_id: str) -> float:
    """A number from 0 to 1, always the same for the same model and request."""
    digest = hashlib.sha256(f"{model_id}/{request_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / _SHARE_SCALE


def burn_cpu(seconds: float) -> None:
    """Use this much CPU time: counted on the thread's clock, so throttling does not shorten it."""
    ends = time.thread_time() + seconds
    while time.thread_time() < ends:
        hashlib.sha256(_BLOCK).digest()

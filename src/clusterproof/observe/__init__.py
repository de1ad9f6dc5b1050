"""Observers: thin adapters that look at a cluster and bring back plain values.

Nothing here compares: a value that differs from its spec is the judge's business, and what could
not be read is an ObservationError.
"""

from clusterproof.observe.observed import Observed

__all__ = ["Observed"]

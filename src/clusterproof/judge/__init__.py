"""Judges: pure functions from a row and a value to the differences between them."""

from clusterproof.judge import (  # noqa: F401 - each registers its judges
    configuration,
    egress,
    fields,
    http,
    ingestion,
    metrics,
    networking,
    policy,
    rehearsal,
    resources,
    workloads,
)
from clusterproof.judge.difference import Difference, Doubt, differences, expectation_of

__all__ = ["Difference", "Doubt", "differences", "expectation_of"]

"""Judges: pure functions from a row and a value to the differences between them."""

from clusterproof.judge import configuration, fields, resources, workloads  # noqa: F401 - register
from clusterproof.judge.difference import Difference, differences, expectation_of

__all__ = ["Difference", "differences", "expectation_of"]

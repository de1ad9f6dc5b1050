"""Generators side by side on one loopback endpoint: `python -m loadtests.bench`."""

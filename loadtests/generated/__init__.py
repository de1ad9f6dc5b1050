"""Whole load runs, generated with a seed: healthy ones, and ones with a fault of a known link."""

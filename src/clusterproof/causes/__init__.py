"""Causes: red and blind rows of a run, grouped under what explains them."""

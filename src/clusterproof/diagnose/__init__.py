"""Diagnostics at the moment of failure: what stands around a row, in scope and in bounds."""

"""Secrets taken out of text: the values that are known, and the shapes that secrets have.

Everything that leaves a process passes through a `Redactor`: what a terminal shows, every file, and
every message. A value is never shown; its presence and length may be, by whoever observed it.
"""

from clusterproof.redact.redactor import MASK, Redactor

__all__ = ["MASK", "Redactor"]

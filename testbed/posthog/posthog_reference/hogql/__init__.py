"""A safe subset of HogQL: PostHog's grammar → ClickHouse SQL that is guarded by the team's id.

Nothing of the caller's text reaches ClickHouse: every name is looked up, every literal is
written anew, and what the subset does not know is an error.
"""

from .errors import HogQLError
from .results import present
from .translate import Translation, translate

__all__ = ["HogQLError", "Translation", "present", "translate"]

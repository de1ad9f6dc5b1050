"""The phase of the process's life, which several parts look at and one part changes."""

from dataclasses import dataclass


@dataclass
class Phase:
    """Where the process is between start and end.

    Attributes:
        started: The tables and tests are there: requests can be served.
        draining: The end was announced: no new work should come, and connections are handed back.
        in_flight: API requests being served.
    """

    started: bool = False
    draining: bool = False
    in_flight: int = 0

"""A year of believable nights."""

import random
from collections.abc import Iterator

from clusterproof.outcome import Outcome
from clusterproof.report.record import ClusterFacts, RowResult, RunRecord
from tests.report.samples import row

DAY_S = 86_400.0
FIRST = 1_767_232_800.0
"""2026-01-01 02:00:00 UTC."""


def night(number: int, *rows: RowResult, **changes: object) -> RunRecord:
    """The run of one night, 0 the first."""
    fields: dict[str, object] = {
        "run_id": f"night-{number:03d}",
        "started_at": FIRST + number * DAY_S,
        "finished_at": FIRST + number * DAY_S + 44.0,
        "cluster": ClusterFacts(context="testbed", server_version="v1.35.4", nodes=5, uid="u-1"),
        "profile": "self-hosted",
        "tool_version": "0.1.0",
    }
    return RunRecord(rows=rows, **(fields | changes))  # type: ignore[arg-type]


def year(nights: int = 365, rows: int = 150) -> Iterator[RunRecord]:
    """Nights with a break that lasts, one that is mended, flakes, blind nights and gaps."""
    dice = random.Random(7)  # noqa: S311 - the same year each time
    for number in range(nights):
        if number % 53 == 40:
            continue
        results = []
        for position in range(rows):
            outcome = Outcome.PASSED
            attempts = 1
            lasting = position == 17 and number >= nights * 3 // 4
            mended = position == 30 and nights // 3 <= number < nights // 3 + 12
            if lasting or mended or (position == 44 and dice.random() < 0.15):
                outcome = Outcome.FAILED
            elif number % 97 == 50 and position % 5 == 0:
                outcome = Outcome.INCONCLUSIVE
            elif position % 40 == 3 and dice.random() < 0.05:
                attempts = 2
            answered_ms = dice.randint(3, 60)
            results.append(
                row(
                    position,
                    outcome,
                    evidence=(f"answered in {answered_ms} ms", "3 of 3 attempts"),
                    duration_s=answered_ms / 1000,
                    attempts=attempts,
                )
            )
        yield night(number, *results)

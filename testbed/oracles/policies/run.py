"""The table, and policies of chance, put to the running cluster's engine."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any

from clusterproof.errors import ObservationError
from testbed.cluster.engine import ENGINE
from testbed.oracles.policies.draw import draw_dials, draw_policy
from testbed.oracles.policies.reading import reaches
from testbed.oracles.policies.scene import Scene
from testbed.oracles.policies.world import Case, read_cases

MOST_POLICIES = 3
DIALS = 120


@dataclass
class Answers:
    """What one engine did.

    Attributes:
        engine: Which one.
        date: When, in UTC.
        cases: Id of a row of the table → "allowed" or "refused".
        generated: How many sets of policies were drawn.
        dials: How many dials were judged under them.
        apart: Those in which the engine and our reading of the API differ, as text.
        in_force_s: Median and greatest time until a change held, in seconds.
    """

    engine: str = ENGINE
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    cases: dict[str, str] = field(default_factory=dict)
    generated: int = 0
    dials: int = 0
    apart: list[str] = field(default_factory=list)
    in_force_s: tuple[float, float] = (0.0, 0.0)


def cases_of_cluster() -> tuple[Case, ...]:
    """The rows of the table that a cluster of IPv4 can be asked."""
    return tuple(case for case in read_cases() if case.version == 4)  # noqa: PLR2004 - IPv4


def put_table(scene: Scene) -> dict[str, str]:
    """Id of each row → "allowed" or "refused".

    Raises:
        ObservationError: A dial was not answered without any policy.
    """
    cases = cases_of_cluster()
    dials = {case.id: scene.world.dial(case, scene.places) for case in cases}
    _answered_without_policies(scene, dials)
    answers: dict[str, str] = {}
    policies_of = attrgetter("policies")
    for names, group in groupby(sorted(cases, key=policies_of), key=policies_of):
        rows = list(group)
        with scene.in_force([scene.world.policies[name] for name in names]):
            arrived = scene.listeners.arriving(dials[row.id] for row in rows)
        answers |= {row.id: _answer(dials[row.id] in arrived) for row in rows}
    return answers


def put_generated(scene: Scene, sets: int, seed: int, answers: Answers) -> None:
    """Put `sets` sets of policies of chance, and note where the engine and our reading differ."""
    random = Random(seed)  # noqa: S311 - cases, no secrets
    for number in range(sets):
        policies = [draw_policy(random) for _ in range(random.randint(1, MOST_POLICIES))]
        rows = draw_dials(random, scene.world, DIALS)
        dials = {row.id: scene.world.dial(row, scene.places) for row in rows}
        _answered_without_policies(scene, dials)
        with scene.in_force(policies):
            arrived = scene.listeners.arriving(dials.values())
        answers.generated += 1
        answers.dials += len(dials)
        by_id = {row.id: row for row in rows}
        for name, dial in dials.items():
            expected = _answer(reaches(scene.world, policies, scene.world.flow(by_id[name])))
            if (answer := _answer(dial in arrived)) != expected:
                answers.apart.append(
                    f"seed {seed}, set {number}: {name}: expected {expected}, observed {answer}"
                )


def note_times(scene: Scene, answers: Answers) -> None:
    """Note how long the changes took until they held."""
    times = scene.in_force_s
    answers.in_force_s = (round(statistics.median(times), 2), round(max(times), 2))


def _answer(arrived: object) -> str:
    return "allowed" if arrived else "refused"


def _answered_without_policies(scene: Scene, dials: Mapping[str, Any]) -> None:
    arrived = scene.listeners.arriving(dials.values())
    if silent := [name for name, dial in dials.items() if dial not in arrived]:
        raise ObservationError(f"no answer without any policy: {', '.join(silent)}")

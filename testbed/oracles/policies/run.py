"""The table, and policies of chance, put to the running cluster's engine."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import Json
from testbed.cluster.engine import ENGINE, KUBE_ROUTER
from testbed.oracles.policies.draw import draw_set
from testbed.oracles.policies.features import count_pairs, features_of, possible_pairs, rare_pairs
from testbed.oracles.policies.reading import reaches, sides
from testbed.oracles.policies.scene import Scene
from testbed.oracles.policies.world import Case, Flow, World, read_cases


@dataclass
class Generated:
    """What one engine did with packets under policies of chance.

    Attributes:
        sets: How many sets of policies were drawn.
        dials: How many packets were compared under them.
        restricted: Of these, how many have an end that a policy restricts.
        refused: Of these, how many should not arrive.
        pairs: How many pairs of features a restricted packet can have.
        rare: Those that came in fewer than thirty, with their number.
        known: Row of the table that shows what the engine is known to do otherwise → packets of
            that form, which are not compared, and how many of them really went otherwise.
        apart: Those in which the engine and the product's rule differ, as text.
    """

    seed: int
    sets: int = 0
    dials: int = 0
    restricted: int = 0
    refused: int = 0
    pairs: int = field(default_factory=lambda: len(possible_pairs()))
    rare: list[tuple[str, str, int]] = field(default_factory=list)
    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    apart: list[str] = field(default_factory=list)


@dataclass
class Answers:
    """What one engine did.

    Attributes:
        engine: Which one.
        date: When, in UTC.
        cases: Id of a row of the table → "allowed" or "refused".
        generated: The policies of chance; None where there were none.
        in_force_s: Median and greatest time until a change held, in seconds.
    """

    engine: str = ENGINE
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    cases: dict[str, str] = field(default_factory=dict)
    generated: Generated | None = None
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


def put_generated(scene: Scene, sets: int, seed: int, engine: str = ENGINE) -> Generated:
    """Put so many sets of policies of chance to the engine, and compare it with the product.

    Raises:
        ObservationError: A dial was not answered without any policy.
    """
    random = Random(seed)  # noqa: S311 - cases, no secrets
    generated = Generated(seed)
    pairs: Counter[tuple[str, str]] = Counter()
    for _ in range(sets):
        policies, rows = draw_set(random, scene.world)
        dials = {row.id: scene.world.dial(row, scene.places) for row in rows}
        _answered_without_policies(scene, dials)
        with scene.in_force(policies):
            arrived = scene.listeners.arriving(dials.values())
            lost = [
                dials[row.id]
                for row in rows
                if dials[row.id] not in arrived
                and reaches(scene.world, policies, scene.world.flow(row))
            ]
            # Of so many packets a busy machine may lose one: a policy refuses the second as well.
            arrived |= scene.listeners.arriving(lost)
        observed = {row.id: dials[row.id] in arrived for row in rows}
        compare(scene.world, policies, rows, observed, engine, generated, pairs)
    generated.rare = rare_pairs(pairs)
    return generated


def compare(
    world: World,
    policies: Sequence[Json],
    rows: Sequence[Case],
    arrived: Mapping[str, bool],
    engine: str,
    generated: Generated,
    pairs: Counter[tuple[str, str]],
) -> None:
    """Add one set to the account.

    Args:
        world: With the addresses that the packets had.
        policies: The set.
        rows: Its packets.
        arrived: By a row's id.
        engine: Whose answers these are.
        generated: The account.
        pairs: Pairs of features so far.
    """
    for row in rows:
        flow = world.flow(row)
        expected = reaches(world, policies, flow)
        if why := known_difference(engine, world, policies, flow):
            put, otherwise = generated.known.get(why, (0, 0))
            generated.known[why] = put + 1, otherwise + (arrived[row.id] != expected)
            continue
        features = features_of(world, policies, flow)
        count_pairs(pairs, features)
        generated.dials += 1
        generated.restricted += bool(features)
        generated.refused += not expected
        if arrived[row.id] != expected:
            generated.apart.append(
                f"seed {generated.seed}, set {generated.sets}: {row.id}:"
                f" expected {_answer(expected)}, observed {_answer(arrived[row.id])}"
            )
    generated.sets += 1


def known_difference(engine: str, world: World, policies: Sequence[Json], flow: Flow) -> str:
    """The row of the table that shows what the engine does otherwise with such a packet, or ""."""
    if engine != KUBE_ROUTER:
        return ""
    ends = {side.direction: side.selecting for side in sides(world, policies, flow)}
    egress, ingress = ends.get("Egress", ()), ends.get("Ingress", ())
    if {policy.name for policy in egress} & {policy.name for policy in ingress}:
        return "one-policy-of-both-directions-egress-is-no-ingress"
    named = {port.port for policy in egress for rule in policy.egress for port in rule.ports}
    if named & world.names_of(flow.port, flow.protocol):
        return "egress-named-port-that-outside-lacks"
    return ""


def note_times(scene: Scene, answers: Answers) -> None:
    """Note how long the changes took until they held."""
    times = scene.in_force_s
    answers.in_force_s = (round(statistics.median(times), 2), round(max(times), 2))


def _answer(arrived: object) -> str:
    return "allowed" if arrived else "refused"


def _answered_without_policies(scene: Scene, dials: Mapping[str, Any]) -> None:
    silent = dials
    for _ in range(2):
        arrived = scene.listeners.arriving(silent.values())
        silent = {name: dial for name, dial in silent.items() if dial not in arrived}
    if silent:
        raise ObservationError(f"no answer without any policy: {', '.join(silent)}")

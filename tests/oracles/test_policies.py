"""The table of NetworkPolicies, and the page of what the engines did with it."""

import json
import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest

from clusterproof.errors import ObservationError
from clusterproof.kube.answer import Json
from testbed.cluster.engine import ENGINES, KUBE_ROUTER, NFTABLES
from testbed.oracles.policies import page as page_module
from testbed.oracles.policies.dials import Dial, Listeners, _crc32c, _internet_sum
from testbed.oracles.policies.draw import draw_dials, draw_policy, draw_set
from testbed.oracles.policies.features import FEATURES, features_of, possible_pairs, rare_pairs
from testbed.oracles.policies.page import PAGE, page, read_records, write_record
from testbed.oracles.policies.reading import reaches
from testbed.oracles.policies.run import (
    Generated,
    cases_of_cluster,
    compare,
    known_difference,
    put_generated,
)
from testbed.oracles.policies.world import Case, Flow, read_cases, read_world

WORLD = read_world()
DOCS = Path(__file__).parents[2] / "docs"


def chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - cases, no secrets


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_was_asked_every_row_and_does_what_is_known_of_it(engine: str) -> None:
    expected = {case.id: case.expected_of(engine) for case in cases_of_cluster()}
    assert read_records()[engine]["cases"] == expected


def test_page_is_that_of_the_records() -> None:
    assert (DOCS / PAGE).read_text(encoding="utf-8") == page(read_records())


def test_a_known_difference_names_an_engine_and_says_why() -> None:
    for case in read_cases():
        assert set(case.differs) <= set(ENGINES), case.id
        assert all(len(why) > 10 for why in case.differs.values()), case.id


def test_page_shows_an_answer_that_is_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "RECORDS", tmp_path / "answers")
    answers: dict[str, Any] = {
        "engine": "nftables",
        "date": "2026-01-02",
        "cases": {case.id: case.expect for case in cases_of_cluster()}
        | {"port-matches": "refused"},
        "generated": None,
        "in_force_s": [0.1, 0.2],
    }
    write_record(answers)
    text = page(read_records())
    assert "| port-matches | nftables | allowed | refused | not known |" in text
    assert (
        f"| nftables | 2026-01-02 | {len(answers['cases']) - 1} of {len(answers['cases'])} |"
        in text
    )
    assert list(read_records()) == ["nftables"]


def test_the_same_seed_draws_the_same_policies() -> None:
    first, second = ([draw_policy(chance(seed)) for seed in range(9)] for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert len({json.dumps(policy) for policy in first}) == len(first)


def test_drawn_packets_differ_and_none_is_between_a_pod_and_its_node() -> None:
    nodes = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in WORLD.pods}
    dials = draw_dials(chance(1), WORLD, 300)
    assert len({dial.id for dial in dials}) == len(dials)
    for dial in dials:
        assert {dial.source, dial.destination} & nodes.keys()
        assert nodes.get(dial.source) != dial.destination
        assert nodes.get(dial.destination) != dial.source


def drawn(seed: int) -> tuple[list[Json], list[Case]]:
    return draw_set(chance(seed), WORLD)


def account_of(engine: str, sets: list[tuple[list[Json], list[Case]]]) -> Generated:
    """Of an engine that does as the rule says, but lets the first packet of all go otherwise."""
    generated, pairs = Generated(1), Counter[tuple[str, str]]()
    for policies, rows in sets:
        arrived = {row.id: reaches(WORLD, policies, WORLD.flow(row)) for row in rows}
        if not generated.sets:
            arrived[rows[0].id] ^= True
        compare(WORLD, policies, rows, arrived, engine, generated, pairs)
    generated.rare = rare_pairs(pairs)
    return generated


def test_a_packet_that_goes_otherwise_is_apart() -> None:
    policies, rows = drawn(1)
    account = account_of("nftables", [(policies, rows)])
    assert (account.sets, account.dials) == (1, len(rows))
    assert 0 < account.refused < account.restricted < account.dials
    assert [line.partition(": expected")[0] for line in account.apart] == [
        f"seed 1, set 0: {rows[0].id}"
    ]


class Losing:
    """A scene whose engine does as the rule says, on a machine that loses packets at first."""

    def __init__(self, lost: int) -> None:
        """Nothing arrives so many times, without policies and under each set."""
        ends = [*(pod["metadata"]["name"] for pod in WORLD.pods), *WORLD.hosts]
        self.world, self.places, self.listeners = WORLD, {name: name for name in ends}, self
        self._lost = self._left = lost
        self._policies: Sequence[Json] = []

    @contextmanager
    def in_force(self, policies: Sequence[Json]) -> Iterator[None]:
        """These policies hold inside."""
        self._policies, self._left = policies, self._lost
        yield

    def arriving(self, dials: Iterable[Dial]) -> frozenset[Dial]:
        """All that the policies let through, unless it is lost."""
        self._left -= 1
        if self._left >= 0:
            return frozenset()
        return frozenset(dial for dial in dials if reaches(WORLD, self._policies, self._flow(dial)))

    def _flow(self, dial: Dial) -> Flow:
        return Flow(WORLD.address(dial.source), ip_address(dial.address), dial.protocol, dial.port)


def test_a_packet_that_is_lost_once_is_sent_again() -> None:
    scene: Any = Losing(1)
    generated = put_generated(scene, 1, 1, NFTABLES)
    assert (generated.sets, generated.apart) == (1, [])
    assert generated.refused


def test_what_is_silent_without_policies_is_no_answer() -> None:
    scene: Any = Losing(2)
    with pytest.raises(ObservationError, match="no answer without any policy"):
        put_generated(scene, 1, 1, NFTABLES)


def packets(*policies: str) -> tuple[list[Json], list[Case]]:
    """The table's policies, and its packets that go between those that they are about."""
    chosen = [WORLD.policies[name] for name in policies]
    return chosen, [case for case in cases_of_cluster() if case.policies == policies]


@pytest.mark.parametrize(
    ("policy", "row"),
    [
        ("shop-egress-open-ingress-closed", "one-policy-of-both-directions-egress-is-no-ingress"),
        ("partner-egress-named-http-anywhere", "egress-named-port-that-outside-lacks"),
    ],
)
def test_what_an_engine_is_known_to_do_otherwise_is_counted_apart(policy: str, row: str) -> None:
    policies, rows = packets(policy)
    rows.sort(key=lambda case: case.id != row)
    account = account_of("kube-router", [(policies, rows)])
    assert account.known[row][1] == 1
    assert account.apart == []
    assert account_of("nftables", [(policies, rows)]).apart


def test_known_differences_are_rows_that_say_so() -> None:
    differing = {case.id for case in read_cases() if KUBE_ROUTER in case.differs}
    for seed in range(8):
        policies, rows = drawn(seed)
        for row in rows:
            why = known_difference(KUBE_ROUTER, WORLD, policies, WORLD.flow(row))
            assert not why or why in differing


def test_every_feature_is_one_that_is_known() -> None:
    known = {name for names in FEATURES.values() for name in names}
    features: set[str] = set()
    for seed in range(30):
        policies, rows = drawn(seed)
        features |= {name for row in rows for name in features_of(WORLD, policies, WORLD.flow(row))}
    assert features == known


def test_a_packet_that_no_policy_restricts_has_no_features() -> None:
    _, rows = drawn(1)
    assert features_of(WORLD, [], WORLD.flow(rows[0])) == frozenset()
    assert ("TCP", "UDP") not in possible_pairs()
    assert rare_pairs({})[0][2] == 0


def test_page_shows_what_came_of_policies_of_chance() -> None:
    generated = asdict(account_of("kube-router", [drawn(seed) for seed in range(3)]))
    record = {
        "engine": "kube-router",
        "date": "2026-01-02",
        "cases": {},
        "generated": generated | {"rare": [["In", "endPort", 3]], "known": {"a-row": [7, 5]}},
        "in_force_s": [0.1, 0.2],
    }
    text = page({"kube-router": record})
    assert f"| kube-router | 1 | 3 | {generated['dials']} |" in text
    assert "these pairs came more rarely: In + endPort (3).\n" in text
    assert "| a-row | 7 | 5 |" in text


def test_connections_that_wait_at_a_listener_are_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - its name for it
        for _ in range(3):
            socket.create_connection(listener.getsockname()).close()
        Listeners({("here", "TCP", 80): listener}).hang_up()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_checksums_are_those_of_their_standards() -> None:
    assert _crc32c(b"123456789") == 0xE3069283
    packet = bytes.fromhex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7".replace(" ", ""))
    assert _internet_sum(packet) == 0xB861

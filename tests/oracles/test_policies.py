"""The table of NetworkPolicies, and the page of what the engines did with it."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from testbed.cluster.engine import ENGINES
from testbed.oracles.policies import page as page_module
from testbed.oracles.policies.dials import _crc32c, _internet_sum
from testbed.oracles.policies.draw import draw_dials, draw_policy
from testbed.oracles.policies.page import PAGE, page, read_records, write_record
from testbed.oracles.policies.run import cases_of_cluster
from testbed.oracles.policies.world import read_cases, read_world

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
        "generated": 0,
        "dials": 0,
        "apart": [],
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


def test_a_drawn_packet_has_a_pod_at_one_end_at_least() -> None:
    world = read_world()
    pods = {pod["metadata"]["name"] for pod in world.pods}
    for dial in draw_dials(chance(1), world, 200):
        assert {dial.source, dial.destination} & pods


def test_checksums_are_those_of_their_standards() -> None:
    assert _crc32c(b"123456789") == 0xE3069283
    packet = bytes.fromhex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7".replace(" ", ""))
    assert _internet_sum(packet) == 0xB861

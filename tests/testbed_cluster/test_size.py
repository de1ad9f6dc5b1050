"""NODES: how many nodes the local cluster gets, and which count a later program sees."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import preflight, size, up
from testbed.cluster.errors import PreflightError
from testbed.cluster.progress import Progress
from testbed.settings import SettingError

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the running cluster's count would be; no cluster runs."""
    monkeypatch.setattr(size, "RECORD", tmp_path / "node-count")
    return tmp_path / "node-count"


def test_without_a_setting_and_a_cluster_there_are_five(record: Path) -> None:
    assert not record.exists()
    assert size.parse_nodes("") == 5


def test_without_a_setting_the_running_cluster_counts(record: Path) -> None:
    record.write_text("2\n")
    assert size.parse_nodes("") == 2


def test_the_setting_outranks_the_record(record: Path) -> None:
    record.write_text("2\n")
    assert size.parse_nodes("3") == 3


def test_a_damaged_record_is_none(record: Path) -> None:
    record.write_text("")
    assert size.recorded() is None


@pytest.mark.parametrize("text", ["0", "-1", "61", "2.0", "two", "²", "1 2"])
def test_a_count_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"NODES: expected a whole number from 1 to 60"):
        size.parse_nodes(text)


def _program(code: str, nodes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "NODES": nodes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_everything_follows_from_the_setting() -> None:
    ended = _program(
        "from testbed.cluster import kind, topology, up, network\n"
        "print([node.name for node in topology.NODES])\n"
        "print(len([s for s in topology.STATIONS if 'node' in s.netns]))\n"
        "print(sorted({c.name for c in up.all_components() if c.name.endswith('kubelet')}))\n"
        "print(sum('10.244.' in command for command in network.router_commands()))\n"
        "print([node['role'] for node in kind.config()['nodes']])\n",
        "2",
    )
    assert ended.stdout.splitlines() == [
        "['node-1', 'node-2']",
        "2",
        "['node-1/kubelet', 'node-2/kubelet']",
        "2",
        "['control-plane', 'worker', 'worker']",
    ]


def test_the_most_nodes_have_addresses_of_their_own() -> None:
    ended = _program(
        "from testbed.cluster.topology import STATIONS\n"
        "print(len(STATIONS) - len({station.address for station in STATIONS}))\n",
        str(size.MOST),
    )
    assert ended.stdout.strip() == "0"


def test_a_bad_count_is_one_sentence() -> None:
    ended = _program("import testbed.cluster.topology", "many")
    assert (ended.returncode, ended.stderr.count("\n")) == (4, 1)
    assert "NODES: expected" in ended.stderr


def test_a_running_cluster_is_not_resized(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record.write_text("2\n")
    monkeypatch.setattr(preflight, "check", lambda: None)
    monkeypatch.setattr(up, "running", lambda: True)
    monkeypatch.setattr(size, "NODE_COUNT", 3)
    with pytest.raises(PreflightError, match=r"NODES=3: the cluster that runs has 2,"):
        up.up(Progress())

"""POLICY: which engine enforces NetworkPolicies, and which programs come with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import engine, preflight, size, up
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.progress import Progress
from testbed.settings import SettingError

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the running cluster's engine would be; no cluster runs."""
    monkeypatch.setattr(engine, "RECORD", tmp_path / "policy-engine")
    return tmp_path / "policy-engine"


def test_without_a_setting_and_a_cluster_it_is_ours(record: Path) -> None:
    assert not record.exists()
    assert engine.parse_engine("") == engine.NFTABLES


def test_without_a_setting_the_running_cluster_counts(record: Path) -> None:
    record.write_text("kube-router\n")
    assert engine.parse_engine("") == engine.KUBE_ROUTER
    assert engine.parse_engine("nftables") == engine.NFTABLES


def test_unknown_engine_is_refused(record: Path) -> None:
    assert not record.exists()
    with pytest.raises(
        SettingError, match=r"POLICY: expected nftables or kube-router, got 'calico'"
    ):
        engine.parse_engine("calico")


@pytest.mark.parametrize(
    ("name", "programs"),
    [
        ("nftables", ["controller-policy"]),
        ("kube-router", ["node-1/kube-router", "node-2/kube-router"]),
    ],
)
def test_programs_and_packages_follow_from_the_setting(name: str, programs: list[str]) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "from testbed.cluster import binaries, components, packages, up\n"
            "names = [each.name for each in up.all_components()]\n"
            "print([name for name in names if 'policy' in name or 'kube-router' in name])\n"
            "print('kube-router' in {each.name for each in binaries.of_cluster()})\n"
            "print('ipset' in {each.name for each in packages.of_cluster()})\n"
            "print([each.name for each in up._named('network-policies')])\n",
        ],
        cwd=PROJECT,
        env={**os.environ, "NODES": "2", "POLICY": name},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    theirs = str(name == "kube-router")
    assert ended.stdout.splitlines() == [str(programs), theirs, theirs, str(programs)]


def test_engine_of_a_running_cluster_is_not_changed(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record.write_text("nftables\n")
    monkeypatch.setattr(preflight, "check", lambda: None)
    monkeypatch.setattr(up, "running", lambda: True)
    monkeypatch.setattr(size, "recorded", lambda: size.NODE_COUNT)
    monkeypatch.setattr(engine, "ENGINE", engine.KUBE_ROUTER)
    with pytest.raises(
        PreflightError, match=r"POLICY=kube-router: the cluster that runs has nftab"
    ):
        up.up(Progress())


def test_component_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(TestbedError, match=r"'dns': expected one of etcd, .*, network-policies"):
        up.stop_component("dns")

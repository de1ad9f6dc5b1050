"""KUBERNETES and KUBELET: which Kubernetes the cluster is made of, and which one is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.cluster import engine, minor, paths, preflight, size, up
from testbed.cluster.errors import PreflightError
from testbed.cluster.progress import Progress
from testbed.settings import SettingError

PROJECT = Path(__file__).parents[2]
OLDEST, NEWEST = minor.MINORS[0], minor.MINORS[-1]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the running cluster's minors would be; no cluster runs."""
    monkeypatch.setattr(minor, "RECORD", tmp_path / "kubernetes")
    return tmp_path / "kubernetes"


def test_the_default_is_one_of_those_there_are() -> None:
    assert minor.DEFAULT in minor.MINORS


def test_minors_are_in_the_order_of_their_numbers() -> None:
    numbers = [minor.number(each) for each in minor.MINORS]
    assert numbers == sorted(numbers)
    assert minor.number("1.9") < minor.number("1.10")


def test_without_a_setting_and_a_cluster_it_is_the_default(record: Path) -> None:
    assert not record.exists()
    assert minor.parse_minor("") == minor.DEFAULT
    assert minor.parse_kubelet("", NEWEST) == NEWEST


def test_without_a_setting_the_running_cluster_counts(record: Path) -> None:
    record.write_text(f"{NEWEST} {OLDEST}\n")
    assert minor.parse_minor("") == NEWEST
    assert minor.parse_kubelet("", NEWEST) == OLDEST


def test_kubelets_of_another_cluster_do_not_count(record: Path) -> None:
    record.write_text(f"{NEWEST} {NEWEST}\n")
    assert minor.parse_minor(OLDEST) == OLDEST
    assert minor.parse_kubelet("", OLDEST) == OLDEST


@pytest.mark.parametrize("text", ["", "1.35\n", "1.12 1.12\n", "1.37.2\n"])
def test_a_record_that_says_nothing_is_none(record: Path, text: str) -> None:
    record.write_text(text)
    assert minor.recorded() == ()


@pytest.mark.parametrize("text", ["1.12", "1.37.2", "v1.37", "1", "new"])
def test_a_minor_that_is_not_there_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"one of {', '.join(minor.MINORS)}, got")):
        minor.parse_minor(text)


def test_a_kubelet_newer_than_its_api_server_is_refused(record: Path) -> None:
    assert not record.exists()
    with pytest.raises(SettingError, match=r"KUBELET: .* not newer than its API server"):
        minor.parse_kubelet(NEWEST, OLDEST)
    assert minor.parse_kubelet(OLDEST, NEWEST) == OLDEST


def test_a_kubelet_more_than_three_minors_older_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(minor, "MINORS", ("1.33", "1.34", "1.37"))
    with pytest.raises(SettingError, match=r"KUBELET: expected one of 1\.34, 1\.37, "):
        minor.parse_kubelet("1.33", "1.37")


def _program(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_wrong_minor_is_one_sentence_before_anything_is_done() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "testbed.cluster", "up"],
        cwd=PROJECT,
        env={**os.environ, "KUBERNETES": "1.12"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (4, "", 1)
    assert all(each in ended.stderr for each in minor.MINORS)


def test_everything_follows_from_the_settings() -> None:
    ended = _program(
        "import json\n"
        "from testbed.cluster import binaries, components, kind, topology\n"
        "node = topology.NODES[0]\n"
        "names = ('kube-apiserver', 'kube-scheduler', 'kubectl', 'kubelet', 'kube-proxy')\n"
        "print(json.dumps([str(binaries.program(name).parent.name) for name in names]))\n"
        "print(components.on_node(node, 'kubelet').argv[0] == str(binaries.program('kubelet')))\n"
        "print(kind.NODE_IMAGE)\n",
        KUBERNETES=NEWEST,
        KUBELET=OLDEST,
    )
    programs, same, image = ended.stdout.splitlines()
    apiserver, scheduler, kubectl, kubelet, proxy = json.loads(programs)
    assert apiserver == scheduler == kubectl
    assert kubelet == proxy != apiserver
    assert (same, image) == ("True", f"kindest/node:{minor.version(NEWEST)}")


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (f"{OLDEST} {OLDEST}\n", f"the cluster that runs has {OLDEST}, "),
        (f"{NEWEST} {OLDEST}\n", f"the cluster that runs has {NEWEST} with kubelets of {OLDEST}"),
        ("", "another version, not recorded"),
    ],
)
def test_a_running_cluster_is_not_mixed(
    record: Path, monkeypatch: pytest.MonkeyPatch, held: str, told: str
) -> None:
    record.write_text(held)
    monkeypatch.setattr(preflight, "check", lambda: None)
    monkeypatch.setattr(up, "running", lambda: True)
    monkeypatch.setattr(size, "recorded", lambda: size.NODE_COUNT)
    monkeypatch.setattr(engine, "recorded", lambda: engine.ENGINE)
    monkeypatch.setattr(minor, "KUBERNETES", NEWEST)
    monkeypatch.setattr(minor, "KUBELET", NEWEST)
    with pytest.raises(PreflightError, match=re.escape(told)) as refused:
        up.up(Progress())
    assert f"KUBERNETES={NEWEST}" in str(refused.value)
    assert "make cluster-down" in str(refused.value)


@pytest.mark.parametrize("each", minor.MINORS)
def test_every_staging_module_is_of_the_same_release(each: str) -> None:
    """One that was left out would be looked for as v0.0.0; one of another patch would be a mix."""
    text = (paths.BINARIES / minor.FOLDER / each / "go.mod").read_text()
    version = minor.version(each)
    assert version.startswith(f"v{each}.")
    replaced = dict(re.findall(r"^\t(\S+) => (\S+ \S+)$", text, re.MULTILINE))
    assert {*replaced.values()} == {
        f"{module} v0.{version.removeprefix('v1.')}" for module in replaced
    }
    wanted = re.findall(r"^\t(k8s\.io/\S+) v0\.(?:0\.0|\d\d\.\d+)(?: |$)", text, re.MULTILINE)
    assert len(wanted) > 20
    assert {*wanted} <= {*replaced}


@pytest.mark.parametrize("each", minor.MINORS)
def test_every_minor_has_the_same_program(each: str) -> None:
    folder = paths.BINARIES / minor.FOLDER
    assert (folder / each / "main.go").read_bytes() == (folder / "main.go").read_bytes()

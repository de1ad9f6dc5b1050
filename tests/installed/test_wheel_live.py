"""The installed wheel, from an empty folder, against the local cluster: every row, and a night."""

import json
from pathlib import Path

import pytest

from clusterproof.outcome import ExitCode
from testbed.cluster import paths
from tests.installed.installation import Installation, install, newest_python

pytestmark = pytest.mark.cluster

CONFIG = f"--kubeconfig={paths.KUBECONFIG}"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    place = tmp_path_factory.getbasetemp() / "installed-live"
    return install(place, newest_python(), extra="load")


def test_every_row_of_the_reference_spec_passes(installed: Installation, tmp_path: Path) -> None:
    ended = installed.run(tmp_path, "verify", CONFIG)
    assert ended.code == ExitCode.PASSED, ended.out[-3000:] + ended.err
    (record,) = tmp_path.glob("reports/*/run.json")
    ended = installed.run(tmp_path, "replay", str(record.parent))
    assert ended.code == ExitCode.PASSED, ended.out[-2000:]


def test_a_first_spec_of_what_runs_passes(installed: Installation, tmp_path: Path) -> None:
    ended = installed.run(tmp_path, "init", "own", "--namespace", "voicehelper-prod", CONFIG)
    assert ended.code == ExitCode.PASSED, ended.err
    words = ("verify", "--spec", "own/spec.yaml", CONFIG, "--read-only")
    ended = installed.run(tmp_path, *words)
    assert ended.code == ExitCode.PASSED, ended.out[-3000:]


def test_a_night_and_an_undo(installed: Installation, tmp_path: Path) -> None:
    words = ("nightly", "run", "--results", "night", "--profile", "read-only", "--read-only")
    ended = installed.run(tmp_path, *words, CONFIG)
    assert ended.code == ExitCode.PASSED, ended.out[-3000:] + ended.err
    ended = installed.run(tmp_path, "undo", CONFIG)
    assert (ended.code, "nothing to put back" in ended.out) == (0, True), ended.err


def test_a_load_is_offered_from_anywhere(installed: Installation, tmp_path: Path) -> None:
    """A short one; what it is judged to be depends on the machine, and is written either way."""
    via = "nsenter --net=/run/netns/cp-load --"
    words = ("load", "run", CONFIG, "--shape", "smoke", "--out", "load", "--via", via)
    ended = installed.run(tmp_path, *words, home=Path.home())
    assert ended.code in {ExitCode.PASSED, ExitCode.FAILED, ExitCode.INCONCLUSIVE}, ended.err
    assert (tmp_path / "load" / "load.html").is_file(), ended.out + ended.err
    assert (tmp_path / "load" / "generator.json").is_file()
    judged = installed.run(tmp_path, "load", "judge", "--out", "load")
    assert judged.code == ended.code


def test_two_contexts_of_one_cluster_are_said_to_be_one(
    installed: Installation, tmp_path: Path
) -> None:
    config = json.loads(paths.KUBECONFIG.read_text(encoding="utf-8"))
    first = config["contexts"][0]
    config["contexts"].append({"name": "again", "context": first["context"]})
    (tmp_path / "config").touch(mode=0o600)
    (tmp_path / "config").write_text(json.dumps(config), encoding="utf-8")
    words = ("verify", "--contexts", f"{first['name']},again", "--kubeconfig", "config")
    ended = installed.run(tmp_path, *words, "--profile", "read-only", "--read-only")
    assert ended.code == ExitCode.PASSED, ended.out[-3000:]
    assert f"one cluster under several names: {first['name']}, again" in ended.out
    assert "One cluster under several names" in (tmp_path / "reports/fleet.html").read_text()

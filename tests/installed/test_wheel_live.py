"""The installed wheel, from an empty folder, against the local cluster: every command.

By the oldest Python that the project supports, and by the newest that this machine has.
"""

import json
from pathlib import Path

import pytest

from clusterproof.checks import read_spec
from clusterproof.outcome import ExitCode
from testbed.cluster import paths
from tests.installed.installation import Installation, install, pythons

pytestmark = pytest.mark.cluster

CONFIG = f"--kubeconfig={paths.KUBECONFIG}"
ROWS = len(read_spec(paths.CHECKOUT / "spec" / "self-hosted.yaml").rows)


@pytest.fixture(scope="module", params=pythons())
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    place = tmp_path_factory.getbasetemp() / f"installed-live-{request.param}"
    return install(place, pythons()[request.param], extra="load")


def test_the_doctor_finds_every_row_open_and_the_plan_has_them(
    installed: Installation, tmp_path: Path
) -> None:
    ended = installed.run(tmp_path, "doctor", CONFIG)
    assert (ended.code, f"{ROWS} of {ROWS} can be judged" in ended.out) == (0, True), ended.out
    ended = installed.run(tmp_path, "plan", CONFIG)
    assert (ended.code, f"{ROWS} rows" in ended.out) == (0, True), ended.out
    assert list(tmp_path.iterdir()) == []


def test_every_row_of_the_reference_spec_passes(installed: Installation, tmp_path: Path) -> None:
    ended = installed.run(tmp_path, "verify", CONFIG)
    assert ended.code == ExitCode.PASSED, ended.out[-3000:] + ended.err
    (record,) = tmp_path.glob("reports/*/run.json")
    ended = installed.run(tmp_path, "bundle", str(record.parent), "--out", "run.tar.gz")
    assert ended.code == ExitCode.PASSED, ended.err
    ended = installed.run(tmp_path, "replay", "run.tar.gz")
    assert ended.code == ExitCode.PASSED, ended.out[-2000:]
    assert installed.run(tmp_path, "history", "add", str(record)).code == ExitCode.PASSED
    assert "passed" in installed.run(tmp_path, "history", "list").out
    ended = installed.run(tmp_path, "nightly", "rights", str(record))
    assert (ended.code, "pods/exec" in ended.out) == (0, True), ended.err


def test_some_rows_are_chosen_by_id_by_area_and_by_a_former_record(
    installed: Installation, tmp_path: Path
) -> None:
    chosen = installed.run(tmp_path, "verify", "--only", "router-*", "--only", "hpa-target", CONFIG)
    assert chosen.code == ExitCode.PASSED, chosen.out[-3000:]
    (record,) = tmp_path.glob("reports/*/run.json")
    rows = {row["id"] for row in json.loads(record.read_text(encoding="utf-8"))["rows"]}
    assert "hpa-target" in rows
    assert all(row.startswith("router-") for row in rows - {"hpa-target"})
    area = installed.run(tmp_path, "verify", "-m", "network-policy", CONFIG)
    assert area.code == ExitCode.PASSED, area.out[-3000:]
    since = installed.run(tmp_path, "verify", "--since", str(record), CONFIG)
    assert since.code == ExitCode.PASSED, since.out[-3000:]


def test_a_first_spec_of_what_runs_passes(installed: Installation, tmp_path: Path) -> None:
    ended = installed.run(tmp_path, "init", "own", "--namespace", "voicehelper-prod", CONFIG)
    assert ended.code == ExitCode.PASSED, ended.err
    ended = installed.run(tmp_path, "check-spec", "own/spec.yaml")
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

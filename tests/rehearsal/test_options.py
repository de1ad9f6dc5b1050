"""Rehearsals are no part of a run that does not ask for them, and refused where they must be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: NAME
contexts: [{name: NAME, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: u, user: {token: made-up}}]
"""


def suites(*arguments: str) -> tuple[int, str]:
    """The exit code and the words of `pytest suites`."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(  # noqa: S603 - our own suites
        command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=60
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_plan_without_them_says_that_there_are_some() -> None:
    code, said = suites("suites", "--plan")
    assert code in {0, 5}
    assert "not in it: 15 rehearsals, with --rehearse" in said
    assert "rehearse-" not in said
    assert "deselected" not in said


def test_a_plan_with_them_has_them_last() -> None:
    _, said = suites("suites", "--plan", "--rehearse")
    _, _, after = said.partition("\nrehearsals\n")
    assert after.count("rehearse-") == 15
    assert "posthog-total" not in after


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["suites", "--rehearse", "--read-only"], "without --read-only"),
        (["suites/test_rehearsals.py"], "give --rehearse"),
    ],
)
def test_they_are_refused_in_a_sentence(arguments: list[str], words: str) -> None:
    code, said = suites(*arguments)
    assert code == 4
    assert words in said
    assert "Traceback" not in said


def test_production_is_not_rehearsed_in(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(KUBECONFIG.replace("NAME", "shop-prod-1"), "utf-8")
    where = ["--kubeconfig", str(config), "--report-dir", ""]
    code, said = suites("suites/test_rehearsals.py", "--rehearse", *where)
    assert code == 4
    assert "shop-prod-1" in said
    assert "--allow-production" in said


def test_production_by_the_spec_is_not_rehearsed_in(tmp_path: Path) -> None:
    config, spec = tmp_path / "config", tmp_path / "spec.yaml"
    config.write_text(KUBECONFIG.replace("NAME", "shop"), "utf-8")
    base = PROJECT / "spec" / "self-hosted.yaml"
    spec.write_text(f"extends: {base}\nsettings: {{production_contexts: [shop]}}\n", "utf-8")
    where = ["--kubeconfig", str(config), "--report-dir", "", "--spec", str(spec)]
    code, said = suites("suites/test_rehearsals.py", "--rehearse", *where)
    assert code == 4
    assert "context 'shop' matches 'shop' in production of the spec" in said


SHUFFLER = """
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    yield
    items.reverse()
"""


@pytest.mark.parametrize("how", ["--ff", "--nf", "shuffler"])
def test_they_are_last_whatever_reorders(how: str, tmp_path: Path) -> None:
    """Of an order by earlier failures, by age, or by a plugin's own mind."""
    cache = tmp_path / "cache" / "v" / "cache"
    cache.mkdir(parents=True)
    failed = "suites/test_rehearsals.py::test_rehearsals[rehearse-router-scale]"
    (cache / "lastfailed").write_text(json.dumps({failed: True}), "utf-8")
    others = "suites/test_workloads.py::test_workloads[router-ready]"
    (cache / "nodeids").write_text(json.dumps([others]), "utf-8")
    (tmp_path / "shuffler.py").write_text(SHUFFLER, "utf-8")
    command = [sys.executable, "-m", "pytest", "suites", "--plan", "--rehearse"]
    command += ["-o", f"cache_dir={tmp_path / 'cache'}"]
    command += ["-p", how] if how == "shuffler" else [how]
    ended = subprocess.run(  # noqa: S603 - our own suites
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        timeout=60,
    )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("  ")]
    are = [line.startswith("  rehearse-") for line in lines]
    assert are.count(True) == 15, ended.stdout
    assert are == sorted(are)


def test_rows_are_not_shared_out_over_processes() -> None:
    code, said = suites("suites", "-n", "2")
    assert code == 4
    assert "give no -n and no --dist" in said

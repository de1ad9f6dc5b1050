"""A folder that holds no whole run is one sentence."""

import gzip
import json
from pathlib import Path

import pytest

from clusterproof.errors import SpecError
from clusterproof.load.account import Account
from clusterproof.load.objectives import LoadSpec, read_objectives
from clusterproof.load.page import PREVIOUS, read_previous
from clusterproof.load.recording import Recording
from clusterproof.load.session import RECORDING, judge

T0 = 1_800_000_000.0
GENERATOR = {
    "run": "abc",
    "scenario": "router",
    "shape": "smoke",
    "host": "http://router",
    "started_at": T0,
    "duration_s": 1,
    "stages": [[1, 1, 1]],
    "findings": [],
}


@pytest.fixture(scope="module")
def spec() -> LoadSpec:
    """The project's own."""
    return read_objectives()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a run of a second."""
    (tmp_path / "generator.json").write_text(json.dumps(GENERATOR), encoding="utf-8")
    account = {"run": "abc", **Account().to_json()}
    (tmp_path / "account.json").write_text(json.dumps(account), encoding="utf-8")
    Recording(T0 - 5, T0 + 10, run="abc").write(tmp_path / RECORDING)
    return tmp_path


def test_a_whole_run_is_judged(folder: Path, spec: LoadSpec) -> None:
    assert judge(spec, folder)[0].verdict.outcome == "failed"  # there is no HPA


@pytest.mark.parametrize("name", ["generator.json", "account.json", RECORDING])
def test_what_is_missing_is_named(folder: Path, spec: LoadSpec, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(SpecError, match=f"no {name}: expected the folder of a run"):
        judge(spec, folder)


@pytest.mark.parametrize(
    "name", ["generator.json", "account.json", RECORDING, "events.json", "prometheus.json"]
)
@pytest.mark.parametrize("how", ["cut off", "overwritten", "empty", "another's"])
def test_what_is_damaged_is_said(folder: Path, spec: LoadSpec, name: str, how: str) -> None:
    """As by a disk that was full, or a file that is none of ours."""
    path = folder / name
    if how == "another's":
        text = b"[1]" if name != RECORDING else gzip.compress(b"[1]")
    elif how == "overwritten":
        text = (path.read_bytes() if path.exists() else b'{"a": 1}')[:20] + b"\xff" * 200
    else:
        text = (path.read_bytes() if path.exists() else b'{"a')[: 0 if how == "empty" else 40]
    path.write_bytes(text)
    with pytest.raises(SpecError, match="a file of the run is damaged"):
        judge(spec, folder)


def test_files_of_two_runs_are_not_judged_together(folder: Path, spec: LoadSpec) -> None:
    """Locust by itself, into the folder of a run that was watched."""
    generator = {**GENERATOR, "run": "other"}
    (folder / "generator.json").write_text(json.dumps(generator), encoding="utf-8")
    with pytest.raises(SpecError, match=r"files of several runs: generator.json of run other, acc"):
        judge(spec, folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"figures": {}}'])
def test_a_run_before_that_is_damaged_is_not_compared(tmp_path: Path, text: str) -> None:
    path = tmp_path / PREVIOUS
    path.write_text(text, encoding="utf-8")
    previous = read_previous(path, GENERATOR, 40)
    assert not previous.figures
    assert "is damaged" in previous.sentence

"""The model against recordings of the real controller, made by `python -m loadtests.hpa_lab`."""

from pathlib import Path

import pytest

from clusterproof.load.hpa.replay import Replay, replay
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.recording import Recording
from clusterproof.load.scaling import judge_model
from clusterproof.load.timeline import build_timeline
from clusterproof.outcome import Outcome

RECORDINGS = sorted((Path(__file__).parent / "recordings").glob("curve-*.json.gz"))
FLAGS = ControllerFlags(
    sync_s=5, downscale_window_s=60, cpu_initialization_s=40, readiness_delay_s=10
)


def _replayed(path: Path, flags: ControllerFlags) -> Replay:
    recording = Recording.read(path)
    timeline = build_timeline(recording, hpa="target")
    ticks = [read.at for read in recording.usage if read.at < recording.ended_at - 2.5]
    found = replay(recording, timeline, hpa="target", flags=flags, ticks=ticks)
    assert found is not None
    return found


def _agreement(path: Path, flags: ControllerFlags) -> tuple[float, float]:
    found = _replayed(path, flags)
    return found.agreement, found.within_sync


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.name)
def test_every_reconcile_is_predicted(path: Path) -> None:
    assert _agreement(path, FLAGS) == (1.0, 1.0)


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) >= 4


def test_a_wrong_model_is_seen() -> None:
    wrong = FLAGS.model_copy(update={"tolerance": 0.9})
    assert min(_agreement(path, wrong)[1] for path in RECORDINGS) < 0.9


def test_a_wrong_model_that_nearly_always_agrees_fails_by_what_it_changes() -> None:
    """Without a CPU initialization period: most reconciles change nothing, by any model."""
    wrong = FLAGS.model_copy(update={"cpu_initialization_s": 0})
    replayed = _replayed(RECORDINGS[0], wrong)
    assert replayed.agreement > 0.97
    assert replayed.within_sync > 0.97
    assert judge_model(replayed).outcome is Outcome.FAILED
    assert judge_model(_replayed(RECORDINGS[0], FLAGS)).outcome is Outcome.PASSED


def test_a_recording_survives_writing(tmp_path: Path) -> None:
    recording = Recording.read(RECORDINGS[0])
    recording.write(tmp_path / "again.json.gz")
    assert Recording.read(tmp_path / "again.json.gz") == recording

"""When the controller reconciled, from what was seen of it."""

import pytest

from clusterproof.load.hpa.replay import within
from clusterproof.load.hpa.rules import ControllerFlags
from clusterproof.load.hpa.times import reconcile_times
from clusterproof.load.recording import Change, Recording, UsageRead

FLAGS = ControllerFlags()
"""One reconcile every 15 s."""


def times(*updates: float, until: float = 100.0, usage_from: float = 0.0) -> list[float]:
    """Of a recording from 1000 s on, with status updates at these seconds; relative to it."""
    changes = [Change(1000.0, "hpa", "LISTED", {}), Change(1003.0, "hpa", "ADDED", {})]
    changes += [Change(1000.0 + at, "hpa", "MODIFIED", {"status": at}) for at in updates]
    usage = [UsageRead(1000.0 + usage_from, {}), UsageRead(1090.0, {})]
    recording = Recording(1000.0, 1000.0 + until, changes, usage)
    return [at - 1000.0 for at in reconcile_times(recording, changes, FLAGS)]


@pytest.mark.parametrize(
    ("updates", "limits", "expected"),
    [
        ([], {}, [15, 30, 45, 60, 75, 90]),
        ([], {"until": 90}, [15, 30, 45, 60, 75]),
        ([50], {}, [5, 20, 35, 50, 65, 80, 95]),
        ([45], {}, [15, 30, 45, 60, 75, 90]),
        ([50], {"usage_from": 34}, [35, 50, 65, 80, 95]),
        ([50], {"usage_from": 35}, [50, 65, 80, 95]),
        ([50], {"usage_from": 50}, [50, 65, 80, 95]),
        ([50], {"usage_from": 51}, [65, 80, 95]),
        ([10, 40], {}, [10, 25, 40, 55, 70, 85]),
        ([10, 33], {}, [10, 21.5, 33, 48, 63, 78, 93]),
        ([10, 31], {}, [10, 31, 46, 61, 76, 91]),
        ([10, 14, 15, 40], {}, [10, 15, 27.5, 40, 55, 70, 85]),
        ([10, 12, 25], {}, [10, 25, 40, 55, 70, 85]),
    ],
    ids=[
        "unseen",
        "until-the-end",
        "one",
        "not-before-the-start",
        "from-the-first-usage",
        "not-before-the-first-usage",
        "with-the-first-usage",
        "none-before-the-first-usage",
        "between",
        "evenly-between",
        "one-late",
        "too-close-is-the-same",
        "and-hides-nothing-behind-it",
    ],
)
def test_updates_are_reconciles_and_between_them_there_was_one_each_period(
    updates: list[float], limits: dict[str, float], expected: list[float]
) -> None:
    """A third of a period apart is another one, less is the same one."""
    assert times(*updates, **limits) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("predicted", "slack", "share"),
    [
        (((0.0, 3.0), (5.0, 6.0)), 0.0, 1.0),
        (((0.0, 3.0), (7.0, 6.0)), 0.0, 9 / 11),
        (((0.0, 3.0), (7.0, 6.0)), 2.0, 1.0),
        (((0.0, 3.0), (8.0, 6.0)), 2.0, 10 / 11),
        (((0.0, 3.0),), 2.0, 5 / 11),
        (((0.0, 6.0), (2.0, 3.0), (5.0, 6.0)), 0.0, 9 / 11),
        (((0.0, 3.0), (3.0, 6.0)), 2.0, 1.0),
        (((0.0, 3.0), (3.0, 6.0)), 1.0, 10 / 11),
        (((0.0, 3.0), (2.0, 3.0), (2.0, 6.0)), 2.0, 1.0),
    ],
)
def test_the_share_of_time_that_was_predicted(
    predicted: tuple[tuple[float, float], ...], slack: float, share: float
) -> None:
    """Each second of eleven; a period early or late is right, from the value before a step on."""
    observed = ((0.0, 3.0), (5.0, 6.0))
    assert within(observed, predicted, 0.0, 10.0, slack) == pytest.approx(share)


def test_no_time_at_all_was_not_predicted() -> None:
    """Rather than divided by."""
    assert within(((0.0, 3.0),), ((0.0, 3.0),), 5.0, 4.0, 1.0) == 0.0

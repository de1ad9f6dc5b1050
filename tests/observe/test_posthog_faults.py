"""Each fault of the PostHog reference turns exactly its own rows red, and no fault turns none.

The reference runs with its real servers on loopback; the rows are those of the spec.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from clusterproof.checks import read_spec
from clusterproof.checks.exposure import ExposureRow, read_exposures
from clusterproof.checks.flag import FlagRow, ask_flag
from clusterproof.checks.ingestion import IngestionRow
from clusterproof.checks.posthog_status import StatusRow, read_figure
from clusterproof.checks.shared import Arrival
from clusterproof.observe.inside import Inside
from clusterproof.product.posthog.ingestion import (
    EventBatch,
    Reading,
    Stored,
    read_back,
    send_events,
)
from clusterproof.product.posthog.status import read_page
from clusterproof.product.router.counting import Batch, Routed
from clusterproof.product.router.traffic import Traffic
from clusterproof.spec.row import Row
from clusterproof.spec.settings import KeyRef, PosthogSettings
from tests.judging import DoubtError, differences, doubt
from tests.testbed_posthog.servers import PERSONAL_KEY, TOKEN, Stack, running_stack

pytestmark = pytest.mark.cluster
SPEC = read_spec(Path(__file__).parents[2] / "spec/self-hosted.yaml")
VARIANT = "$feature_flag_response"


def _named(value: object) -> str | None:
    """A test is named by its fault only."""
    return f"{value[0]} {value[1] or 'sound'}" if isinstance(value, tuple) else ""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The running reference."""
    with running_stack() as running:
        yield running


@pytest.fixture
def settings(stack: Stack) -> PosthogSettings:
    """Where it is; an event is late after 3 s, so that a test need not wait for 30."""
    return PosthogSettings(
        host=stack.url,
        query_host=stack.url,
        namespace="posthog",
        api_key=KeyRef(name="s", key="k"),
        personal_api_key=KeyRef(name="s", key="p"),
        events=150,
        late_after_s=3.0,
        within_s=9.0,
    )


@pytest.fixture
def pod() -> Inside:
    """An interpreter of this machine in place of one in a Pod."""
    keys = {"POSTHOG_API_KEY": TOKEN, "POSTHOG_PERSONAL_API_KEY": PERSONAL_KEY}

    def run(arguments: list[str], within_s: float) -> str:
        argv = [sys.executable, "-I", "-c", *arguments]
        env = {**os.environ, **keys}
        ended = subprocess.run(  # noqa: S603 - our own script
            argv, env=env, capture_output=True, text=True, timeout=within_s, check=True
        )
        return ended.stdout

    return Inside(run, "here", "a process")


@pytest.fixture
def fault(request: pytest.FixtureRequest, stack: Stack) -> Iterator[str]:
    """A part of the reference with a fault, and a sound one again afterwards."""
    part, named = request.param
    _restart(stack, part, POSTHOG_FAULT=named)
    yield named
    _restart(stack, part)


def _restart(stack: Stack, part: str, **extra: str) -> None:
    if part == "web":
        stack.parts["web"].end()
        stack.start_web(**extra)
        return
    for number in (1, 2):
        stack.parts[f"worker-{number}"].end()
        stack.start_worker(number, **extra)


def _is_red(row: Row, fact: object) -> bool:
    """Whether the row FAILED; one that had nothing to look at is INCONCLUSIVE."""
    try:
        return bool(differences(row, fact))
    except DoubtError:
        return False


def _red_ingestion(batch: EventBatch) -> set[str]:
    rows = [row for row in SPEC.rows if isinstance(row, IngestionRow)]
    return {row.figure for row in rows if _is_red(row, batch)}


def test_a_sound_reference_turns_nothing_red(settings: PosthogSettings, pod: Inside) -> None:
    assert _red_ingestion(send_events(pod, settings, uuid.uuid4().hex)) == set()


@pytest.mark.parametrize(
    ("fault", "red"),
    [
        (("web", "accept_and_drop:0.2"), {"durable", "lost"}),
        (("web", "reject:1"), {"accepted", "durable", "lag_p95_s"}),
        (("worker", "duplicate:0.2"), {"duplicate"}),
        (("worker", "late:4"), {"late"}),
        (("worker", "stalled_worker"), {"durable", "lost", "lag_p95_s"}),
        (("worker", "lying_worker"), {"durable", "lost", "lag_p95_s"}),
        (("web", "stale_query"), set()),
    ],
    indirect=["fault"],
    ids=_named,
)
def test_each_fault_turns_its_own_figures_red(
    fault: str, red: set[str], settings: PosthogSettings, pod: Inside
) -> None:
    found = _red_ingestion(send_events(pod, settings, uuid.uuid4().hex))
    assert found == red, fault


@pytest.mark.parametrize(
    ("fault", "red"),
    [
        (("web", ""), set()),
        (("web", "wrong_variant:0.3"), {"flag-evaluates", "flag-splits"}),
        (("web", "variant_skew"), {"flag-splits"}),
    ],
    indirect=["fault"],
    ids=_named,
)
def test_faults_of_flags(fault: str, red: set[str], settings: PosthogSettings, pod: Inside) -> None:
    rows = [row for row in SPEC.rows if isinstance(row, FlagRow)]
    seen = ask_flag(pod, settings, rows[0], [f"u{one}" for one in range(20)])
    assert {row.id for row in rows if differences(row, seen.value)} == red, fault


@pytest.mark.parametrize(
    ("fault", "red"),
    [
        (("worker", ""), set()),
        (("worker", "mangle_properties"), {"wrong_variant"}),
    ],
    indirect=["fault"],
    ids=_named,
)
def test_faults_of_exposures(
    fault: str, red: set[str], settings: PosthogSettings, pod: Inside
) -> None:
    answers = tuple(
        Routed(f"u{one}", 200, variant="control", is_ab_test=True, exposure=str(uuid.uuid4()))
        for one in range(5)
    )
    _capture(settings, answers)
    named = [one.exposure for one in answers]
    back: tuple[dict[str, Stored], Reading] = read_back(pod, settings, named, [VARIANT])
    traffic = Traffic((Batch(answers, (), (), 1.0),))
    rows = [row for row in SPEC.rows if isinstance(row, ExposureRow)]
    seen = {
        row.figure for row in rows if _is_red(row, read_exposures(traffic, back, VARIANT).value)
    }
    assert seen == red, fault


def _capture(settings: PosthogSettings, answers: tuple[Routed, ...]) -> None:
    batch = [
        {
            "event": "$feature_flag_called",
            "uuid": one.exposure,
            "distinct_id": one.user,
            "properties": {VARIANT: one.variant},
        }
        for one in answers
    ]
    body = {"api_key": TOKEN, "batch": batch}
    assert httpx.post(f"{settings.host}/batch/", json=body, timeout=15).status_code == 200


@pytest.mark.parametrize(
    ("fault", "red", "nothing"),
    [
        (("worker", ""), set(), False),
        (("worker", "stalled_worker"), {"worker_alive"}, True),
        (("worker", "lying_worker"), {"worker_alive"}, True),
    ],
    indirect=["fault"],
    ids=_named,
)
def test_the_status_page_is_not_believed_against_what_was_seen(
    fault: str, red: set[str], *, nothing: bool, settings: PosthogSettings, pod: Inside
) -> None:
    page = read_page(pod, settings)
    rows = [row for row in SPEC.rows if isinstance(row, StatusRow)]
    seen = {
        row.figure
        for row in rows
        if differences(
            row,
            read_figure(page, row, capacity="50Gi", arrived=Arrival(nothing=nothing)).value,
        )
    }
    assert seen == red, fault


def test_a_wrong_key_is_no_finding(stack: Stack, settings: PosthogSettings, pod: Inside) -> None:
    del stack

    def run(arguments: list[str], within_s: float) -> str:
        return pod.run([arguments[0].replace("Bearer ", "Bearer x"), arguments[1]], within_s)

    batch = send_events(Inside(run, "here", ""), settings, uuid.uuid4().hex)
    assert _red_ingestion(batch) == set()
    durable = next(
        row for row in SPEC.rows if isinstance(row, IngestionRow) and row.figure == "durable"
    )
    assert "401: the personal API key is not accepted" in doubt(durable, batch)

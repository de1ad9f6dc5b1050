"""What the query API may answer: no answer of it is a false pass, and none a false alarm.

Each case is run twice, with an instance that keeps every event and with one that loses some; the
table of them is in docs/safety.md.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from clusterproof.checks import judge
from clusterproof.checks.exposure import ExposureRow, read_exposures
from clusterproof.checks.ingestion import IngestionRow
from clusterproof.judgement import Doubt, Passed
from clusterproof.observe.inside import Inside
from clusterproof.product.posthog.ingestion import read_back, send_events
from clusterproof.product.router.counting import Batch, Routed
from clusterproof.product.router.traffic import Traffic
from clusterproof.spec.row import Area, Expectation
from clusterproof.spec.settings import PosthogSettings
from tests.observe.loopback import PosthogStandIn, Reply, settings_of, with_keys

PAGE = Path(__file__).parents[2] / "docs/safety.md"
SOUND = {"durable": 1.0, "lost": 0, "duplicate": 0, "late": 0, "altered": 0}
THROTTLED = {"detail": "Request was throttled. Expected available in 1 second."}
EVENTS = 8
LATE_AFTER_S = 8.0
AT_ONCE = 8
"""Runs at a time: what takes their time is waiting, for the SDK and for events that stay away."""


def _rows(table: Any) -> Reply:  # noqa: ANN401 - any shape
    return Reply(body={"results": table})


@dataclass(frozen=True)
class Case:
    """One way to answer queries.

    Attributes:
        name: As the table has it.
        instead: As `PosthogStandIn.instead`.
        told: The rows are judged as if nothing had happened; otherwise they are in doubt.
        polls: As `PosthogStandIn.polls`.
        after: Words of the reason or of the evidence.
    """

    name: str
    instead: Callable[[int], Reply | None]
    told: bool
    after: str = ""
    polls: int = 1


def first(reply: Reply) -> Callable[[int], Reply | None]:
    """The first query is answered so."""
    return lambda turn: reply if turn == 1 else None


def always(reply: Reply) -> Callable[[int], Reply | None]:
    """Every query is answered so."""
    return lambda _: reply


NEXT_HOUR = datetime.now(tz=UTC) + timedelta(hours=1)


def _in_two_seconds() -> str:
    return format_datetime(datetime.now(tz=UTC) + timedelta(seconds=2), usegmt=True)


CASES = [
    Case("200", lambda _: None, told=True),
    Case(
        "429 with Retry-After: 1, once",
        first(Reply(429, THROTTLED, {"retry-after": "1"})),
        told=True,
        after="limited the rate 1 times (429): waited 1 s",
    ),
    Case(
        "429 whose body names the wait, once",
        first(Reply(429, THROTTLED)),
        told=True,
        after="429",
    ),
    Case(
        "429 that names no wait, once",
        first(Reply(429, {})),
        told=True,
        after="limited the rate 1 times (429): waited 5 s",
    ),
    Case(
        "429 with a date in Retry-After, once",
        lambda turn: Reply(429, {}, {"retry-after": _in_two_seconds()}) if turn == 1 else None,
        told=True,
        after="limited the rate 1 times (429)",
    ),
    Case(
        "429 with a date an hour away",
        always(Reply(429, {}, {"retry-after": format_datetime(NEXT_HOUR, usegmt=True)})),
        told=False,
        after="that is not left",
    ),
    Case(
        "429 with Retry-After: 1, always",
        always(Reply(429, THROTTLED, {"retry-after": "1"})),
        told=False,
        after="HogQL answers 429",
    ),
    Case(
        "429 with Retry-After: 3600",
        always(Reply(429, THROTTLED, {"retry-after": "3600"})),
        told=False,
        after="asks for 3600 s: that is not left",
    ),
    Case(
        "429 from the second query on",
        lambda turn: Reply(429, THROTTLED, {"retry-after": "60"}) if turn > 1 else None,
        told=False,
        after="HogQL answers 429",
    ),
    Case(
        "504 once, then 202 and two polls",
        first(Reply(504, "<html>upstream timed out</html>")),
        told=True,
        after="answered later (202)",
        polls=2,
    ),
    Case(
        "202, and it never ends",
        first(Reply(504, "")),
        told=False,
        after="an asynchronous query did not end",
        polls=0,
    ),
    Case(
        "202 whose query fails",
        always(
            Reply(200, {"query_status": {"id": "q", "error": True, "error_message": "no memory"}})
        ),
        told=False,
        after="no memory",
    ),
    Case("202 without a status", always(Reply(202, {})), told=False, after="no table"),
    Case("500 once", first(Reply(500, {"detail": "sorry"})), told=True),
    Case("500 always", always(Reply(500, {"detail": "sorry"})), told=False, after="500: "),
    Case(
        "500 from the second query on",
        lambda turn: Reply(500, {"detail": "sorry"}) if turn > 1 else None,
        told=False,
        after="500: ",
    ),
    Case("502 in HTML, always", always(Reply(502, "<html>")), told=False, after="502: "),
    Case("503 once", first(Reply(503, {})), told=True),
    Case("400", always(Reply(400, {})), told=False, after="the query is not accepted"),
    Case("401", always(Reply(401, {})), told=False, after="the personal API key is not accepted"),
    Case("402", always(Reply(402, {})), told=False, after="the plan has no queries left"),
    Case("403", always(Reply(403, {})), told=False, after="scope: query:read"),
    Case("404", always(Reply(404, {})), told=False, after="there is no such project"),
    Case("no JSON", always(Reply(200, "<html>")), told=False, after="JSONDecodeError"),
    Case("an empty body", always(Reply(200, "")), told=False, after="JSONDecodeError"),
    Case("a JSON list", always(Reply(body=[])), told=False, after="expected a JSON object"),
    Case("null", always(Reply(body=None)), told=False, after="expected a JSON object"),
    Case("no results", always(Reply(body={})), told=False, after="no table"),
    Case("results of null", always(_rows(None)), told=False, after="expected a list, got NoneType"),
    Case("results that are an object", always(_rows({})), told=False, after="got dict"),
    Case("rows that are no lists", always(_rows(["a"])), told=False, after="columns"),
    Case("rows of one column", always(_rows([["a"]])), told=False, after="columns"),
    Case("a uuid that is a number", always(_rows([[1, "a", "b", "c", "d"]])), told=False),
    Case("200 with an error", always(Reply(body={"error": "too slow"})), told=False, after="slow"),
    Case("half of a page", always(Reply(body={"results": [], "hasMore": True})), told=False),
    Case("every answer late by less than a second", lambda _: None, told=True),
]


@pytest.fixture
def posthog() -> PosthogStandIn:
    """Answers as PostHog does, until a test gives it a fault."""
    return PosthogStandIn()


@pytest.fixture
def settings(posthog: PosthogStandIn) -> Iterator[PosthogSettings]:
    """The stand-in, listening."""
    with settings_of(posthog, events=EVENTS, late_after_s=LATE_AFTER_S) as given:
        yield given


POD = Inside(with_keys, "here", "a process")
"""An interpreter of this machine in place of one in a Pod."""


@pytest.fixture
def pod() -> Inside:
    """It."""
    return POD


@dataclass(frozen=True, eq=False)
class Run:
    """One run of the script against a stand-in of its own.

    Attributes:
        prepare: Gives the stand-in its fault.
        case: The answer that it is about, if any.
        loses: It loses some of the events.
        reads: It reads exposures back, in place of sending.
        settings: Those that are others than usual.
        before: Lines of Python that run before the script.
    """

    name: str
    prepare: Callable[[PosthogStandIn], None]
    case: Case = CASES[0]
    loses: bool = False
    reads: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""

    def perform(self) -> Any:  # noqa: ANN401 - a batch, or exposures
        """What became of the events."""
        posthog, pod = PosthogStandIn(), Inside(self._run, "here", "a process")
        self.prepare(posthog)
        with settings_of(posthog, events=EVENTS, late_after_s=LATE_AFTER_S) as usual:
            settings = usual.model_copy(update=dict(self.settings))
            return _exposures(posthog, settings) if self.reads else send_events(pod, settings, "r")

    def _run(self, arguments: list[str], within_s: float) -> str:
        source, *rest = arguments
        return with_keys([f"{self.before}\n{source}", *rest], within_s)


def _exposures(posthog: PosthogStandIn, settings: PosthogSettings) -> Any:  # noqa: ANN401 - as above
    answers = tuple(
        Routed(f"u{number}", 200, "m", "control", is_ab_test=True, exposure=str(uuid.uuid4()))
        for number in range(EVENTS)
    )
    for answer in answers:
        properties = {"variant": answer.variant}
        event = {"uuid": answer.exposure, "event": "e", "distinct_id": answer.user}
        posthog.stored.append((0.0, {**event, "properties": properties}))
    back = read_back(POD, settings, [answer.exposure for answer in answers], ["variant"])
    return read_exposures(Traffic((Batch(answers, (), (), 1.0),)), back, "variant")


@pytest.fixture(scope="module")
def ended(request: pytest.FixtureRequest) -> Iterator[Callable[[Run], Any]]:
    """What a run came to; the runs of all chosen tests are begun together."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    runs = [call.params["run"] for call in calls if call and "run" in call.params]
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        begun = {run: pool.submit(run.perform) for run in runs if isinstance(run, Run)}
        yield lambda run: begun[run].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _ingestion(figure: Any) -> IngestionRow:  # noqa: ANN401 - one of the figures
    return IngestionRow(
        id="i",
        area=Area.INGESTION,
        claim="it arrives",
        source="test",
        check="ingestion",
        figure=figure,
        expect=Expectation(equals=SOUND[figure]),
    )


def _exposure(figure: Literal["durable", "wrong_variant"]) -> ExposureRow:
    return ExposureRow(
        id="e",
        area=Area.INGESTION,
        claim="it arrives",
        source="test",
        check="exposure",
        figure=figure,
        expect=Expectation(equals=1.0 if figure == "durable" else 0),
    )


def _outcome(judgement: Any) -> str:  # noqa: ANN401 - one of three
    if isinstance(judgement, Doubt):
        return "doubt"
    return "pass" if isinstance(judgement, Passed) else "fail"


def _run(case: Case, *, loses: bool = False, reads: bool = False) -> Run:
    def prepare(posthog: PosthogStandIn) -> None:
        posthog.instead, posthog.polls = case.instead, case.polls
        posthog.lose = lambda index: loses and index % 4 == 1
        if case.name.startswith("every answer"):
            posthog.after_s = 0.4

    name = case.name if reads else f"{case.name}, {'loses' if loses else 'keeps'}"
    return Run(name, prepare, case, loses=loses, reads=reads)


def _twice() -> Iterator[Run]:
    """Each case with an instance that keeps all; those that are judged also with one that loses."""
    for case in CASES:
        yield _run(case)
        if case.told or case.name == "no results" or "from the second" in case.name:
            yield _run(case, loses=True)


@pytest.mark.parametrize("run", list(_twice()), ids=lambda run: run.name)
def test_no_answer_is_a_false_pass_or_a_false_alarm(run: Run, ended: Callable[[Run], Any]) -> None:
    case, batch = run.case, ended(run)
    told = {"durable": "fail", "lost": "fail"} if run.loses else {}
    lost = {name: _outcome(judge(_ingestion(name), batch)) for name in ("durable", "lost")}
    if case.told:
        assert lost == {"durable": "pass", "lost": "pass"} | told
    else:
        assert set(lost.values()) <= {"doubt"}
        reason = judge(_ingestion("durable"), batch)
        assert isinstance(reason, Doubt)
        assert case.after in reason.reason
    rest = {name: _outcome(judge(_ingestion(name), batch)) for name in SOUND if name not in lost}
    assert set(rest.values()) <= ({"pass"} if case.told else {"doubt", "pass"})
    if not batch.durable:
        assert set(rest.values()) == {"doubt"}
    if case.told and case.after:
        assert case.after in " ".join(batch.reading.evidence)


@pytest.mark.parametrize(
    "run", [_run(case, reads=True) for case in CASES], ids=lambda run: run.name
)
def test_exposures_are_as_safe(run: Run, ended: Callable[[Run], Any]) -> None:
    case, fact = run.case, ended(run)
    rows = (_exposure("durable"), _exposure("wrong_variant"))
    outcomes = {_outcome(judge(row, fact.value)) for row in rows}
    if case.name.endswith("from the second query on"):  # one was enough
        assert outcomes == {"pass"}
    else:
        assert outcomes == ({"pass"} if case.told else {"doubt"})
    if case.told and case.after:
        assert case.after in " ".join(fact.evidence)


def test_the_page_has_each_case_of_the_matrix() -> None:
    section = PAGE.read_text().partition("## What PostHog's query API may answer")[2]
    told = re.findall(r"^\| ([^|]+?) \| (judged|INCONCLUSIVE)", section, re.MULTILINE)
    assert told == [(case.name, "judged" if case.told else "INCONCLUSIVE") for case in CASES]


def test_a_failed_chunk_is_not_forgotten_for_the_next(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    """More than a thousand events take two queries; the answer of one says nothing of the other."""
    posthog.instead = first(Reply(500, {}))
    many = settings.model_copy(update={"events": 1001, "within_s": 0.0})
    batch = send_events(pod, many, "r3")
    assert "500" in batch.reading.unseen
    assert _outcome(judge(_ingestion("lost"), batch)) == "doubt"


def test_copies_that_could_not_be_counted_are_no_pass(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.refuse = "GROUP BY"
    posthog.twice = lambda _: True
    batch = send_events(pod, settings, "r4")
    assert len(batch.durable) == EVENTS
    assert _outcome(judge(_ingestion("duplicate"), batch)) == "doubt"
    assert _outcome(judge(_ingestion("lost"), batch)) == "pass"


def _told_by(**fault: Any) -> Callable[[PosthogStandIn], None]:  # noqa: ANN401 - its attributes
    def prepare(posthog: PosthogStandIn) -> None:
        for name, setting in fault.items():
            setattr(posthog, name, setting)

    return prepare


ONE_TWICE = {"twice": lambda index: index == 1}


def _each_once(stored: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({event["uuid"]: event for event in stored}.values())


def _held(lose: Callable[[int], bool]) -> Run:
    return Run(
        "the second batch is held",
        _told_by(lose=lose, captured_s=[0.0, 8.0]),
        settings={"events": 150, "within_s": 3.0},
    )


BUSY = Reply(429, THROTTLED, {"retry-after": "1"})
GATEWAY = Reply(504, "<html>")
IMPATIENT = """
import posthog
usual = posthog.Posthog
posthog.Posthog = lambda *args, **options: usual(*args, **{**options, "timeout": 0.3})
"""
OLD_PYTHON = f"""{IMPATIENT}
import sys
sys.addaudithook = lambda hook: None
"""
"""Python 3.9 raises no audit event where something is sent."""


@pytest.mark.parametrize(
    "run",
    [
        Run(
            "after the looks took their queries",
            _told_by(slow_s=1.0, counts=[BUSY, GATEWAY]),
            settings={"queries": 5},
        ),
        Run(
            "when the time of the looks is over",
            _told_by(slow_s=1.2, counts=[Reply(429, {}, {"retry-after": "5"})]),
        ),
        Run("by a query that takes its time", _told_by(counts=[GATEWAY], polls=8)),
        Run("although polls end at a gateway", _told_by(counts=[GATEWAY], polls=3, gives_up=2)),
        Run("by one more where some are missing", _told_by(counts=[_rows([])])),
        Run(
            "where PostHog is slow to confirm a batch",
            _told_by(captured_s=[6.0], counts=[Reply(429, {}, {"retry-after": "6"})]),
            settings={"within_s": 9.0},
        ),
    ],
    ids=lambda run: run.name,
)
def test_copies_are_counted(run: Run, ended: Callable[[Run], Any]) -> None:
    """A sound PostHog stores each once: what keeps us from counting is waited for."""
    batch = ended(run)
    assert len(batch.durable) == EVENTS
    assert isinstance(judge(_ingestion("duplicate"), batch), Passed), batch


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (
            Run("sent again", _told_by(captured_s=[2.0], counts=[BUSY, BUSY]), before=IMPATIENT),
            "doubt",
        ),
        (
            Run(
                "sent again, with an old Python",
                _told_by(captured_s=[2.0], counts=[BUSY, BUSY]),
                before=OLD_PYTHON,
            ),
            "doubt",
        ),
        (
            Run(
                "sent again, and one of both twice",
                _told_by(captured_s=[2.0], counts=[BUSY, BUSY], **ONE_TWICE),
                before=IMPATIENT,
            ),
            "fail",
        ),
    ],
    ids=lambda part: part.name if isinstance(part, Run) else None,
)
def test_what_the_sdk_sent_again_is_no_duplicate_of_posthog(
    run: Run, outcome: str, ended: Callable[[Run], Any]
) -> None:
    """PostHog may store as often as it was sent, and no oftener."""
    batch = ended(run)
    assert {event.sends for event in batch.events} == {2}
    assert _outcome(judge(_ingestion("duplicate"), batch)) == outcome
    assert batch.accepted == EVENTS


@pytest.mark.parametrize(
    "run",
    [
        Run(
            "one twice, in an answer that lacks others, and once in the next",
            _told_by(**ONE_TWICE, partly=[lambda stored: stored[1:3], _each_once]),
        )
    ],
    ids=lambda run: run.name,
)
def test_a_copy_that_one_answer_showed_is_not_forgotten_for_the_next(
    run: Run, ended: Callable[[Run], Any]
) -> None:
    assert _outcome(judge(_ingestion("duplicate"), ended(run))) == "fail"


@pytest.mark.parametrize(
    ("run", "lost"),
    [
        (_held(lambda index: index == 3), "fail"),
        (_held(lambda index: index == 120), "pass"),
    ],
    ids=["a confirmed one", "one that is held"],
)
def test_what_the_sdk_still_holds_is_told_from_what_is_lost(
    run: Run, lost: str, ended: Callable[[Run], Any]
) -> None:
    """Of two batches the second is not confirmed in time."""
    batch = ended(run)
    assert [event.held for event in batch.events] == [False] * 100 + [True] * 50
    assert _outcome(judge(_ingestion("lost"), batch)) == lost
    (difference,) = judge(_ingestion("durable"), batch).differences
    assert difference.code == ("event-lost" if lost == "fail" else "event-rejected")


def test_a_wait_for_the_rate_is_no_lag(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.instead = first(Reply(429, THROTTLED, {"retry-after": "2"}))
    batch = send_events(pod, settings.model_copy(update={"late_after_s": 1.0}), "r5")
    assert min(event.lag_s or 0 for event in batch.events) > 1.0
    judgement = judge(_ingestion("late"), batch)
    assert isinstance(judgement, Doubt)
    assert "waited 2 s" in judgement.reason


def test_queries_are_bounded_by_their_budget(
    posthog: PosthogStandIn, settings: PosthogSettings, pod: Inside
) -> None:
    posthog.lose = lambda index: index == 0
    send_events(pod, settings.model_copy(update={"queries": 5, "within_s": 3.0}), "r6")
    assert len(posthog.queries) <= 5


def _shift(event: dict[str, Any]) -> None:
    date, _, clock = event["timestamp"].partition("T")
    event["timestamp"] = f"{date}T{(int(clock[:2]) + 1) % 24:02}{clock[2:]}"


ALL_LOST = {"lose": lambda _: True}
KEYS = {**ALL_LOST, "ids": {"a": 1, "b": 2}}


@pytest.mark.parametrize(
    ("run", "figure", "code", "why"),
    [
        (Run("lost", _told_by(lose=lambda index: index == 2)), "lost", "event-lost", ""),
        (
            Run("late so far", _told_by(**ALL_LOST, depth=8)),
            "lost",
            "event-waiting",
            "late so far, at least 2 s: 8 events wait",
        ),
        (Run("an empty queue", _told_by(**ALL_LOST, depth=0)), "lost", "event-lost", ""),
        (Run("no queue is seen", _told_by(**ALL_LOST)), "lost", "event-not-back", ""),
        (
            Run("until a merge", _told_by(**ONE_TWICE)),
            "duplicate",
            "event-duplicate-until-merge",
            "",
        ),
        (
            Run(
                "of another user",
                _told_by(**ONE_TWICE, other=lambda event: {**event, "distinct_id": "another"}),
            ),
            "duplicate",
            "event-duplicate",
            "",
        ),
        (
            Run("by a clock", _told_by(spoil=_shift, ahead_s=3600.0)),
            "altered",
            "event-clock",
            r"PostHog's clock was 3[56]\d\d s ahead of",
        ),
        (
            Run("by a clock that is not told", _told_by(spoil=_shift, ahead_s=None)),
            "altered",
            "event-clock",
            "nothing is known of the API server's clock and PostHog's clock",
        ),
        (
            Run("altered", _told_by(spoil=lambda event: event["properties"].update(index="1"))),
            "altered",
            "event-altered",
            "",
        ),
        (
            Run("the same project", _told_by(**KEYS, project_ids=[2, 9])),
            "lost",
            "event-not-back",
            "",
        ),
    ],
    ids=lambda part: part.name if isinstance(part, Run) else None,
)
def test_whose_fault_it_is_by_its_code(
    run: Run, figure: str, code: str, why: str, ended: Callable[[Run], Any]
) -> None:
    (difference,) = judge(_ingestion(figure), ended(run)).differences
    assert difference.code == code
    assert re.search(why, difference.reason)


@pytest.mark.parametrize(
    "run",
    [Run("another project", _told_by(**KEYS, project_ids=[7, 8]))],
    ids=lambda run: run.name,
)
def test_the_key_of_another_project_is_no_loss(run: Run, ended: Callable[[Run], Any]) -> None:
    judgement = judge(_ingestion("lost"), ended(run))
    assert isinstance(judgement, Doubt)
    assert "another project" in judgement.reason


@pytest.mark.parametrize(
    "run",
    [Run("refused at once", _told_by(query_status=401))],
    ids=lambda run: run.name,
)
def test_events_are_awaited_although_their_reading_is_refused_at_once(
    run: Run, ended: Callable[[Run], Any]
) -> None:
    """The SDK has sent none of them when the first query is refused."""
    batch = ended(run)
    assert batch.unsent == 0
    assert batch.accepted == EVENTS

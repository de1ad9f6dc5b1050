"""A flag of a PostHog of any version, asked on loopback: each answer is told from the others."""

from collections.abc import Callable
from typing import Any

import pytest

from clusterproof.checks.flag import FlagAnswer, FlagRow, ask_flag, judge
from clusterproof.judgement import Doubt, Failed, Passed
from clusterproof.observe.inside import Inside
from clusterproof.observe.observed import Observed
from clusterproof.spec.settings import KeyRef, PosthogSettings
from testbed.posthog.posthog_reference.flags import Caller, FlagDefinition, answer
from testbed.posthog.posthog_reference.migrations import EXPERIMENT_FILTERS
from tests.judge.rows import row
from tests.observe.loopback import PERSONAL_KEY, PROJECT_KEY, Reply, Request, served, with_keys

ROW: FlagRow = row("flag", flag="f", variants=["control", "treatment"])
HTML = {"content-type": "text/html; charset=utf-8"}
LOGIN = Reply(200, "<html>Log in</html>", HTML)
ON = {"key": "f", "enabled": True, "variant": "control"}
OFF = {"key": "f", "enabled": False, "variant": None}


def of_version_2(flag: dict[str, Any] | None, **fields: Any) -> Reply:  # noqa: ANN401 - JSON
    """What `/flags/?v=2` answers."""
    flags = {} if flag is None else {"f": flag}
    body = {"errorsWhileComputingFlags": False, "flags": flags, "requestId": "r-1", **fields}
    return Reply(body=body)


def of_decide(flags: Any, **fields: Any) -> Reply:  # noqa: ANN401 - JSON
    """What `/decide/?v=3` answers."""
    body = {"featureFlags": flags, "featureFlagPayloads": {}, "errorsWhileComputingFlags": False}
    return Reply(body={**body, **fields})


class Versions:
    """A PostHog with these answers; remembers what was asked of it."""

    def __init__(self, newer: Reply, older: Reply) -> None:
        """Nothing was asked yet."""
        self.newer, self.older = newer, older
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Reply:
        """By the path."""
        self.requests.append(request)
        if request.path.startswith("/api/"):
            return Reply(body={"results": []})
        return self.newer if request.path == "/flags/?v=2" else self.older


def observed(answer: Callable[[Request], Reply]) -> Observed[tuple[FlagAnswer, ...]]:
    """What our script brings back."""
    with served(answer) as url:
        settings = PosthogSettings(
            host=url,
            query_host=url,
            namespace="posthog",
            api_key=KeyRef(name="s", key="k"),
            personal_api_key=KeyRef(name="s", key="p"),
        )
        return ask_flag(Inside(with_keys, "here", "a process"), settings, ROW, ["u1"])


def outcome(newer: Reply, older: Reply = LOGIN) -> Passed | Failed | Doubt:
    """The verdict on such a PostHog."""
    return judge(ROW, observed(Versions(newer, older).answer).value)


def difference(newer: Reply, older: Reply = LOGIN) -> tuple[str, str]:
    """What was observed in place of a variant, and its code."""
    verdict = outcome(newer, older)
    assert isinstance(verdict, Failed)
    (only,) = verdict.differences
    return only.observed, only.code


ABSENT = pytest.mark.parametrize(
    "absent",
    [
        Reply(404, {"detail": "Not found."}),
        Reply(403, "<h1>CSRF verification failed</h1>", HTML),
        LOGIN,
    ],
    ids=["404", "403 page", "page"],
)


@ABSENT
def test_a_posthog_without_flags_is_asked_by_decide(absent: Reply) -> None:
    """It says which endpoint answered; the personal key goes to neither."""
    posthog = Versions(absent, of_decide({"f": "treatment", "other": False}))
    asked = observed(posthog.answer)
    assert {(answer.path, answer.variant, answer.enabled) for answer in asked.value} == {
        ("/decide/?v=3", "treatment", True)
    }
    assert asked.where.endswith("/decide/?v=3")
    assert any(text.startswith("/decide/?v=3 answered 2 askings") for text in asked.evidence)
    assert isinstance(judge(ROW, asked.value), Passed)
    public = [request for request in posthog.requests if not request.path.startswith("/api/")]
    assert {request.path for request in public} == {"/flags/?v=2", "/decide/?v=3"}
    assert {request.json()["api_key"] for request in public} == {PROJECT_KEY}
    assert not any(PERSONAL_KEY in str(request.headers) for request in public)


def test_a_posthog_with_flags_is_not_asked_by_decide() -> None:
    posthog = Versions(of_version_2(ON), of_decide({"f": "treatment"}))
    asked = observed(posthog.answer)
    assert {answer.path for answer in asked.value} == {"/flags/?v=2"}
    assert not any(request.path.startswith("/decide") for request in posthog.requests)


@pytest.mark.parametrize(
    "failed",
    [
        Reply(502, "<h1>502 Bad Gateway</h1>", HTML),
        Reply(503, "Our database service is currently unavailable."),
        Reply(401, "The provided API key is invalid or has expired."),
        Reply(200, "no JSON"),
    ],
    ids=["502 page", "503", "401", "text"],
)
def test_an_endpoint_that_fails_is_not_replaced_by_an_older_one(failed: Reply) -> None:
    """A page of a gateway is no sign of an older PostHog."""
    text, code = difference(failed, of_decide({"f": "control"}))
    assert code == "variant-unexpected"
    assert text.startswith((str(failed.status), "JSONDecodeError"))


@ABSENT
def test_where_both_endpoints_are_absent_the_newer_is_named(absent: Reply) -> None:
    asked = observed(Versions(absent, LOGIN).answer)
    assert {answer.path for answer in asked.value} == {"/flags/?v=2"}
    assert isinstance(judge(ROW, asked.value), Failed)


GONE = Reply(404, {})


@pytest.mark.parametrize(
    ("newer", "older", "expected"),
    [
        (of_version_2(None, flags={"g": ON}), LOGIN, ("no such flag", "flag-missing")),
        (of_version_2(None), LOGIN, ("an answer without any flag", "flags-absent")),
        (Reply(body=None), LOGIN, ("an answer without any flag", "flags-absent")),
        (Reply(body=[]), LOGIN, ("an answer without any flag", "flags-absent")),
        (Reply(body="null"), LOGIN, ("an answer without any flag", "flags-absent")),
        (Reply(body={"flags": None}), LOGIN, ("an answer without any flag", "flags-absent")),
        (Reply(body={"flags": {"f": None}}), LOGIN, ("an answer without any flag", "flags-absent")),
        (of_version_2(None, quotaLimited=5), LOGIN, ("an answer without any flag", "flags-absent")),
        (of_version_2({**ON, "variant": {"a": 1}}), LOGIN, ("{'a': 1}", "variant-unexpected")),
        (
            Reply(body={"error": "the database is away", "flags": {}}),
            LOGIN,
            ("error: the database is away", "variant-unexpected"),
        ),
        (
            of_version_2(None, quotaLimited=["feature_flags"]),
            LOGIN,
            ("quotaLimited: the plan has no flag requests left", "flag-quota-limited"),
        ),
        (
            of_version_2(None, errorsWhileComputingFlags=True),
            LOGIN,
            ("errorsWhileComputingFlags, and the flag is not in the answer", "flag-failed"),
        ),
        (
            of_version_2(
                {
                    **OFF,
                    "failed": True,
                    "reason": {"code": "timeout_error", "description": "Timed out"},
                },
                errorsWhileComputingFlags=True,
            ),
            LOGIN,
            ("PostHog could not evaluate it: timeout_error (Timed out)", "flag-failed"),
        ),
        (
            of_version_2({**ON, "failed": True}),
            LOGIN,
            ("PostHog could not evaluate it: no reason is told", "flag-failed"),
        ),
        (
            of_version_2(
                {
                    **OFF,
                    "reason": {"code": "flag_disabled", "description": "Feature flag is disabled"},
                }
            ),
            LOGIN,
            ("off: flag_disabled (Feature flag is disabled)", "flag-off"),
        ),
        (
            of_version_2({**OFF, "reason": {"code": "out_of_rollout_bound"}}),
            LOGIN,
            ("off: out_of_rollout_bound", "flag-off"),
        ),
        (of_version_2({**ON, "variant": None}), LOGIN, ("None", "variant-unexpected")),
        (of_version_2({**ON, "enabled": "false"}), LOGIN, ("control", "variant-unexpected")),
        (GONE, of_decide({"f": False}), ("off: no reason is told", "flag-off")),
        (GONE, of_decide({"f": True}), ("None", "variant-unexpected")),
        (GONE, of_decide({"g": True}), ("no such flag", "flag-missing")),
        (GONE, of_decide({}), ("an answer without any flag", "flags-absent")),
        (
            GONE,
            of_decide({}, quotaLimited=["feature_flags"]),
            ("quotaLimited: the plan has no flag requests left", "flag-quota-limited"),
        ),
        (
            GONE,
            of_decide({"g": "x"}, errorsWhileComputingFlags=True),
            ("errorsWhileComputingFlags, and the flag is not in the answer", "flag-failed"),
        ),
        (GONE, of_decide(["f"]), ("None", "variant-unexpected")),
        (
            GONE,
            Reply(401, {"code": "invalid_api_key"}),
            ('401: {"code": "invalid_api_key"}', "variant-unexpected"),
        ),
    ],
)
def test_each_answer_without_a_variant_is_told_from_the_others(
    newer: Reply, older: Reply, expected: tuple[str, str]
) -> None:
    assert difference(newer, older) == expected


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        (of_version_2(ON, quotaLimited=["recordings"]), LOGIN),
        (of_version_2(ON, errorsWhileComputingFlags=True), LOGIN),
        (GONE, of_decide({"f": "control"}, quotaLimited=["recordings"])),
        (Reply(body={"featureFlags": {"f": "control"}}), LOGIN),
    ],
    ids=["recordings", "another flag failed", "recordings, decide", "version 1"],
)
def test_what_concerns_others_is_no_finding(newer: Reply, older: Reply) -> None:
    assert isinstance(outcome(newer, older), Passed)


def test_that_some_flag_failed_is_in_the_evidence() -> None:
    asked = observed(Versions(of_version_2(ON, errorsWhileComputingFlags=True), LOGIN).answer)
    assert "errorsWhileComputingFlags in 2 answers (first requestId: r-1)" in asked.evidence


def test_a_rate_that_is_used_up_at_decide_is_no_verdict() -> None:
    limited = Reply(429, {}, {"retry-after": "60"})
    assert isinstance(outcome(GONE, limited), Doubt)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_what_the_reference_answers_is_read_alike_by_both_endpoints(version: int) -> None:
    """`/decide` of version 1 has no variants, and says so by having none."""
    definition = FlagDefinition(
        7, "f", "", active=True, version=1, has_experiment=True, filters=EXPERIMENT_FILTERS
    )

    def reference(request: Request, **fields: Any) -> Reply:  # noqa: ANN401 - a version
        caller = Caller(request.json()["distinct_id"], {})
        told = {"only": None, "request_id": "r-1", "evaluated_at_ms": 1, **fields}
        return Reply(body=answer([definition], caller, **told))

    def newer(request: Request) -> Reply:
        return Reply(body={}) if request.method == "GET" else reference(request, version=2)

    def older(request: Request) -> Reply:
        if request.method == "GET" or not request.path.startswith("/decide"):
            return GONE
        return reference(request, version=version, from_decide=True)

    variants = [
        [(given.user, given.variant) for given in observed(serve).value] for serve in (newer, older)
    ]
    if version == 1:
        assert {variant for _, variant in variants[1]} == {None}
    else:
        assert variants[0] == variants[1]
        assert {variant for _, variant in variants[1]} <= {"control", "treatment"}

"""What is read from PostHog for a load run is redacted before it is written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clusterproof.errors import ObservationError
from clusterproof.load.evidence import ask_prometheus
from clusterproof.load.ledger import PrometheusWindow
from clusterproof.load.objectives import read_objectives
from clusterproof.load.posthog_events import KEY_VARIABLE, read_events
from clusterproof.load.recording import Recording
from clusterproof.load.sections import Evidence
from clusterproof.load.session import write_facts
from clusterproof.redact import MASK
from tests.load.scaling_parts import T0, pod
from tests.observe.loopback import PERSONAL_KEY, Reply, Request, api_server, served

TOKEN = "glpat-" + "a1B2x" * 4  # made up for this test
UUID = "01940000-0000-7000-8000-0000000000"


def test_events_are_written_without_a_secret_and_found_by_their_uuid(tmp_path: Path) -> None:
    rows = [[f"{UUID}01", "control"], [f"{UUID}02", TOKEN]]
    events, uuids = tmp_path / "events.json", tmp_path / "uuids.json"
    uuids.write_text(json.dumps([f"{UUID}01", f"{UUID}02"]), encoding="utf-8")
    with served(lambda _request: Reply(body={"results": rows})) as url:
        subprocess.run(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
                *("--since", "1e9", "--uuids", str(uuids), "--out", str(events)),
            ],
            env={**os.environ, KEY_VARIABLE: PERSONAL_KEY},
            check=True,
            timeout=60,
        )
    assert json.loads(events.read_text("utf-8")) == {f"{UUID}01": "control", f"{UUID}02": MASK}


def test_the_files_of_a_run_are_redacted(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    write_facts(path, {f"{UUID}01": TOKEN, TOKEN: 2.5})
    assert json.loads(path.read_text("utf-8")) == {f"{UUID}01": MASK, MASK: 2.5}


def test_events_that_come_late_are_asked_for_again_and_the_routers_clock_decides_nothing() -> None:
    """By UUID alone: what is no UUID is not asked for, whatever a router answers."""
    asked: list[str] = []
    late = f"{UUID}02"

    def answer(request: Request) -> Reply:
        query = request.json()["query"]["query"]
        asked.append(query)
        there = [f"{UUID}01"] if len(asked) == 1 else [f"{UUID}01", late]
        return Reply(body={"results": [[uuid, "control"] for uuid in there if uuid in query]})

    with served(answer) as url:
        wanted = [f"{UUID}01", late, "x') OR 1=1 --"]
        events = read_events(url, 1, PERSONAL_KEY, wanted, since=1e9)
    assert set(events) == {f"{UUID}01", late}
    assert [late in query for query in asked] == [True, True]
    assert f"{UUID}01" not in asked[1]
    assert not any("OR 1=1" in query or "timestamp <" in query for query in asked)


@pytest.mark.parametrize(
    "later",
    [
        Reply(429, {"type": "throttled_error", "detail": "Expected available in 20 seconds."}),
        Reply(200, {"type": "validation_error"}),
        Reply(200, "<html>Sign in</html>"),
    ],
    ids=["throttled", "no-results", "a-page"],
)
def test_what_could_not_be_asked_again_is_not_lost(later: Reply) -> None:
    """PostHog limits queries; the events that had not come by the first one may be there."""
    replies = [Reply(body={"results": [[f"{UUID}01", "control"]]}), later]

    def answer(_: Request) -> Reply:
        return replies.pop(0) if len(replies) > 1 else replies[0]

    with served(answer) as url, pytest.raises(ObservationError, match="POST /api/projects/1/query"):
        read_events(url, 1, PERSONAL_KEY, [f"{UUID}01", f"{UUID}02"], since=1e9, within_s=4)


def test_a_key_that_is_no_header_is_not_said(tmp_path: Path) -> None:
    """An HTTP client says the whole header that it refuses."""
    key, uuids = "hunter2-Sword\nfish-and-more", tmp_path / "uuids.json"
    uuids.write_text(json.dumps([f"{UUID}01"]), encoding="utf-8")
    with served(lambda _request: Reply(body={"results": []})) as url:
        ended = subprocess.run(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
                *("--since", "1e9", "--uuids", str(uuids), "--within-s", "0.5"),
                *("--out", str(tmp_path / "events.json")),
            ],
            env={**os.environ, KEY_VARIABLE: key},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert "Illegal header value" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [part for part in ("hunter2", "fish-and-more") if part in ended.stderr] == []


def test_a_key_ends_before_its_newline(tmp_path: Path) -> None:
    """`echo KEY | base64` puts one into a Secret."""
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.headers["authorization"])
        return Reply(body={"results": [[f"{UUID}01", "control"]]})

    uuids = tmp_path / "uuids.json"
    uuids.write_text(json.dumps([f"{UUID}01"]), encoding="utf-8")
    with served(answer) as url:
        subprocess.run(  # noqa: S603 - our own module
            [
                *(sys.executable, "-m", "clusterproof.load.posthog_events", "--url", url),
                *("--since", "1e9", "--uuids", str(uuids), "--within-s", "3"),
                *("--out", str(tmp_path / "events.json")),
            ],
            env={**os.environ, KEY_VARIABLE: f"{PERSONAL_KEY}\n"},
            check=True,
            timeout=60,
        )
    assert asked == [f"Bearer {PERSONAL_KEY}"]


def _increase(*series: tuple[str, str]) -> PrometheusWindow | None:
    """What Prometheus is taken to say, by the `pod` of each of its series ("" none)."""
    result = [
        {"metric": {"pod": name} if name else {}, "value": [0, number]} for name, number in series
    ]
    recording = Recording(T0, T0 + 100, [pod(0, "web-0"), pod(0, "web-1", kind="DELETED")])
    for change in recording.changes:
        change.object["metadata"]["uid"] = change.name
    with (
        served(lambda _: Reply(body={"data": {"result": result}})) as url,
        api_server(lambda _: Reply(404, {})) as api,
    ):
        evidence = Evidence.model_validate({"prometheus": url})
        spec = read_objectives().model_copy(update={"evidence": evidence})
        return ask_prometheus(api, spec, recording, "shop", since=T0)


@pytest.mark.parametrize(
    ("series", "increase"),
    [
        ((("web-0", "70.5"), ("web-1", "30"), ("another-0", "1000")), 100.5),
        ((("", "100"),), 100.0),
        ((("another-0", "1000"),), None),
        ((("web-0", "70"), ("web-1", "NaN")), None),
        ((), None),
    ],
    ids=["another-workload", "no-label", "none-of-ours", "no-number", "nothing"],
)
def test_other_pods_of_the_namespace_may_count_under_the_same_name(
    series: tuple[tuple[str, str], ...], increase: float | None
) -> None:
    """`http_requests_total` is everybody's."""
    window = _increase(*series)
    assert (window.increase if window else None) == increase

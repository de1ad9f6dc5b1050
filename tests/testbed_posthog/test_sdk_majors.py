"""The three majors of PostHog's SDK that routers have, each through the ledger of events.

A router is built with whatever SDK its team chose: what it sent, and what of it was lost where a
server forks, has to be told the same way for each. Real SDKs from the package registry, the
reference with its real servers, and a real gunicorn.
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from clusterproof.load.ledger import judge_events
from clusterproof.outcome import Outcome
from clusterproof.wait import wait_until
from testbed.cluster import paths
from tests.testbed_posthog.servers import PERSONAL_KEY, TOKEN, Stack, free_port, running_stack

pytestmark = pytest.mark.cluster

SCRIPT = Path(__file__).parents[2] / "src/clusterproof/product/posthog/scripts/events.py"
MAJORS = ("5.4.0", "6.9.3", "7.91.1")
"""The last of each major on 2026-11-27; routers of 2025 and 2026 have one of them."""
GUNICORN = "gunicorn==23.0.0"
FLAG = "model-router-experiment"
EACH, WITHIN_S = 40, 20.0

# A client made before the fork, as a module's own; the child sends too.
FORKS = """
import json, os, sys, time
from posthog import Posthog
host, token, parents, childs = json.loads(sys.argv[1])
client = Posthog(token, host=host, flush_interval=0.2, timeout=5)
client.capture(event="fork", distinct_id="parent", uuid=parents[0], properties={})
time.sleep(1)  # the SDK's thread runs
child = os.fork()
for known in (parents[1:] if child else childs):
    user = "parent" if child else "child"
    client.capture(event="fork", distinct_id=user, uuid=known, properties={})
if not child:
    time.sleep(3)
    os._exit(0)
os.waitpid(child, 0)
client.shutdown()
"""

OUR_SCRIPT = f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r}); import events"
# A queue of one event, which is not sent before a minute is over.
SMALL = """
import posthog
real = posthog.Posthog
small = {"max_queue_size": 1, "thread": 1, "flush_interval": 60, "flush_at": 1000}
posthog.Posthog = lambda *args, **options: real(*args, **{**options, **small})
"""

SERVES = """
import os
from posthog import Posthog
client = Posthog(os.environ["TOKEN"], host=os.environ["HOST"], flush_interval=0.2, timeout=5)
def app(environ, start_response):
    known = environ["QUERY_STRING"]
    if known:
        client.capture(event="served", distinct_id="user", uuid=known, properties={})
    start_response("200 OK", [("content-type", "text/plain")])
    return [str(os.getpid()).encode()]
"""

FLAGS = """
import json, sys
from posthog import Posthog
host, token, flag, users = json.loads(sys.argv[1])
client = Posthog(token, host=host, flush_interval=0.2, timeout=5)
print(json.dumps({user: client.get_feature_flag(flag, user) for user in users}))
client.shutdown()
"""


class Sdk(NamedTuple):
    """One version of the SDK, in an environment of its own."""

    version: str
    python: Path

    @property
    def starts_anew_after_a_fork(self) -> bool:
        """Whether a child has a thread that sends, as was seen on 2026-11-27."""
        return int(self.version.partition(".")[0]) >= 7

    def run(self, code: str, argument: object, **more: str) -> str:
        """What a program of it writes; its own words where it fails."""
        ended = subprocess.run(  # noqa: S603 - our own
            [str(self.python), "-c", code, json.dumps(argument)],
            env={"PATH": os.environ["PATH"], **more},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        return ended.stdout


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The running reference."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="module", params=MAJORS)
def sdk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sdk:
    """The SDK of a major, and gunicorn."""
    version: str = request.param
    folder = tmp_path_factory.mktemp("sdk") / version
    uv, needed = [str(paths.UV)], (f"posthog=={version}", GUNICORN)
    for command in (
        [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [*uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), *needed],
    ):
        subprocess.run(command, check=True, timeout=180)  # noqa: S603 - our own uv
    return Sdk(version, folder / "bin/python")


def asked(
    sdk: Sdk,
    stack: Stack,
    *,
    before: str = "",
    **request: Any,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    """What the script of our own Pods answers, run by the Python that has this SDK."""
    whole = {"host": stack.url, "query_host": stack.url, "project_id": "1", "within_s": WITHIN_S}
    whole |= {"every_s": 0.3, "queries": 100, **request}
    code = f"{OUR_SCRIPT}\n{before}\nevents.main(sys.argv[1])"
    keys = {"POSTHOG_API_KEY": TOKEN, "POSTHOG_PERSONAL_API_KEY": PERSONAL_KEY}
    answer: dict[str, Any] = json.loads(sdk.run(code, whole, **keys))
    return answer


def durable(sdk: Sdk, stack: Stack, uuids: list[str], within_s: float) -> frozenset[str]:
    """Those of these events that PostHog has, as the ledger asks for them."""
    answer = asked(sdk, stack, do="read", uuids=uuids, keys=[], within_s=within_s)
    assert answer["reading"]["complete"], answer["reading"]
    return frozenset(answer["events"])


def stored(stack: Stack, uuids: list[str]) -> frozenset[str]:
    """The truth, from the store itself."""
    rows = stack.rows("SELECT DISTINCT uuid FROM events WHERE uuid IN {uuids}", uuids=uuids)
    return frozenset(row[0] for row in rows)


def fresh() -> list[str]:
    return [str(uuid.uuid4()) for _ in range(EACH)]


def test_every_event_that_the_sdk_took_is_read_back_once_and_as_it_was_sent(
    sdk: Sdk, stack: Stack
) -> None:
    answer = asked(sdk, stack, do="send", events=200, run=f"sdk-{sdk.version}", settle_s=1.0)
    of_each = [(event["error"], event["stored"], event["altered"]) for event in answer["events"]]
    assert of_each == [("", 1, [])] * 200
    assert answer["unsent"] == 0


def test_an_event_that_the_sdk_dropped_is_said_to_be_dropped(sdk: Sdk, stack: Stack) -> None:
    """With a full queue: one major answers None, another False in a tuple."""
    answer = asked(
        sdk, stack, before=SMALL, do="send", events=50, run="full", settle_s=0.0, within_s=3.0
    )
    dropped = [event for event in answer["events"] if event["error"] == "the SDK dropped it"]
    assert dropped
    assert all(event["stored"] == 0 for event in dropped)


def test_what_a_fork_loses_is_lost_by_name(sdk: Sdk, stack: Stack) -> None:
    """Before version 7, the SDK's thread lives in the process that made it and in no child."""
    parents, childs = fresh(), fresh()
    sdk.run(FORKS, [stack.url, TOKEN, parents, childs])
    kept = durable(sdk, stack, [*parents, *childs], within_s=6.0)
    assert kept == stored(stack, [*parents, *childs])
    assert frozenset(parents) <= kept
    lost = frozenset(childs) - kept
    finding = judge_events([*parents, *childs], kept)
    assert finding.outcome is (Outcome.FAILED if lost else Outcome.PASSED)
    assert all(line.removeprefix("missing: ") in lost for line in finding.evidence if lost)
    assert lost == (frozenset() if sdk.starts_anew_after_a_fork else frozenset(childs))


@pytest.mark.parametrize("preload", [False, True], ids=["each-worker-its-own", "preloaded"])
def test_behind_gunicorn_the_ledger_says_what_is_there(
    sdk: Sdk, stack: Stack, tmp_path: Path, *, preload: bool
) -> None:
    """A client for each worker loses nothing; one that was made before the fork, all or nothing."""
    (tmp_path / "served.py").write_text(SERVES, encoding="utf-8")
    port, announced = free_port(), fresh()
    command = [str(sdk.python), "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    command += [*(["--preload"] if preload else []), "served:app"]
    environment = {"PATH": os.environ["PATH"], "TOKEN": TOKEN, "HOST": stack.url}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as server:  # noqa: S603 - our own
        try:
            wait_until(
                lambda: _answers(port), bool, waiting_for="gunicorn", within_s=20, every_s=0.2
            )
            for known in announced:
                httpx.get(f"http://127.0.0.1:{port}/?{known}", timeout=10).raise_for_status()
        finally:
            server.terminate()
    kept = durable(sdk, stack, announced, within_s=8.0)
    assert kept == stored(stack, announced)
    loses = preload and not sdk.starts_anew_after_a_fork
    assert len(kept) == (0 if loses else EACH)
    finding = judge_events(announced, kept)
    assert finding.outcome is (Outcome.FAILED if loses else Outcome.PASSED)


def test_each_major_is_given_the_flags_that_our_own_request_is_given(
    sdk: Sdk, stack: Stack
) -> None:
    users = [f"sdk-{sdk.version}-{number}" for number in range(EACH)]
    given = json.loads(sdk.run(FLAGS, [stack.url, TOKEN, FLAG, users]))
    for user in users:
        body = {"api_key": TOKEN, "distinct_id": user}
        answer = httpx.post(f"{stack.url}/flags/?v=2", json=body, timeout=10).raise_for_status()
        assert given[user] == answer.json()["flags"][FLAG]["variant"]
    exposures = wait_until(
        lambda: dict(
            stack.rows(
                "SELECT distinct_id, properties.$feature_flag_response FROM events"
                " WHERE event = '$feature_flag_called' AND distinct_id IN {users}",
                users=users,
            )
        ),
        lambda found: len(found) == EACH,
        waiting_for="the exposures",
        within_s=20,
        every_s=0.3,
    )
    assert exposures == given


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2).is_success
    except httpx.HTTPError:
        return False

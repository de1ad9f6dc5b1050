"""The rows of profile cloud against the reference behind TLS, with the limits and delays of Cloud.

Everything runs on loopback: the reference with its real servers, and two addresses in front of it
that are the ingestion host and the API of one region.
"""

import os
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import judge, read_spec
from clusterproof.checks.flag import FlagRow, ask_flag
from clusterproof.checks.ingestion import IngestionRow
from clusterproof.judgement import Passed
from clusterproof.observe.inside import Inside
from clusterproof.product.posthog.ingestion import send_events
from clusterproof.spec.settings import PosthogSettings
from testbed.certificates import issued, write
from testbed.cluster.outside import Answer
from testbed.cluster.posthog_cloud import Cloud, at_reference
from tests.testbed_posthog.servers import PERSONAL_KEY, TOKEN, Stack, running_stack

pytestmark = pytest.mark.cluster
SPEC = read_spec(Path(__file__).parents[2] / "spec/cloud.yaml")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The running reference, whose workers hold each batch for some seconds."""
    with running_stack() as running:
        for number in (1, 2):
            running.parts[f"worker-{number}"].end()
            running.start_worker(number, POSTHOG_FAULT="late:3")
        yield running


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a certificate of 127.0.0.1, and its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = issued("test", is_authority=True)
    write(folder, "outside", issued("outside", ["127.0.0.1"], issuer=authority))
    return folder, authority.certificate_pem.decode()


@pytest.fixture(scope="module")
def hosts(stack: Stack, trusted: tuple[Path, str]) -> Iterator[dict[str, str]]:
    """Where each name of the region is served."""
    reference = partial(at_reference, host="127.0.0.1", port=stack.ports["web"])
    shared = Cloud(reference)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted[0] / "outside.crt", trusted[0] / "outside.key")
    servers = {name: _server(name, shared, context) for name in ("us.i", "us")}
    yield {
        name: f"https://127.0.0.1:{server.server_address[1]}" for name, server in servers.items()
    }
    for server in servers.values():
        server.shutdown()
        server.server_close()


def _server(name: str, shared: Cloud, context: ssl.SSLContext) -> ThreadingHTTPServer:
    class Named(Answer):
        cloud = shared

        def called(self) -> str:
            return f"{name}.posthog.com"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Named)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def settings(hosts: dict[str, str]) -> PosthogSettings:
    """Those of the profile, at the addresses of this test."""
    given = SPEC.settings.posthog
    assert given is not None
    return given.model_copy(update={"host": hosts["us.i"], "query_host": hosts["us"]})


@pytest.fixture
def pod(trusted: tuple[Path, str]) -> Inside:
    """An interpreter of this machine in place of one in a Pod."""
    keys = {"POSTHOG_API_KEY": TOKEN, "POSTHOG_PERSONAL_API_KEY": PERSONAL_KEY}

    def run(arguments: list[str], within_s: float) -> str:
        ended = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", "-c", *arguments],
            env={**os.environ, **keys, "POSTHOG_CA": trusted[1]},
            capture_output=True,
            text=True,
            timeout=within_s,
            check=True,
        )
        return ended.stdout

    return Inside(run, "here", "a process")


def test_limits_delays_and_events_of_others_are_no_finding(
    stack: Stack, settings: PosthogSettings, pod: Inside
) -> None:
    batch = send_events(pod, settings, uuid.uuid4().hex)
    rows = [row for row in SPEC.rows if isinstance(row, IngestionRow)]
    outcomes: dict[str, Any] = {row.id: judge(row, batch) for row in rows}
    not_passed = {name: each for name, each in outcomes.items() if not isinstance(each, Passed)}
    assert not_passed == {}, batch
    assert batch.reading.limited
    assert any("limited the rate" in sentence for sentence in batch.reading.evidence)
    assert min(event.lag_s or 0 for event in batch.events) > 2
    (by_others,) = stack.rows("SELECT count() FROM events WHERE event = '$pageview'")
    assert by_others[0] >= 20


def test_the_flag_evaluates_and_its_settings_are_read(
    settings: PosthogSettings, pod: Inside
) -> None:
    rows = [row for row in SPEC.rows if isinstance(row, FlagRow)]
    seen = ask_flag(pod, settings, rows[0], [f"u{number}" for number in range(20)])
    assert all(isinstance(judge(row, seen.value), Passed) for row in rows)
    assert "in the project's settings the flag is active, variants control, treatment" in (
        seen.evidence
    )

"""A pytest plugin: which requests to the API server each row's verdict rests on.

`pytest suites -p tests.safety.looked`, with the file to write in CLUSTERPROOF_LOOKED: row to
requests, as "VERB path". What was read for a row counts, in whatever thread; so does what an
observation read that the row shares with others. What only explains a finding does not.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.observe import egress
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.metrics import MetricsPages

if TYPE_CHECKING:
    from fixtures.looks import Looks

EXPLAINS = ("_reading", "_reading_of_control")
"""Functions of observe/egress.py: what policies say of a dial, which stands without it."""

_requests: ContextVar[set[str]] = ContextVar("requests")
"""Where the requests of the code that runs are noted."""
_shared: ContextVar[set[str]] = ContextVar("shared")
"""Where a fixture's share in observations of many rows is noted."""


def _noting(requests: set[str], call: Callable[..., Any], *given: Any, **named: Any) -> Any:  # noqa: ANN401
    token = _requests.set(requests)
    try:
        return call(*given, **named)
    finally:
        _requests.reset(token)


class Looked:
    """Notes requests for the row that is being checked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Listen in on the observers."""
        self.of_rows: dict[str, set[str]] = defaultdict(set)
        self._of_fixtures: dict[str, set[str]] = defaultdict(set)
        self._of_looks: dict[str, set[str]] = defaultdict(set)
        self._of_pages: dict[Any, set[str]] = {}
        self._follow_threads(patch)
        self._follow_requests(patch)
        self._follow_what_is_shared(patch)

    def _follow_threads(self, patch: pytest.MonkeyPatch) -> None:
        submit = ThreadPoolExecutor.submit

        def submitted(pool: ThreadPoolExecutor, call: Any, /, *given: Any, **named: Any) -> Any:  # noqa: ANN401
            return submit(pool, copy_context().run, call, *given, **named)

        patch.setattr(ThreadPoolExecutor, "submit", submitted)

    def _follow_requests(self, patch: pytest.MonkeyPatch) -> None:
        objects, request, note_call = Cluster.objects, KubeApi.request, KubeApi.note_call

        def listed(cluster: Cluster, kind: str, namespace: str) -> Any:  # noqa: ANN401
            _note("GET", KINDS[kind].collection(namespace))
            return objects(cluster, kind, namespace)

        def requested(api: KubeApi, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401
            if method == "GET":
                _note(method, path)
            return request(api, method, path, **more)

        def noted(api: KubeApi, method: str, path: str) -> None:
            _note(method, path)
            note_call(api, method, path)

        patch.setattr(Cluster, "objects", listed)
        patch.setattr(KubeApi, "request", requested)
        patch.setattr(KubeApi, "note_call", noted)

    def _follow_what_is_shared(self, patch: pytest.MonkeyPatch) -> None:
        from fixtures.looks import Looks  # noqa: PLC0415 - pytest rewrites it, and imports it first

        begin, of, pages = Looks.begin, Looks.of, MetricsPages.of

        def begun(looks: "Looks", name: str, look: Any, **more: Any) -> None:  # noqa: ANN401
            begin(looks, name, lambda: _noting(self._of_looks[name], look), **more)

        def looked(looks: "Looks", name: str) -> Any:  # noqa: ANN401
            result = of(looks, name)
            for place in (_requests, _shared):
                place.get(set()).update(self._of_looks[name])
            return result

        def paged(owner: MetricsPages, *key: Any) -> Any:  # noqa: ANN401
            requests: set[str] = set()
            result = _noting(requests, pages, owner, *key)
            _requests.get(set()).update(self._of_pages.setdefault(key, requests))
            return result

        patch.setattr(Looks, "begin", begun)
        patch.setattr(Looks, "of", looked)
        patch.setattr(MetricsPages, "of", paged)
        for name in EXPLAINS:
            if (explain := getattr(egress, name, None)) is not None:
                patch.setattr(egress, name, _unnoted(explain))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What `observed` reads is its row's; of other fixtures, what they took from a look."""
        rule = getattr(request.node, "callspec", None)
        requests, shared = set[str](), set[str]()
        tokens = _requests.set(requests), _shared.set(shared)
        try:
            return (yield)
        finally:
            _requests.reset(tokens[0])
            _shared.reset(tokens[1])
            self._of_fixtures[fixturedef.argname] |= shared
            if fixturedef.argname == "observed" and rule is not None:
                shares = (self._of_fixtures[name] for name in request.fixturenames)
                self.of_rows[rule.params["rule"].id] = requests.union(*shares)

    def pytest_sessionfinish(self) -> None:
        """Write row to requests."""
        found = {row: sorted(requests) for row, requests in sorted(self.of_rows.items())}
        Path(os.environ["CLUSTERPROOF_LOOKED"]).write_text(json.dumps(found), encoding="utf-8")


def _note(verb: str, path: str) -> None:
    _requests.get(set()).add(f"{verb} {path}")


def _unnoted(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **named: _noting(set(), call, *given, **named)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    config.pluginmanager.register(Looked(pytest.MonkeyPatch()), "looked")

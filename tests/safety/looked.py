"""A pytest plugin: which requests to the API server each row's verdict rests on.

`pytest suites -p tests.safety.looked`, with the file to write in CLUSTERPROOF_LOOKED: row to
requests, as "VERB path". What was read for a row counts, in whatever thread; so does what an
observation read that the row shares with others. What only explains a finding does not, nor the
Lease that keeps two runs apart, nor the list of what runs left behind.
"""

import json
import os
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import egress
from clusterproof.checks.metric import MetricsPages
from clusterproof.checks.site import Shared, Site
from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.observe.cluster import Cluster
from testbed.faultproxy.server import is_of_the_runs_own

EXPLAINS = ("_reading", "_reading_of_control")
"""Functions of checks/egress.py: what policies say of a dial, which stands without it."""

LEASES = "/apis/coordination.k8s.io/"

_requests: ContextVar[set[str]] = ContextVar("requests")
"""Where the requests of the code that runs are noted."""


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
        self._of_looks: dict[Shared[Any], set[str]] = defaultdict(set)
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
            if method == "GET" and not is_of_the_runs_own(more.get("query") or {}):
                _note(method, path)
            return request(api, method, path, **more)

        def noted(api: KubeApi, method: str, path: str) -> None:
            _note(method, path)
            note_call(api, method, path)

        patch.setattr(Cluster, "objects", listed)
        patch.setattr(KubeApi, "request", requested)
        patch.setattr(KubeApi, "note_call", noted)

    def _follow_what_is_shared(self, patch: pytest.MonkeyPatch) -> None:
        made, shared, pages = Site._made, Site.shared, MetricsPages.of

        def noted(site: Site, look: Shared[Any]) -> Any:  # noqa: ANN401
            return _noting(self._of_looks[look], made, site, look)

        def looked(site: Site, look: Shared[Any]) -> Any:  # noqa: ANN401
            try:
                return shared(site, look)
            finally:
                _requests.get(set()).update(self._of_looks[look])

        def paged(owner: MetricsPages, *key: Any) -> Any:  # noqa: ANN401
            requests: set[str] = set()
            result = _noting(requests, pages, owner, *key)
            _requests.get(set()).update(self._of_pages.setdefault(key, requests))
            return result

        patch.setattr(Site, "_made", noted)
        patch.setattr(Site, "shared", looked)
        patch.setattr(MetricsPages, "of", paged)
        for name in EXPLAINS:
            if (explain := getattr(egress, name, None)) is not None:
                patch.setattr(egress, name, _unnoted(explain))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """What `checked` reads is its row's."""
        rule = getattr(request.node, "callspec", None)
        requests = set[str]()
        token = _requests.set(requests)
        try:
            return (yield)
        finally:
            _requests.reset(token)
            if fixturedef.argname == "checked" and rule is not None:
                self.of_rows[rule.params["rule"].id] = requests

    def pytest_sessionfinish(self) -> None:
        """Write row to requests."""
        found = {row: sorted(requests) for row, requests in sorted(self.of_rows.items())}
        Path(os.environ["CLUSTERPROOF_LOOKED"]).write_text(json.dumps(found), encoding="utf-8")


def _note(verb: str, path: str) -> None:
    if not path.startswith(LEASES):
        _requests.get(set()).add(f"{verb} {path}")


def _unnoted(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **named: _noting(set(), call, *given, **named)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    config.pluginmanager.register(Looked(pytest.MonkeyPatch()), "looked")

"""A pytest plugin: which paths of the API server each row's verdict rests on.

`pytest suites -p tests.safety.looked`, with the file to write in CLUSTERPROOF_LOOKED. A
collection that another row had listed before counts for every row that uses it.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from clusterproof.kube.client import KubeApi
from clusterproof.kube.kinds import KINDS
from clusterproof.observe.cluster import Cluster
from clusterproof.observe.metrics import MetricsPages


class Looked:
    """Notes paths for the row that is being checked."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Listen in on the observers."""
        self.paths: dict[str, set[str]] = defaultdict(set)
        self.row = ""
        self._pages: dict[Any, set[str]] = {}
        objects, request, pages = Cluster.objects, KubeApi.request, MetricsPages.of

        def noted_objects(cluster: Cluster, kind: str, namespace: str) -> Any:  # noqa: ANN401
            self.paths[self.row].add(KINDS[kind].collection(namespace))
            return objects(cluster, kind, namespace)

        def noted_request(api: KubeApi, method: str, path: str, **more: Any) -> Any:  # noqa: ANN401
            self.paths[self.row].add(path)
            return request(api, method, path, **more)

        def noted_pages(owner: MetricsPages, *key: Any) -> Any:  # noqa: ANN401
            before = set(self.paths[self.row])
            found = pages(owner, *key)
            self._pages.setdefault(key, self.paths[self.row] - before)
            self.paths[self.row] |= self._pages[key]
            return found

        patch.setattr(Cluster, "objects", noted_objects)
        patch.setattr(KubeApi, "request", noted_request)
        patch.setattr(MetricsPages, "of", noted_pages)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """The judge looks at nothing; what it was given was looked at in the set-up."""
        del item
        self.row = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> None:  # noqa: ANN401
        """What a session's fixture reads is not yet a row's evidence; `observed` is."""
        rule = getattr(request.node, "callspec", None)
        if fixturedef.argname == "observed" and rule is not None:
            self.row = rule.params["rule"].id

    def pytest_sessionfinish(self) -> None:
        """Write row to paths."""
        self.paths.pop("", None)
        found = {row: sorted(paths) for row, paths in sorted(self.paths.items())}
        Path(os.environ["CLUSTERPROOF_LOOKED"]).write_text(json.dumps(found), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Begin."""
    config.pluginmanager.register(Looked(pytest.MonkeyPatch()), "looked")

"""CONTRIBUTING's "A new kind of row" is performed: its files are added, and nothing else is."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from clusterproof.checks import kinds, read_spec
from clusterproof.judgement import Doubt
from clusterproof.observe.dialler import Dialling
from clusterproof.observe.dialling import Peer, command, parse_results
from clusterproof.outcome import Outcome
from clusterproof.run.check import check
from tests.checks import new_kinds
from tests.judging import site_of
from tests.observe.cluster_objects import cluster_of, deployment

PROJECT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- a kind that \w+: (\w+) -->\n```python\n(.*?)```", re.DOTALL)
SPEC = """
name: shop
profile: test
namespaces: {shop: %(namespace)s}
include: [rows.yaml]
settings: {dialler: {image: %(image)s, namespace: %(namespace)s}}
"""
ROWS = """
area: workloads
rows:
  - {id: web-pull, claim: The image is pulled once, source: the runbook, check: pull-policy,
     workload: "Deployment/${shop}/%(name)s", container: %(container)s, policy: IfNotPresent}
  - {id: port, claim: The port is open, source: the runbook, check: port-open,
     host: "%(host)s", port: %(port)d}
"""


@pytest.fixture
def added(tmp_path: Path) -> Iterator[Path]:
    """The folder with both modules of the page, which are registered by being in it."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    for name, text in BLOCK.findall((PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    before = set(kinds())
    new_kinds.add(folder)
    assert set(kinds()) - before == {"pull-policy", "port-open"}
    yield folder
    new_kinds.remove(folder)
    for path in folder.glob("*.py"):
        sys.modules.pop(f"clusterproof.checks.{path.stem}", None)


def spec_in(folder: Path, **parts: Any) -> Path:  # noqa: ANN401 - what a spec names
    """A spec with a row of each."""
    path = folder / "spec.yaml"
    names = {"namespace": "shop", "name": "web", "container": "web", "image": "python", **parts}
    path.write_text(SPEC % names)
    (folder / "rows.yaml").write_text(ROWS % names)
    return path


@pytest.mark.usefixtures("added")
@pytest.mark.parametrize(
    ("policy", "outcome", "codes"),
    [
        ("IfNotPresent", Outcome.PASSED, []),
        ("Always", Outcome.FAILED, ["pull-policy-differs"]),
    ],
)
def test_a_kind_that_reads_is_one_file(
    tmp_path: Path, policy: str, outcome: Outcome, codes: list[str]
) -> None:
    row = read_spec(spec_in(tmp_path, host="localhost", port=1)).rows[0]
    web = deployment("web", "shop", {"app": "web"})
    web["spec"]["template"]["spec"]["containers"] = [
        {"name": "web", "image": "web:1", "imagePullPolicy": policy}
    ]
    with cluster_of(web) as cluster:
        checked = check(row, site_of(cluster, row))
    assert checked.outcome is outcome
    assert [difference.code for difference in checked.judgement.differences] == codes
    with cluster_of() as empty:
        assert check(row, site_of(empty, row)).outcome is Outcome.INCONCLUSIVE


class LoopbackDialler:
    """Dials from here, with the script that a Pod is given."""

    def dial_from_control(self, peers: Iterable[Peer]) -> Dialling:
        """Each peer, dialled."""
        asked = list(peers)
        ended = subprocess.run(  # noqa: S603 - our own script
            command(sys.executable, asked), capture_output=True, text=True, check=True, timeout=60
        )
        return Dialling("here", parse_results(ended.stdout, asked), "a process of the test")


@pytest.mark.usefixtures("added")
def test_a_kind_that_dials_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        import_module("clusterproof.checks.port_open"), "dialler", lambda _site: LoopbackDialler()
    )
    with socket.create_server(("127.0.0.1", 0)) as server, cluster_of() as cluster:
        port = server.getsockname()[1]
        row = read_spec(spec_in(tmp_path, host="127.0.0.1", port=port)).rows[1]
        assert check(row, site_of(cluster, row)).outcome is Outcome.PASSED
        server.close()
        checked = check(row, site_of(cluster, row))
        assert [difference.code for difference in checked.judgement.differences] == ["port-closed"]
        nameless = row.model_copy(update={"host": "nowhere.invalid"})
        assert isinstance(check(nameless, site_of(cluster, nameless)).judgement, Doubt)


@pytest.mark.cluster
def test_both_are_checked_on_a_real_cluster(added: Path, tmp_path: Path) -> None:
    local = read_spec(PROJECT / "spec/self-hosted.yaml")
    assert local.settings.dialler is not None
    namespace = local.settings.dialler.namespace
    path = spec_in(
        tmp_path,
        namespace=namespace,
        image=local.settings.dialler.image,
        name="posthog-web",
        container="posthog-web",
        host=f"posthog-web.{namespace}",
        port=8000,
    )
    ended = subprocess.run(  # noqa: S603 - our own suites
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.checks.new_kinds", "suites"),
            *("--spec", str(path), "--kubeconfig", str(PROJECT / ".testbed/kubeconfig")),
            *("--report-dir", str(tmp_path / "reports")),
        ],
        cwd=PROJECT,
        env=os.environ | {"NEW_KINDS": str(added)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout

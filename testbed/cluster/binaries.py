"""The cluster's programs, built once into the user's cache.

Each family is a Go module under testbed/binaries with a committed go.sum. Its key is a hash of its
module files, sources and build flags, so a changed pin builds anew and an unchanged one never does.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterproof.report.files import replace_file
from testbed.cluster import engine, minor, paths
from testbed.cluster.go import GO_ENV, go_command
from testbed.cluster.pins import required
from testbed.cluster.run import run

BUILD_WITHIN_S = 2400.0
DOWNLOAD_WITHIN_S = 300.0
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
        name: The program's name.
        package: What is built.
        ldflags: Flags for the linker.
        commands: Names the program is called by; its own when empty.
        module: Its folder under testbed/binaries; by its own name when empty.
    """

    name: str
    package: str
    ldflags: str = _STRIP
    commands: tuple[str, ...] = ()
    module: str = ""

    @property
    def folder(self) -> Path:
        """Where its module files are."""
        return paths.BINARIES / (self.module or self.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names the program is called by."""
        return self.commands or (self.name,)

    @property
    def key(self) -> str:
        """Hash of all that decides what is built."""
        return key_of(self.folder, f"{self.package} {self.ldflags}")


CONTROL = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
ON_NODES = ("kubelet", "kube-proxy")
"""What is of the minor KUBELET; the rest is of KUBERNETES."""


def kubernetes(of: str, commands: tuple[str, ...] = (*CONTROL, *ON_NODES)) -> Family:
    """The Kubernetes components of a minor, all of them in one program."""
    flags = f"{_STRIP} {_version_flags(minor.version(of))}"
    return Family("kubernetes", ".", flags, commands, f"{minor.FOLDER}/{of}")


def chosen(control: str, kubelet: str) -> tuple[Family, ...]:
    """What a cluster with these two minors is made of; the first has kubectl."""
    if control == kubelet:
        return (kubernetes(control),)
    return (kubernetes(control, CONTROL), kubernetes(kubelet, ON_NODES))


_CONTAINERD = "github.com/containerd/containerd/v2"
CONTAINERD_VERSION = required("containerd", _CONTAINERD)
_CONTAINERD_FLAGS = f"{_STRIP} -X {_CONTAINERD}/version.Version={CONTAINERD_VERSION}"

CONTAINERD = tuple(
    Family(name, f"{_CONTAINERD}/cmd/{name}", _CONTAINERD_FLAGS, module="containerd")
    for name in ("containerd", "containerd-shim-runc-v2", "ctr")
)
"""The nodes' runtime. runc is Debian's: it is partly C, and a stock machine has no C compiler."""

BESIDE = (
    *CONTAINERD,
    Family("etcd", "go.etcd.io/etcd/server/v3"),
    Family("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    Family("prometheus-adapter", "."),
    Family("coredns", "."),
    Family("contour", "github.com/projectcontour/contour/cmd/contour"),
    Family("pause", "."),
)
"""What a cluster is made of besides Kubernetes itself."""

FAMILIES = (*chosen(minor.KUBERNETES, minor.KUBELET), *BESIDE)

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

ORACLE_VERSION = required("oracle", minor.MODULE)
ORACLE = Family("oracle", ".", f"{_STRIP} {_version_flags(ORACLE_VERSION)}")
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
    """Build what the cache lacks; returns `bin_dir()`, which has no other minor than the chosen."""
    for family in missing(families):
        say(f"building {family.name} (once; kept in {paths.cache()})")
        _build(family)
    folder = bin_dir()
    folder.mkdir(parents=True, exist_ok=True)
    for family in families:
        for name in family.names:
            called = _built(family).with_name(name)
            if name != family.name:
                _link(called, _built(family))
            if family in ALL:
                _link(folder / name, called)
    return folder


def module_texts(name: str, module: str, files: Sequence[str]) -> list[str]:
    """Files of a module that the program `name` is built from, at the version that it pins.

    Raises:
        TestbedError: The module could not be fetched.
    """
    listed = run(
        [go_command(), "mod", "download", "-json", module],
        cwd=paths.BINARIES / name,
        env=GO_ENV,
        timeout_s=DOWNLOAD_WITHIN_S,
    )
    folder = Path(json.loads(listed)["Dir"])
    return [(folder / file).read_text(encoding="utf-8") for file in files]


def kept_beside(name: str, file: str, make: Callable[[], str]) -> Path:
    """A file beside the program `name`, made once; it goes when the program does."""
    beside = program(name).resolve().with_name(file)
    if not beside.exists():
        replace_file(beside, make().encode())
    return beside


def prune() -> None:
    """Remove programs built from earlier pins; only while no cluster runs.

    Those of the minors that the cluster is not made of today stay: they take long to build.
    """
    current = {_built(family).parent for family in (*ALL, *map(kubernetes, minor.MINORS))}
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
    return paths.cache() / "built" / f"{family.name}-{family.key}" / family.name


def _build(family: Family) -> None:
    target = _built(family)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".part")
    run(
        [
            *(go_command(), "build", "-trimpath", "-ldflags", family.ldflags),
            *("-o", str(unfinished), family.package),
        ],
        cwd=family.folder,
        env=GO_ENV,
        timeout_s=BUILD_WITHIN_S,
    )
    unfinished.rename(target)

"""Root file systems: the base by mmdebstrap, layers above it on an overlay mount.

Everything here needs root and a mount namespace of its own (see `__main__`): whatever is mounted
disappears with the process, also when it is killed.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.cluster import packages, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import completed
from testbed.images.archive import TIMESTAMP
from testbed.images.cache import CHECKOUT, source_files
from testbed.images.locked import pins
from testbed.images.recipes import Layer, chain

SUITE = "bookworm"
RELEASES = ("bookworm", "trixie")
"""Releases of Debian that a machine's apt may be set up for."""

POCKETS = ("", "updates", "security")
SITE_PACKAGES = "usr/local/lib/python3.11/dist-packages"
_STANDARD_LIBRARY = ("usr/lib/python3.11", "usr/lib/python3")
_TIMEOUT_S = 900
_NO_SERVICES = "#!/bin/sh\nexit 101\n"  # Debian's way to say: start no service while installing


class BuildError(TestbedError):
    """A step of a build ended badly: says which program, and what it said last."""


def run(argv: Sequence[str], **environment: str) -> str:
    """Run a program and give back what it printed.

    Raises:
        BuildError: It ended with an error.
        TestbedError: It could not be started, or did not end in time.
    """
    done = completed(argv, env=environment, timeout_s=_TIMEOUT_S)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(
            f"expected {argv[0]} to succeed, observed exit {done.returncode}\n"
            f"  command   {' '.join(argv)}\n  evidence  {last}"
        )
    return done.stdout


def make_base(layer: Layer, root: Path) -> None:
    """A Debian root with apt and Python, made from the machine's own package sources."""
    run(
        [
            "mmdebstrap",
            "--mode=root",
            "--variant=apt",
            "--format=directory",
            # The merged /usr as Debian means it, but without the package that converts to it,
            # which would bring 50 MB of Perl along.
            f"--hook-dir={packages.file(packages.MMDEBSTRAP, packages.MERGED_USR_HOOKS)}",
            f"--include={','.join((*layer.debian, 'usr-is-merged'))}",
            "--aptopt=Acquire::Languages none",
            "--aptopt=APT::Install-Recommends false",
            *(
                f"--dpkgopt=path-exclude=/usr/share/{folder}/*"
                for folder in ("doc", "man", "locale", "info", "lintian")
            ),
            SUITE,
            str(root),
            *debian_sources(SUITE),
        ],
        SOURCE_DATE_EPOCH=str(TIMESTAMP),
    )
    # Debian compiles with timestamps, and the tar has others: without this, every start in a
    # read-only container would compile the standard library anew.
    for folder in _STANDARD_LIBRARY:
        _compile(root, root / folder)


def make_layer(layer: Layer, lowers: Sequence[Path], upper: Path, scratch: Path) -> None:
    """Fill `upper` with what `layer` adds to `lowers` (highest first)."""
    upper.mkdir(parents=True)
    if layer.debian:
        with _merged(lowers, upper, scratch) as merged:
            _install_debian(merged, layer.debian, scratch)
    if layer.pypi:
        _install_pypi(layer, upper, scratch)
    for copy in layer.copies:
        source = CHECKOUT / copy.source
        for file in source_files(source):
            inside = upper / copy.target.lstrip("/")
            target = inside if source.is_file() else inside / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(copy.mode or 0o644)
    for folder in layer.folders:
        path = upper / folder.path.lstrip("/")
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(folder.mode)
        os.chown(path, folder.owner, folder.owner)
    add_users(layer, lowers, upper)


def finish(layer: Layer, lowers: Sequence[Path], upper: Path, scratch: Path) -> None:
    """Delete what the recipe drops, then compile what Python will import."""
    for pattern in layer.drop:
        for path in upper.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    python = [upper / SITE_PACKAGES, upper / "app"]
    if lowers and any(folder.is_dir() for folder in python):
        with _merged(lowers, upper, scratch) as merged:
            run(["mount", "--bind", str(upper), str(merged / "mnt")])
            for folder in python:
                if folder.is_dir():
                    _compile(merged, merged / "mnt" / folder.relative_to(upper), strip="/mnt")


def _compile(root: Path, folder: Path, strip: str = "") -> None:
    inside = f"/{folder.relative_to(root)}"
    run(
        ["chroot", str(root), "python3", "-m", "compileall", "-q", "-f", "-s", strip or "/",
         "-p", "/", "--invalidation-mode", "unchecked-hash", inside]
    )  # fmt: skip


@contextmanager
def _merged(lowers: Sequence[Path], upper: Path, scratch: Path) -> Iterator[Path]:
    """The layers as one tree, with /proc and /dev; writes go to `upper`."""
    merged, work = scratch / "merged", scratch / "work"
    for folder in (merged, work):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={':'.join(map(str, lowers))},upperdir={upper},workdir={work}"
    # mount(8) since util-linux 2.39 hands over each option by fsconfig(2), which takes 255 bytes.
    overlay = ["mount", "-t", "overlay", "overlay", "-o", options, str(merged)]
    run(overlay, LIBMOUNT_FORCE_MOUNT2="always")
    try:
        run(["mount", "-t", "proc", "proc", str(merged / "proc")])
        run(["mount", "--rbind", "/dev", str(merged / "dev")])
        yield merged
    finally:
        run(["umount", "--recursive", "--lazy", str(merged)])
        shutil.rmtree(work)


def _install_debian(merged: Path, packages: Sequence[str], scratch: Path) -> None:
    # The lists and packages are on mounts of their own, so that no layer holds them.
    for inside, kept in (("var/lib/apt/lists", "lists"), ("var/cache/apt", "archives")):
        (scratch.parent / kept).mkdir(parents=True, exist_ok=True)
        (merged / inside).mkdir(parents=True, exist_ok=True)
        run(["mount", "--bind", str(scratch.parent / kept), str(merged / inside)])
    guard, resolver = merged / "usr/sbin/policy-rc.d", merged / "etc/resolv.conf"
    guard.write_text(_NO_SERVICES)
    guard.chmod(0o755)
    resolver.write_bytes(Path("/etc/resolv.conf").read_bytes())
    chroot = ["chroot", str(merged)]
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
    ):
        run([*chroot, *command], DEBIAN_FRONTEND="noninteractive", LC_ALL="C.UTF-8")
    leftovers = (*merged.glob("var/lib/dpkg/*-old"), *merged.glob("var/log/**/*"))
    for path in (guard, resolver, merged / "var/cache/ldconfig/aux-cache", *leftovers):
        if path.is_file():
            path.unlink()


def _install_pypi(layer: Layer, upper: Path, scratch: Path) -> None:
    below = set(_pins_below(layer))
    wanted = [pin for pin in pins(CHECKOUT / "uv.lock", layer.pypi) if pin not in below]
    listed = scratch / "requirements.txt"
    scratch.mkdir(parents=True, exist_ok=True)
    listed.write_text("\n".join(wanted))
    run(
        [str(paths.UV), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:",
         "--no-compile", "--link-mode=copy", "--python-version", "3.11",
         "--python-platform", f"{os.uname().machine}-manylinux_2_28",
         "--target", str(upper / SITE_PACKAGES), "--requirements", str(listed)]
    )  # fmt: skip
    shutil.rmtree(upper / SITE_PACKAGES / "bin", ignore_errors=True)
    (upper / SITE_PACKAGES / ".lock").unlink(missing_ok=True)


def _pins_below(layer: Layer) -> Iterator[str]:
    for lower in chain(layer.name)[:-1]:
        if lower.pypi:
            yield from pins(CHECKOUT / "uv.lock", lower.pypi)


def add_users(layer: Layer, lowers: Sequence[Path], upper: Path) -> None:
    """Give the numbers of `layer` a name in the account files."""
    for name, line in (
        ("passwd", "{0.name}:x:{0.uid}:{0.uid}::{0.home}:/bin/sh\n"),
        ("group", "{0.name}:x:{0.uid}:\n"),
    ):
        if layer.users:
            roots = [root for root in (upper, *lowers) if (root / "etc" / name).is_file()]
            known = (roots[0] / "etc" / name).read_text()
            (upper / "etc").mkdir(exist_ok=True)
            added = "".join(line.format(user) for user in layer.users)
            (upper / "etc" / name).write_text(known + added)


def debian_sources(suite: str) -> list[str]:
    """The lines of sources.list for `suite`, from the mirrors that this machine's apt uses.

    A machine of another release than `suite` has the same mirrors. Without apt there are none:
    mmdebstrap knows Debian's own.
    """
    if not shutil.which("apt-get"):
        return []
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages"]
    )  # fmt: skip
    return sources_for(suite, listed)


def sources_for(suite: str, listed: str) -> list[str]:
    """The lines of sources.list for `suite`, from `URI RELEASE COMPONENT` lines of any release."""
    components: dict[tuple[str, str], dict[str, None]] = {}
    for line in listed.splitlines():
        uri, release, component = line.split()
        codename, dash, pocket = release.partition("-")
        if codename in RELEASES and pocket in POCKETS and "debian" in uri:
            components.setdefault((uri, f"{suite}{dash}{pocket}"), {})[component] = None
    return [f"deb {uri} {name} {' '.join(parts)}" for (uri, name), parts in components.items()]

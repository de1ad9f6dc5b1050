"""The Debian programs that the testbed runs: the machine's own, else unpacked into the cache.

Nothing is installed: a package is downloaded by apt with lists of our own, unpacked under the
user's cache with the libraries that the machine lacks, and run from there. So no service is
started or enabled, no port of the machine is taken, and the machine's packages stay as they are.
Where the machine has lost a library that it had then, as another machine with the same cache, the
package is unpacked again.
"""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from testbed.cluster import engine, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import run


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and the programs that we run of it.

    Attributes:
        name: The package.
        programs: What is called by name.
        files: What is named by its path.
    """

    name: str
    programs: tuple[str, ...]
    files: tuple[str, ...] = ()


CNI_PLUGINS = "/usr/lib/cni"
MERGED_USR_HOOKS = "/usr/share/mmdebstrap/hooks/merged-usr"

CNI = Package("containernetworking-plugins", (), (CNI_PLUGINS,))
MMDEBSTRAP = Package("mmdebstrap", ("mmdebstrap", "mmtarfilter"), (MERGED_USR_HOOKS,))

CLUSTER = (
    Package("runc", ("runc",)),
    CNI,
    Package("iptables", ("iptables", "ip6tables", "iptables-save", "iptables-restore")),
    Package("nftables", ("nft",)),
    Package("iproute2", ("ip", "ss")),
    Package("prometheus", ("prometheus", "promtool")),
    Package("e2fsprogs", ("mkfs.ext4",)),
    MMDEBSTRAP,
)
IPSET = Package("ipset", ("ipset",))
"""Of kube-router alone."""

TESTS = (
    *CLUSTER,
    Package("chromium", ("chromium",)),
    Package("redis-server", ("redis-server",)),
    Package("postgresql-15", ("postgres", "initdb")),
    Package("clickhouse-server", ("clickhouse-server",)),
)
"""What `make test-cluster` runs besides Python; `make test` needs none of them."""

NO_HOOKS = Path(__file__).parents[1] / "apt.conf"
"""Takes out of apt's settings what a machine runs before and after it. Read after all others."""

FETCH_WITHIN_S = 600.0
_SYSTEM_PATH = ("/usr/sbin", "/sbin")
"""Where Debian keeps some of them; not on every PATH."""

_LOADER = frozenset({"libc6", "libc-bin"})
"""Never unpacked: the C library and the loader that the machine starts programs with are one."""

_RELIED_ON = "of-the-machine"
"""In the folder of a package: what it needs that was installed on the machine, a name per line."""
_DPKG_STATUS = Path("/var/lib/dpkg/status")
_INSTALLED = re.compile(r"^Package: (\S+)\n(?:.+\n)*?Status: install ok installed$", re.MULTILINE)

_INSTALLED_BY_APT = re.compile(r"^Inst (\S+)(?: \[[^]]*\])? \((\S+) ", re.MULTILINE)


def of_cluster() -> tuple[Package, ...]:
    """What the cluster runs, with the engine that POLICY names."""
    return (*CLUSTER, *((IPSET,) if engine.ENGINE == engine.KUBE_ROUTER else ()))


def search_path() -> str:
    """PATH with the machine's own programs first and the cache's behind them."""
    given = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*given, *_SYSTEM_PATH, str(_folder() / "bin")]))


def use() -> None:
    """Let this process, and all that it starts, find the programs by their names."""
    os.environ["PATH"] = search_path()


def lacking(packages: Iterable[Package]) -> tuple[Package, ...]:
    """The packages of which something is neither on the machine nor in the cache."""
    return tuple(each for each in packages if not _unpacked(each) and not _on_machine(each))


def file(package: Package, path: str) -> Path:
    """Where a file of a package is: on the machine, else in the cache."""
    unpacked = _root(package) / path.lstrip("/")
    return unpacked if not Path(path).exists() and unpacked.exists() else Path(path)


def ensure(packages: Iterable[Package], say: Callable[[str], None]) -> None:
    """Bring what is lacking into the cache.

    Raises:
        TestbedError: apt-get or dpkg-deb failed.
    """
    wanted = lacking(packages)
    if not wanted:
        return
    say(f"unpacking {' '.join(each.name for each in wanted)} (kept in {_folder()})")
    _folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_folder(), prefix=".apt-") as scratch:
        apt = _Apt(Path(scratch))
        apt.update()
        for package in wanted:
            root = apt.unpack(package.name)
            _write_commands(package, root, _root(package))
            shutil.rmtree(_root(package), ignore_errors=True)
            root.rename(_root(package))


def parse_plan(simulated: str) -> tuple[str, ...]:
    """What `apt-get --simulate install` would install, as NAME=VERSION; the C library excepted."""
    planned = _INSTALLED_BY_APT.findall(simulated)
    return tuple(
        f"{name}={version}" for name, version in planned if name.partition(":")[0] not in _LOADER
    )


def _name(planned: str) -> str:
    return re.split("[:=]", planned, maxsplit=1)[0]


class _Apt:
    """apt-get with lists and archives in a folder of ours; it only reads what is the system's."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        for folder in ("lists/partial", "cache/archives/partial"):
            (scratch / folder).mkdir(parents=True)
        self.command = (
            "apt-get",
            "--quiet",
            f"--config-file={NO_HOOKS}",
            f"--option=Dir::State::Lists={scratch}/lists",
            f"--option=Dir::Cache={scratch}/cache",
            "--option=APT::Sandbox::User=root",
            "--option=Debug::NoLocking=true",
        )

    def update(self) -> None:
        """Fetch the lists; a source that cannot be fetched is an error, not a warning."""
        strict = "--option=APT::Update::Error-Mode=any"
        run([*self.command, strict, "update"], timeout_s=FETCH_WITHIN_S)

    def unpack(self, package: str) -> Path:
        """A folder with the package and all that the machine lacks of what it depends on."""
        archives, root = self.scratch / "archives" / package, self.scratch / package
        archives.mkdir(parents=True)
        plan = self._plan(package)
        on_bare_machine = self._plan(package, "--option=Dir::State::status=/dev/null")
        run([*self.command, "download", *plan], cwd=archives, timeout_s=FETCH_WITHIN_S)
        for archive in sorted(archives.glob("*.deb")):
            run(["dpkg-deb", "--extract", str(archive), str(root)], timeout_s=FETCH_WITHIN_S)
        # Of several that serve, apt plans the first one where none is installed.
        relied_on = _installed() & set(map(_name, on_bare_machine)).difference(map(_name, plan))
        (root / _RELIED_ON).write_text("\n".join(sorted(relied_on)), encoding="utf-8")
        return root

    def _plan(self, package: str, *options: str) -> tuple[str, ...]:
        install = ("--simulate", "--no-install-recommends", "install", "--reinstall", package)
        return parse_plan(run([*self.command, *options, *install], timeout_s=FETCH_WITHIN_S))


def _write_commands(package: Package, unpacked: Path, root: Path) -> None:
    """A command per program: a link, or a script where the program needs files of its root."""
    commands = _folder() / "bin"
    commands.mkdir(exist_ok=True)
    settings = [*_settings(unpacked, root)]
    for name in package.programs:
        program = root / _program(package, unpacked, name)
        command, new = commands / name, commands / f".{name}.new"
        new.unlink(missing_ok=True)
        if settings:
            new.write_text(
                "\n".join(["#!/bin/sh", *settings, f'exec "{program}" "$@"', ""]), encoding="utf-8"
            )
            new.chmod(0o755)
        else:
            # A program that starts itself again finds its own file, not a script.
            new.symlink_to(program)
        new.replace(command)


def _program(package: Package, root: Path, name: str) -> Path:
    # iptables and iptables-save get their names when they are installed (update-alternatives),
    # chromium's is a script that looks for its files under /usr.
    postgresql = f"usr/lib/postgresql/15/bin/{name}"
    on_nft = name.replace("tables", "tables-nft")
    for place in (f"usr/lib/{name}/{name}", postgresql, *_places(name), *_places(on_nft)):
        if (root / place).exists():
            return Path(place)
    raise TestbedError(f"package {package.name}: expected a program {name} in it, found none")


def _places(name: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for folder in ("usr/bin", "usr/sbin", "bin", "sbin"))


def _settings(unpacked: Path, root: Path) -> Iterator[str]:
    """What programs have to be told when their files are not under /usr."""
    for variable, pattern in (
        ("LD_LIBRARY_PATH", "usr/lib/*-linux-gnu/*.so*"),
        ("LD_LIBRARY_PATH", "usr/lib/*-linux-gnu/*/lib*.so*"),
        ("LD_LIBRARY_PATH", "lib/*-linux-gnu/*.so*"),
        ("PERL5LIB", "usr/share/perl/*/*.pm"),
        ("PERL5LIB", "usr/lib/*-linux-gnu/perl/*/*.pm"),
        ("PERL5LIB", "usr/share/perl5/*.pm"),
        ("XTABLES_LIBDIR", "usr/lib/*-linux-gnu/xtables/*.so"),
    ):
        folders = sorted({path.parent.relative_to(unpacked) for path in unpacked.glob(pattern)})
        for folder in folders:
            yield f'export {variable}="{root / folder}${{{variable}:+:${variable}}}"'
    if (unpacked / "etc/fonts").is_dir():
        yield f'export FONTCONFIG_SYSROOT="{root}"'


def _on_machine(package: Package) -> bool:
    given = os.environ.get("PATH", "").split(os.pathsep)
    own = str(_folder() / "bin")  # of the cache, once `use` was called
    machine = os.pathsep.join([*(each for each in given if each != own), *_SYSTEM_PATH])
    return all(shutil.which(name, path=machine) for name in package.programs) and all(
        Path(path).exists() for path in package.files
    )


def _unpacked(package: Package) -> bool:
    try:
        relied_on = (_root(package) / _RELIED_ON).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False
    return _installed().issuperset(relied_on) and all(
        (_folder() / "bin" / name).exists() for name in package.programs
    )


@cache
def _installed() -> frozenset[str]:
    """The names of the packages that the machine has."""
    return frozenset(_INSTALLED.findall(_DPKG_STATUS.read_text(encoding="utf-8")))


def _root(package: Package) -> Path:
    return _folder() / package.name


def _folder() -> Path:
    """One per release of the distribution: libraries that the machine has are not unpacked."""
    release = platform.freedesktop_os_release()
    name = f"{release['ID']}-{release.get('VERSION_ID', 'unknown')}"
    return paths.cache() / "packages" / name

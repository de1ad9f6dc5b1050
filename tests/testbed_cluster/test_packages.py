"""Debian's programs: the machine's own, else run from their unpacked packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from testbed.cluster import packages
from testbed.cluster.errors import TestbedError
from testbed.cluster.packages import Package, parse_plan

SIMULATED = """\
Reading package lists...
The following NEW packages will be installed:
  libnftables1 nftables
Inst libc6 [2.36-9+deb12u9] (2.36-9+deb12u13 Debian:12.15/oldstable [amd64])
Inst libnftables1 [1.0.6-2] (1.0.6-2+deb12u2 Debian:12.15/oldstable [amd64]) [nftables:amd64 ]
Inst nftables (1.0.6-2+deb12u2 Debian:12.15/oldstable [amd64])
Remv iptables-nft [1.0]
Conf libnftables1 (1.0.6-2+deb12u2 Debian:12.15/oldstable [amd64])
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user, and a machine without any program."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(packages, "_SYSTEM_PATH", ())
    return packages._folder()


def unpacked(package: Package, files: dict[str, str], relied_on: str = "") -> None:
    """What `ensure` makes of a package with these files."""
    root = packages._root(package)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    (root / packages._RELIED_ON).write_text(relied_on)
    packages._write_commands(package, root, root)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def said_by(command: Path) -> str:
    return subprocess.run([command], capture_output=True, text=True, check=True).stdout  # noqa: S603


def test_what_apt_would_install_is_taken_but_never_the_c_library() -> None:
    assert parse_plan(SIMULATED) == (
        "libnftables1=1.0.6-2+deb12u2",
        "nftables=1.0.6-2+deb12u2",
    )


def test_program_that_needs_nothing_else_is_a_link(cache: Path) -> None:
    unpacked(Package("runc", ("runc",)), {"usr/sbin/runc": "#!/bin/sh\necho $0"})
    assert (cache / "bin/runc").resolve() == cache / "runc/usr/sbin/runc"


def test_program_with_libraries_is_told_where_they_are(cache: Path) -> None:
    shown = "#!/bin/sh\necho $LD_LIBRARY_PATH $XTABLES_LIBDIR"
    unpacked(
        Package("iptables", ("iptables",)),
        {
            "usr/sbin/iptables-nft": shown,
            "usr/lib/x86_64-linux-gnu/libxtables.so.12": "",
            "usr/lib/x86_64-linux-gnu/xtables/libxt_comment.so": "",
        },
    )
    libraries = cache / "iptables/usr/lib/x86_64-linux-gnu"
    places, extensions = said_by(cache / "bin/iptables").split()
    assert str(libraries) in places.split(":")
    assert extensions == f"{libraries}/xtables"


def test_package_without_the_program_is_named(cache: Path) -> None:
    with pytest.raises(TestbedError, match="package runc: expected a program runc in it"):
        unpacked(Package("runc", ("runc",)), {"usr/share/doc/runc/copyright": ""})
    assert not (cache / "bin/runc").exists()


def test_program_of_the_machine_comes_before_ours(cache: Path) -> None:
    first, *_, last = packages.search_path().split(os.pathsep)
    assert (first, last) == (os.environ["PATH"], str(cache / "bin"))


def test_package_is_lacking_until_all_of_it_is_there(cache: Path, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    package = Package("cni", ("cni",), (str(plugins),))
    program = tmp_path / "bin/cni"
    program.parent.mkdir()
    program.write_text("")
    program.chmod(0o755)
    assert packages.lacking([package]) == (package,)
    plugins.mkdir()
    assert packages.lacking([package]) == ()
    program.unlink()
    unpacked(package, {"usr/bin/cni": ""})
    assert packages.lacking([package]) == ()
    (cache / "bin/cni").unlink()
    assert packages.lacking([package]) == (package,)


def test_package_is_lacking_where_the_machine_has_not_what_it_relied_on(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where two machines share a cache, or a library was removed after the package was unpacked.
    package = Package("nftables", ("nft",))
    monkeypatch.setenv("PATH", packages.search_path())  # as `use` does
    unpacked(package, {"usr/sbin/nft": ""}, relied_on="dpkg")
    assert packages.lacking([package]) == ()
    unpacked(package, {"usr/sbin/nft": ""}, relied_on="dpkg\nno-such-library2")
    assert packages.lacking([package]) == (package,)
    (cache / "nftables" / packages._RELIED_ON).unlink()
    assert packages.lacking([package]) == (package,)


def test_file_of_the_machine_comes_before_ours(cache: Path, tmp_path: Path) -> None:
    package = Package("cni", ())
    path = str(tmp_path / "plugins")
    assert packages.file(package, path) == Path(path)
    inside = cache / "cni" / path.lstrip("/")
    inside.mkdir(parents=True)
    assert packages.file(package, path) == inside
    Path(path).mkdir()
    assert packages.file(package, path) == Path(path)


def test_failed_download_is_a_sentence_with_the_clients_words(cache: Path, tmp_path: Path) -> None:
    apt = tmp_path / "bin/apt-get"
    apt.parent.mkdir()
    apt.write_text("#!/bin/sh\necho 'E: no route to host' >&2\nexit 100\n")
    apt.chmod(0o755)
    with pytest.raises(TestbedError, match=r"apt-get .*: exit 100\nE: no route to host"):
        packages.ensure([Package("runc", ("runc",))], lambda _: None)
    assert names(cache) == []


HOOKS = (
    *("APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success", "APT::Update::Pre-Invoke"),
    "Binary::apt-get::APT::Update::Pre-Invoke",
    *("DPkg::Pre-Invoke", "DPkg::Post-Invoke", "DPkg::Pre-Install-Pkgs"),
    *("APT::Install::Pre-Invoke", "APT::Install::Post-Invoke-Success"),
    "AptCli::Hooks::Install",
)

RUN_BY_UPDATE = {"APT::Update::Pre-Invoke", "APT::Update::Post-Invoke"}


@pytest.fixture
def hooked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without sources, whose apt has each kind of hook; where they leave their names."""
    ran = tmp_path / "ran"
    ran.mkdir()
    lines = [f'{name} {{"touch {ran}/{name}";}};' for name in HOOKS]
    lines += [f'Dir::Etc::{name} "/dev/null";' for name in ("SourceList", "SourceParts")]
    configured = tmp_path / "apt.conf"
    configured.write_text("\n".join(lines))
    monkeypatch.setenv("APT_CONFIG", str(configured))
    return ran


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is Debian's")
def test_nothing_that_the_machine_runs_around_apt_is_run(hooked: Path, tmp_path: Path) -> None:
    apt = packages._Apt(tmp_path / "scratch")
    apt.update()
    assert names(hooked) == []
    settings = subprocess.run(  # noqa: S603
        ["apt-config", f"--config-file={packages.NO_HOOKS}", "dump"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # What is for one program was brought to its place before, and what stays there is not read.
    assert [
        line
        for line in settings.splitlines()
        if str(hooked) in line and not line.startswith("Binary::")
    ] == []
    without = [word for word in apt.command if word != f"--config-file={packages.NO_HOOKS}"]
    subprocess.run([*without, "update"], check=True)  # noqa: S603
    assert set(names(hooked)) >= RUN_BY_UPDATE  # which shows that they would have been run


@pytest.mark.cluster
def test_package_is_unpacked_and_runs_and_the_machine_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    package = Package("socat", ("socat",), ("/no/such/file",))
    before = installed()
    packages.ensure([package], lambda _: None)
    shown = subprocess.run(  # noqa: S603
        [packages._folder() / "bin/socat", "-V"], capture_output=True, text=True, check=True
    ).stdout
    assert "socat version" in shown
    assert installed() == before
    assert names(packages._folder()) == ["bin", "socat"]
    assert packages.lacking([package]) == ()


def installed() -> tuple[bytes, list[str], list[str]]:
    lists, archives = Path("/var/lib/apt/lists"), Path("/var/cache/apt/archives")
    return (
        Path("/var/lib/dpkg/status").read_bytes(),
        names(lists),
        names(archives),
    )

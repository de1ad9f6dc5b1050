"""What a fresh Debian is told of this machine: how the registries are reached, and nothing else."""

from testbed.images.rootfs import sources_for
from testbed.stock.settings import acquire, environment

DUMPED = """\
APT "";
APT::Architecture "amd64";
Acquire "";
Acquire::http::Proxy "http://proxy:3128";
Acquire::https::CaInfo "/etc/ssl/own.pem";
Acquire::Check-Date "false";
Acquire::IndexTargets::deb::DEP-11::ShortDescription "Components";
Acquire::http "";
DPkg::Post-Invoke:: "rm -f /var/cache/apt/archives/*.deb";
"""

LISTED = """\
http://mirror/debian/ bookworm main
http://mirror/debian/ bookworm contrib
http://mirror/debian/ bookworm-updates main
http://mirror/debian-security/ bookworm-security main
http://mirror/debian/ bookworm-backports main
http://other/nodesource/ nodistro main
"""


def test_login_has_the_settings_of_registries_and_no_other_variable() -> None:
    machine = {
        "PIP_INDEX_URL": "http://index",
        "https_proxy": "http://proxy",
        "GOPROXY": "http://go",
        "HOME": "/home/somebody",
        "PATH": "/home/somebody/bin",
        "VIRTUAL_ENV": "/x",
        "AWS_SECRET_ACCESS_KEY": "s",
        "UV": "/x/uv",
    }
    given = environment(machine)
    assert given["HOME"] == "/root"
    assert environment({"PATIENCE": "10"})["PATIENCE"] == "10"
    assert "/home" not in given["PATH"]
    assert {name for name in machine if name in given} == {
        *("PIP_INDEX_URL", "https_proxy", "GOPROXY", "HOME", "PATH"),
    }


def test_of_apt_only_the_way_to_its_sources_is_taken() -> None:
    assert acquire(DUMPED) == [
        'Acquire::http::Proxy "http://proxy:3128";',
        'Acquire::https::CaInfo "/etc/ssl/own.pem";',
        'Acquire::Check-Date "false";',
    ]


def test_mirrors_of_one_release_are_those_of_another() -> None:
    assert sources_for("trixie", LISTED) == [
        "deb http://mirror/debian/ trixie main contrib",
        "deb http://mirror/debian/ trixie-updates main",
        "deb http://mirror/debian-security/ trixie-security main",
    ]
    assert sources_for("bookworm", LISTED) == [
        line.replace("trixie", "bookworm") for line in sources_for("trixie", LISTED)
    ]

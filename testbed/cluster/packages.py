"""The Debian packages that the cluster is made of."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.cluster.run import run

NEEDED = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "prometheus": "prometheus",
    "nginx": "nginx-light",
    "mmdebstrap": "mmdebstrap",
}
"""Program (a name on PATH, or a path) → the package that has it."""

CNI_PLUGINS = Path("/usr/lib/cni")
INSTALL_WITHIN_S = 600.0
_POLICY = Path("/usr/sbin/policy-rc.d")
_REFUSE_STARTS = "#!/bin/sh\nexit 101\n"


def missing() -> tuple[str, ...]:
    """Packages that have to be installed."""
    return tuple(package for what, package in NEEDED.items() if not _there(what))


def install(packages: tuple[str, ...]) -> None:
    """Install packages without letting any of them start a service."""
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_service_starts():
        run(["apt-get", "update", "-q"], env=quiet, timeout_s=INSTALL_WITHIN_S)
        run(
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
            env=quiet,
            timeout_s=INSTALL_WITHIN_S,
        )


def _there(what: str) -> bool:
    if what.startswith("/"):
        return Path(what).exists()
    # Debian keeps some of them in sbin, which is not on every PATH.
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return shutil.which(what, path=search) is not None


@contextmanager
def _no_service_starts() -> Iterator[None]:
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text(_REFUSE_STARTS)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()

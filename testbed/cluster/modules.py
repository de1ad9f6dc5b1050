"""The kernel modules that the cluster uses: loaded when they are there and not in use yet.

The kernel loads most of them by itself on first use, through the host's modprobe. They are loaded
here all the same, so that a machine that lacks one is told so before anything is changed; what came
in the time of an `up` is unloaded by `down`. What came later may be of others, and stays.
"""

import platform
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from testbed.cluster import engine
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import completed, run

FILE_SYSTEMS = {"overlay": "containerd's snapshots and the images' layers", "ext4": "volumes"}
"""Shown by the kernel in /proc/filesystems once they are there, as a module or built in."""

LOADED = (
    *FILE_SYSTEMS,
    "loop",  # volumes
    "bridge",
    "veth",
    "nf_tables",  # kube-proxy in its nftables mode, and the NetworkPolicy enforcer
    "nf_conntrack",
    # kube-proxy, some only once a Service has two endpoints or a port of the nodes:
    *("nft_chain_nat", "nft_ct", "nft_masq", "nft_nat", "nft_numgen"),
    *("nft_fib_ipv4", "nft_fib_ipv6", "nft_reject_ipv4", "nft_reject_ipv6"),
    "nft_compat",  # iptables, as CNI's portmap calls it; what it asks for with the first host port:
    *("xt_addrtype", "xt_mark", "xt_multiport", "xt_nat", "xt_MASQUERADE"),
)

TRIALS = {
    "bridge": ("ip", "link", "add", "trial", "type", "bridge"),
    "veth": ("ip", "link", "add", "trial", "type", "veth", "peer", "name", "other"),
    "nf_tables": (
        "nft",
        "add table ip trial; add chain ip trial nat { type nat hook postrouting priority 100 ; }",
    ),
}
"""Tried in a network namespace that ends with the command: no file says that a kernel has them."""

TRIALS_OF_KUBE_ROUTER = {
    "xt_set": (
        "sh",
        "-c",
        "ipset create trial hash:ip timeout 0"
        " && iptables --append FORWARD --match set --match-set trial src --jump ACCEPT",
    )
}

_OURS = re.compile(
    "|".join(
        (
            *LOADED,
            r"mbcache|jbd2|crc32c_\w+",  # of ext4
            r"stp|llc|8021q|garp|mrp",  # of bridge
            r"nf_\w+|nft_\w+|nfnetlink\w*|xt_\w+|x_tables|ip6?_tables|ip6?table_\w+|ip6?t_\w+",
            r"ip_set\w*",  # of kube-router
            r"ip_vs\w*|libcrc32c",  # kube-proxy asks for ip_vs, to clear another mode's leftovers
        )
    )
)
"""What we may unload: those above, and what the kernel loads for them or for our rules."""

_PROC_MODULES = Path("/proc/modules")
_FILTERS = re.compile(r"nf|xt_|x_tables|ip6?_?t")


def load() -> None:
    """Load what is there as a module and is not loaded yet."""
    if (program := shutil.which("modprobe")) and _folder().is_dir():
        for name in LOADED:
            # Built into the kernel, it is no error; `lacking` looks at what counts.
            completed([program, "--quiet", "--use-blacklist", name])


def lacking() -> Iterator[str]:
    """One sentence for each file system that the kernel does not know."""
    known = file_systems(Path("/proc/filesystems").read_text(encoding="utf-8"))
    for name, purpose in FILE_SYSTEMS.items():
        if name not in known:
            yield f"expected a kernel with {name} ({purpose}), {_reason(name)}"


def lacking_in_networks() -> Iterator[str]:
    """One sentence for each thing that a network namespace of this kernel cannot have."""
    of_engine = TRIALS_OF_KUBE_ROUTER if engine.ENGINE == engine.KUBE_ROUTER else {}
    for name, command in {**TRIALS, **of_engine}.items():
        trial = completed(["unshare", "--net", *command])
        if trial.returncode:
            yield f"expected a kernel with {name} ({trial.stderr.strip()}), {_reason(name)}"


def _folder() -> Path:
    return Path("/lib/modules", platform.release())


def _reason(name: str) -> str:
    if not _folder().is_dir():
        return (
            f"it has no modules for {platform.release()} under /lib/modules; reboot into an"
            f" installed kernel, or on the host of a container: modprobe {name}"
        )
    if not shutil.which("modprobe"):
        return f"and there is no modprobe; next: apt-get install kmod && modprobe {name}"
    return f"it does not get it; next, to see why: modprobe --verbose {name}"


def file_systems(listed: str) -> frozenset[str]:
    """The names in the text of /proc/filesystems."""
    return frozenset(line.split()[-1] for line in listed.splitlines() if line.split())


def loaded() -> dict[str, int]:
    """Loaded modules → by how many things each is used; empty where the kernel has none."""
    try:
        return parse(_PROC_MODULES.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def parse(listed: str) -> dict[str, int]:
    """The modules in the text of /proc/modules."""
    rows = (line.split() for line in listed.splitlines())
    return {row[0]: int(row[2]) for row in rows if row and row[2].isdigit()}


def to_unload(came: Iterable[str], now: dict[str, int], *, host_filters: bool) -> tuple[str, ...]:
    """What may go now: is of a kind that we bring, and nothing uses it.

    Args:
        came: The modules that came by our doing.
        now: Those that are loaded, and their users.
        host_filters: Whether the host has packet filter rules: then theirs stay.
    """
    return tuple(
        sorted(
            name
            for name in {*came} & {*now}
            if not now[name]
            and _OURS.fullmatch(name)
            and not (host_filters and _FILTERS.match(name))
        )
    )


def since(before: Iterable[str]) -> frozenset[str]:
    """What is loaded and was not."""
    return frozenset(loaded()) - {*before}


def like_ours(names: Iterable[str]) -> list[str]:
    """Those of a kind that a cluster brings."""
    return sorted(name for name in names if _OURS.fullmatch(name))


def unload(came: Iterable[str]) -> tuple[str, ...]:
    """Unload what of these is not in use; returns what went."""
    came, gone = frozenset(came), list[str]()
    if not shutil.which("rmmod") or not came & {*loaded()}:
        return ()
    host_filters = _host_has_filters()
    while names := to_unload(came, loaded(), host_filters=host_filters):
        removed = [name for name in names if not completed(["rmmod", name]).returncode]
        if not removed:  # in use after all, as the kernel says
            break
        gone += removed
    return tuple(gone)


def _host_has_filters() -> bool:
    """Whether the host's own network namespace has rules; unknown counts as yes."""
    try:
        return bool(run(["nft", "list", "tables"]).strip())
    except TestbedError:
        return True

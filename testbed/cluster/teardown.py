"""Taking the cluster down, and making sure that nothing of it is left.

What is ours: the processes in our control groups and network namespaces, the namespaces that bear
a name of the topology and those that our nodes' containerds recorded for their Pods, mounts under
our folders, and those folders.
"""

import os
import re
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from clusterproof.wait import NeverAcceptedError
from testbed.cluster import cgroups, disks, host, kubectl, network, own_folder, paths, supervision
from testbed.cluster.errors import TestbedError
from testbed.cluster.mounts import mount_points
from testbed.cluster.netns import NETNS
from testbed.cluster.processes import end
from testbed.cluster.run import run
from testbed.waits import last_within, wait_until

_POD_NETNS = re.compile(rb"/(?:var/)?run/netns/(cni-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_UNMOUNT_LAZILY = "--lazy"
KILL_WITHIN_S = 20.0
GONE_WITHIN_S = 5.0
"""The kernel may take a moment to let go of a disk that was unmounted lazily."""

SHOWN = 10


def down(say: Callable[[str], None], *, keep_logs: bool = False) -> None:
    """Remove everything that the cluster made, and check that it is gone.

    Raises:
        TestbedError: Something is left; says what.
    """
    pods, volumes = pod_namespaces(), disks.ours()
    _told(say, "processes", _end_processes())
    _told(say, "mounts", [str(path) for path in _unmount(pods)])
    disks.detach(volumes)
    _told(say, "disks of volumes", sorted(disk.device for disk in volumes))
    _told(say, "network namespaces", [*_remove_pod_namespaces(pods), *network.remove()])
    _told(say, "control groups", [str(path) for path in cgroups.remove_tree()])
    for sentence in host.restore():
        say(sentence)
    if keep_logs and paths.LOGS.exists():
        shutil.copytree(paths.LOGS, paths.DELIVERED / "logs", dirs_exist_ok=True)
    if mounted := [str(path) for path in _our_mounts()]:
        # A volume may be the host's own folder: nothing is deleted under a mount.
        raise TestbedError(f"expected every mount gone before deleting folders, {_listed(mounted)}")
    for path in (paths.STATE, paths.RUN):
        if path.exists():
            shutil.rmtree(path)
            say(f"removed {path}")
    for file in (paths.KUBECONFIG, paths.OUTSIDE_CA):
        file.unlink(missing_ok=True)
    # It is of an API server that is gone, and the next one has the same address.
    shutil.rmtree(kubectl.cache(), ignore_errors=True)
    _told(say, "folders of killed runs", own_folder.remove_left())
    left = last_within(
        lambda: leftovers(volumes & disks.attached()), lambda left: not left, within_s=GONE_WITHIN_S
    )
    if left:
        raise TestbedError(f"expected nothing of the cluster to be left, {_listed(left)}")


def leftovers(volumes: frozenset[disks.Disk] = frozenset()) -> tuple[str, ...]:
    """What of a cluster is on this machine, one line each; empty when it is clean.

    Args:
        volumes: Disks that were known before their files were deleted.
    """
    remains = [f"process {pid}" for pid in sorted(cgroups.processes() | network.processes())]
    remains += [f"mount {path}" for path in _our_mounts()]
    remains += [f"network namespace {name}" for name in sorted(network.existing())]
    remains += [f"network namespace {name}" for name in sorted(pod_namespaces())]
    remains += [f"control group {path}" for path in cgroups.groups()]
    remains += [f"disk {disk.device} of {disk.file}" for disk in volumes | disks.ours()]
    remains += [f"folder {path}" for path in (paths.STATE, paths.RUN) if path.exists()]
    remains += [f"folder {path} of a killed run" for path in own_folder.left()]
    return tuple(remains)


def pod_namespaces() -> frozenset[str]:
    """Namespaces under /run/netns that our nodes' containerds made for Pods."""
    there = {path.name for path in NETNS.glob("cni-*")}
    if not there:
        return frozenset()
    recorded: set[str] = set()
    for database in paths.STATE.glob("nodes/*/containerd/io.containerd.metadata.v1.bolt/meta.db"):
        recorded.update(name.decode() for name in _POD_NETNS.findall(database.read_bytes()))
    for spec in paths.RUN.glob("nodes/*/containerd/io.containerd.runtime.v2.task/*/*/config.json"):
        with suppress(OSError):
            recorded.update(name.decode() for name in _POD_NETNS.findall(spec.read_bytes()))
    return frozenset(there & recorded)


def _listed(remains: Sequence[str]) -> str:
    shown = "".join(f"\n  {each}" for each in remains[:SHOWN])
    return f"found {len(remains)}:{shown}" + ("\n  ..." if len(remains) > SHOWN else "")


def _told(say: Callable[[str], None], what: str, removed: list[str]) -> None:
    if removed:
        say(f"removed {len(removed)} {what}")


def _end_processes() -> list[str]:
    supervisor = supervision.supervisor_process()
    if supervisor is not None:
        # First, so that it starts nothing again. The rest follows at once: nothing is worth saving.
        os.kill(supervisor.pid, signal.SIGKILL)
    ended: set[int] = set()

    def kill_all() -> frozenset[int]:
        alive = (cgroups.processes() | network.processes()) - {os.getpid()}
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended.update(alive)
        return alive

    with suppress(NeverAcceptedError):  # what is left is named by the check at the end
        wait_until(
            kill_all,
            lambda alive: not alive,
            waiting_for="the end of the cluster's processes",
            within_s=KILL_WITHIN_S,
            every_s=0.1,
        )
    if supervisor is not None:
        end(supervisor)
    return [str(pid) for pid in sorted(ended)]


def _our_mounts() -> list[Path]:
    """Mount points under our folders, the deepest first."""
    ours = (paths.STATE, paths.RUN, paths.cache() / "image-store")
    return [point for point in mount_points(ours) if point not in ours]


def _unmount(pods: frozenset[str]) -> list[Path]:
    points = [*_our_mounts(), *(NETNS / name for name in pods)]
    for start in range(0, len(points), 100):
        with suppress(TestbedError):  # named by the check at the end
            run(["umount", _UNMOUNT_LAZILY, *map(str, points[start : start + 100])])
    return points


def _remove_pod_namespaces(pods: frozenset[str]) -> list[str]:
    for name in pods:
        (NETNS / name).unlink(missing_ok=True)
    return sorted(pods)

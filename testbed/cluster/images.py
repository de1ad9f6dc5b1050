"""The images that the nodes hold: which archives, and how running nodes get a changed one."""

import json
import subprocess
import sys
from pathlib import Path

from testbed.cluster import paths, store, system_images
from testbed.cluster.errors import TestbedError
from testbed.cluster.paths import NodePaths
from testbed.cluster.progress import Progress
from testbed.cluster.topology import NODES

BUILD_WITHIN_S = 1800.0


def archives(progress: Progress) -> list[Path]:
    """Archives of all images, built when the cache lacks them."""
    return [*system_images.ensure(), *application_archives(progress)]


def application_archives(progress: Progress) -> list[Path]:
    """Archives of the deployment's images, built when the cache lacks them.

    Raises:
        TestbedError: One could not be built; its builder has said why.
    """
    progress.say("images of the deployment ...")
    done = subprocess.run(
        [sys.executable, "-m", "testbed.images", "build"],
        cwd=paths.CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=BUILD_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        raise TestbedError(
            f"python -m testbed.images build: expected exit 0, got {done.returncode}"
        )
    return [Path(path) for path in json.loads(done.stdout).values()]


def import_into_nodes(wanted: list[Path], progress: Progress) -> None:
    """Give running nodes the archives that changed since they got theirs."""
    marks = {str(archive): store.fingerprint(archive) for archive in wanted}
    for node in NODES:
        at = NodePaths(node)
        held = json.loads(at.archives.read_text()) if at.archives.exists() else {}
        for name in (name for name, mark in marks.items() if held.get(name) != mark):
            progress.say(f"importing {Path(name).name} into {node.name}")
            store.import_archive(at.containerd_socket, Path(name))
        at.archives.write_text(json.dumps(marks))

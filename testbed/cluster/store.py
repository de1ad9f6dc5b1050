"""Images, imported once into a seed and then lent to every node.

Importing takes seconds per image and node; a node's store made from the seed takes milliseconds:
its databases are copied, the compressed layers hard-linked, and the unpacked layers (read-only
lower folders of overlayfs) are links into the seed. The seed is part of the user's cache.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterproof.wait import NeverAcceptedError
from testbed.cluster import cgroups, paths
from testbed.cluster.binaries import program
from testbed.cluster.errors import TestbedError
from testbed.cluster.node_files import filled
from testbed.cluster.processes import end_child
from testbed.cluster.run import run
from testbed.waits import wait_until

CONTENT = "io.containerd.content.v1.content"
SNAPSHOTS = "io.containerd.snapshotter.v1.overlayfs"
DATABASE = "io.containerd.metadata.v1.bolt"
KUBERNETES_NAMESPACE = "k8s.io"
IMPORT_WITHIN_S = 300.0


@dataclass(frozen=True, slots=True)
class Seed:
    """The store that nodes are made from.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @property
    def root(self) -> Path:
        """The containerd root folder."""
        return self.folder / "root"

    @property
    def record(self) -> Path:
        """Which archives it holds."""
        return self.folder / "archives.json"

    def archives(self) -> dict[str, str]:
        """Archive → its fingerprint when it was imported."""
        try:
            held: dict[str, str] = json.loads(self.record.read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return held


def seed() -> Seed:
    """The seed in the user's cache."""
    return Seed(paths.cache() / "image-store")


def fingerprint(archive: Path) -> str:
    """Tells an archive from another one of the same name without reading it all."""
    status = archive.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def update_seed(archives: Sequence[Path], *, say: Callable[[str], None]) -> None:
    """Import what the seed lacks; containerd then drops the layers that no image names any more.

    Only while no cluster runs: running nodes use the seed's layers.

    Args:
        archives: All archives that it shall hold.
        say: Told what is imported.
    """
    store = seed()
    wanted = {str(archive): fingerprint(archive) for archive in archives}
    held = store.archives()
    lacking = [Path(name) for name, mark in wanted.items() if held.get(name) != mark]
    try:
        _import_all(store, lacking, say)
    except (TestbedError, NeverAcceptedError) as error:
        # A run that was killed while it imported can leave a store that cannot be repaired.
        say(f"the store of images is damaged and is made anew: {error}")
        shutil.rmtree(store.folder)
        _import_all(store, list(archives), say)
    store.record.write_text(json.dumps(wanted, indent=2))


def _import_all(store: Seed, archives: Sequence[Path], say: Callable[[str], None]) -> None:
    store.root.mkdir(parents=True, exist_ok=True)
    if not archives:
        return
    with _daemon(store) as socket:
        for archive in archives:
            say(f"importing {archive.name}")
            import_archive(socket, archive)


def import_archive(socket: Path, archive: Path) -> None:
    """Import one archive into the containerd at `socket`, unpacked."""
    run(
        [
            str(program("ctr")),
            f"--address={socket}",
            f"--namespace={KUBERNETES_NAMESPACE}",
            "images",
            "import",
            "--snapshotter=overlayfs",
            str(archive),
        ],
        timeout_s=IMPORT_WITHIN_S,
    )


def lend(store: Seed, root: Path) -> None:
    """Make a node's store at `root` from the seed."""
    source = store.root
    shutil.copytree(source / CONTENT, root / CONTENT, copy_function=link, dirs_exist_ok=True)
    for database in (DATABASE, SNAPSHOTS):
        (root / database).mkdir(parents=True, exist_ok=True)
        for file in (source / database).glob("*.db"):
            shutil.copy2(file, root / database / file.name)
    (root / SNAPSHOTS / "snapshots").mkdir(exist_ok=True)
    for layer in (source / SNAPSHOTS / "snapshots").iterdir():
        (root / SNAPSHOTS / "snapshots" / layer.name).symlink_to(layer)


def link(source: Path | str, target: Path | str) -> None:
    """A hard link; a copy where the two are on file systems of their own."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def _daemon(store: Seed) -> Iterator[Path]:
    """The socket of a containerd on the seed, for as long as the imports take."""
    folder = paths.RUN / "seed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    socket, config = folder / "containerd.sock", folder / "config.toml"
    config.write_text(filled("seed.toml", root=store.root, run=folder, socket=socket))
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [program("containerd"), "--config", config], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        cgroups.join_system(process.pid)
        wait_until(
            socket.exists,
            bool,
            waiting_for=f"containerd on the seed (see {folder}/log)",
            within_s=20,
            every_s=0.05,
        )
        yield socket
    finally:
        end_child(process, 20)
    shutil.rmtree(folder)

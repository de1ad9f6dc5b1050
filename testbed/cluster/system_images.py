"""The two images that the cluster itself needs: one static program each, written without an engine.

The archive is the same for the same program, byte by byte, so its name can carry its hash.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.cluster import paths
from testbed.cluster.binaries import program
from testbed.cluster.topology import COREDNS_IMAGE, PAUSE_IMAGE
from testbed.images import archive
from testbed.images.recipes import REGISTRY, Image

IMAGES = {PAUSE_IMAGE: "pause", COREDNS_IMAGE: "coredns"}
"""Image → the program that is all of it."""


def ensure() -> tuple[Path, ...]:
    """Archives of both images, written when the cache lacks them."""
    return tuple(_archive(image, program(name)) for image, name in IMAGES.items())


def _archive(image: str, binary: Path) -> Path:
    built = binary.resolve()
    # The folder's name carries the key of what was built.
    path = paths.cache() / "images" / f"system-{built.parent.name}.tar"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        write_archive(unfinished, image, binary.name, built.read_bytes())
        unfinished.rename(path)
        for old in path.parent.glob(f"system-{binary.name}-*.tar"):
            if old != path:
                old.unlink()
    return path


def write_archive(path: Path, image: str, name: str, binary: bytes) -> None:
    """Write an image, called as in REGISTRY, that holds nothing but /`name`."""
    called, _, tag = image.removeprefix(f"{REGISTRY}/").partition(":")
    with TemporaryDirectory(dir=path.parent) as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        (root / name).write_bytes(binary)
        (root / name).chmod(0o755)
        layer = archive.pack_layer(root, Path(scratch) / "layer.tar")
        of_one = Image(called, tag, layer="", user="", title=name, entrypoint=(f"/{name}",))
        archive.write_archive(of_one, [layer], path)

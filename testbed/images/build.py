"""Builds what is missing from the cache: layers, then the archive of each image."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.images import rootfs
from testbed.images.archive import Packed, digest_of, pack_layer, write_archive
from testbed.images.cache import cache_directory, image_key, layer_key
from testbed.images.recipes import IMAGES, LAYERS, Image, Layer, chain, layer_named

# Two checkouts, or two branches, may share the cache: a day between them costs nothing.
_KEEP_STALE_S = 24 * 3600


class UnknownImageError(Exception):
    """An image was asked for that no recipe makes."""


def images_named(names: Sequence[str]) -> tuple[Image, ...]:
    """The recipes of these images, every tag of a name; all of them when no name is given.

    Raises:
        UnknownImageError: No recipe has that name.
    """
    known = dict.fromkeys(image.name for image in IMAGES)
    for name in names:
        if name not in known:
            raise UnknownImageError(f"expected one of {', '.join(known)}; observed {name!r}")
    return tuple(image for name in names for image in IMAGES if image.name == name) or IMAGES


def archive_path(image: Image) -> Path:
    """Where the archive of an image is, or will be when it is built."""
    key = image_key(image, layer_named(image.layer))
    return cache_directory() / "images" / f"{image.name}-{key}.tar"


def build(image: Image, say: Callable[[str], None]) -> Path:
    """The archive of `image`, built if the cache does not hold it.

    Raises:
        BuildError: A step failed.
    """
    target = archive_path(image)
    with _only_builder(target.parent):
        if target.exists():
            return target
        packed = [_layer(layer, say) for layer in chain(image.layer)]
        building = target.with_suffix(f".{os.getpid()}")
        write_archive(image, packed, building)
        building.rename(target)
        current = {archive_path(one) for one in IMAGES if one.name == image.name}
        for old in target.parent.glob(f"{image.name}-*.tar"):
            # An image of another content: no recipe of this checkout makes it any more.
            if old not in current and old.stem.removeprefix(f"{image.name}-").isalnum():
                old.unlink()
    say(f"{image.reference}: {target.stat().st_size / 1e6:.0f} MB")
    return target


def layer_root(layer: Layer) -> Path:
    """The unpacked files of a layer in the cache."""
    return cache_directory() / "layers" / f"{layer.name}-{layer_key(layer)}" / "root"


def forget_stale_layers() -> int:
    """Delete layers that no recipe of this checkout makes since a day; how many there were."""
    folder = cache_directory() / "layers"
    current = {layer_root(layer).parent.name for layer in LAYERS}
    horizon = time.time() - _KEEP_STALE_S
    stale = [
        path
        for path in folder.glob("*-*")
        if path.name not in current and path.stat().st_mtime < horizon
    ]
    for path in stale:
        shutil.rmtree(path)
    return len(stale)


def _layer(layer: Layer, say: Callable[[str], None]) -> Packed:
    root = layer_root(layer)
    place = root.parent
    tar = place / "layer.tar"
    if tar.exists():
        return Packed(tar, (place / "digest").read_text())
    started = time.monotonic()
    say(f"layer {layer.name}: building")
    scratch = cache_directory() / "layers" / ".scratch" / f"{layer.name}-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    lowers = [layer_root(lower) for lower in reversed(chain(layer.name)[:-1])]
    place.mkdir(parents=True)
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        if layer.parent is None:
            rootfs.make_base(layer, root)
            rootfs.add_users(layer, [], root)
        else:
            rootfs.make_layer(layer, lowers, root, scratch)
        rootfs.finish(layer, lowers, root, scratch)
        packed = pack_layer(root, place / "layer.tar.part")
        (place / "digest").write_text(digest_of(packed.path))
        packed.path.rename(tar)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    size_mb = tar.stat().st_size / 1e6
    say(f"layer {layer.name}: {size_mb:.0f} MB in {time.monotonic() - started:.0f} s")
    return Packed(tar, packed.diff_id)


@contextmanager
def _only_builder(folder: Path) -> Iterator[None]:
    """Two builds at once would write the same files: the second waits."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

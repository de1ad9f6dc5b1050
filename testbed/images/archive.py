"""Layer tars and docker-save archives, byte for byte the same for the same content."""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.images.recipes import Image

# Every timestamp in an image: the build must not depend on the clock. Python's own bytecode is
# compiled without timestamps, so it stays valid.
TIMESTAMP = 1_767_225_600
_CREATED = "2026-01-01T00:00:00Z"
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_NEVER = ("dev/", "proc/", "sys/", "run/", "tmp/", "mnt/")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Packed:
    """A layer tar: where it is, and the digest by which images refer to it."""

    path: Path
    diff_id: str


def pack_layer(root: Path, target: Path) -> Packed:
    """Write the files below `root` (an overlay's upper folder or a whole root) as a layer.

    Deletions that the overlay recorded become whiteout entries.
    """
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in _walk(root):
            _add(archive, root, path)
    return Packed(target, digest_of(target))


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(
    image: Image, layers: Sequence[Packed], target: Path, *, machine: str | None = None
) -> None:
    """Write an image as `docker save` does: what `ctr images import` reads."""
    architecture = _ARCHITECTURES[machine or os.uname().machine]
    config = json.dumps(_config(image, layers, architecture), sort_keys=True).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [
        {
            "Config": config_name,
            "RepoTags": [image.reference],
            "Layers": [f"{layer.diff_id}/layer.tar" for layer in layers],
        }
    ]
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for layer in layers:
            entry = _plain(tarfile.TarInfo(f"{layer.diff_id}/layer.tar"))
            entry.size = layer.path.stat().st_size
            with layer.path.open("rb") as content:
                archive.addfile(entry, content)
        _add_bytes(archive, config_name, config)
        _add_bytes(archive, "manifest.json", json.dumps(manifest).encode())


def _config(image: Image, layers: Sequence[Packed], architecture: str) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "os": "linux",
        "created": _CREATED,
        "config": {
            "User": image.user,
            "Env": list(image.environment),
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command) or None,
            "WorkingDir": image.workdir,
            "ExposedPorts": {port: {} for port in image.ports},
            "Labels": {
                "org.opencontainers.image.title": image.title,
                "org.opencontainers.image.version": image.tag,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.diff_id}" for layer in layers]},
        "history": [
            {"created": _CREATED, "created_by": f"testbed.images {image.name}"} for _ in layers
        ],
    }


def _walk(root: Path) -> Iterator[Path]:
    """Every path below `root`, parents first, in the order of their names."""
    for path in sorted(root.iterdir(), key=lambda entry: entry.name):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)


def _add(archive: tarfile.TarFile, root: Path, path: Path) -> None:
    name = str(path.relative_to(root))
    status = path.lstat()
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        hidden = path.relative_to(root).with_name(_WHITEOUT + path.name)
        archive.addfile(_plain(tarfile.TarInfo(str(hidden))))
        return
    if name.startswith(_NEVER) or stat.S_ISSOCK(status.st_mode):
        return
    entry = _plain(archive.gettarinfo(path, arcname=name))
    if entry.isreg():
        with path.open("rb") as content:
            archive.addfile(entry, content)
        return
    archive.addfile(entry)
    if entry.isdir() and _is_opaque(path):
        archive.addfile(_plain(tarfile.TarInfo(f"{name}/{_OPAQUE}")))


def _is_opaque(folder: Path) -> bool:
    return "trusted.overlay.opaque" in os.listxattr(folder, follow_symlinks=False)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without what differs between two machines: times and names of owners."""
    entry.mtime = TIMESTAMP
    entry.uname = entry.gname = ""
    entry.pax_headers = {}
    return entry


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = _plain(tarfile.TarInfo(name))
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))

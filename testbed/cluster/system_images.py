"""The two images that the cluster itself needs: one static program each, written without an engine.

The archive is in docker-save layout: manifest.json, a configuration and one layer. It is the same
for the same program, byte by byte, so its name can carry its hash.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from testbed.cluster import paths
from testbed.cluster.binaries import program
from testbed.cluster.topology import COREDNS_IMAGE, PAUSE_IMAGE

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
    """Write an image that holds nothing but /`name`."""
    layer = _tar({name: (binary, 0o755)})
    digest = hashlib.sha256(layer).hexdigest()
    config = _json(
        {
            "architecture": _architecture(binary),
            "os": "linux",
            "config": {"Entrypoint": [f"/{name}"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": f"copy of {name}"}],
        }
    )
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = _json(
        [{"Config": config_name, "RepoTags": [image], "Layers": [f"{digest}/layer.tar"]}]
    )
    path.write_bytes(
        _tar(
            {
                config_name: (config, 0o644),
                f"{digest}/layer.tar": (layer, 0o644),
                "manifest.json": (manifest, 0o644),
            }
        )
    )


def _architecture(binary: bytes) -> str:
    # e_machine of the ELF header.
    return "arm64" if int.from_bytes(binary[18:20], "little") == 0xB7 else "amd64"  # noqa: PLR2004


def _json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return json.dumps(value, sort_keys=True).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()

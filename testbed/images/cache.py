"""Where built things are kept between runs, and under which key."""

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from testbed.images.locked import pins
from testbed.images.recipes import Image, Layer, chain

CHECKOUT = Path(__file__).parents[2]
# Part of every key: raise it when the way of building changes what comes out.
FORMAT = "5"
_IGNORED = ("__pycache__", ".mypy_cache", ".ruff_cache")


def cache_directory() -> Path:
    """The user's cache of this project: XDG_CACHE_HOME, else ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "clusterproof"


def layer_key(layer: Layer) -> str:
    """Hash of all that goes into a layer: recipe, pins, copied files, and the layers below."""
    digest = hashlib.sha256()
    for part in (*(chain(layer.parent) if layer.parent else ()), layer):
        digest.update(json.dumps(asdict(part), sort_keys=True).encode())
        digest.update(repr(pins(CHECKOUT / "uv.lock", part.pypi) if part.pypi else ()).encode())
        for copy in part.copies:
            for path in source_files(CHECKOUT / copy.source):
                digest.update(str(path.relative_to(CHECKOUT)).encode())
                digest.update(path.read_bytes())
    digest.update(FORMAT.encode())
    return digest.hexdigest()[:16]


def image_key(image: Image, layer: Layer) -> str:
    """Hash of an image: its layers and its configuration."""
    text = json.dumps([asdict(image), layer_key(layer)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def source_files(source: Path) -> list[Path]:
    """The files that a copy step takes from the checkout, sorted. Absent sources give none."""
    if source.is_file():
        return [source]
    return sorted(
        path
        for path in source.rglob("*")
        if path.is_file() and not any(part in _IGNORED for part in path.parts)
    )

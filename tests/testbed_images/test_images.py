"""Image recipes are consistent, and what is packed does not depend on the clock or the machine."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from testbed.images.__main__ import main
from testbed.images.archive import Packed, digest_of, pack_layer, write_archive
from testbed.images.build import images_named
from testbed.images.cache import CHECKOUT, image_key, layer_key, source_files
from testbed.images.locked import NotLockedError, pins
from testbed.images.recipes import IMAGES, LAYERS, Copy, Image, Layer, chain, layer_named

LOCK = """
[[package]]
name = "project"
version = "0"
source = { editable = "." }
dependencies = [{ name = "web" }, { name = "db", extra = ["fast"] }]

[[package]]
name = "web"
version = "1.0"
source = { registry = "somewhere" }
dependencies = [
    { name = "core" },
    { name = "on-windows", marker = "sys_platform == 'win32'" },
]

[[package]]
name = "core"
version = "2.1"
source = { registry = "somewhere" }
dependencies = [{ name = "web" }]

[[package]]
name = "db"
version = "3.0"
source = { registry = "somewhere" }
[package.optional-dependencies]
fast = [{ name = "db-fast" }]

[[package]]
name = "db-fast"
version = "3.0.1"
source = { registry = "somewhere" }
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A small uv.lock."""
    path = tmp_path / "uv.lock"
    path.write_text(LOCK)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few files of every kind."""
    root = tmp_path / "root"
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/tool").write_text("#!/bin/sh\n")
    (root / "usr/bin/tool").chmod(0o755)
    (root / "usr/bin/alias").symlink_to("tool")
    os.link(root / "usr/bin/tool", root / "usr/bin/twin")
    (root / "tmp").mkdir()
    (root / "tmp/left-over").write_text("x")
    return root


IMAGE = Image("sample", "1.0", "base", "7:7", "Sample", ("/tool",), ports=("80/tcp",))


def test_a_pin_brings_what_it_needs_and_not_what_it_does_not(lock: Path) -> None:
    assert pins(lock, ("web",)) == ("core==2.1", "web==1.0")


def test_the_project_stands_for_its_dependencies_with_their_extras(lock: Path) -> None:
    assert pins(lock, ("project",)) == (
        "core==2.1", "db-fast==3.0.1", "db==3.0", "web==1.0",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["absent", "not a name"])
def test_a_name_that_is_not_locked_is_refused(lock: Path, name: str) -> None:
    with pytest.raises(NotLockedError, match=name):
        pins(lock, (name,))


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_every_layer_can_be_built(layer: Layer) -> None:
    assert chain(layer.name)[0].parent is None
    assert len(layer_key(layer)) == 16
    assert all(source_files(CHECKOUT / copy.source) for copy in layer.copies)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.reference)
def test_every_image_runs_as_a_number_that_is_not_root(image: Image) -> None:
    assert image.layer in {layer.name for layer in LAYERS}
    assert all(part.isdecimal() and int(part) > 0 for part in image.user.split(":"))


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.reference)
def test_no_image_is_tagged_latest(image: Image) -> None:
    assert image.tag not in ("", "latest")


def test_names_are_unique() -> None:
    assert len({layer.name for layer in LAYERS}) == len(LAYERS)
    assert len({image.reference for image in IMAGES}) == len(IMAGES)


def test_a_layer_is_the_same_whenever_it_is_packed(tree: Path, tmp_path: Path) -> None:
    first = pack_layer(tree, tmp_path / "one.tar")
    for path in (tree / "usr/bin/tool", tree / "usr"):
        os.utime(path, (1, 1))
    assert pack_layer(tree, tmp_path / "two.tar").diff_id == first.diff_id
    assert digest_of(first.path) == first.diff_id


def test_a_layer_holds_links_modes_and_no_temporary_file(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(pack_layer(tree, tmp_path / "layer.tar").path) as archive:
        entries = {entry.name: entry for entry in archive}
    assert list(entries) == [
        "tmp", "usr", "usr/bin", "usr/bin/alias", "usr/bin/tool", "usr/bin/twin",
    ]  # fmt: skip
    assert entries["usr/bin/tool"].mode == 0o755
    assert entries["usr/bin/alias"].linkname == "tool"
    assert entries["usr/bin/twin"].islnk()


def test_a_deletion_becomes_a_whiteout(tree: Path, tmp_path: Path) -> None:
    os.mknod(tree / "usr/bin/gone", 0o020000, os.makedev(0, 0))
    with tarfile.open(pack_layer(tree, tmp_path / "layer.tar").path) as archive:
        assert "usr/bin/.wh.gone" in archive.getnames()


def test_an_archive_is_in_the_layout_of_docker_save(tree: Path, tmp_path: Path) -> None:
    layer = pack_layer(tree, tmp_path / "layer.tar")
    target = tmp_path / "image.tar"
    write_archive(IMAGE, [layer], target, machine="x86_64")
    with tarfile.open(target) as archive:
        files = {name: archive.extractfile(name) for name in archive.getnames()}
        contents = {name: (file or io.BytesIO()).read() for name, file in files.items()}
    (manifest,) = json.loads(contents["manifest.json"])
    assert manifest["RepoTags"] == ["clusterproof.dev/sample:1.0"]
    config = contents[manifest["Config"]]
    assert manifest["Config"] == f"{hashlib.sha256(config).hexdigest()}.json"
    described = json.loads(config)
    assert described["architecture"] == "amd64"
    assert described["config"]["User"] == "7:7"
    assert described["config"]["ExposedPorts"] == {"80/tcp": {}}
    (path,) = manifest["Layers"]
    digest = f"sha256:{hashlib.sha256(contents[path]).hexdigest()}"
    assert described["rootfs"]["diff_ids"] == [digest]


def test_the_key_of_an_image_follows_its_recipe() -> None:
    layer = layer_named("redis")
    other = Layer("redis", "base", copies=(Copy("README.md", "/README.md"),))
    assert layer_key(layer) != layer_key(other)
    keys = {image_key(image, layer) for image in (IMAGE, IMAGES[0])}
    assert len(keys) == 2


def test_a_name_stands_for_each_of_its_tags() -> None:
    assert [image.tag for image in images_named(["model-router"])] == ["1.0.0", "1.0.1"]
    assert images_named([]) == IMAGES


def test_an_unknown_image_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "nothing"]) == 4
    assert "expected one of model-router" in capsys.readouterr().err


def test_the_list_says_where_each_archive_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "redis"]) == 0
    (reference, path), *_ = json.loads(capsys.readouterr().out).items()
    assert reference == "clusterproof.dev/redis:7.0"
    assert Path(path).name.startswith("redis-")


def test_a_packed_layer_knows_its_digest(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    assert Packed(tmp_path / "x", digest_of(tmp_path / "x")).diff_id.startswith("e3b0c442")

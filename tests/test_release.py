"""What a release is made of: sums that sha256sum checks, an archive that is the same each time."""

import subprocess
import tarfile
from pathlib import Path

from testbed.images.dockerfile import STAGES
from testbed.release import write_contexts, write_sums


def checked(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"],  # noqa: S607 - as the documents say it
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_sums_are_of_every_file_and_notice_another_content(tmp_path: Path) -> None:
    for name in ("a.whl", "b.tgz"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    write_sums(tmp_path)
    assert checked(tmp_path).stdout.splitlines() == ["a.whl: OK", "b.tgz: OK"]
    (tmp_path / "a.whl").write_text("another", encoding="utf-8")
    assert checked(tmp_path).returncode != 0


def test_what_the_images_are_built_of_is_one_archive_with_every_source(tmp_path: Path) -> None:
    first, again = tmp_path / "first.tar.gz", tmp_path / "again.tar.gz"
    assert write_contexts(first) == write_contexts(again) > len(STAGES)
    assert first.read_bytes() == again.read_bytes()
    with tarfile.open(first) as archive:
        names = archive.getnames()
        assert {entry.uid for entry in archive} == {0}
    assert "deploy/Dockerfile" in names
    sources = {source for stage in STAGES.values() for source, _ in stage.copied}
    for source in sources:
        assert [name for name in names if name == source or name.startswith(f"{source}/")], source
    assert [name for name in names if "__pycache__" in name] == []

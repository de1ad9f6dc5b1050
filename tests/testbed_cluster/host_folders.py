"""The folders of fixed names, elsewhere: a cluster may run on this machine meanwhile."""

from pathlib import Path

import pytest

from testbed.cluster import shared_folders


def shared_folders_under(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `shared_folders` look under `root` for what it looks for under /."""

    def moved(path: Path) -> Path:
        return root / path.relative_to("/")

    for name in ("KUBELET", "CNI", "LOG_LINKS", "XTABLES_LOCK"):
        monkeypatch.setattr(shared_folders, name, moved(getattr(shared_folders, name)))
    monkeypatch.setattr(
        shared_folders, "FOLDERS", tuple(moved(folder) for folder in shared_folders.FOLDERS)
    )

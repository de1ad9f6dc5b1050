"""A pytest plugin: the kinds that CONTRIBUTING.md adds, beside those of the package."""

import os
from pathlib import Path

import clusterproof.checks


def add(folder: Path) -> None:
    """Take the modules of `folder` for modules of `clusterproof.checks`."""
    if str(folder) not in clusterproof.checks.__path__:
        clusterproof.checks.__path__.append(str(folder))
    clusterproof.checks.kinds.cache_clear()
    clusterproof.checks.rows.cache_clear()


def remove(folder: Path) -> None:
    """Forget them."""
    clusterproof.checks.__path__.remove(str(folder))
    clusterproof.checks.kinds.cache_clear()
    clusterproof.checks.rows.cache_clear()


def pytest_configure() -> None:
    """Add those of NEW_KINDS."""
    add(Path(os.environ["NEW_KINDS"]))

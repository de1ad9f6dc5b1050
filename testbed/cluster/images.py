"""The images that the nodes hold: which archives, and how running nodes get a changed one."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.cluster import paths, store
from testbed.cluster.errors import TestbedError
from testbed.cluster.paths import NodePaths
from testbed.cluster.progress import Progress
from testbed.cluster.topology import NODES
from testbed.settings import patient

BUILD_WITHIN_S = 1800.0


@contextmanager
def building(progress: Progress) -> Iterator[Callable[[], list[Path]]]:
    """Build the deployment's images while something else is done, such as compiling.

    Yields:
        What waits for the end and returns the archives; it raises TestbedError when one could not
        be built, its builder having said why.
    """
    progress.say("images of the deployment, meanwhile ...")
    with subprocess.Popen(
        [sys.executable, "-m", "testbed.images", "build"],
        cwd=paths.CHECKOUT,
        stdout=subprocess.PIPE,
        text=True,
    ) as builder:

        def finish() -> list[Path]:
            try:
                output, _ = builder.communicate(timeout=patient(BUILD_WITHIN_S))
            except subprocess.TimeoutExpired as error:
                raise TestbedError(
                    "python -m testbed.images build: did not end within"
                    f" {patient(BUILD_WITHIN_S):g} s; on a slow machine, give it more: PATIENCE=10"
                ) from error
            if builder.returncode != 0:
                raise TestbedError(
                    "python -m testbed.images build: expected exit 0, got"
                    f" {builder.returncode}; its own words are above"
                )
            return [Path(path) for path in json.loads(output).values()]

        try:
            yield finish
        finally:
            builder.terminate()


def import_into_nodes(wanted: list[Path], progress: Progress) -> None:
    """Give running nodes the archives that changed since they got theirs."""
    marks = {str(archive): store.fingerprint(archive) for archive in wanted}
    for node in NODES:
        at = NodePaths(node)
        held = json.loads(at.archives.read_text()) if at.archives.exists() else {}
        for name in (name for name, mark in marks.items() if held.get(name) != mark):
            progress.say(f"importing {Path(name).name} into {node.name}")
            store.import_archive(at.containerd_socket, Path(name))
        at.archives.write_text(json.dumps(marks))

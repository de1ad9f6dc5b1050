"""The Helm chart as people use it: rendered, installed, upgraded and rolled back by the real helm.

`python -m testbed.chart render [helm's options]` prints its objects; `package FOLDER` packs it.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from testbed.cluster import binaries, paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code
from testbed.settings import patient

CHART: Final = paths.CHECKOUT / "deploy" / "chart"
RELEASE: Final = "clusterproof"
WITHIN_S: Final = 300.0
Json = dict[str, Any]


class Helm:
    """The real helm, built once; with a kubeconfig, or without one to render only."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        """Build it where the cache lacks it."""
        binaries.ensure(Progress().say, (binaries.HELM,))
        self._kubeconfig = kubeconfig

    def run(self, *arguments: str, values: Json | None = None) -> str:
        """What it printed.

        Args:
            arguments: Its command and options.
            values: Given to it as a values file, where the command takes one.

        Raises:
            TestbedError: It ended with an error; says its own words.
        """
        command = [str(binaries.program("helm")), *arguments]
        command += ["--values", "-"] if values is not None else []
        environment = {**os.environ, "HELM_NO_PLUGINS": "1"}
        environment |= {"KUBECONFIG": str(self._kubeconfig)} if self._kubeconfig else {}
        ended = subprocess.run(
            command,
            input=yaml.safe_dump(values) if values is not None else None,
            capture_output=True,
            text=True,
            timeout=patient(WITHIN_S),
            check=False,
            env=environment,
        )
        if ended.returncode:
            raise TestbedError(f"helm {arguments[0]}: {ended.stderr.strip()}")
        return ended.stdout

    def render(self, values: Json | None = None, *, namespace: str = RELEASE) -> list[Json]:
        """The objects of the chart with these values."""
        text = self.run("template", RELEASE, str(CHART), "-n", namespace, values=values or {})
        return [item for item in yaml.safe_load_all(text) if item]

    def package(self, folder: Path) -> Path:
        """The chart as one archive in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("package", str(CHART), "--destination", str(folder))
        (archive,) = folder.glob("clusterproof-*.tgz")
        return archive


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m testbed.chart", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("render", help="print the objects, with the default values")
    package = commands.add_parser("package", help="lint it, and write its archive")
    package.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    helm = Helm()
    if options.command == "render":
        sys.stdout.write(yaml.safe_dump_all(helm.render(), sort_keys=False))
    else:
        helm.run("lint", "--strict", str(CHART))
        sys.stdout.write(f"{helm.package(options.folder)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("chart", lambda: main(sys.argv[1:])))

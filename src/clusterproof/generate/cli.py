"""`clusterproof init`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from clusterproof.errors import SpecError
from clusterproof.generate.sources import Source, from_cluster, from_manifests
from clusterproof.generate.write import write_spec
from clusterproof.kube.client import KubeApi
from clusterproof.kube.connection import connect
from clusterproof.observe.cluster import Cluster
from clusterproof.outcome import ExitCode

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - has no other name


def mount(commands: "Subparsers") -> None:
    """Add `init` to another command's subcommands."""
    command = commands.add_parser(
        "init",
        help="write a spec by reading a cluster, or a folder of manifests",
        description="Write a first spec: rows that say what a cluster, or what manifests, declare."
        " Reads no Secret, and writes to no cluster.",
    )
    command.add_argument("folder", type=Path, metavar="OUT", help="where the spec is written")
    command.add_argument(
        "--namespace",
        action="append",
        default=[],
        metavar="NAME",
        help="a namespace to read; repeatable; with --manifests: only what is in it",
    )
    command.add_argument(
        "--manifests",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="read a file, or a folder, of manifests and no cluster; repeatable",
    )
    command.add_argument("--kubeconfig", metavar="PATH", help="as of the suites")
    command.add_argument("--context", metavar="NAME", help="context of the kubeconfig")
    command.add_argument("--name", default="own", help="of the deployment: %(default)s")
    command.set_defaults(run=_init)


def _init(options: argparse.Namespace, _rest: list[str]) -> int:
    source = _source(options)
    spec, lines = write_spec(source, options.folder, options.name)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.write(f"{spec.path}: {len(spec.rows)} rows, {source.words}\n")
    sys.stdout.write(f"next: clusterproof verify --spec {spec.path} --read-only\n")
    return ExitCode.PASSED


def _source(options: argparse.Namespace) -> Source:
    if options.manifests:
        return from_manifests(options.manifests, options.namespace)
    if not options.namespace:
        raise SpecError("init: expected --namespace NAME or --manifests PATH, got neither")
    api = KubeApi(connect(options.kubeconfig, options.context))
    try:
        return from_cluster(Cluster(api), options.namespace)
    finally:
        api.close()

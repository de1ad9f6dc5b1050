"""The local cluster: `python -m testbed.cluster up|down|status|...`."""

import argparse
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clusterproof.errors import ClusterproofError
from testbed.cluster import (
    binaries,
    kind,
    kwok,
    netns,
    packages,
    paths,
    preflight,
    status,
    supervision,
    teardown,
    up,
)
from testbed.cluster.errors import PreflightError, TestbedError
from testbed.cluster.kubectl import environment
from testbed.cluster.progress import Progress
from testbed.cluster.run import sentence
from testbed.snapshot import snapshot

OK, FAILED, INTERRUPTED, USAGE = 0, 1, 2, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it went."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["kubectl"]:
        given.insert(1, "--")  # what follows is kubectl's, options too
    options = _parser().parse_args(given)
    packages.use()
    try:
        code: int = options.run(options)
    except PreflightError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except ClusterproofError as error:
        sys.stderr.write(f"failed: {error}\n")
        return FAILED
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"failed: {sentence(error)}\n")
        return FAILED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the next up or down clears what is there\n")
        return INTERRUPTED
    return code


def _up(options: argparse.Namespace) -> int:
    if options.backend == "kind":
        kind.up(Progress())
        return OK
    preflight.check_root()
    with _only_one():
        up.up(Progress(), deployment=options.images == "all")
    return OK


def _down(options: argparse.Namespace) -> int:
    if options.backend == "kind":
        kind.down(Progress())
        return OK
    preflight.check_root()
    progress = Progress()
    with _only_one():
        if teardown.leftovers():
            teardown.down(progress.say, keep_logs=options.keep_logs)
            progress.say("down: nothing of it is left")
        else:
            progress.say("nothing of a cluster is on this machine")
        paths.LOCK.unlink()
    return OK


def _status(_: argparse.Namespace) -> int:
    if supervision.supervisor_process() is None:
        sys.stdout.write("no cluster runs; start one: make cluster\n")
        return FAILED
    code = OK
    for line, fine in status.lines():
        sys.stdout.write(f"{'' if fine else 'NOT FINE: '}{line}\n")
        code = code if fine else FAILED
    return code


def _component(options: argparse.Namespace) -> int:
    preflight.check_root()
    if options.action == "stop":
        up.stop_component(options.name)
    else:
        up.start_component(options.name)
    return OK


def _bin_dir(_: argparse.Namespace) -> int:
    sys.stdout.write(f"{binaries.bin_dir()}\n")
    return OK


def _kubectl(options: argparse.Namespace) -> int:
    kubectl = str(binaries.bin_dir() / "kubectl")
    if not Path(kubectl).exists():
        raise PreflightError(f"expected {kubectl}, built by: make cluster")
    command = ["kubectl", f"--kubeconfig={paths.KUBECONFIG}", *_behind(options.arguments)]
    os.execve(kubectl, command, {**os.environ, **environment()})  # noqa: S606
    return FAILED


def _enter(options: argparse.Namespace) -> int:
    preflight.check_root()
    command = _behind(options.command)
    if not command:
        raise PreflightError("enter: expected a command after --")
    try:
        netns.enter(options.netns)
    except OSError as error:
        raise TestbedError(f"enter {options.netns}: {error}; is the cluster up?") from error
    os.execvp(command[0], command)  # noqa: S606
    return FAILED


def _host(_: argparse.Namespace) -> int:
    sys.stdout.write(json.dumps(snapshot(), indent=2) + "\n")
    return OK


def _search_path(_: argparse.Namespace) -> int:
    packages.ensure(packages.TESTS, Progress().say)
    sys.stdout.write(f"{packages.search_path()}\n")
    return OK


def _kwok(options: argparse.Namespace) -> int:
    preflight.check_root()
    if options.action == "down":
        kwok.down(Progress())
    else:
        kwok.up(options.nodes, options.pods, options.namespace, Progress())
    return OK


def _behind(arguments: list[str]) -> list[str]:
    """What stands behind the "--" that separates another program's arguments from ours."""
    return arguments[1:] if arguments[:1] == ["--"] else arguments


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the lock that keeps two runs from working on the same cluster."""
    with paths.LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PreflightError(
                "another `testbed.cluster` is at work on this machine: wait until it has ended"
            ) from error
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m testbed.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="what", required=True)

    start = commands.add_parser("up", help="start or repair the cluster")
    start.add_argument(
        "--images",
        choices=("all", "system"),
        default="all",
        help="system: without those of the deployment, for a cluster that is not to hold it",
    )
    start.set_defaults(run=_up)

    down = commands.add_parser("down", help="remove it, and check that nothing is left")
    down.add_argument("--keep-logs", action="store_true", help="copy the logs to .testbed/logs")
    down.set_defaults(run=_down)

    for command in (start, down):
        command.add_argument(
            "--backend",
            choices=("netns", "kind"),
            default="netns",
            help="netns: this machine, no engine needed; kind: with Docker",
        )

    commands.add_parser("status", help="what runs").set_defaults(run=_status)

    component = commands.add_parser("component", help="stop or start one program (fault tests)")
    component.add_argument("action", choices=("stop", "start"))
    component.add_argument("name", help="as shown by status, e.g. metrics-server, node-1/kubelet")
    component.set_defaults(run=_component)

    machine = commands.add_parser("host", help="what the cluster leaves as it was, as JSON")
    machine.set_defaults(run=_host)

    search = commands.add_parser("search-path", help="PATH with what the cluster's tests run")
    search.set_defaults(run=_search_path)

    commands.add_parser("bin-dir", help="folder of kubectl").set_defaults(run=_bin_dir)

    kubectl = commands.add_parser("kubectl", help="kubectl with this cluster's kubeconfig")
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER)
    kubectl.set_defaults(run=_kubectl)

    enter = commands.add_parser("enter", help="run a command in a network namespace")
    enter.add_argument("netns", help="cp-load, cp-control, cp-node-1, ...")
    enter.add_argument("command", nargs=argparse.REMAINDER)
    enter.set_defaults(run=_enter)

    simulated = commands.add_parser("kwok", help="add or remove simulated nodes and Pods")
    simulated.add_argument("action", choices=("up", "down"))
    simulated.add_argument("--nodes", type=int, default=10, help="%(default)s")
    simulated.add_argument("--pods", type=int, default=0, help="Pods spread over them: %(default)s")
    simulated.add_argument("--namespace", default="default", help="theirs: %(default)s")
    simulated.set_defaults(run=_kwok)
    return parser


if __name__ == "__main__":
    sys.exit(main())

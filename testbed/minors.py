"""The module files of each supported Kubernetes, made from its own: `python -m testbed.minors`.

k8s.io/kubernetes requires its staging modules, such as k8s.io/api, as v0.0.0, and has them in its
tree; outside of it each is replaced by the published one of the same release. What is written is
decided by the pinned version alone, so running it again gives the same files. A minor that has no
folder yet gets one.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from testbed.cluster import minor
from testbed.cluster.errors import TestbedError
from testbed.cluster.go import GO_ENV, go_command
from testbed.cluster.pins import BINARIES
from testbed.cluster.progress import Progress
from testbed.cluster.run import exit_code, run

MODULE: Final = "clusterproof.dev/testbed/kubernetes"
FILES: Final = ("go.mod", "go.sum")
SOURCE: Final = "main.go"
STAGING: Final = "v0.0.0"
WITHIN_S: Final = 600.0
_FOLDER: Final = BINARIES / minor.FOLDER
_ENV: Final = {**GO_ENV, "GOFLAGS": "", "GOWORK": "off"}
_MINOR: Final = re.compile(r"1\.[0-9]+")


def main(arguments: Sequence[str]) -> int:
    """Write the files, or compare them; 0 when that was done and nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m testbed.minors", description=__doc__)
    parser.add_argument(
        "minors", nargs="*", metavar="MINOR", help="as 1.37; default: all there are"
    )
    parser.add_argument("--newest", action="store_true", help="move to the newest patch served")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a file differs")
    options = parser.parse_args(arguments)
    if wrong := [name for name in options.minors if not _MINOR.fullmatch(name)]:
        parser.error(f"expected minors as 1.37, got {wrong[0]!r}")
    progress, differing = Progress(), 0
    served = versions() if options.newest or {*options.minors} - {*minor.MINORS} else ()
    for name in options.minors or minor.MINORS:
        pinned = name in minor.MINORS and not options.newest
        version = minor.version(name) if pinned else newest(name, served)
        made = files(version)
        changed = [each for each, text in made.items() if _committed(name, each) != text]
        progress.say(f"{name}: {version}, {f'differs: {changed}' if changed else 'as committed'}")
        differing += bool(changed)
        if not options.check:
            _write(name, made)
    return int(options.check and differing > 0)


def versions() -> tuple[str, ...]:
    """The versions of Kubernetes that the module proxy serves, the oldest first."""
    listed = run(
        [go_command(), "list", "-m", "-versions", minor.MODULE],
        env=_ENV,
        cwd=Path(tempfile.gettempdir()),
        timeout_s=WITHIN_S,
    )
    return tuple(listed.split()[1:])


def newest(name: str, served: Sequence[str]) -> str:
    """The newest release of a minor among the versions that are served.

    Raises:
        TestbedError: There is none.
    """
    releases = [each for each in served if re.fullmatch(rf"v{re.escape(name)}\.[0-9]+", each)]
    if not releases:
        raise TestbedError(f"{minor.MODULE}: expected a release of {name}, none is served")
    return max(releases, key=lambda each: int(each.rpartition(".")[2]))


def files(version: str) -> dict[str, str]:
    """The module files for a version, by their names.

    Raises:
        TestbedError: Go could not fetch or resolve a module.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        own = _its_go_mod(version, folder)
        (folder / "go.mod").write_text(module(own, version), encoding="utf-8")
        shutil.copyfile(_FOLDER / SOURCE, folder / SOURCE)
        run([go_command(), "mod", "tidy"], env=_ENV, cwd=folder, timeout_s=WITHIN_S)
        return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def _its_go_mod(version: str, scratch: Path) -> Mapping[str, Any]:
    """The go.mod of k8s.io/kubernetes itself, as `go mod edit -json` prints it."""
    download = [go_command(), "mod", "download", "-json", f"{minor.MODULE}@{version}"]
    fetched = json.loads(run(download, env=_ENV, cwd=scratch, timeout_s=WITHIN_S))
    read = [go_command(), "mod", "edit", "-json", fetched["GoMod"]]
    parsed: dict[str, Any] = json.loads(run(read, env=_ENV, cwd=scratch))
    return parsed


def module(own: Mapping[str, Any], version: str) -> str:
    """Our go.mod, before `go mod tidy` adds what is required indirectly.

    Args:
        own: That of k8s.io/kubernetes, as `go mod edit -json` prints it.
        version: Of Kubernetes, as v1.37.2.
    """
    published = f"v0.{version.removeprefix('v1.')}"
    settings = [f"{each['Key']}={each['Value']}" for each in own.get("GoDebug") or ()]
    staging = sorted(each["Path"] for each in own["Require"] if each["Version"] == STAGING)
    return "\n".join(
        [
            f"module {MODULE}",
            "",
            f"go {own['Go']}",
            "",
            *(f"godebug {each}\n" for each in settings),
            f"require {minor.MODULE} {version}",
            "",
            f"// {minor.MODULE} resolves its staging modules by folder;"
            " outside its tree they are the published ones.",
            "replace (",
            *(f"\t{each} => {each} {published}" for each in staging),
            ")",
            "",
        ]
    )


def _committed(name: str, file: str) -> str:
    path = _FOLDER / name / file
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _write(name: str, made: Mapping[str, str]) -> None:
    folder = _FOLDER / name
    folder.mkdir(exist_ok=True)
    for file, text in made.items():
        (folder / file).write_text(text, encoding="utf-8")
    source = folder / SOURCE
    if not source.exists():
        source.symlink_to(Path("..", SOURCE))


if __name__ == "__main__":
    sys.exit(exit_code("minors", lambda: main(sys.argv[1:])))

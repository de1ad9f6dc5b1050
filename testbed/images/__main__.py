"""`python -m testbed.images build [NAME...]`: the archives of the images, from the cache or built.

Prints one JSON object on standard output: image reference to archive path. Progress goes to
standard error.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from testbed.cluster import packages
from testbed.cluster.run import exit_code
from testbed.images.build import (
    UnknownImageError,
    archive_path,
    build,
    forget_stale_layers,
    images_named,
)
from testbed.images.rootfs import BuildError

_INSIDE = "CLUSTERPROOF_IMAGES_MOUNTS"
_USAGE = 4


def main(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code says whether every archive is there."""
    parser = argparse.ArgumentParser(prog="python -m testbed.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (("build", "build what is missing"), ("list", "show what would be built")):
        command = commands.add_parser(name, help=summary)
        command.add_argument("names", nargs="*", metavar="NAME", help="images; default: all")
    options = parser.parse_args(arguments)
    packages.use()
    try:
        wanted = images_named(options.names)
        paths = {image.reference: str(archive_path(image)) for image in wanted}
        missing = [image for image in wanted if not archive_path(image).exists()]
        if options.command == "build" and missing:
            _require_means()
            if _INSIDE not in os.environ:
                return _again_with_own_mounts(arguments)
            # What is printed is what was built, also when the checkout changed meanwhile.
            for image in missing:
                paths[image.reference] = str(build(image, _say))
            if forgotten := forget_stale_layers():
                _say(f"deleted {forgotten} layers of earlier recipes")
    except UnknownImageError as error:
        sys.stderr.write(f"images: {error}\n")
        return _USAGE
    sys.stdout.write(json.dumps(paths, indent=2) + "\n")
    return 0


def _require_means() -> None:
    if os.geteuid() != 0:
        raise BuildError("building an image mounts file systems: run as root (sudo make cluster)")
    if shutil.which("apt-get") is None:
        raise BuildError("expected a Debian or Ubuntu machine (apt-get), observed another")
    packages.ensure((packages.MMDEBSTRAP,), _say)


def _again_with_own_mounts(arguments: Sequence[str]) -> int:
    """The same command where no mount is seen by, or outlives, anything else."""
    again = [sys.executable, "-m", "testbed.images", *arguments]
    inside = ["unshare", "--mount", "--propagation", "private", *again]
    return subprocess.run(inside, check=False, env={**os.environ, _INSIDE: "1"}).returncode


_STARTED = time.monotonic()


def _say(sentence: str) -> None:
    sys.stderr.write(f"images {time.monotonic() - _STARTED:6.1f} s  {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(exit_code("images", lambda: main(sys.argv[1:])))

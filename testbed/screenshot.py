"""`python -m testbed.screenshot PAGE PICTURE`: a page of ours as Chromium shows it, for docs/.

Such as `python -m testbed.screenshot reports/RUN/report.html docs/report.png`.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from testbed.cluster import packages
from testbed.cluster.run import exit_code, run

_CHROMIUM: Final = next(each for each in packages.TESTS if each.name == "chromium")
_WITHIN_S: Final = 600.0
_DRAWN_WITHIN_MS: Final = 10_000


def screenshot(page: Path, target: Path, width: int, height: int) -> None:
    """Write the upper part of a page, without scroll bars.

    Args:
        page: An HTML file.
        target: The PNG to write.
        width: Of the window, in CSS pixels.
        height: Of the window, in CSS pixels.

    Raises:
        TestbedError: Chromium could not be had, or ended with an error.
    """
    packages.ensure((_CHROMIUM,), print)
    packages.use()
    with tempfile.TemporaryDirectory(prefix="clusterproof-screenshot-") as scratch:
        run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--user-data-dir={scratch}/profile", f"--window-size={width},{height}",
             f"--virtual-time-budget={_DRAWN_WITHIN_MS}", f"--screenshot={scratch}/page.png",
             page.resolve().as_uri()], timeout_s=_WITHIN_S)  # fmt: skip
        shutil.copyfile(Path(scratch) / "page.png", target)


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m testbed.screenshot", description=__doc__)
    parser.add_argument("page", type=Path, help="an HTML file")
    parser.add_argument("picture", type=Path, help="the PNG to write")
    parser.add_argument("--width", type=int, default=1200, help="in pixels (default: 1200)")
    parser.add_argument("--height", type=int, default=1250, help="in pixels (default: 1250)")
    options = parser.parse_args(arguments)
    screenshot(options.page, options.picture, options.width, options.height)
    sys.stdout.write(f"{options.picture}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("screenshot", lambda: main(sys.argv[1:])))

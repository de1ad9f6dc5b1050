"""`python -m testbed.dashboards BOARD`: the picture of a dashboard of deploy/grafana, for docs/.

Of `nights` without an address: of a Prometheus with ten nights that never were. With
`--prometheus`: of what that one answers now, for the last minutes.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from testbed.cluster import paths
from testbed.cluster.errors import TestbedError
from testbed.cluster.run import exit_code
from testbed.dashboards import nights
from testbed.dashboards.answers import FOLDER, Span, answers, board
from testbed.dashboards.picture import draw

_POINTS = 200


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m testbed.dashboards", description=__doc__)
    parser.add_argument("board", choices=sorted(path.stem for path in FOLDER.glob("*.json")))
    parser.add_argument("--prometheus", metavar="URL", help="a Prometheus that scrapes them")
    parser.add_argument("--minutes", type=float, default=15.0, help="how far back (default: 15)")
    parser.add_argument("--out", type=Path, help="the PNG (default: docs/dashboard-BOARD.png)")
    options = parser.parse_args(arguments)
    target = options.out or paths.CHECKOUT / "docs" / f"dashboard-{options.board}.png"
    dashboard = board(options.board)
    if options.prometheus:
        now = time.time()
        seconds = options.minutes * 60
        span = Span(now - seconds, now, max(1.0, seconds / _POINTS))
        series = answers(dashboard, options.prometheus, span)
    elif options.board == "nights":
        span = nights.SPAN
        with nights.prometheus() as address:
            series = answers(dashboard, address, span)
    else:
        raise TestbedError(
            f"{options.board}: expected --prometheus, for there is nothing made up of a load; "
            "next: make load, then --prometheus http://127.0.0.1:19090"
        )
    draw(dashboard, series, span, target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code("dashboards", lambda: main(sys.argv[1:])))

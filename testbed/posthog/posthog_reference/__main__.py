"""`python -m posthog_reference web|worker|migrate`."""

import argparse
import logging
import os
import sys

from .errors import StandInError
from .serve import run_migrate, run_web, run_worker
from .settings import read_settings

_PORTS = {"web": 8000, "worker": 8001, "migrate": 0}


def main(arguments: list[str] | None = None) -> int:
    """Run one process; 4 when it cannot start as it was asked to."""
    commands = {
        "web": run_web,
        "worker": run_worker,
        "migrate": run_migrate,
    }
    parser = argparse.ArgumentParser(prog="posthog_reference", description=__doc__)
    parser.add_argument("process", choices=sorted(commands))
    process = parser.parse_args(arguments).process
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        commands[process](read_settings(os.environ, default_port=_PORTS[process]))
    except StandInError as error:
        logging.getLogger("posthog").error("%s", error)  # noqa: TRY400  # the message is the news
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())

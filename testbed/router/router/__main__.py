"""`python -m router`: serves until SIGTERM. Settings come from the environment."""

import asyncio
import os
import sys

from .config import read_settings
from .errors import SettingsError
from .server import configure_logging, serve

_USAGE = 4


def main() -> int:
    """Run the server; the exit code."""
    configure_logging()
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"router: {error}\n")
        return _USAGE
    return asyncio.run(serve(settings))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m clusterproof` is the `clusterproof` command."""

import sys

from clusterproof.cli import main

if __name__ == "__main__":
    sys.exit(main())

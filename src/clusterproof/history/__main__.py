"""`python -m clusterproof.history` is `clusterproof history`."""

import sys

from clusterproof.history.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m clusterproof` is the `clusterproof` command."""

import sys

from clusterproof.door import main

if __name__ == "__main__":
    sys.exit(main())

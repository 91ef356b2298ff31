"""`python -m chargepoint` and the `chargepoint` command."""

import sys

from chargepoint.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

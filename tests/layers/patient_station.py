"""The station of the stories here. Beside other tests the emulated chips, a thread of the story's own process, may be late by
more than a pilot may be blind; for how long that is held by tests/pilot, in a time that nobody else uses up.
"""

import sys

from chargepoint.__main__ import main
from drivers.iec61851 import look, pilot

PATIENCE_S = 8.0

if __name__ == "__main__":
    look.BLIND_S = pilot.HANGS_S = PATIENCE_S
    sys.exit(main())

"""Where a station keeps what is its own, by the table [station] of its settings. Needs nothing that takes long to load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

INSTALLED = Path("/etc/chargepoint")  # a file that lies here is the service's, and these are the folders of its unit
STATE = Path("/var/lib/chargepoint")
RUNTIME = Path("/run/chargepoint")


def state_dir(station: Mapping[str, Any], base: Path) -> str:
    """The folder of everything that the station keeps, absolute. Left out: the service's own, for its own file."""
    given = station.get("state_dir")
    return str(base / (given if isinstance(given, str) and given else STATE if base == INSTALLED else "state"))


def control_socket(station: Mapping[str, Any], base: Path) -> str:
    """The control socket, absolute: as given, or control.sock in the state's folder; in the service's own for its own file."""
    given = station.get("control_socket")
    if isinstance(given, str) and given:
        return str(base / given)
    return str((RUNTIME if base == INSTALLED else Path(state_dir(station, base))) / "control.sock")

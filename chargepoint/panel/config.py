"""What the page must know of the station's settings file: its own table, and where the control socket is.

Reads no more than that, and asks no more of the rest than that it is TOML: a page must come up while the file is being mended.
"""

import socket
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from chargepoint import settings_places
from chargepoint.settings_panel import Panel

FILE_SIZE_MAX = 1024 * 1024
BENCH = "bench.sock"


class PanelFileError(Exception):
    """The file cannot be used; a sentence for the operator."""


class Told(Struct, frozen=True):
    """bench: where virtual hardware is asked for changes, None where there is none."""

    settings: Panel
    control_socket: str
    state_dir: str
    bench: str | None


def read(path: Path) -> Told:
    """Raises PanelFileError."""
    base = path.absolute().parent
    try:
        raw = path.read_bytes()[: FILE_SIZE_MAX + 1]
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise PanelFileError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PanelFileError(f"{path}: {error}; chargepoint check-config tells more") from error
    try:
        settings = msgspec.convert(document.get("panel", {}), Panel)
    except msgspec.ValidationError as error:
        raise PanelFileError(f"{path}, [panel]: {error}; chargepoint check-config tells more") from error
    station = document.get("station")
    table = station if isinstance(station, dict) else {}
    files = {name: str(base / told) for name in ("certificate", "key") if (told := getattr(settings, name))}
    places = settings_places.control_socket(table, base), settings_places.state_dir(table, base)
    return Told(structs.replace(settings, **files), *places, _bench(document))


def nothing(path: Path) -> Told:
    """What holds where there is no file yet."""
    base = path.absolute().parent
    return Told(Panel(), settings_places.control_socket({}, base), settings_places.state_dir({}, base), None)


def _bench(document: dict[str, Any]) -> str | None:
    """Beside the socket of the first virtual part."""
    for part in _tables(document, 0):
        if part.get("driver") == "virtual" and isinstance(part.get("socket"), str):
            there = Path(part["socket"]).with_name(BENCH)
            return str(there) if there.exists() else None
    return None


def _tables(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict) and depth < 6:
        yield value
        for inner in value.values():
            yield from _tables(inner, depth + 1)


def seen_address(settings: Panel) -> str | None:
    """How others in the network reach the page; None where they cannot."""
    host, _, port = settings.listen.rpartition(":")
    host = host.strip("[]")
    if host.startswith("127.") or host == "::1":
        return None
    if settings.names:
        host = settings.names[0]
    elif host in ("0.0.0.0", "::"):  # noqa: S104  every address of this machine: which one is seen?
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))  # sends nothing: the kernel only says which address it would use
            except OSError:
                return None
            host = probe.getsockname()[0]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.certificate else 'http'}://{shown}:{port}"

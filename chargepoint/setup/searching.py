"""Finds what hangs on this machine: meters on its serial ports, card readers on SPI, serial ports and USB.

Owns which places are looked at. What finds a meter is `drivers.meters.search`; a reader is found by opening its driver.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from chargepoint.ports import DriverError
from chargepoint.registry import Kind
from chargepoint.settings import SettingsError
from chargepoint.setup.answers import MeterAnswer, Reader
from chargepoint.shell.hardware import registered
from chargepoint.shell.part import bounded
from drivers.meters.search import Found, search, search_host

log = logging.getLogger(__name__)

READER_S = 3.0
BY_ID = "dev/serial/by-id"
Progress = Callable[[str], None]


def ports(root: Path = Path("/")) -> list[str]:
    """The serial ports that may have something on them, USB ones first, by a name that stays where there is one."""
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    lasting = {str(link.resolve()): str(link) for link in sorted((root / BY_ID).glob("*"))}
    devices = sorted((port.device for port in comports() if port.hwid != "n/a" or "ttyS" not in port.device), key=_usb_first)
    return [lasting.get(device, device) for device in devices]


async def meters(where: Sequence[str], progress: Progress) -> tuple[list[Found], list[str]]:
    return await search(where, progress)


async def meters_at(host: str, port: int, progress: Progress) -> list[Found]:
    """Raises DriverError where nothing is there."""
    return [found async for found in search_host(host, port, progress)]


async def readers(taken: Sequence[str], progress: Progress, root: Path = Path("/")) -> list[Reader]:
    """Readers that answer. taken: ports that belong to meters."""
    found: list[Reader] = []
    for candidate in _candidates(taken, root):
        progress(f"{candidate.driver} at {candidate.place}")
        if await _answers(candidate):
            found.append(candidate)
    return found


def answer_of(found: Found, map: str) -> MeterAnswer:
    """A meter that was found, as the answer of a set-up."""
    if found.setting is None:
        host, _, port = found.line.rpartition(":")
        return MeterAnswer(map=map, unit_id=found.unit_id, host=host, tcp_port=int(port))
    line = found.setting
    return MeterAnswer(
        map=map,
        unit_id=found.unit_id,
        port=found.line,
        baud=line.baud,
        parity=line.parity,  # type: ignore[arg-type]
        stop_bits=line.stop_bits,  # type: ignore[arg-type]
    )


def _candidates(taken: Sequence[str], root: Path) -> list[Reader]:
    devices = [Reader(driver="mfrc522", place=f"/dev/{path.name}") for path in sorted((root / "dev").glob("spidev0.*"))]
    typing = sorted((root / "dev/input/by-id").glob("*-event-kbd"))
    devices += [Reader(driver="keyboard", place=str(path)) for path in typing]
    return devices + [Reader(driver="pn532", place=port) for port in ports(root) if port not in taken]


async def _answers(candidate: Reader) -> bool:
    place = "port" if candidate.driver == "pn532" else "device"
    part = {"driver": candidate.driver, place: candidate.place}
    try:
        port = await bounded(registered(Kind.READER, part, "readers.1")({}), READER_S, "the reader does not open")
    except (DriverError, SettingsError, OSError, ImportError) as error:
        log.debug("no %s at %s: %s", candidate.driver, candidate.place, error)
        return False
    await bounded(port.close(), READER_S, "the reader does not close")
    return True


def _usb_first(device: str) -> tuple[bool, str]:
    return ("USB" not in device and "ACM" not in device, device)

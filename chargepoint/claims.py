"""Claims: what of the machine each part of a configuration takes for itself, and where two take the same.

Owns the comparison of claims. Refuses to know drivers: each names what it claims. A claim is the name of a resource: "GPIO17",
"SPI0.0", "PWM0.0", "/dev/ttyUSB0". Words after it narrow it to a piece ("SPI0.0 input 3"), which clashes with the whole but not
with another piece; " (shared)" says that the part gets on with others that say the same of it. A device may have several names:
/dev/serial0 is a link to /dev/ttyAMA0, so a path is what its links lead to. A device of SPI0 takes pins of the header with it.
"""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

SHARED = " (shared)"
# The pins that a bus of the header is made of (BCM2835 ARM Peripherals, section 6.2; the same on a Pi 5).
SPI0_PINS = {9: "data in", 10: "data out", 11: "clock"}
SPI0_SELECTS = {7: 1, 8: 0}  # pin: the device that it selects


class Claim(NamedTuple):
    """section: the part's, as the file spells it."""

    section: str
    resource: str


class Clash(NamedTuple):
    """Two parts that claim one resource. both: its shorter name, and the link to it where one of them names that."""

    first: Claim
    second: Claim
    both: str


def clashes(claims: Iterable[Claim]) -> list[Clash]:
    """Every claim that an earlier one stands against, in their order; two parts that want one thing are named for it once."""
    found: list[Clash] = []
    told: set[tuple[str, str, str]] = set()
    seen: list[Claim] = []
    for claim in claims:
        for before in seen:
            if (both := _both(before.resource, claim.resource)) is not None:
                if (pair := (before.section, claim.section, both)) not in told:
                    found.append(Clash(before, claim, both))
                    told.add(pair)
                break
        seen.append(claim)
    return found


def spi_remarks(claims: Iterable[Claim]) -> list[str]:
    """Sentences about chip selects of SPI0 that no device uses, but the system may hold with the bus, and a part wants."""
    known = list(claims)
    users = [claim for claim in known if claim.resource.startswith("SPI0.")]
    said: list[str] = []
    for claim in known:
        number = _pin(claim.resource)
        if not users or number not in SPI0_SELECTS or any(_bus_pin(claim.resource, user.resource) for user in users):
            continue
        said.append(
            f"[{claim.section}] GPIO{number} is chip select {SPI0_SELECTS[number]} of SPI0, which [{users[0].section}] uses: "
            "take another pin" + (", or free it in config.txt with dtoverlay=spi0-1cs." if number == 7 else ".")
        )
    return said


def _both(one: str, other: str) -> str | None:
    both = _same(_resolved(one), _resolved(other)) or _bus_pin(one, other) or _bus_pin(other, one)
    if both is None or one == other:
        return both
    link = next((name for name in (one, other) if name != _resolved(name)), None)
    return both if link is None else f"{both} ({link.split(' ')[0]})"


def _pin(resource: str) -> int | None:
    found = re.match(r"GPIO(\d+)\b", resource)
    return None if found is None else int(found[1])


def _bus_pin(resource: str, device: str) -> str | None:
    """The pin of a resource where a device of SPI0 needs it: the bus' own ones, and the chip select of this device."""
    number, spi = _pin(resource), re.match(r"SPI0\.(\d+)\b", device)
    if number is None or spi is None:
        return None
    role = SPI0_PINS.get(number)
    if SPI0_SELECTS.get(number) == int(spi[1]):
        role = f"chip select {spi[1]}"
    return None if role is None else f"GPIO{number} ({role} of SPI0)"


def _resolved(resource: str) -> str:
    path, space, words = resource.partition(" ")
    return os.path.realpath(path) + space + words if path.startswith("/dev/") else resource


def _same(one: str, other: str) -> str | None:
    if one == other:
        return None if one.endswith(SHARED) else one
    shorter, longer = sorted((one, other), key=len)
    shorter_name = shorter.removesuffix(SHARED)
    return shorter_name if longer.startswith(f"{shorter_name} ") else None

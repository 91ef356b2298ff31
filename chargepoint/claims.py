"""Claims: what of the machine each part of a configuration takes for itself, and where two take the same.

Owns the comparison of claims. Refuses to know drivers: each names what it claims. A claim is the name of a resource: "GPIO17",
"SPI0.0", "PWM0.0", "/dev/ttyUSB0". Words after it narrow it to a piece ("SPI0.0 input 3"), which clashes with the whole but not
with another piece; " (shared)" says that the part gets on with others that say the same of it. A device may have several names:
/dev/serial0 is a link to /dev/ttyAMA0, so a path is what its links lead to.
"""

import os
import re
from collections.abc import Iterable
from typing import NamedTuple

SHARED = " (shared)"
# The pins that a bus of the header is made of (BCM2835 ARM Peripherals, section 6.2; the same on a Pi 5).
SPI0_PINS = {7: "chip select 1", 8: "chip select 0", 9: "data in", 10: "data out", 11: "clock"}


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
    """Every claim that an earlier one stands against, once, in their order."""
    found: list[Clash] = []
    seen: list[Claim] = []
    for claim in claims:
        for before in seen:
            if (both := _both(before.resource, claim.resource)) is not None:
                found.append(Clash(before, claim, both))
                break
        seen.append(claim)
    return found


def spi_remarks(claims: Iterable[Claim]) -> list[str]:
    """Sentences about pins of SPI0 that a part uses while another one needs the bus."""
    known = list(claims)
    users = [claim for claim in known if claim.resource.startswith("SPI0.")]
    said: list[str] = []
    for claim in known:
        pin = re.match(r"GPIO(\d+)\b", claim.resource)
        if users and pin and (role := SPI0_PINS.get(int(pin[1]))) is not None:
            said.append(f"[{claim.section}] GPIO{pin[1]} is {role} of SPI0, which [{users[0].section}] uses: take another pin.")
    return said


def _both(one: str, other: str) -> str | None:
    both = _same(_resolved(one), _resolved(other))
    if both is None or one == other:
        return both
    link = next((name for name in (one, other) if name != _resolved(name)), None)
    return both if link is None else f"{both} ({link.split(' ')[0]})"


def _resolved(resource: str) -> str:
    path, space, words = resource.partition(" ")
    return os.path.realpath(path) + space + words if path.startswith("/dev/") else resource


def _same(one: str, other: str) -> str | None:
    if one == other:
        return None if one.endswith(SHARED) else one
    shorter, longer = sorted((one, other), key=len)
    shorter_name = shorter.removesuffix(SHARED)
    return shorter_name if longer.startswith(f"{shorter_name} ") else None

"""The pins of the header: which may be used, and what is worth knowing of each (BCM2835 ARM Peripherals, section 6.2)."""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

Pin = Annotated[int, Meta(ge=0, le=27, examples=["pin = 17, the GPIO number, not the place on the header"])]
Pull = Literal["up", "down", "none"]

SHARED = " (shared)"  # in a claim: this part gets on with others that say the same
RESERVED = {0: "the ID EEPROM of a HAT", 1: "the ID EEPROM of a HAT"}
UP_AT_POWER_ON = range(9)  # the chip's own resistors until a program says otherwise; from 9 on they pull down
SPECIAL = {
    2: "has a resistor to 3.3 V on the board (I2C)",
    3: "has a resistor to 3.3 V on the board (I2C)",
    14: "is the serial console unless that is turned off (raspi-config)",
    15: "is the serial console unless that is turned off (raspi-config)",
}


def check(pins: Iterable[tuple[str, int]]) -> None:
    """Refuses pins that nobody may use, and one pin for two keys; raises ValueError that begins with the key."""
    keys: dict[int, str] = {}
    for key, pin in pins:
        if pin in RESERVED:
            raise ValueError(f"{key}: GPIO{pin} belongs to {RESERVED[pin]}; take another pin from 2 to 27")
        if (first := keys.setdefault(pin, key)) != key:
            raise ValueError(f"{key}: GPIO{pin} is given as {first} already; take another pin")


def special(pins: Iterable[int]) -> list[str]:
    """What an installer should know of these pins."""
    return [f"GPIO{pin} {SPECIAL[pin]}." for pin in pins if pin in SPECIAL]


def before_the_station_runs(pin: int, active_high: bool, what: str) -> list[str]:
    """A sentence where an output may be on between power-on and the station's start, or after its end."""
    if (pin in UP_AT_POWER_ON) != active_high:
        return []
    way, resistor = ("up", "down to ground") if active_high else ("down", "up to the relay board's supply")
    return [
        f"The chip pulls GPIO{pin} {way} at power-on, which turns {what} on until the station runs: "
        f"put a resistor of 4.7 kilohm {resistor}, or take a pin from {'9 to 27' if active_high else '2 to 8'}."
    ]

"""What a configuration says of a pilot that the station makes and measures itself, and what it claims. docs/pilot.md explains
it.
"""

import re
from typing import Annotated

from msgspec import Meta, Struct

from drivers.gpio.pins import Pin
from drivers.iec61851.states import Filter, Levels

Channel = Annotated[int, Meta(ge=0, le=7)]


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """spi_bus, spi_device: of /dev/spidevBUS.DEVICE. scale and offset_v: the pilot in volts is the ADC's volts times scale plus
    offset_v. proximity_channel: left out for a fixed cable. proximity_pull_up_ohm: from proximity to proximity_supply_v (left
    out: reference_v). single_phase: a 100 ohm cable carries 70 A instead of 63. pwm_chip: the folder /sys/class/pwm/pwmchipN.
    pwm_pin: the GPIO on which that channel comes out, as the board's overlay says; only check-config
    looks at it. inverted: a high PWM output makes -12 V. edge_us: how long the front end takes after an edge until a level
    stands.
    """

    spi_bus: Annotated[int, Meta(ge=0, le=31)] = 0
    spi_device: Annotated[int, Meta(ge=0, le=31)] = 0
    spi_hz: Annotated[int, Meta(ge=50_000, le=3_600_000)] = 1_000_000
    reference_v: Annotated[float, Meta(ge=1, le=6)] = 3.3
    pilot_channel: Channel
    scale: Annotated[float, Meta(ge=-50, le=50)]
    offset_v: Annotated[float, Meta(ge=-50, le=50)]
    edge_us: Annotated[int, Meta(ge=0, le=60)] = 20
    proximity_channel: Channel | None = None
    proximity_pull_up_ohm: Annotated[float, Meta(ge=50, le=10_000)] = 1_000.0
    proximity_supply_v: Annotated[float, Meta(ge=1, le=6)] | None = None
    single_phase: bool = False
    pwm_chip: Annotated[str, Meta(min_length=2, pattern="^/", description="must be an absolute path")]
    pwm_channel: Annotated[int, Meta(ge=0, le=31)] = 0
    pwm_pin: Pin | None = None
    inverted: bool = False
    levels: Levels = Levels()
    filter: Filter = Filter()

    def __post_init__(self) -> None:
        ends = sorted((self.offset_v, self.offset_v + self.scale * self.reference_v))
        if ends[0] > -13 or ends[1] < 13:
            raise ValueError(
                f"with scale {self.scale:g} and offset_v {self.offset_v:g} the ADC sees {ends[0]:.1f} to {ends[1]:.1f} V "
                "of the pilot, and must see -13 to 13 V"
            )
        if self.proximity_channel == self.pilot_channel:
            raise ValueError("pilot_channel and proximity_channel are the same input of the ADC")


def claims(config: Config) -> tuple[str, ...]:
    """The inputs of the ADC are what this driver holds alone: the chip itself may serve other connectors."""
    spi = f"SPI{config.spi_bus}.{config.spi_device}"
    inputs = [number for number in (config.pilot_channel, config.proximity_channel) if number is not None]
    chip = re.fullmatch(r".*/pwmchip(\d+)/?", config.pwm_chip)
    return (
        *(f"{spi} input {number}" for number in inputs),
        f"PWM{chip[1] if chip else config.pwm_chip}.{config.pwm_channel}",
        *([] if config.pwm_pin is None else [f"GPIO{config.pwm_pin}"]),
    )


def remarks(config: Config) -> list[str]:
    said = []
    if config.pwm_pin is None:
        said.append("There is no pwm_pin, the GPIO of the pilot's PWM: that another part uses it too would not be noticed.")
    if config.proximity_channel is None:
        said.append('There is no proximity_channel, so the cable counts as fixed: the connector needs cable = "tethered".')
    return said

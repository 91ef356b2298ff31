"""Indicator driver `lights`: what a connector shows, on RGB lamps, single lamps, a WS2812 strip and a buzzer, in any mix.

Owns the outputs' pins and when the next frame is due. Refuses to know what patterns look like: that is a profile's table
(`drivers.indicators`, docs/lights.md).
"""

import asyncio
import logging
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.ports import Buses, DriverError
from drivers import indicators
from drivers.gpio import board
from drivers.indicators import Colour, outputs
from drivers.indicators.rendering import Shown, render, shown
from drivers.indicators.strip import HERTZ, LAMPS_MAX, Encoding

log = logging.getLogger(__name__)

Pin = Annotated[int, Meta(ge=0, le=63)]


class Rgb(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pins by BCM number. common: "cathode" (the pins feed the lamps) or "anode" (they draw their current, active low)."""

    red: Pin
    green: Pin
    blue: Pin
    common: Literal["cathode", "anode"] = "cathode"


class Single(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lamps of one colour each. dim = false: they are on or off, as behind a relay."""

    red: Pin | None = None
    green: Pin | None = None
    blue: Pin | None = None
    white: Pin | None = None
    amber: Pin | None = None
    yellow: Pin | None = None
    active_low: bool = False
    dim: bool = True

    def pins(self) -> dict[Colour, int]:
        named: dict[Colour, int | None] = {
            "red": self.red, "green": self.green, "blue": self.blue, "white": self.white, "amber": self.amber,
            "yellow": self.yellow,
        }  # fmt: skip
        return {colour: pin for colour, pin in named.items() if pin is not None}


class WS2812(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """spi: bus and select, "0.0" is /dev/spidev0.0; the data line is its MOSI. order: of a lamp's bytes."""

    leds: Annotated[int, Meta(ge=1, le=400)]
    spi: Annotated[str, Meta(pattern=r"^[0-9]\.[0-9]$")] = "0.0"
    order: Literal["RGB", "RBG", "GRB", "GBR", "BRG", "BGR"] = "GRB"
    encoding: Encoding = "3bit"


class Sounder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """kind: "passive" needs the tone from the pin, "active" has its own."""

    pin: Pin
    kind: Literal["passive", "active"] = "passive"
    active_low: bool = False


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """profile: a name from docs/lights.md, or the absolute path of an own file. pwm_hz: of dimmed lamps."""

    profile: str = "default"
    rgb: Rgb | None = None
    lamps: Single | None = None
    strip: WS2812 | None = None
    buzzer: Sounder | None = None
    pwm_hz: Annotated[int, Meta(ge=50, le=1_000)] = 100

    def __post_init__(self) -> None:
        indicators.load(self.profile)
        if self.rgb is None and self.lamps is None and self.strip is None:
            raise ValueError("rgb, lamps or strip is missing: an indicator needs a light")
        if self.lamps is not None and not self.lamps.pins():
            raise ValueError("lamps: no colour has a pin")
        if self.strip is not None and self.strip.leds > LAMPS_MAX[self.strip.encoding]:
            raise ValueError(f"strip: with encoding {self.strip.encoding} at most {LAMPS_MAX[self.strip.encoding]} leds")
        used = [resource for resource in claims(self) if claims(self).count(resource) > 1]
        if used:
            raise ValueError(f"{used[0]} has two uses in this table")


def claims(config: Config) -> list[str]:
    """The pins and buses that this indicator needs for itself."""
    pins: list[int] = []
    if config.rgb is not None:
        pins += [config.rgb.red, config.rgb.green, config.rgb.blue]
    if config.lamps is not None:
        pins += config.lamps.pins().values()
    if config.buzzer is not None:
        pins.append(config.buzzer.pin)
    claimed = [f"GPIO{pin}" for pin in pins]
    if config.strip is not None:  # a strip heeds no chip select: it reads whatever passes on the data line
        claimed += [f"SPI{config.strip.spi[0]}.{select}" for select in range(3)]
    return claimed


class Indicator:
    """See ports.Indicator. An output that fails is told by the next `show`."""

    def __init__(self, profile: indicators.Profile, shining: list[outputs.Output]) -> None:
        self._profile = profile
        self._outputs = shining
        self._lights = Lights()
        self._shown: Shown | None = None
        self._since_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None

    def show(self, pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> None:
        """From its beginning, whatever was shown before."""
        self._shown = shown(pattern, refusal, trouble)
        self._since_s = asyncio.get_running_loop().time()
        self._draw()

    def adjust(self, lights: Lights) -> None:
        self._lights = lights
        if self._shown is not None:
            self._draw()

    async def close(self) -> None:
        """Dark and silent."""
        self._shown = None
        self._rest()
        closing, self._outputs = self._outputs, []
        for output in closing:
            try:
                await output.close()
            except Exception as error:  # one that is broken keeps no other from being closed
                log.warning("lights: an output did not close in order: %s", error)

    def _draw(self) -> None:
        """The frame of this instant, and the next when it is due."""
        self._rest()
        assert self._shown is not None
        if self._failure is not None:
            raise DriverError(f"lights: {self._failure}") from self._failure
        loop = asyncio.get_running_loop()
        frame = render(self._profile, self._shown, loop.time() - self._since_s, self._lights)
        for output in self._outputs:
            output.put(frame)
        if frame.until_s is not None:
            self._timer = loop.call_at(self._since_s + frame.until_s, self._next)

    def _next(self) -> None:
        try:
            self._draw()
        except Exception as error:  # nobody called: whoever calls next is told
            self._failure = error

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


async def open(config: Config, buses: Buses) -> Indicator:
    """Every output, dark; DriverError names the one that cannot be had."""
    shining: list[outputs.Output] = []
    try:
        if config.rgb is not None:
            low = config.rgb.common == "anode"
            pins = (config.rgb.red, config.rgb.green, config.rgb.blue)
            shining.append(outputs.RgbLamp(*_lines(pins, low, config.pwm_hz)))
        if config.lamps is not None:
            colours = config.lamps.pins()
            pwm_hz = config.pwm_hz if config.lamps.dim else None
            lines = _lines(tuple(colours.values()), config.lamps.active_low, pwm_hz)
            shining.append(outputs.SingleLamps(dict(zip(colours, lines, strict=True)), config.lamps.dim))
        if config.strip is not None:
            shining.append(_strip(config.strip))
        if config.buzzer is not None:
            passive = config.buzzer.kind == "passive"
            (line,) = _lines((config.buzzer.pin,), config.buzzer.active_low, 1_000 if passive else None)
            shining.append(outputs.Buzzer(line, passive))
    except BaseException:
        for output in shining:
            await output.close()
        raise
    return Indicator(indicators.load(config.profile), shining)


def _lines(pins: tuple[int, ...], low: bool, pwm_hz: int | None) -> list[Any]:
    """Pins that are dark, all or none of them; pwm_hz None: on or off."""
    try:
        from gpiozero import OutputDevice, PWMOutputDevice
    except ImportError as error:
        raise DriverError(f"lights: the Python package gpiozero is missing ({error}); pip install gpiozero lgpio") from error
    factory = board.factory()
    made: list[Any] = []
    for pin in pins:
        try:
            if pwm_hz is None:
                made.append(OutputDevice(pin, active_high=not low, initial_value=False, pin_factory=factory))
            else:
                shape = {"active_high": not low, "initial_value": 0, "frequency": pwm_hz}
                made.append(PWMOutputDevice(pin, **shape, pin_factory=factory))
        except Exception as error:  # gpiozero and what it stands on raise whatever they like
            for line in made:
                line.close()
            raise DriverError(f"lights: GPIO{pin} cannot be had ({type(error).__name__}: {error})") from error
    return made


def _strip(config: WS2812) -> outputs.Strip:
    device = f"/dev/spidev{config.spi}"
    try:
        import spidev
    except ImportError as error:
        raise DriverError(f"lights: the Python package spidev is missing ({error}); pip install spidev") from error
    spi: Any = spidev.SpiDev()
    try:
        spi.open(int(config.spi[0]), int(config.spi[2]))
        spi.mode = 0
        spi.max_speed_hz = HERTZ[config.encoding]
    except OSError as error:
        spi.close()
        raise DriverError(
            f"lights: {device} cannot be opened ({error.strerror or error}). Switch SPI on (dtparam=spi=on in "
            "/boot/firmware/config.txt), and put the service's user into the group spi."
        ) from error
    return outputs.Strip(config.leds, config.order, config.encoding, spi.writebytes2, spi.close)

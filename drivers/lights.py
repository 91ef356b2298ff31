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
from drivers.gpio import board, pins
from drivers.indicators import Colour, outputs
from drivers.indicators.lines import LampLine, spi_device
from drivers.indicators.rendering import Shown, render, shown
from drivers.indicators.strip import HERTZ, LAMPS_MAX, Encoding

log = logging.getLogger(__name__)


class Rgb(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pins by BCM number. common: "cathode" (the pins feed the lamps) or "anode" (they draw their current, active low)."""

    red: pins.Pin
    green: pins.Pin
    blue: pins.Pin
    common: Literal["cathode", "anode"] = "cathode"


class Single(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lamps of one colour each. dim = false: they are on or off, as behind a relay."""

    red: pins.Pin | None = None
    green: pins.Pin | None = None
    blue: pins.Pin | None = None
    white: pins.Pin | None = None
    amber: pins.Pin | None = None
    yellow: pins.Pin | None = None
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
    spi: Annotated[str, Meta(pattern=r"^[0-9]\.[0-9]\Z", description='must be "bus.select", such as "0.0"')] = "0.0"
    order: Literal["RGB", "RBG", "GRB", "GBR", "BRG", "BGR"] = "GRB"
    encoding: Encoding = "3bit"


class Sounder(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """kind: "passive" needs the tone from the pin, "active" has its own."""

    pin: pins.Pin
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
        pins.check(_named(self))


def _named(config: Config) -> list[tuple[str, int]]:
    """Every pin with the key that names it."""
    named: list[tuple[str, int]] = []
    if config.rgb is not None:
        named += [("rgb.red", config.rgb.red), ("rgb.green", config.rgb.green), ("rgb.blue", config.rgb.blue)]
    if config.lamps is not None:
        named += [(f"lamps.{colour}", pin) for colour, pin in config.lamps.pins().items()]
    if config.buzzer is not None:
        named.append(("buzzer.pin", config.buzzer.pin))
    return named


def claims(config: Config) -> list[str]:
    """A strip heeds no chip select, it reads whatever passes on the data line: the whole bus is its own."""
    claimed = [f"GPIO{pin}" for _, pin in _named(config)]
    if config.strip is not None:
        claimed += [f"SPI{config.strip.spi[0]}.{select}" for select in range(3)]
    return claimed


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    return pins.special(pin for _, pin in _named(config))


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
    lines, strip = await board.in_thread(lambda: _take(config), _give_back)
    shining: list[outputs.Output] = []
    if config.rgb is not None:
        shining.append(outputs.RgbLamp(*(lines.pop(0) for _ in range(3))))
    if config.lamps is not None:
        lamps = {colour: lines.pop(0) for colour in config.lamps.pins()}
        shining.append(outputs.SingleLamps(lamps, config.lamps.dim))
    if config.buzzer is not None:
        shining.append(outputs.Buzzer(lines.pop(0), config.buzzer.kind == "passive"))
    if config.strip is not None:
        wanted = config.strip
        shining.append(outputs.Strip(wanted.leds, wanted.order, wanted.encoding, strip.writebytes2, strip.close))
    return Indicator(indicators.load(config.profile), shining)


def _take(config: Config) -> tuple[list[LampLine], Any]:
    """Every line in the order in which `open` hands them out, and the SPI bus; all of them or none."""
    wanted: list[tuple[int, bool, int | None]] = []
    if config.rgb is not None:
        low = config.rgb.common == "anode"
        wanted += [(pin, low, config.pwm_hz) for pin in (config.rgb.red, config.rgb.green, config.rgb.blue)]
    if config.lamps is not None:
        pwm_hz = config.pwm_hz if config.lamps.dim else None
        wanted += [(pin, config.lamps.active_low, pwm_hz) for pin in config.lamps.pins().values()]
    if config.buzzer is not None:
        wanted.append((config.buzzer.pin, config.buzzer.active_low, 1_000 if config.buzzer.kind == "passive" else None))
    lines: list[LampLine] = []
    try:
        for pin, low, pwm_hz in wanted:
            lines.append(LampLine(pin, low, pwm_hz))
        return lines, spi_device(config.strip.spi, HERTZ[config.strip.encoding]) if config.strip is not None else None
    except BaseException:
        _give_back((lines, None))
        raise


def _give_back(taken: tuple[list[LampLine], Any]) -> None:
    lines, spi = taken
    for line in lines:
        line.close()
    if spi is not None:
        spi.close()

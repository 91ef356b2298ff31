"""Frames on lamps: what colour becomes of which pins, and what a buzzer sounds."""

import threading

import pytest

from chargepoint.ports import DriverError
from drivers.indicators import Colour, outputs
from drivers.indicators.rendering import Frame
from drivers.indicators.strip import encoded
from tests.indicators.timeline import until


class Pin:
    def __init__(self) -> None:
        self.value = 0.0
        self.frequency = 1_000
        self.closed = False

    def close(self) -> None:
        self.closed = True


def frame(colour: Colour = "white", level: float = 1.0, *, lit: bool = True, tone_hz: int = 0) -> Frame:
    return Frame(colour=colour, level=level, lit=lit, tone_hz=tone_hz, until_s=None)


@pytest.mark.parametrize(
    ("colour", "level", "pins"),
    [
        ("white", 1.0, (1.0, 1.0, 1.0)),
        ("red", 0.5, (0.5, 0.0, 0.0)),
        ("blue", 0.25, (0.0, 0.0, 0.25)),
        ("amber", 1.0, (1.0, 0.4, 0.0)),
        ("green", 0.001, (0.0, 0.01, 0.0)),
        ("green", 0.0, (0.0, 0.0, 0.0)),
    ],
)
async def test_an_rgb_lamp_mixes(colour: Colour, level: float, pins: tuple[float, ...]) -> None:
    red, green, blue = Pin(), Pin(), Pin()
    lamp = outputs.RgbLamp(red, green, blue)
    lamp.put(frame(colour, level))
    assert (red.value, green.value, blue.value) == pytest.approx(pins)
    await lamp.close()
    assert [(pin.value, pin.closed) for pin in (red, green, blue)] == [(0, True)] * 3


@pytest.mark.parametrize(
    ("there", "wanted", "used"),
    [
        ("red green", "red", "red"),
        ("red green", "green", "green"),
        ("red green", "blue", "green"),
        ("red green", "white", "green"),
        ("red green", "amber", "red green"),
        ("red green", "purple", "green"),
        ("red green blue", "white", "red green blue"),
        ("red green blue", "purple", "red blue"),
        ("red yellow green", "amber", "yellow"),
        ("white", "red", "white"),
        ("red", "green", "red"),
        ("blue", "red", "blue"),
    ],
)
def test_lamps_that_are_missing_are_stood_in_for(there: str, wanted: Colour, used: str) -> None:
    colours: dict[str, Colour] = {name: name for name in outputs.PALETTE}
    lines = {colours[name]: Pin() for name in there.split()}
    outputs.SingleLamps(lines, dim=True).put(frame(wanted, 0.5))
    assert {colour for colour, pin in lines.items() if pin.value == 0.5} == set(used.split())
    assert all(pin.value in (0.0, 0.5) for pin in lines.values())


@pytest.mark.parametrize("colour", outputs.STAND_INS)
def test_every_colour_can_be_shown_by_any_single_lamp(colour: Colour) -> None:
    for other in ("red", "green", "blue", "white", "amber", "yellow"):
        assert outputs.stand_ins(colour, {other}) == (other,)


async def test_a_lamp_behind_a_relay_is_on_or_off() -> None:
    pin = Pin()
    lamp = outputs.SingleLamps({"green": pin}, dim=False)
    for level, lit, value in ((0.3, True, 1.0), (0.1, False, 0.0), (1.0, True, 1.0)):
        lamp.put(frame("green", level, lit=lit))
        assert pin.value == value
    await lamp.close()
    assert (pin.value, pin.closed) == (0, True)


async def test_a_passive_buzzer_is_given_its_tone_and_an_active_one_power() -> None:
    passive, active = Pin(), Pin()
    one, other = outputs.Buzzer(passive, passive=True), outputs.Buzzer(active, passive=False)
    for buzzer in (one, other):
        buzzer.put(frame(tone_hz=2_200))
    assert (passive.frequency, passive.value) == (2_200, 0.5)
    assert (active.frequency, active.value) == (1_000, 1)
    for buzzer in (one, other):
        buzzer.put(frame())
    assert (passive.value, active.value) == (0, 0)
    one.put(frame(tone_hz=900))
    await one.close()
    assert (passive.value, passive.closed) == (0, True)


class Bus:
    """A bus that takes a transfer when it is let."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.gate = threading.Semaphore(0)
        self.error: OSError | None = None
        self.closed = False

    def send(self, data: bytes) -> None:
        assert self.gate.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


def sent_for(red: int, green: int, blue: int) -> bytes:
    return encoded([(red, green, blue)] * 2, "GRB", "3bit")


async def test_a_slow_strip_is_sent_the_newest_colour_only_and_ends_dark() -> None:
    bus = Bus()
    strip = outputs.Strip(2, "GRB", "3bit", bus.send, bus.close)
    for level in (0.2, 0.4, 1.0):
        strip.put(frame("green", level))
    bus.gate.release(2)
    await until(lambda: len(bus.sent) == 2)
    assert bus.sent == [sent_for(0, 51, 0), sent_for(0, 255, 0)]
    strip.put(frame("green", 1.0))
    bus.gate.release()
    await strip.close()
    assert bus.sent[2:] == [sent_for(0, 0, 0)], "the same colour is not sent again"
    assert bus.closed


async def test_a_strip_whose_bus_fails_says_so() -> None:
    bus = Bus()
    bus.error = OSError(5, "Input/output error")
    strip = outputs.Strip(2, "GRB", "3bit", bus.send, bus.close)
    strip.put(frame("green"))
    bus.gate.release()
    told: list[str] = []

    def fails() -> bool:
        try:
            strip.put(frame("red"))
        except DriverError as error:
            told.append(str(error))
        return bool(told)

    await until(fails)
    assert "takes no data: [Errno 5] Input/output error. Is the SPI bus enabled?" in told[0]
    await strip.close()
    assert bus.closed

"""The driver `lights`: its table, and what pins do over time."""

import sys
from collections.abc import Iterator

import pytest

from chargepoint.facts import Lights, Pattern, Refusal
from chargepoint.ports import DriverError
from chargepoint.registry import config_of
from chargepoint.tables import SettingsError
from drivers import lights
from drivers.lights import WS2812, Config, Rgb, Single, Sounder
from hil.kernel import Kernel, missing
from hil.kernel.child import Child
from tests.indicators.timeline import until

RGB = {"red": 5, "green": 6, "blue": 13}


@pytest.fixture
def pins() -> Iterator[object]:
    from gpiozero import Device
    from gpiozero.pins.mock import MockFactory, MockPWMPin

    before, Device.pin_factory = Device.pin_factory, MockFactory(pin_class=MockPWMPin)
    yield Device.pin_factory
    Device.pin_factory.close()
    Device.pin_factory = before


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "rgb, lamps or strip is missing"),
        ({"buzzer": {"pin": 12}}, "rgb, lamps or strip is missing"),
        ({"rgb": {"red": 5, "green": 6}}, "blue"),
        ({"rgb": {**RGB, "blue": 6}}, "GPIO6 is given as rgb.green already"),
        ({"rgb": RGB, "buzzer": {"pin": 5}}, "GPIO5 is given as rgb.red already"),
        ({"rgb": {**RGB, "blue": 99}}, "blue"),
        ({"lamps": {"active_low": True}}, "no colour has a pin"),
        ({"lamps": {"pink": 4}}, "pink"),
        ({"strip": {"leds": 0}}, "leds"),
        ({"strip": {"leds": 151, "encoding": "8bit"}}, "at most 150 leds"),
        ({"strip": {"leds": 8, "spi": "spidev0.0"}}, "spi"),
        ({"rgb": RGB, "profile": "defalt"}, "The nearest are: default"),
        ({"rgb": RGB, "buzzer": {"pin": 12, "kind": "loud"}}, "kind"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_place(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        config_of("indicator", {"driver": "lights", **table})


def test_pins_and_buses_are_claimed() -> None:
    config = Config(
        rgb=Rgb(red=5, green=6, blue=13), lamps=Single(green=20), buzzer=Sounder(pin=12), strip=WS2812(leds=8, spi="1.0")
    )
    assert lights.claims(config) == ["GPIO5", "GPIO6", "GPIO13", "GPIO20", "GPIO12", "SPI1.0", "SPI1.1", "SPI1.2"]


async def test_an_answer_is_seen_and_heard_at_once_and_goes_on_by_itself(pins: object) -> None:
    indicator = await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13), buzzer=Sounder(pin=12)), {})
    red, green, blue, sounder = (pins.pin(number) for number in (5, 6, 13, 12))  # type: ignore[attr-defined]
    indicator.adjust(Lights(intensity_percent=50, blink_repeat=1))
    indicator.show(Pattern.REFUSED, Refusal.UNKNOWN_OFFLINE)
    assert (red.state, green.state, blue.state) == (0.5, 0.0, 0.0)
    assert (sounder.frequency, sounder.state) == (2_200, 0.5)
    await until(lambda: red.state == 0)
    await until(lambda: red.state == 0.5)
    indicator.adjust(Lights(intensity_percent=100))
    assert red.state == 1.0, "brighter at once, wherever the rhythm is"
    indicator.show(Pattern.AVAILABLE)
    assert (red.state, green.state, blue.state) == pytest.approx((0.3, 0.3, 0.3))
    assert sounder.state == 0
    await indicator.close()
    await indicator.close()
    assert red.state == 0


async def test_a_common_anode_is_driven_the_other_way_round(pins: object) -> None:
    indicator = await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13, common="anode")), {})
    red, green = (pins.pin(number) for number in (5, 6))  # type: ignore[attr-defined]
    assert (red.state, green.state) == (1.0, 1.0), "dark"
    indicator.show(Pattern.FAULTED)
    assert (red.state, green.state) == (0.0, 1.0)
    await indicator.close()


async def test_single_lamps_without_dimming_show_the_rhythm(pins: object) -> None:
    indicator = await lights.open(Config(lamps=Single(red=20, green=21, active_low=True, dim=False)), {})
    red, green = (pins.pin(number) for number in (20, 21))  # type: ignore[attr-defined]
    indicator.show(Pattern.CARD_WANTED)
    assert (red.state, green.state) == (1, 0)
    await until(lambda: (red.state, green.state) == (1, 1))
    await indicator.close()


async def test_a_pin_that_cannot_be_had_is_named_and_nothing_is_kept(pins: object) -> None:
    from gpiozero import OutputDevice

    with OutputDevice(6), pytest.raises(DriverError, match="GPIO6 serves another part already"):
        await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13)), {})
    indicator = await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13)), {})
    await indicator.close()


async def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("gpiozero", "spidev"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DriverError, match="gpiozero is not installed"):
        await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13)), {})
    with pytest.raises(DriverError, match="pip install spidev"):
        await lights.open(Config(strip=WS2812(leds=8)), {})


async def test_an_output_that_fails_between_two_frames_is_told_by_the_next_show(
    pins: object, caplog: pytest.LogCaptureFixture
) -> None:
    indicator = await lights.open(Config(rgb=Rgb(red=5, green=6, blue=13)), {})
    indicator.show(Pattern.ASKING)
    for number in (5, 6, 13):
        pins.pin(number).close()  # type: ignore[attr-defined]
    await until(lambda: indicator._failure is not None)
    with pytest.raises(DriverError, match="lights: "):
        indicator.show(Pattern.CHARGING)
    await indicator.close()
    assert "did not close in order" in caplog.text


PROGRAM = """
import asyncio, sys
from chargepoint.facts import Lights, Pattern, Refusal
from drivers import lights
from drivers.lights import Config, Rgb, Single, Sounder, WS2812

async def main():
    rgb, lamps = Rgb(red=5, green=6, blue=13), Single(red=20, active_low=True)
    config = Config(rgb=rgb, lamps=lamps, strip=WS2812(leds=2), buzzer=Sounder(pin=12, kind="active"))
    indicator = await lights.open(config, {})
    indicator.adjust(Lights(intensity_percent=100, blink_repeat=1))
    indicator.show(Pattern.REFUSED, Refusal.BLOCKED)
    print("shown", flush=True)
    await asyncio.sleep(1.2)
    await indicator.close()
    print("closed", flush=True)

asyncio.run(main())
"""


class Recorder:
    """What was sent to a chip select."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def transfer(self, tx: bytes) -> bytes:
        self.sent.append(tx)
        return bytes(len(tx))


LAYER_C = missing("gpiozero", "lgpio", "spidev")


@pytest.mark.skipif(bool(LAYER_C), reason=f"layer C: {LAYER_C}")
def test_the_real_libraries_flash_three_times_for_a_blocked_card() -> None:
    from drivers.indicators.strip import encoded

    strip = Recorder()
    with Kernel() as kernel:
        kernel.spi(0, 0, strip)
        with Child(kernel, PROGRAM) as child:
            assert child.line() == "shown"
            kernel.wait_level(5, True)
            kernel.wait_level(12, True)
            kernel.wait_level(20, False)
            assert child.line() == "closed", "\n".join(child.heard)
            assert child.ends() == 0
        kernel.wait_held(5, False)
        assert [kernel.line(pin).level for pin in (5, 12, 20)] == [False, False, True], "dark, whichever way round"
        assert not any(change.level for change in kernel.changes(6)), "no green in red"
    red, dark = (encoded([(level, 0, 0)] * 2, "GRB", "3bit") for level in (255, 0))
    assert strip.sent == [red, dark] * 3

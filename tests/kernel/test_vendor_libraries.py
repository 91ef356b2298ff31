"""Real gpiozero, lgpio and spidev in a process of their own, under the emulated kernel (layer C)."""

import errno
from collections.abc import Iterator

import pytest

from hil.kernel import Kernel, missing
from hil.kernel.child import Child

pytestmark = pytest.mark.skipif(bool(missing("gpiozero", "lgpio")), reason=f"layer C: {missing('gpiozero', 'lgpio')}")
needs_spidev = pytest.mark.skipif(bool(missing("spidev")), reason=f"layer C: {missing('spidev')}")

LED = "import gpiozero, time; led = gpiozero.LED(17); led.on(); print('on', flush=True); time.sleep(60)"
BUTTON = """
import gpiozero, time
button = gpiozero.Button(27)
button.when_pressed = lambda: print(time.monotonic(), flush=True)
button.when_released = lambda: print(time.monotonic(), flush=True)
print(button.is_pressed, flush=True)
time.sleep(60)
"""
TWICE = """
import lgpio
chip = lgpio.gpiochip_open(0)
print(lgpio.gpio_get_chip_info(chip))
print(lgpio.gpio_get_line_info(chip, 17))
lgpio.gpio_claim_output(chip, 17, 1)
"""
SPI = """
import spidev
spi = spidev.SpiDev()
spi.open(0, 1)
spi.mode, spi.max_speed_hz = 3, 1_000_000
print(spi.mode, spi.max_speed_hz, spi.bits_per_word)
print(spi.xfer2([1, 2, 3]), spi.readbytes(2))
spi.writebytes([9])
try:
    spi.xfer2([0])
except OSError as error:
    print(error.errno)
"""


class Inverter:
    """Answers every byte's complement; a single zero breaks its bus."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def transfer(self, tx: bytes) -> bytes:
        self.sent.append(tx)
        if tx == b"\0":
            raise OSError(errno.EIO, "the bus broke")
        return bytes(byte ^ 0xFF for byte in tx)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


@pytest.mark.parametrize("keeps", [True, False], ids=["outputs are kept", "outputs are released"])
def test_what_a_killed_process_leaves_on_its_output_depends_on_the_kernel(keeps: bool) -> None:
    with Kernel(keeps_outputs=keeps) as kernel, Child(kernel, LED) as child:
        assert child.line() == "on"
        line = kernel.line(17)
        assert (line.level, line.output, line.holder, line.pid) == (True, True, "lg", child.process.pid)
        child.kill()
        line = kernel.wait_held(17, False)
        assert (line.level, line.output) == (keeps, keeps)


def test_an_edge_reaches_a_callback_soon(kernel: Kernel) -> None:
    with Child(kernel, BUTTON) as child:
        assert child.line() == "False"
        assert kernel.line(27).pull == "up"
        late_s = []
        for level in (False, True):
            at_s = kernel.drive(27, level)
            late_s.append(float(child.line()) - at_s)
        assert max(late_s) < 1.0


def test_a_line_that_another_process_holds_is_refused_with_its_holder_named(kernel: Kernel) -> None:
    with Child(kernel, LED) as holder:
        assert holder.line() == "on"
        with Child(kernel, TWICE) as other:
            assert other.ends() == 1
    said = "\n".join(other.heard)
    assert "54, 'gpiochip0', 'pinctrl-bcm2835'" in said
    assert "'GPIO17', 'lg'" in said
    assert "GPIO busy" in said


@pytest.mark.parametrize("error", [errno.ENOENT, errno.EACCES])
def test_a_chip_that_cannot_be_opened_fails_as_on_a_machine_without_it(kernel: Kernel, error: int) -> None:
    kernel.refuse("/dev/gpiochip0", error)
    with Child(
        kernel, f"import os\ntry: os.open('/dev/gpiochip0', os.O_RDWR)\nexcept OSError as e: print(e.errno == {error})"
    ) as child:
        assert child.line() == "True"


@needs_spidev
def test_spidev_speaks_with_a_chip_and_hears_when_its_bus_breaks(kernel: Kernel) -> None:
    chip = Inverter()
    kernel.spi(0, 1, chip)
    with Child(kernel, SPI) as child:
        assert child.line() == "3 1000000 8"
        assert child.line() == "[254, 253, 252] [255, 255]"
        assert child.line() == str(errno.EIO)
        assert child.ends() == 0
    assert chip.sent == [b"\1\2\3", b"\0\0", b"\t", b"\0"]

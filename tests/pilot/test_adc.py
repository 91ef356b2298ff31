"""The ADC on its bus, bit by bit, and what is told when it is not there (Microchip DS21295)."""

import errno

import pytest

from chargepoint.ports import DriverError
from drivers.iec61851 import adc
from hil.chips.mcp3008 import Mcp3008
from tests.pilot.rig import Bench


@pytest.mark.parametrize(
    ("volts", "answer"),
    [
        (0.0, "ff f8 00"),  # seven clocks of nothing, the start bit's eighth, four and one more, then the null bit
        (3.3, "ff fb ff"),
        (1.65, "ff fa 00"),
        (3.3 / 1024, "ff f8 01"),
        (2.475, "ff fb 00"),
    ],
)
def test_a_conversion_looks_as_in_the_data_sheet(volts: float, answer: str) -> None:
    """Figure 6-1: with the start bit last in the first byte, the third byte holds the low bits, the second the null bit."""
    assert Mcp3008(lambda channel: volts, 3.3).transfer(bytes.fromhex("01 80 00")).hex(" ") == answer


def test_more_clocks_give_the_bits_the_other_way_round_and_then_nothing() -> None:
    """Figure 5-1: least significant bit first, the lowest one not repeated, then zeros."""
    chip = Mcp3008(lambda channel: 3.3 * 0b1011001110 / 1024 + 0.0001, 3.3)
    answer = chip.transfer(bytes.fromhex("01 80 00 00 00 00"))
    assert f"{int.from_bytes(answer):048b}"[13:] == "0" + "1011001110" + "111001101" + "0" * 15


@pytest.mark.parametrize("channel", range(8))
def test_every_input_has_its_own_command(channel: int) -> None:
    bench = Bench()
    bench.chip = Mcp3008(lambda asked: 0.4 * asked, 3.3)
    assert bench.adc.volts(channel) == pytest.approx(0.4 * channel, abs=0.005)


def test_two_inputs_can_be_compared() -> None:
    chip = Mcp3008(lambda channel: {2: 2.0, 3: 0.35}.get(channel, 0.0), 3.3)
    assert chip.transfer(bytes.fromhex("01 20 00"))[1:] == bytes.fromhex("fa 00"), "input 2 against input 3: 1.65 V"


def test_a_chip_that_is_not_there_is_told() -> None:
    bench = Bench()
    bench.chip.present = False
    with pytest.raises(DriverError, match=r"/dev/spidev0\.0: no MCP3008 answers there\. Check its supply"):
        bench.adc.volts(0)


def test_a_bus_that_fails_is_told() -> None:
    bench = Bench()
    bench.spi.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(DriverError, match=r"/dev/spidev0\.0: the transfer failed \(Input/output error\)"):
        bench.adc.volts(0)


def test_a_port_that_is_not_there_is_told() -> None:
    pytest.importorskip("spidev", reason="layer C: the Python module spidev is missing: pip install '.[pi]'")
    with pytest.raises(DriverError, match=r"/dev/spidev31\.31: there is no such port\. Enable SPI"):
        adc.open_adc(31, 31, 1_000_000, 3.3)

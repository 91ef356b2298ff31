"""A pilot, its front end and its ADC in time that a test turns by itself, for the stories beside this file."""

import random
from collections.abc import Sequence

from drivers.iec61851.adc import Adc
from drivers.iec61851.config import Config
from drivers.iec61851.duty import PERIOD_NS, pulse_ns
from drivers.iec61851.look import Look, Pulse
from drivers.iec61851.sampler import Clock, Sampler
from hil.chips.mcp3008 import Mcp3008
from hil.chips.pilot_circuit import FrontEnd, PilotCircuit

SCALE, OFFSET_V = 9.145, -15.23


class FakeSpi:
    """`spidev.SpiDev` as far as it is used, with a chip's model behind it; takes `transfer_ns` of the bench's time."""

    max_speed_hz = 0
    mode = 0

    def __init__(self, bench: "Bench") -> None:
        self._bench = bench
        self.error: OSError | None = None
        self.closed = False

    def open(self, bus: int, device: int) -> None:
        self.closed = False

    def xfer2(self, data: Sequence[int]) -> Sequence[int]:
        if self.error is not None:
            raise self.error
        bench = self._bench
        bench.now_ns += bench.transfer_ns // 2
        answer = bench.chip.transfer(bytes(data))
        bench.now_ns += bench.transfer_ns - bench.transfer_ns // 2
        if bench.rng.random() < bench.delay_share:
            bench.now_ns += bench.rng.randrange(5_000_000)
        return list(answer)

    def close(self) -> None:
        self.closed = True


class Bench:
    """Virtual time: a transfer takes transfer_ns, a sleep what it asks for; delay_share of the transfers meet a busy
    processor.
    """

    def __init__(self, *, transfer_ns: int = 80_000, delay_share: float = 0.0, seed: int = 1) -> None:
        self.now_ns = 1_000_000_000
        self.transfer_ns = transfer_ns
        self.delay_share = delay_share
        self.rng = random.Random(seed)
        self.pulse = Pulse(PERIOD_NS, 0)
        self.circuit = PilotCircuit(high_share=lambda: self.pulse.width_ns / PERIOD_NS, clock_s=lambda: self.now_ns / 1e9)
        self.front_end = FrontEnd(circuit=self.circuit, scale=SCALE, offset_v=OFFSET_V)
        self.chip = Mcp3008(self.front_end.volts, self.front_end.reference_v)
        self.spi = FakeSpi(self)
        self.adc = Adc(self.spi, "/dev/spidev0.0", self.front_end.reference_v)

    @property
    def clock(self) -> Clock:
        return Clock(self.monotonic_ns, self.sleep)

    def monotonic_ns(self) -> int:
        self.now_ns += 200
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def offer(self, current_a: float | None) -> None:
        self.pulse = Pulse(pulse_ns(current_a), self.now_ns)

    def sampler(self, edge_ns: int = 20_000) -> Sampler:
        return Sampler(lambda: self.adc.volts(0) * SCALE + OFFSET_V, self.clock, edge_ns)

    def look(self, config: Config) -> Look:
        return Look(config, self.adc.volts, self.clock, self.adc.where)


def config(**changes: object) -> Config:
    """A configuration that fits the bench's front end."""
    plain: dict[str, object] = {"pilot_channel": 0, "scale": SCALE, "offset_v": OFFSET_V, "pwm_chip": "/sys/class/pwm/pwmchip0"}
    return Config(**{**plain, **changes})  # type: ignore[arg-type]

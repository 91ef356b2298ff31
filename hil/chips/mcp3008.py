"""An MCP3008, clock by clock (Microchip DS21295 figures 5-1 and 6-1).

A start bit, single-ended or differential, three bits for the input, a null bit, ten bits with the highest first, and after them
the same bits the other way round.

Owns the converter, refuses to know where voltages come from.
"""

from collections.abc import Callable
from itertools import chain

BITS = 10
FULL = 2**BITS


class Mcp3008:
    """volts(n): the voltage of input 0 to 7 at this moment. present: False is a socket without a chip, its line pulled up."""

    def __init__(self, volts: Callable[[int], float], reference_v: float) -> None:
        self._volts = volts
        self._reference_v = reference_v
        self.present = True
        self.conversions = 0

    def transfer(self, tx: bytes) -> bytes:
        """One selection of the chip: as many clocks as the bytes have bits."""
        clocks = [byte >> 7 - place & 1 for byte in tx for place in range(8)]
        out = [1] * len(clocks)  # the output is high-impedance, and pulled up
        if self.present and 1 in clocks:
            start = clocks.index(1)
            command = clocks[start + 1 : start + 5]
            if len(command) == 4:
                # The fifth clock after the start bit samples; with the sixth comes the null bit.
                answer = chain([0], self._bits(command), (0 for _ in clocks))
                for clock in range(start + 6, len(clocks)):
                    out[clock] = next(answer)
        return bytes(sum(bit << 7 - place for place, bit in enumerate(out[at : at + 8])) for at in range(0, len(out), 8))

    def _bits(self, command: list[int]) -> list[int]:
        self.conversions += 1
        single, *number = command
        channel = number[0] << 2 | number[1] << 1 | number[2]
        volts = self._volts(channel) if single else self._volts(channel) - self._volts(channel ^ 1)
        code = min(max(int(volts * FULL / self._reference_v), 0), FULL - 1)
        high_first = [code >> place & 1 for place in reversed(range(BITS))]
        return high_first + high_first[-2::-1]

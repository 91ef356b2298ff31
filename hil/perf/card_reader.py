"""A card reader on the real stack: how soon a tap is seen, and what waiting for one costs.

    python -m hil.perf.card_reader [--driver mfrc522] [--idle 10] [--taps 30]

The driver runs in a process of its own, opened through the registry: `mfrc522` on real spidev, whose device the emulated kernel
serves from a model of the chip; `pn532` on a pseudo terminal with a model behind it. A tap is timed from the card's arrival in
the modelled field until `cards()` yields it, at moments spread over the rhythm of looking. Idle is the processor time of the
whole process while no card is there, in percent of one core; it holds what the emulation adds to each transfer.

The last line is one JSON object; the exit status is 1, with the driver's words, where the driver met a fault.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from statistics import median
from time import monotonic

from msgspec import Struct, to_builtins

from hil.chips.cards import Card, Field
from hil.chips.mfrc522 import Mfrc522
from hil.chips.pn532 import Pn532
from hil.kernel import Kernel, missing
from hil.kernel.child import Child
from hil.perf.process import CannotMeasure

# The first line: it waits. The second: what that cost. Each further one: when a card was seen.
PROGRAM = """
import asyncio, json, sys, time
from chargepoint.registry import config_of

async def idle():
    print("open", flush=True)
    began_s, spent_s = time.monotonic(), time.process_time()
    await asyncio.sleep(float(sys.argv[2]))
    print((time.process_time() - spent_s) / (time.monotonic() - began_s), flush=True)

async def main():
    module, config = config_of("reader", json.loads(sys.argv[1]))
    reader = await module.open(config, {})
    measuring = asyncio.create_task(idle())
    async for card in reader.cards():
        print(time.monotonic(), flush=True)

asyncio.run(main())
"""
POLL_S = 0.08  # what the drivers have by themselves
ABSENCE_S = 0.5
TAP_S = 10.0


class Figures(Struct, frozen=True, kw_only=True):
    """spi_transfers_s: a second, while no card is there; None where there is no SPI."""

    driver: str
    taps: int
    tap_to_seen_ms: float
    tap_to_seen_p95_ms: float
    tap_to_seen_max_ms: float
    idle_cpu_percent: float
    spi_transfers_s: float | None


class Stack(Struct):
    """What is measured: the driver's process, the field of its chip, and the chip where it sits on SPI."""

    child: Child
    field: Field
    chip: Mfrc522 | None


async def measure(driver: str = "mfrc522", idle_s: float = 10.0, taps: int = 30) -> Figures:
    """Takes about idle_s and 0.7 s a tap."""
    async with _stack(driver, idle_s) as stack:
        await _line(stack, TAP_S)
        before = stack.chip.transfers if stack.chip is not None else 0
        idle = await _number(stack, idle_s + TAP_S)
        transfers = None if stack.chip is None else round((stack.chip.transfers - before) / idle_s, 1)
        seen_ms = sorted([await _tap(stack, at, taps) for at in range(taps)])
    return Figures(
        driver=driver,
        taps=taps,
        tap_to_seen_ms=round(median(seen_ms), 1),
        tap_to_seen_p95_ms=round(seen_ms[ceil(0.95 * taps) - 1], 1),
        tap_to_seen_max_ms=round(seen_ms[-1], 1),
        idle_cpu_percent=round(100 * idle, 2),
        spi_transfers_s=transfers,
    )


@asynccontextmanager
async def _stack(driver: str, idle_s: float) -> AsyncIterator[Stack]:
    part = {"driver": driver, "absence_s": ABSENCE_S}
    with Kernel() as kernel:
        if driver == "mfrc522":
            chip = Mfrc522()
            kernel.spi(0, 0, chip)
            with Child(kernel, ["-c", PROGRAM, json.dumps(part), str(idle_s)]) as child:
                yield Stack(child, chip.field, chip)
            return
        async with Pn532() as serial_chip:
            with Child(kernel, ["-c", PROGRAM, json.dumps({**part, "port": serial_chip.port}), str(idle_s)]) as child:
                yield Stack(child, serial_chip.field, None)


async def _tap(stack: Stack, number: int, taps: int) -> float:
    """Milliseconds from card to tag. Each card is another one, laid down when the last one is forgotten."""
    await asyncio.sleep(ABSENCE_S + 0.1 + POLL_S * number / taps)
    began_s = monotonic()
    card = stack.field.lay(Card(b"\x04\x11\x22\x33\x44" + number.to_bytes(2, "big")))
    seen_s = await _number(stack, TAP_S)
    stack.field.take(card)
    return 1_000 * (seen_s - began_s)


async def _number(stack: Stack, timeout_s: float) -> float:
    line = await _line(stack, timeout_s)
    try:
        return float(line)
    except ValueError:
        raise CannotMeasure(f"the driver said: {line}") from None


async def _line(stack: Stack, timeout_s: float) -> str:
    return await asyncio.to_thread(stack.child.line, timeout_s)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", choices=("mfrc522", "pn532"), default="mfrc522", help="default mfrc522")
    parser.add_argument("--idle", type=float, default=10.0, metavar="S", help="how long it waits first (default 10)")
    parser.add_argument("--taps", type=int, default=30, metavar="N", help="1 to 1000 (default 30)")
    arguments = parser.parse_args()
    if arguments.idle <= 0 or not 1 <= arguments.taps <= 1_000:
        parser.error("--idle must be above 0, --taps 1 to 1000")
    if lacking := missing("spidev"):
        parser.error(f"this machine cannot: {lacking}")
    try:
        figures = asyncio.run(measure(arguments.driver, arguments.idle, arguments.taps))
    except CannotMeasure as error:
        print(f"card_reader: {error}", file=sys.stderr)
        return 1
    print(json.dumps(to_builtins(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

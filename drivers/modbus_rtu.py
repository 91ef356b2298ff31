"""Bus driver `modbus_rtu`: Modbus over a serial line (RS-485).

Owns the silence between frames and the quiet time after a missing answer: RTU has no transaction number, so a late answer could
be taken for the next one. Modbus over Serial Line V1.02 section 2.5.1.1 (3.5 characters between frames).
"""

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from drivers.modbus.answers import Answers, Request, RtuAnswers
from drivers.modbus.bus import Bus, Client, NoAnswer, told

BITS_A_CHARACTER = 11
BABBLE_MAX_S = 0.5
MARGIN_S = 0.02


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """port: the device's path. timeout_s: how long a meter may think (the line's own time is added).

    latency_max_s: the longest after which a meter may still answer; after a missing answer the line is left alone for so long.
    request_gap_s: the least pause between an answer and the next request; 3.5 characters are always kept.
    """

    port: Annotated[str, Meta(min_length=1, examples=['port = "/dev/ttyUSB0"'])]
    baud: Annotated[int, Meta(ge=300, le=460_800)] = 9_600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    timeout_s: Annotated[float, Meta(ge=0.02, le=10)] = 0.5
    latency_max_s: Annotated[float, Meta(ge=0, le=30)] = 1.0
    request_gap_s: Annotated[float, Meta(ge=0, le=1)] = 0.01


def claims(config: Config) -> tuple[str, ...]:
    """The port: two buses on one would hear each other's answers."""
    return (config.port,)


def remarks(config: Config) -> list[str]:
    """What an installer should know of a configuration that is valid."""
    if config.port.startswith("/") or "://" in config.port:
        return []
    return [f"port {config.port} is no path of a device: take one as /dev/ttyUSB0, or better from /dev/serial/by-id."]


class RtuLine:
    """One serial port, opened when the first request needs it."""

    hint = "Check power, wiring (A and B swapped?), unit id, baud rate and parity."
    noise_hint = "Look for noise, a wrong baud rate or parity, and two meters with one unit id."

    def __init__(self, config: Config, crc: Callable[[bytes], bytes], make: Callable[..., Any]) -> None:
        self._config = config
        self._make = make
        self.where = f"port {config.port}"
        self.timeout_s = config.timeout_s
        self.silence_s = max(config.timeout_s, config.latency_max_s) + MARGIN_S
        self.answers: Answers = RtuAnswers(crc)
        self._character_s = BITS_A_CHARACTER / config.baud
        # Above 19200 baud the gap is fixed, section 2.5.1.1.
        silence_s = 3.5 * self._character_s if config.baud <= 19_200 else 0.00175
        self._gap_s = max(silence_s, config.request_gap_s)
        self._quiet_until = 0.0
        self._last_byte_at = 0.0
        self._unasked = 0

    def client(self, on_packet: Callable[[bool, bytes], bytes], on_connect: Callable[[bool], None]) -> Client:
        client: Client = self._make(
            self._config.port,
            baudrate=self._config.baud,
            parity=self._config.parity,
            stopbits=self._config.stop_bits,
            **told(on_packet, on_connect),
        )
        return client

    def why_not(self) -> str:
        path = self._config.port
        try:
            mode = os.stat(path).st_mode
        except OSError:
            return f"there is no such port. {_ports_that_exist()} Check the cable and `port` in the configuration."
        if not stat.S_ISCHR(mode):
            return f"this is no serial port but another kind of file. {_ports_that_exist()}"
        if not os.access(path, os.R_OK | os.W_OK):
            return "this user may not open it. Add the user to the port's group (`dialout` on Debian)."
        return (
            f"it cannot be opened with {self._config.baud} baud, parity {self._config.parity}, or another program has it. "
            "Look for a getty or a second service on the port."
        )

    def answer_s(self, request: Request) -> float:
        return (request.characters + 3.5) * self._character_s

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = max(self._quiet_until, loop.time()) + BABBLE_MAX_S
        self._unasked = 0
        # Sleeping lets the loop fetch what has come, so the input is drained when the line has been silent for a gap.
        while (wait_s := max(self._quiet_until, self._last_byte_at + self._gap_s) - loop.time()) > 0:
            if loop.time() > give_up_at:
                raise NoAnswer(
                    f"{self.where}: the line is never silent; {self._unasked} times bytes came that nobody asked for. "
                    "Look for a second master, a missing termination and a wrong baud rate."
                )
            await asyncio.sleep(wait_s)
        self._quiet_until = 0.0

    def received(self) -> None:
        self._last_byte_at = asyncio.get_running_loop().time()
        self._unasked += 1

    def failed(self, sent_at: float, request: Request, *, silent: bool) -> bool:
        self._quiet_until = sent_at + self.answer_s(request) + self._config.latency_max_s + MARGIN_S
        return False

    def succeeded(self) -> None:
        """Nothing to forget: the quiet time was spent before the request."""


def _ports_that_exist() -> str:
    from serial.tools.list_ports import comports  # type: ignore[import-untyped]

    names = sorted(port.device for port in comports())
    return f"Ports that exist: {', '.join(names)}." if names else "There is no serial port at all."


async def open(config: Config) -> Bus:
    """The bus; the port itself is opened with the first request and again whenever it was lost."""
    # pymodbus takes 70 ms to import: only stations that have a meter on a bus pay for it.
    from pymodbus.client import AsyncModbusSerialClient
    from pymodbus.framer.rtu import FramerRTU

    # What pymodbus would log is said better by the errors raised here.
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

    def crc(data: bytes) -> bytes:
        return FramerRTU.compute_CRC(data).to_bytes(2, "big")

    return Bus(RtuLine(config, crc, AsyncModbusSerialClient))

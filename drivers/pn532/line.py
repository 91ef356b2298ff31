"""A PN532 on a serial port: one command at a time, tried again where the line garbles it.

Owns the port and the patience. Raises DriverError in words for an installer, `what` first.
"""

import asyncio
import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from chargepoint.ports import DriverError
from drivers.pn532 import frames
from drivers.pn532.frames import Answer, Signal

ACK_S = 0.1
ANSWER_S = 0.5
TRIES = 3
WAITING_MAX = 64


class Line:
    """One chip's port. what: how the reader is named in errors."""

    def __init__(self, what: str, serial: Any) -> None:
        self._what = what
        self._serial = serial
        self._decoder = frames.Decoder()
        self._came: asyncio.Queue[Answer | Signal | DriverError] = asyncio.Queue(WAITING_MAX)
        self._asleep = True
        self.closed = False

    @classmethod
    def open(cls, what: str, port: str, baud: int) -> Self:
        """Opens the port and says nothing yet; raises DriverError."""
        from serial import Serial, SerialException  # type: ignore[import-untyped]

        try:
            serial = Serial(port, baud, timeout=0, write_timeout=0, exclusive=True)
        except (SerialException, OSError, ValueError) as error:
            raise DriverError(f"{what}: {_why_not(port, baud, error)}") from error
        line = cls(what, serial)
        asyncio.get_running_loop().add_reader(serial.fileno(), line._readable)
        return line

    async def ask(self, code: int, data: bytes = b"") -> bytes:
        """The data of the chip's answer; raises DriverError after `TRIES`, within about 2 s."""
        why = ""
        for _ in range(TRIES):
            self._forget()
            self._send((frames.WAKE_UP if self._asleep else b"") + frames.command(code, data))
            answer = await self._answer(code)
            if isinstance(answer, bytes):
                self._asleep = False
                return answer
            why = answer
            self._asleep = True  # it may have fallen asleep, or was exchanged: the wake-up harms nobody
            self._send(frames.ACK)  # the chip gives up what it was doing
        raise DriverError(f"{self._what}: {why}")

    def close(self) -> None:
        """Frees the port; whoever waits for an answer hears of it. A second call does nothing."""
        if self.closed:
            return
        self.closed = True
        asyncio.get_running_loop().remove_reader(self._serial.fileno())
        self._serial.close()
        self._put(DriverError(f"{self._what}: closed"))

    async def _answer(self, code: int) -> bytes | str:
        """The answer, or what was wrong."""
        acknowledged, resent = False, False
        loop = asyncio.get_running_loop()
        until = loop.time() + ACK_S
        while True:
            try:
                async with asyncio.timeout_at(until):
                    came = await self._came.get()
            except TimeoutError:
                if not self._came.empty():
                    continue  # it was this process that was late
                if acknowledged:
                    return "the chip took a command and did not answer; switch its supply off and on"
                return (
                    "no answer. Check its supply, TX and RX (crossed over), and the module's switches: HSU is what this driver "
                    "speaks, not I2C or SPI"
                )
            match came:
                case DriverError():
                    raise came
                case Signal.ACK:
                    acknowledged, until = True, loop.time() + ANSWER_S
                case Answer() if came.code == code + 1:
                    return came.data
                case Signal.DAMAGED if acknowledged and not resent:
                    resent = True
                    self._send(frames.NACK)  # the chip says it again
                case Signal.DAMAGED | Signal.NACK:
                    return "what comes from the chip is damaged. Shorten the wires, and check ground and baud"
                case Signal.ERROR:
                    return f"the chip does not know the command 0x{code:02X}: is it a PN532?"
                case Answer():
                    continue  # late, to a command that was given up

    def _send(self, data: bytes) -> None:
        if self.closed:
            raise DriverError(f"{self._what}: closed")
        try:
            self._serial.write(data)
        except OSError as error:  # pyserial's own errors are OSErrors
            raise self._lost(error) from error

    def _forget(self) -> None:
        """What came unasked is no answer to what is asked next; a loss stays one."""
        self._decoder.clear()
        while not self._came.empty():
            came = self._came.get_nowait()
            if isinstance(came, DriverError):
                raise came

    def _readable(self) -> None:
        try:
            data = os.read(self._serial.fileno(), 4_096)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(self._lost(error))
            return
        if not data:
            self._end(self._lost(None))
            return
        for one in self._decoder.feed(data):
            self._put(one)

    def _end(self, error: DriverError) -> None:
        asyncio.get_running_loop().remove_reader(self._serial.fileno())
        self._put(error)

    def _put(self, one: Answer | Signal | DriverError) -> None:
        if self._came.full():
            with suppress(asyncio.QueueEmpty):
                self._came.get_nowait()  # a line that babbles
        self._came.put_nowait(one)

    def _lost(self, error: OSError | None) -> DriverError:
        why = f" ({error.strerror or error})" if error is not None else ""
        return DriverError(f"{self._what}: the port is gone{why}; is the cable or adapter still plugged in?")


def _why_not(port: str, baud: int, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        known = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*"))
        there = f" There is {', '.join(known)}." if known else ""
        if port.startswith("/dev/serial"):
            hint = "The Pi's own UART needs the line enable_uart=1 in /boot/firmware/config.txt and a restart"
        else:
            hint = "Check the cable and `port`"
        return f"there is no such port.{there} {hint}"
    if number in (errno.EACCES, errno.EPERM):
        return "this user may not open it. Add the service's user to the group `dialout`"
    if number in (errno.EAGAIN, errno.EBUSY, errno.EWOULDBLOCK) or "exclusively lock" in str(error):
        return "another program has it. Look for a login console on the port (raspi-config, serial port) or a second service"
    return f"it cannot be opened with {baud} baud ({getattr(error, 'strerror', None) or error})"

"""A Modbus bus: one transaction at a time, each carried to its end, and nobody's silence at others' cost.

Owns the order on a line, time-outs, the second try, the rest that a silent unit is given, and reconnecting. Refuses to know
what a register means. pymodbus does transport and encoding, its own retries and reconnects are switched off.
"""

import asyncio
import termios
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Struct

from chargepoint.ports import DriverError
from drivers.modbus.answers import READ_COILS, Answers, Request

CONNECT_PAUSE_MIN_S = 0.5
CONNECT_PAUSE_MAX_S = 5.0
REST_MAX_S = 60.0
REST_AFTER = 3  # failures in a row
SILENT_SHARE = 4  # all silent units together cost at most 1 / (1 + SILENT_SHARE) of a line's time

EXCEPTIONS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not give so many registers at once",
    4: "it reports a failure of its own",
    5: "it acknowledges and needs more time",
    6: "it is busy",
    10: "the gateway has no way to it",
    11: "the gateway got no answer from it",
}


class NoAnswer(DriverError):
    """Nothing, or nothing valid, came in time."""


class Refused(DriverError):
    """The unit answered with a Modbus exception, `code`."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class LineLost(DriverError):
    """The port or the connection is not there."""


class Dropped(LineLost):
    """The port or the connection went away in the middle of a transaction."""


class Response(Protocol):
    """What is used of a pymodbus answer."""

    registers: list[int]
    bits: list[bool]
    exception_code: int

    def isError(self) -> bool: ...


class Client(Protocol):
    """What is used of a pymodbus client."""

    @property
    def connected(self) -> bool: ...

    async def connect(self) -> bool: ...

    def close(self) -> None: ...

    def read_holding_registers(self, address: int, *, count: int, device_id: int) -> Awaitable[Any]: ...

    def read_input_registers(self, address: int, *, count: int, device_id: int) -> Awaitable[Any]: ...

    def read_coils(self, address: int, *, count: int, device_id: int) -> Awaitable[Any]: ...

    def write_coil(self, address: int, value: bool, *, device_id: int) -> Awaitable[Any]: ...

    def write_register(self, address: int, value: int, *, device_id: int) -> Awaitable[Any]: ...

    def write_registers(self, address: int, values: list[int], *, device_id: int) -> Awaitable[Any]: ...


def told(on_packet: Callable[[bool, bytes], bytes], on_connect: Callable[[bool], None]) -> dict[str, Any]:
    """What every pymodbus client is told: this bus keeps the time, so that pymodbus' own limit must never strike first."""
    return {
        "timeout": 60.0,
        "retries": 0,
        "reconnect_delay": 0,
        "trace_packet": on_packet,
        "trace_connect": on_connect,
    }


class Line(Protocol):
    """What differs between a serial line and a TCP connection. Times in seconds."""

    where: str  # for error texts: "port /dev/ttyUSB0"
    timeout_s: float
    silence_s: float  # what one request without an answer costs the line
    hint: str  # what an installer checks when a unit is silent
    noise_hint: str  # and when something came that is no answer
    answers: Answers

    def client(self, on_packet: Callable[[bool, bytes], bytes], on_connect: Callable[[bool], None]) -> Client: ...

    def why_not(self) -> str:
        """Why the last attempt to connect failed, and what to do."""

    def answer_s(self, request: Request) -> float:
        """How long request and answer take to travel."""

    async def settle(self) -> None:
        """Returns when the next request may go out; raises NoAnswer where the line is never free."""

    def received(self) -> None:
        """Bytes have just come."""

    def failed(self, sent_at: float, request: Request, *, silent: bool) -> bool:
        """A transaction met no answer: sets what `settle` must wait for; true where the connection is to be given up."""

    def succeeded(self) -> None: ...


class _Health(Struct):
    failures: int = 0
    rest_until: float = 0.0


class Bus:
    """What `open` of the bus drivers returns. `memory` outlives the drivers that come and go on the bus."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.memory: dict[object, object] = {}
        self._lock = asyncio.Lock()
        self._client: Client | None = None
        self._lost: asyncio.Future[None] | None = None
        self._connect_after = 0.0
        self._connect_pause_s = CONNECT_PAUSE_MIN_S
        self._connect_error = ""
        self._health: dict[int, _Health] = {}
        self._sent_at = 0.0
        self._running: asyncio.Task[list[int]] | None = None
        self._closed = False

    @property
    def where(self) -> str:
        return self._line.where

    async def read(self, unit: int, function: int, address: int, count: int) -> list[int]:
        """`count` (1 to 125) coils (function 1), holding (3) or input registers (4) from `address` (0 to 65535), of unit 1 to
        247 (TCP: 0 to 255). Coils are 0 or 1.

        Raises Refused, NoAnswer or LineLost, all of them DriverError. A unit that was well gets a second try, and so does a
        connection that was cut. Cancelling the caller leaves a transaction that has begun to run to its end, so that its
        answer cannot meet the next request.
        """
        request = Request(unit, function, address, count)
        if function not in (1, 3, 4) or not 1 <= count <= 125 or not 0 <= address <= 65_536 - count or not 0 <= unit <= 255:
            raise ValueError(f"no such read: function {function}, unit {unit}, {count} from {address}")
        return await self._ask(request)

    async def write(self, unit: int, function: int, address: int, values: Sequence[int]) -> None:
        """Writes one coil (function 5: 0 or 1), one register (6) or up to 123 registers (16). As `read`, second try included:
        only what may be written twice is fit for it. Read back what matters: a line that echoes grants everything.
        """
        limits = {5: (1, 1), 6: (1, 0xFFFF), 16: (123, 0xFFFF)}
        count_max, value_max = limits.get(function, (0, 0))
        fits = 1 <= len(values) <= count_max and all(0 <= value <= value_max for value in values)
        if not fits or not 0 <= address <= 65_536 - len(values) or not 1 <= unit <= 255:
            raise ValueError(f"no such write: function {function}, unit {unit}, {list(values)} to {address}")
        await self._ask(Request(unit, function, address, len(values), tuple(values)))

    async def _ask(self, request: Request) -> list[int]:
        try:
            return await self._attempt(request)
        except (NoAnswer, Dropped) as error:
            health = self._health.get(request.unit)
            if isinstance(error, NoAnswer) and health is not None and health.failures > 1:
                raise
        return await self._attempt(request)

    async def close(self) -> None:
        self._closed = True
        if self._running is not None and not self._running.done():
            self._running.cancel()
            await asyncio.wait({self._running})
        self._hang_up()

    async def _attempt(self, request: Request) -> list[int]:
        self._check_open(request)
        await self._lock.acquire()
        # No await between the lock and the task that releases it.
        task = asyncio.get_running_loop().create_task(self._transaction(request))
        self._running = task
        task.add_done_callback(self._finished)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise LineLost(f"{self.where}: the bus was closed in the middle of a request") from None
            raise

    def _finished(self, task: asyncio.Task[list[int]]) -> None:
        self._lock.release()
        if not task.cancelled():
            task.exception()  # a caller that was cancelled does not fetch it

    def _check_open(self, request: Request) -> None:
        if self._closed:
            raise LineLost(f"{self.where}: the bus is closed")
        health = self._health.get(request.unit)
        if health is not None and (wait_s := health.rest_until - asyncio.get_running_loop().time()) > 0:
            raise NoAnswer(
                f"{self.where}: unit {request.unit} has not answered {health.failures} times in a row and is asked again in "
                f"{wait_s:.1f} s. {self._line.hint}"
            )

    async def _transaction(self, request: Request) -> list[int]:
        # Whoever waited for the lock behind a failure meets its outcome, not another time-out.
        self._check_open(request)
        try:
            words = await self._exchange(request)
        except NoAnswer:
            self._note_failure(request.unit)
            raise
        except Refused as refusal:
            if refusal.code in (10, 11):
                self._note_failure(request.unit)
                raise NoAnswer(str(refusal)) from None
            self._health.pop(request.unit, None)
            raise
        self._health.pop(request.unit, None)
        return words

    def _note_failure(self, unit: int) -> None:
        health = self._health.setdefault(unit, _Health())
        health.failures += 1
        if health.failures >= REST_AFTER:
            wanted_s = self._line.timeout_s * 2.0 ** min(health.failures - REST_AFTER, 16)
            rest_s = min(wanted_s, self._line.silence_s * SILENT_SHARE * len(self._health), REST_MAX_S)
            health.rest_until = asyncio.get_running_loop().time() + rest_s

    async def _exchange(self, request: Request) -> list[int]:
        client = await self._connected()
        await self._line.settle()
        if self._lost is None or self._lost.done():
            raise self._dropped()
        answers, line = self._line.answers, self._line
        answers.expect(request)
        self._sent_at = asyncio.get_running_loop().time()
        pending = asyncio.ensure_future(_sent(client, request))
        limit_s = line.timeout_s + line.answer_s(request)
        try:
            await asyncio.wait({pending, self._lost}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answers.forget()
            if not pending.done():
                pending.cancel()
                await asyncio.wait({pending})
        if pending.cancelled() or pending.exception() is not None:
            if self._lost is None or self._lost.done():
                raise self._dropped()
            silent = not answers.seen
            if line.failed(self._sent_at, request, silent=silent):
                self._hang_up()
            raise NoAnswer(self._no_answer(request, answers.seen, limit_s))
        line.succeeded()
        return self._words(request, pending.result())

    def _words(self, request: Request, response: Response) -> list[int]:
        if response.isError():
            code = response.exception_code
            meaning = EXCEPTIONS.get(code, "an exception that Modbus does not define")
            raise Refused(f"{self.where}: {request}: refused with exception {code}: {meaning}", code)
        if request.function == READ_COILS:
            return [int(bit) for bit in response.bits[: request.count]]
        if request.values:
            return []
        if len(response.registers) != request.count:
            raise NoAnswer(f"{self.where}: {request}: {len(response.registers)} registers came for {request.count}")
        return list(response.registers)

    def _no_answer(self, request: Request, seen: bytes, limit_s: float) -> str:
        if not seen:
            return f"{self.where}: {request}: nothing came within {limit_s:.2f} s. {self._line.hint}"
        shown = seen[:24].hex(" ") + (" ..." if len(seen) > 24 else "")
        return (
            f"{self.where}: {request}: {len(seen)} bytes came within {limit_s:.2f} s that are no answer to it ({shown}). "
            f"{self._line.noise_hint}"
        )

    async def _connected(self) -> Client:
        if self._client is not None:
            if self._client.connected and self._lost is not None and not self._lost.done():
                return self._client
            self._hang_up()
        loop = asyncio.get_running_loop()
        if (wait_s := self._connect_after - loop.time()) > 0:
            raise LineLost(f"{self._connect_error} The next attempt is in {wait_s:.1f} s.")
        lost: asyncio.Future[None] = loop.create_future()

        def on_connect(connected: bool) -> None:
            if not connected and not lost.done():
                lost.set_result(None)

        client = self._line.client(self._on_packet, on_connect)
        self._client, self._lost = client, lost
        connected = False
        # What a port with impossible settings raises is no OSError: termios.error, ValueError.
        with suppress(OSError, termios.error, ValueError):
            connected = await asyncio.wait_for(client.connect(), max(1.0, self._line.timeout_s))
        if not connected:
            self._hang_up()
            self._connect_error = f"{self.where}: {self._line.why_not()}"
            self._connect_after = loop.time() + self._connect_pause_s
            self._connect_pause_s = min(2 * self._connect_pause_s, CONNECT_PAUSE_MAX_S)
            raise LineLost(self._connect_error)
        self._connect_pause_s = CONNECT_PAUSE_MIN_S
        # pymodbus puts a serial port on the loop two iterations after connect() has returned.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return client

    def _dropped(self) -> Dropped:
        self._hang_up()
        return Dropped(f"{self.where}: lost in the middle of a request: {self._line.why_not()}")

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = self._lost = None

    def _on_packet(self, sending: bool, data: bytes) -> bytes:
        if sending:
            self._sent_at = asyncio.get_running_loop().time()
            self._line.answers.sent(data)
            return data
        self._line.received()
        return self._line.answers.received(data)


def _sent(client: Client, request: Request) -> Awaitable[Any]:
    address, count, unit = request.address, request.count, request.unit
    match request.function:
        case 1:
            return client.read_coils(address, count=count, device_id=unit)
        case 3:
            return client.read_holding_registers(address, count=count, device_id=unit)
        case 4:
            return client.read_input_registers(address, count=count, device_id=unit)
        case 5:
            return client.write_coil(address, bool(request.values[0]), device_id=unit)
        case 6:
            return client.write_register(address, request.values[0], device_id=unit)
    return client.write_registers(address, list(request.values), device_id=unit)

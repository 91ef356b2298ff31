"""Drivers that fail as drivers do, handed to the hardware in place of the registry's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Generic, TypeVar

from chargepoint.core.events import Event
from chargepoint.facts import Card, Input, InputKind, Lights, Pattern, Pilot, Quantity, Reading, Refusal, Trouble
from chargepoint.ports import DriverError
from chargepoint.registry import Kind
from chargepoint.settings import Settings, parse
from tests.shell.fakes import pilot, until

T = TypeVar("T")


class Stream(Generic[T]):
    """What a driver reports: values put from outside, or an error that ends it."""

    def __init__(self, *first: T) -> None:
        self._queue: asyncio.Queue[T | Exception] = asyncio.Queue()
        for value in first:
            self._queue.put_nowait(value)

    def put(self, value: T | Exception) -> None:
        self._queue.put_nowait(value)

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            value = await self._queue.get()
            if isinstance(value, StopAsyncIteration):
                return
            if isinstance(value, Exception):
                raise value
            yield value


class FakePart:
    """One opened part. commands: what it was told. fails: raised by the next plain call."""

    quantities = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER})

    def __init__(self, kind: Kind, first: tuple[Any, ...]) -> None:
        self.kind = kind
        self.stream: Stream[Any] = Stream(*first)
        self.commands: list[Any] = []
        self.fails: Exception | None = None
        self.closes = 0
        self.hangs_in_close = False
        self.reads = 0
        self.read_error: Exception | None = None
        self.hangs_in_read = False
        self.energy_wh = 100.0

    def _do(self, *command: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.commands.append(command if len(command) > 1 else command[0])

    def set(self, value: bool) -> None:
        self._do(value)

    def offer(self, current_a: float | None) -> None:
        self._do(current_a)

    def show(self, pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> None:
        self._do(pattern, refusal, trouble)

    def adjust(self, lights: Lights) -> None:
        self._do(lights)

    def _states(self) -> AsyncIterator[Any]:
        return aiter(self.stream)

    feedback = states = cards = changes = _states

    async def read(self) -> Reading:
        self.reads += 1
        if self.hangs_in_read:
            await _hang()
        if self.read_error is not None:
            raise self.read_error
        return Reading(energy_import_wh=self.energy_wh)

    async def close(self) -> None:
        self.closes += 1
        if self.hangs_in_close:
            await _hang()


_hung: set[asyncio.Event] = set()


async def _hang() -> None:
    """As a library that swallows its cancellation, until `let_go`."""
    over = asyncio.Event()
    _hung.add(over)
    while not over.is_set():
        try:
            await over.wait()
        except asyncio.CancelledError:
            continue


def let_go() -> None:
    """Ends whatever hangs, so that no test leaves a task behind."""
    for over in _hung:
        over.set()
    _hung.clear()


FIRST: Mapping[Kind, Callable[[], tuple[Any, ...]]] = {
    Kind.CONTACTOR: lambda: (False,),
    Kind.PILOT: lambda: (pilot("A"),),
    Kind.LOCK: lambda: (False,),
}


class Workshop:
    """Where parts come from. trouble: why a part named "kind section" cannot be opened. parts: all that were opened."""

    def __init__(self) -> None:
        self.trouble: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.parts: dict[str, list[FakePart]] = {}
        self.tries: dict[str, int] = {}
        self.events: list[Event] = []

    def opener(
        self, kind: Kind, part: Mapping[str, Any], section: str
    ) -> Callable[[Mapping[str, Any]], Coroutine[Any, Any, Any]]:
        async def open_part(buses: Mapping[str, Any]) -> Any:
            self.tries[section] = self.tries.get(section, 0) + 1
            if section in self.hanging:
                await asyncio.Event().wait()
            if section in self.trouble:
                raise self.trouble[section]
            if "bus" in part and part["bus"] not in buses:
                raise DriverError(f"bus {part['bus']} is not open")
            made = FakePart(kind, FIRST.get(kind, tuple)())
            self.parts.setdefault(section, []).append(made)
            return made

        return open_part

    async def report(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def newest(self, section: str) -> FakePart:
        return self.parts[section][-1]

    async def opened(self, section: str, times: int = 1) -> FakePart:
        await until(lambda: len(self.parts.get(section, [])) >= times, f"{section} opened {times} times")
        return self.parts[section][-1]

    async def told(self, event: Event, times: int = 1) -> None:
        await until(lambda: self.events.count(event) >= times, f"{event} in {self.events[-5:]}")


def settings(connectors: int = 1, *, bus: bool = False, meter_poll_s: float = 0.1) -> Settings:
    """A small station's settings; the drivers' tables are never looked at by the workshop."""
    some = {"driver": "virtual", "socket": "/nowhere", "connector": 1}
    meter = {**some, "bus": "meters"} if bus else some
    return parse(
        {
            "station": {"identity": "CP1", "vendor": "V", "model": "M"},
            "central_system": {"url": "ws://localhost/x"},
            "buses": {"meters": {"driver": "modbus_tcp", "host": "x"}} if bus else {},
            "connectors": {
                str(number): {
                    "meter": meter,
                    "contactor": some,
                    "pilot": some,
                    "lock": some,
                    "indicator": some,
                    "meter_poll_s": meter_poll_s,
                }
                for number in range(1, connectors + 1)
            },
            "readers": {"1": {"driver": "virtual", "socket": "/nowhere", "reader": 1}},
            "inputs": {"driver": "virtual", "socket": "/nowhere"},
        },
        check_configuration=lambda name, value: None,
    )


A_CARD = Card(id_tag="04A2B3C4")
A_PILOT: Pilot = pilot("C")


def an_input(active: bool) -> Input:
    return Input(connector=0, kind=InputKind.EMERGENCY_STOP, active=active)

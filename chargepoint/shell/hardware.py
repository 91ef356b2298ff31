"""The hardware: every bus and part of the settings, opened through the registry and kept open.

Owns which part belongs to which connector and what each was commanded last. Refuses to decide. Commands are plain calls that
return at once and never raise: a part that fails at one is lost, which is a fact like others.

A contactor comes back open, whatever was commanded before, and stays so until the core commands anew. Offer, lock and indicator
are told again what was last commanded (none of them gives energy).
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from chargepoint.core.events import CardSeen, ContactorSeen, InputSeen, LockSeen, PilotSeen
from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from chargepoint.ports import CardReader, Contactor, DriverError, Indicator, Inputs, Lock, Meter, PilotSensor, Port
from chargepoint.registry import Kind, config_of
from chargepoint.settings import Settings
from chargepoint.shell.meter_part import FAILING_MAX_S, Poll
from chargepoint.shell.meter_part import OPEN_S as METER_OPEN_S
from chargepoint.shell.part import OPEN_S, LeftOut, Part, Report, bounded, bring

log = logging.getLogger(__name__)

P = TypeVar("P", bound=Port)
Opener = Callable[[Mapping[str, Any]], Coroutine[Any, Any, Any]]
Openers = Callable[[Kind, Mapping[str, Any], str], Opener]


def registered(kind: Kind, part: Mapping[str, Any], section: str) -> Opener:
    """What opens a part, by the registry; raises SettingsError where its table is wrong."""
    module, config = config_of(kind, part, section=section)

    def open_part(buses: Mapping[str, Any]) -> Coroutine[Any, Any, Any]:
        opening: Coroutine[Any, Any, Any] = module.open(config) if kind is Kind.BUS else module.open(config, buses)
        return opening

    return open_part


def refusing(refused: Mapping[str, str]) -> Openers:
    """The same, but for the parts of these sections: they are not touched, and are lost for the reason that is given."""

    def opener(kind: Kind, part: Mapping[str, Any], section: str) -> Opener:
        if section not in refused:
            return registered(kind, part, section)

        async def refuse(buses: Mapping[str, Any]) -> Any:
            raise LeftOut(refused[section])

        return refuse

    return opener


class Hardware:
    """All parts of one station. report takes each fact. openers finds a part's driver: tests bring their own."""

    def __init__(self, settings: Settings, report: Report, openers: Openers = registered) -> None:
        self._report = report
        self._openers = openers
        self._buses = Buses({name: openers(Kind.BUS, part, f"buses.{name}") for name, part in settings.buses.items()})
        self._contactors: dict[int, Part[Contactor]] = {}
        self._pilots: dict[int, Part[PilotSensor]] = {}
        self._locks: dict[int, Part[Lock]] = {}
        self._indicators: dict[int, Part[Indicator]] = {}
        self._others: list[Part[Any]] = []
        self._polls: dict[int, Poll] = {}
        self._offers: dict[int, float | None] = {}
        self._locked: dict[int, bool] = {}
        self._shown: dict[int, tuple[Pattern, Refusal | None, Trouble | None]] = {}
        self._lights = Lights()
        self._stopping = False
        self._meters_may_open = asyncio.Event()
        self._meters_may_open.set()
        self._build(settings)

    def start(self, *, hold_meters: bool = False) -> None:
        """Begins to open everything at once; what opens says so by its facts. hold_meters: but for the meters, whose library is
        the heaviest that a station loads: they follow with `open_meters`.
        """
        if hold_meters:
            self._meters_may_open.clear()
        for part in self._parts():
            part.start()

    def open_meters(self) -> None:
        self._meters_may_open.set()

    async def stop(self) -> None:
        """Everything into its safe state and closed, within about 5 s."""
        self.make_safe()
        self._stopping = True
        locks = list(self._locks.values())
        await asyncio.gather(*(part.stop() for part in self._parts() if part not in locks))
        await asyncio.gather(*(part.stop() for part in locks))  # one whose bolt is held lets go: behind open contacts
        await self._buses.close()

    def make_safe(self) -> None:
        """Every contactor open, no offer."""
        for contactor in self._contactors.values():
            contactor.command(lambda port: port.set(False))
        for number in self._pilots:
            self.offer(number, None)

    def open_contactors(self) -> None:
        """From any thread, while the event loop stands still; `lose_contactors` follows when it turns again."""
        for contactor in self._contactors.values():
            if (port := contactor.port) is not None:
                with contextlib.suppress(Exception):  # a part that fails at it is lost with the others
                    port.set(False)

    def lose_contactors(self, why: str) -> None:
        """They were opened behind the core's back: each is lost, and comes back open."""
        for contactor in self._contactors.values():
            contactor.fail(DriverError(why))

    def set_contactor(self, connector: int, closed: bool) -> None:
        if not self._contactors[connector].command(lambda port: port.set(closed)) and closed:
            log.warning("connector %d: its contactor cannot close, for it does not answer", connector)

    def offer(self, connector: int, current_a: float | None) -> None:
        self._offers[connector] = current_a
        self._pilots[connector].command(lambda port: port.offer(current_a))

    def move_lock(self, connector: int, locked: bool) -> None:
        self._locked[connector] = locked
        if connector in self._locks:
            self._locks[connector].command(lambda port: port.set(locked))

    def show(self, connector: int, pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> None:
        self._shown[connector] = (pattern, refusal, trouble)
        if connector in self._indicators:
            self._indicators[connector].command(lambda port: port.show(pattern, refusal, trouble))

    def adjust_lights(self, lights: Lights) -> None:
        self._lights = lights
        for indicator in self._indicators.values():
            indicator.command(lambda port: port.adjust(lights))

    def read_meter(self, connector: int) -> None:
        self._polls[connector].hurry()

    def health(self) -> list[dict[str, Any]]:
        """Every part: whether it is open, and what its trouble is."""
        return [part.health() for part in self._parts()]

    def meter_errors(self) -> dict[int, dict[str, int]]:
        """Readings that failed since the start, for each connector by kind."""
        return {number: dict(poll.errors) for number, poll in self._polls.items()}

    def tasks(self) -> list[asyncio.Task[None]]:
        """What keeps the parts open, once started; none of them ends by itself."""
        return [part.task for part in self._parts() if part.task is not None]

    def _parts(self) -> list[Part[Any]]:
        """Contactors first: they are to be open before anything else happens."""
        by_kind = (self._contactors, self._pilots, self._locks, self._indicators)
        return [part for parts in by_kind for part in parts.values()] + self._others

    def _build(self, settings: Settings) -> None:
        for name, connector in settings.connectors.items():
            number, section = int(name), f"connectors.{name}"
            self._add_contactor(number, self._opener(Kind.CONTACTOR, connector.contactor, f"{section}.contactor"))
            self._add_pilot(number, self._opener(Kind.PILOT, connector.pilot, f"{section}.pilot"))
            if connector.lock is not None:
                self._add_lock(number, self._opener(Kind.LOCK, connector.lock, f"{section}.lock"))
            if connector.indicator is not None:
                self._add_indicator(number, self._opener(Kind.INDICATOR, connector.indicator, f"{section}.indicator"))
            poll = self._polls[number] = Poll(number, connector.meter_poll_s, self._report)
            open_meter: Callable[[], Coroutine[Any, Any, Meter]] = self._opener(Kind.METER, connector.meter, f"{section}.meter")
            self._others.append(
                Part("meter", number, open_meter, poll.use, self._report, patience_s=FAILING_MAX_S, open_s=METER_OPEN_S)
            )
        for name, reader in settings.readers.items():
            self._add_reader(int(name), self._opener(Kind.READER, reader.part, f"readers.{name}"))
        if settings.inputs is not None:
            self._add_inputs(self._opener(Kind.INPUTS, settings.inputs, "inputs"))

    def _add_contactor(self, number: int, opener: Callable[[], Coroutine[Any, Any, Contactor]]) -> None:
        async def use(part: Part[Contactor], port: Contactor) -> None:
            await bring(part, port.feedback(), lambda closed: ContactorSeen(number, closed), self._report)

        def prepare(port: Contactor) -> None:
            port.set(False)

        self._contactors[number] = Part("contactor", number, opener, use, self._report, prepare, announce=True)

    def _add_pilot(self, number: int, opener: Callable[[], Coroutine[Any, Any, PilotSensor]]) -> None:
        async def use(part: Part[PilotSensor], port: PilotSensor) -> None:
            await bring(part, port.states(), lambda pilot: PilotSeen(number, pilot), self._report)

        def prepare(port: PilotSensor) -> None:
            port.offer(self._offers.get(number))

        self._pilots[number] = Part("pilot", number, opener, use, self._report, prepare)

    def _add_lock(self, number: int, opener: Callable[[], Coroutine[Any, Any, Lock]]) -> None:
        async def use(part: Part[Lock], port: Lock) -> None:
            await bring(part, port.states(), lambda locked: LockSeen(number, locked), self._report)

        def prepare(port: Lock) -> None:
            if number in self._locked:
                port.set(self._locked[number])

        self._locks[number] = Part("lock", number, opener, use, self._report, prepare)

    def _add_indicator(self, number: int, opener: Callable[[], Coroutine[Any, Any, Indicator]]) -> None:
        async def use(part: Part[Indicator], port: Indicator) -> None:
            await part.works()
            await asyncio.Event().wait()  # it tells nothing; a show() that fails ends this

        def prepare(port: Indicator) -> None:
            port.adjust(self._lights)
            if number in self._shown:
                port.show(*self._shown[number])

        self._indicators[number] = Part("indicator", number, opener, use, self._report, prepare)

    def _add_reader(self, number: int, opener: Callable[[], Coroutine[Any, Any, CardReader]]) -> None:
        async def use(part: Part[CardReader], port: CardReader) -> None:
            await part.works()
            await bring(part, port.cards(), lambda card: CardSeen(number, card), self._report)

        self._others.append(Part("reader", number, opener, use, self._report))

    def _add_inputs(self, opener: Callable[[], Coroutine[Any, Any, Inputs]]) -> None:
        async def use(part: Part[Inputs], port: Inputs) -> None:
            await part.works()
            await bring(part, port.changes(), InputSeen, self._report)

        self._others.append(Part("inputs", 0, opener, use, self._report, announce=True))

    def _opener(self, kind: Kind, part: Mapping[str, Any], section: str) -> Callable[[], Coroutine[Any, Any, Any]]:
        open_part = self._openers(kind, part, section)

        async def open_with_bus() -> Any:
            if kind is Kind.METER:
                await self._meters_may_open.wait()
            if self._stopping:
                raise DriverError("the station stops")
            await self._buses.need(part.get("bus"))
            return await open_part(self._buses.opened)

        return open_with_bus


class Buses:
    """The buses of [buses], each opened when its first part needs it, and again where that failed."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self.opened: dict[str, Any] = {}
        self._openers = openers
        self._opening = asyncio.Lock()

    async def need(self, name: object) -> None:
        """Opens a bus; raises DriverError where it cannot be. A part without a bus needs none."""
        if not isinstance(name, str) or name not in self._openers:
            return
        async with self._opening:
            if name not in self.opened:
                self.opened[name] = await bounded(
                    self._openers[name]({}), OPEN_S / 2, f"bus {name}: the driver does not open it"
                )

    async def close(self) -> None:
        for name, bus in self.opened.items():
            try:
                await bounded(bus.close(), 1.0, f"bus {name}: the driver does not close it")
            except Exception as error:
                log.warning("bus %s did not close in order: %s", name, error)

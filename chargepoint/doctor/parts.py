"""The parts of a station that is stopped: each is opened, looked at and closed again.

Owns what of each part shows that it works. A contactor closes and a bolt moves only where a person has confirmed it, and the
contactor only while the pilot shows no car. Whatever a driver raises is a finding; one that hangs is given up.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from chargepoint.core.wiring import JUDGED, Wiring
from chargepoint.doctor.finding import Finding, Part, Person, skipped, well, wrong
from chargepoint.doctor.running import meter_code
from chargepoint.facts import Pattern, Pilot, PilotState, Reading
from chargepoint.ports import CardReader, Contactor, DriverError, Indicator, Inputs, Lock, Meter, PilotSensor
from chargepoint.registry import Kind
from chargepoint.settings import Connector, Settings
from chargepoint.shell.hardware import Buses, registered
from chargepoint.shell.part import bounded

OPEN_S = 6.0
LOOK_S = 3.0
CARD_S = 20.0
MOVE_S = 4.0
LIGHT_S = 2.0
CURRENT_A = 1.0
VOLTS = (80.0, 300.0)
HERTZ = (45.0, 65.0)

T = TypeVar("T")


class Bench:
    """The parts of one station, opened as they are needed. Use `close` at the end."""

    def __init__(self, settings: Settings, person: Person | None) -> None:
        self._settings = settings
        self._person = person
        openers = {name: registered(Kind.BUS, part, f"buses.{name}") for name, part in settings.buses.items()}
        self._buses = Buses(openers)
        self._pilots: dict[str, Pilot] = {}

    async def close(self) -> None:
        await self._buses.close()

    # What is seen without anybody, all at once

    async def meter(self, name: str, connector: Connector) -> list[Finding]:
        where = f"connector {name}"
        try:
            meter: Meter = await self._opened(Kind.METER, connector.meter, f"connectors.{name}.meter")
        except Exception as error:
            return [wrong(meter_code(str(error)), _words(error), where)]
        try:
            readings = [await bounded(meter.read(), LOOK_S, "the meter gives no reading") for _ in range(JUDGED)]
            number = await _serial_number(meter)
        except Exception as error:
            return [wrong("meter-lost", _words(error), where)]
        finally:
            await _closed(meter)
        return list(_meter_findings(readings, number, connector, where))

    async def inputs(self) -> list[Finding]:
        part = self._settings.inputs
        if part is None:
            return [skipped(Part.INPUTS, "there are none in the file")]
        try:
            inputs: Inputs = await self._opened(Kind.INPUTS, part, "inputs")
        except Exception as error:
            return [wrong("inputs-lost", _words(error))]
        try:
            active = [change async for change in _for_a_moment(inputs.changes())]
        except Exception as error:
            return [wrong("inputs-lost", _words(error))]
        finally:
            await _closed(inputs)
        found = [
            wrong("input-active", f"{one.kind} is active", f"connector {one.connector}" if one.connector else "")
            for one in active
            if one.active
        ]
        return found or [well(Part.INPUTS, "can be read, and none of them is active")]

    async def pilot(self, name: str, connector: Connector) -> list[Finding]:
        """Leaves the newest state for the test of the contactor."""
        where = f"connector {name}"
        try:
            pilot: PilotSensor = await self._opened(Kind.PILOT, connector.pilot, f"connectors.{name}.pilot")
        except Exception as error:
            return [wrong("pilot-lost", _words(error), where)]
        try:
            pilot.offer(None)
            states = pilot.states()
            seen: Pilot = await bounded(_next(states), LOOK_S, "the pilot tells no state")
        except Exception as error:
            return [wrong("pilot-lost", _words(error), where)]
        finally:
            await _closed(pilot)
        self._pilots[name] = seen
        if seen.state in (PilotState.E, PilotState.F):
            return [wrong("pilot-fault", f"the pilot shows state {seen.state}", where)]
        if not seen.diode_ok:
            return [wrong("pilot-fault", "the pilot has no negative half: no vehicle's diode", where)]
        car = "no car" if seen.state is PilotState.A else f"a car (state {seen.state})"
        cable = "" if seen.cable_a is None else f", its cable carries {seen.cable_a:g} A"
        return [well(Part.PILOT, f"works and sees {car}{cable}", where, state=str(seen.state))]

    async def reader(self, name: str, part: Mapping[str, Any]) -> list[Finding]:
        """Whether it opens, and where a person is there, a card's number."""
        try:
            reader: CardReader = await self._opened(Kind.READER, part, f"readers.{name}")
        except Exception as error:
            return [wrong("reader-lost", _words(error), name)]
        try:
            if self._person is None:
                return [well(Part.READER, "answers; no card was asked for", name)]
            await self._person.tell(f"Reader {name}: hold a card to it within {CARD_S:g} s.")
            card = await bounded(_next(reader.cards()), CARD_S, "no card was read")
        except DriverError as error:
            return [wrong("reader-no-card" if "no card was read" in str(error) else "reader-lost", _words(error), name)]
        except Exception as error:
            return [wrong("reader-lost", _words(error), name)]
        finally:
            await _closed(reader)
        return [well(Part.READER, f"read the card {card.id_tag}", name, card=card.id_tag)]

    # What moves or shines, one after the other

    async def lock(self, name: str, connector: Connector) -> list[Finding]:
        where = f"connector {name}"
        if connector.lock is None:
            return [skipped(Part.LOCK, "there is none", where)]
        try:
            lock: Lock = await self._opened(Kind.LOCK, connector.lock, f"connectors.{name}.lock")
        except Exception as error:
            return [wrong("lock-lost", _words(error), where)]
        try:
            states = lock.states()
            locked = await bounded(_next(states), LOOK_S, "the lock tells no state")
            stands = "locked" if locked else "unlocked"
            if not await self._may(f"Connector {name}: move the bolt of its lock there and back?"):
                return [well(Part.LOCK, f"answers, and is {stands}; not moved", where, lock=stands)]
            for wanted in (True, False):
                lock.set(wanted)
                reached = await bounded(_next(states), MOVE_S, "the lock tells no end of its move")
                if reached is not wanted:
                    return [wrong("lock-jammed", f"it was told to {'lock' if wanted else 'unlock'} and did not", where)]
        except Exception as error:
            return [wrong("lock-lost", _words(error), where)]
        finally:
            await _closed(lock)
        return [well(Part.LOCK, "locks and unlocks", where, lock="moved and back")]

    async def contactor(self, name: str, connector: Connector) -> list[Finding]:
        """Open at first; closed and opened once where a person says so and no car is there."""
        where = f"connector {name}"
        try:
            contactor: Contactor = await self._opened(Kind.CONTACTOR, connector.contactor, f"connectors.{name}.contactor")
        except Exception as error:
            return [wrong("contactor-lost", _words(error), where)]
        try:
            feedback = contactor.feedback()
            if await bounded(_next(feedback), LOOK_S, "the contactor tells no state"):
                return [wrong("contactor-closed", "its feedback says that it is closed, and nobody closed it", where)]
            seen = self._pilots.get(name)
            if seen is None or seen.state is not PilotState.A:
                why = "the pilot cannot be seen" if seen is None else "a car is plugged"
                return [well(Part.CONTACTOR, f"is open; not closed for a test, for {why}", where)]
            if not await self._may(f"Connector {name}: close its contactor for a moment? The socket will be live."):
                return [well(Part.CONTACTOR, "is open; not closed for a test", where)]
            await self.pilot(name, connector)  # a car may have come while the question was thought about
            if self._pilots[name].state is not PilotState.A:
                return [well(Part.CONTACTOR, "is open; not closed for a test, for a car was plugged meanwhile", where)]
            return [await _switched(contactor, feedback, connector, where)]
        except Exception as error:
            return [wrong("contactor-lost", _words(error), where)]
        finally:
            contactor.set(False)
            await _closed(contactor)

    async def light(self, name: str, connector: Connector) -> list[Finding]:
        where = f"connector {name}"
        if connector.indicator is None:
            return [skipped(Part.LIGHT, "there is none", where)]
        try:
            light: Indicator = await self._opened(Kind.INDICATOR, connector.indicator, f"connectors.{name}.indicator")
        except Exception as error:
            return [wrong("light-lost", _words(error), where)]
        try:
            if self._person is None:
                return [well(Part.LIGHT, "can be driven; nobody was asked whether it shines", where)]
            for pattern in (Pattern.ACCEPTED, Pattern.REFUSED, Pattern.AVAILABLE):
                light.show(pattern)
                await asyncio.sleep(LIGHT_S)
            if await self._person.confirm(f"Connector {name}: did the light show accepted, refused and free?"):
                return [well(Part.LIGHT, "was seen", where, light="seen")]
            return [wrong("light-dark", "nobody saw it show accepted, refused and free", where)]
        except Exception as error:
            return [wrong("light-lost", _words(error), where)]
        finally:
            await _closed(light)

    async def _may(self, question: str) -> bool:
        return self._person is not None and await self._person.confirm(question)

    async def _opened(self, kind: Kind, part: Mapping[str, Any], section: str) -> Any:
        open_part = registered(kind, part, section)

        async def opening() -> Any:
            await self._buses.need(part.get("bus"))
            return await open_part(self._buses.opened)

        return await bounded(opening(), OPEN_S, f"{section}: its driver does not open it")


async def _switched(contactor: Contactor, feedback: AsyncIterator[bool], connector: Connector, where: str) -> Finding:
    """Closes and opens it, and takes the times."""
    times: list[float] = []
    for closed, limit_s, code in (
        (True, connector.closing_s, "contactor-stuck"),
        (False, connector.opening_s, "contactor-welded"),
    ):
        began_s = time.monotonic()
        contactor.set(closed)
        try:
            async with asyncio.timeout(limit_s + 0.5):
                while await _next(feedback) is not closed:
                    pass
        except TimeoutError:
            verb = "close" if closed else "open"
            return wrong(code, f"it did not {verb} within {limit_s + 0.5:g} s", where)
        times.append(time.monotonic() - began_s)
    closing, opening = (f"{seconds * 1_000:.0f} ms" for seconds in times)
    return well(Part.CONTACTOR, f"closes in {closing} and opens in {opening}", where, closing=closing, opening=opening)


def _meter_findings(readings: list[Reading], number: str | None, connector: Connector, where: str) -> list[Finding]:
    last = readings[-1]
    facts = {"register": f"{last.energy_import_wh / 1_000:.3f} kWh"}
    if number:
        facts["serial number"] = number
    if last.power_w is not None:
        facts["power"] = f"{last.power_w:.0f} W"
    for name, phases, unit in (("voltage", last.voltage_v, "V"), ("current", last.current_a, "A")):
        if any(phase is not None for phase in phases):
            facts[name] = " ".join("-" if phase is None else f"{phase:.1f}" for phase in phases) + f" {unit}"
    if last.frequency_hz is not None:
        facts["frequency"] = f"{last.frequency_hz:.2f} Hz"
    wiring = Wiring(connector.phases, connector.phase_rotation)
    remarks = [remark for reading in readings for remark in wiring.judge(reading, closed=False)]
    findings = [wrong("meter-wiring", remark, where) for remark in remarks]
    findings += [wrong("meter-implausible", text, where, facts=facts) for text in _implausible(readings)]
    if not any(finding.code == "meter-implausible" for finding in findings):
        findings.append(well(Part.METER, ", ".join(f"{name} {value}" for name, value in facts.items()), where, **facts))
    return findings


def _implausible(readings: list[Reading]) -> list[str]:
    """What cannot be while the contactor is open. A meter behind the contactor shows no voltage, and that is well."""
    last, said = readings[-1], list[str]()
    live = [volts for volts in last.voltage_v if volts is not None and volts > 10.0]
    if live and not all(VOLTS[0] <= volts <= VOLTS[1] for volts in live):
        said.append(f"a voltage of {max(live):.0f} V")
    if last.frequency_hz is not None and last.frequency_hz > 0 and not HERTZ[0] <= last.frequency_hz <= HERTZ[1]:
        said.append(f"a frequency of {last.frequency_hz:.1f} Hz")
    currents = [amperes for amperes in last.current_a if amperes is not None]
    if currents and max(currents) > CURRENT_A:
        said.append(f"a current of {max(currents):.1f} A while the contactor is open: other loads behind this meter?")
    if readings[0].energy_import_wh > last.energy_import_wh:
        said.append("the energy register runs backwards")
    return said


async def _serial_number(meter: Meter) -> str | None:
    """What the meter says of itself, where its driver can ask it."""
    ask: Callable[[], Awaitable[str | None]] | None = getattr(meter, "serial_number", None)
    if ask is None:
        return None
    try:
        return await bounded(_awaited(ask), LOOK_S, "no serial number")
    except DriverError:
        return None


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


async def _next(states: AsyncIterator[T]) -> T:
    try:
        return await anext(states)
    except StopAsyncIteration:
        raise DriverError("the driver has stopped reporting") from None


async def _for_a_moment(changes: AsyncIterator[T], quiet_s: float = 0.3) -> AsyncIterator[T]:
    """What comes until nothing has come for a moment."""
    while True:
        try:
            async with asyncio.timeout(quiet_s):
                change = await anext(changes)
        except (TimeoutError, StopAsyncIteration):
            return
        yield change


async def _closed(port: Any) -> None:
    with contextlib.suppress(DriverError, TimeoutError, OSError):
        await bounded(port.close(), 2.0, "the driver does not close it")


def _words(error: Exception) -> str:
    known = isinstance(error, DriverError | OSError)
    return str(error) if known else f"its driver broke ({type(error).__name__}: {error})"

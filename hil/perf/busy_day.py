"""A busy day: the events of a station on whose two connectors one car after another charges, as values and beforehand.

Owns the mix. Refuses to measure: whoever measures gets a list and hands it to a core of its own, so that the world around the
core costs nothing of what is measured. The core is pure, so the same events lead it through the same day.

The mix, an hour of it (about 7,600 events, 95 % of them readings, as on a station that is in use):

- each connector charges a car for 14 min and is empty for 1 min, the second 7 min after the first: plug, tap, Authorize, start,
  stop by the same card, unplug; the car pauses twice (pilot C, B, C), contactor and lock move and tell so;
- each meter is read once a second, all the time, with the noise of a mains voltage; each reading gives energy, power, and
  three phases of current and voltage;
- every 60 s each connector's sample (MeterValueSampleInterval) of four measurands becomes a row, is sent, and is answered;
- every 30 s the Central System asks something: TriggerMessage of a Heartbeat, of MeterValues, of a StatusNotification, or
  GetConfiguration of one key; it answers every CALL after 40 ms;
- every deadline that the core names brings a Tick, and every LookUp its answer; the system's clock is right.
"""

import heapq
import json
import random
from collections.abc import Callable, Iterator

from msgspec import Struct

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import BootRecord, Snapshot
from chargepoint.core.site import ConnectorSite, Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.facts import Card, Pilot, PilotState, Quantity, Reading
from chargepoint.messages import to_utc

BEGIN_MONO_S, BEGIN_WALL_S = 5.0, 1_767_614_400.0  # 2026-01-05T12:00:00Z
ANSWER_S, CONTACTOR_S, LOCK_S, METER_S = 0.04, 0.03, 0.2, 0.05
CARD = "04A1B2C3D4E5F6"
KEYS = {
    "MeterValueSampleInterval": "60",
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
    "HeartbeatInterval": "300",
}
QUANTITIES = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER, Quantity.CURRENT, Quantity.VOLTAGE})
ASKED = (
    '[2,"{id}","TriggerMessage",{{"requestedMessage":"Heartbeat"}}]',
    '[2,"{id}","GetConfiguration",{{"key":["HeartbeatInterval"]}}]',
    '[2,"{id}","TriggerMessage",{{"requestedMessage":"MeterValues","connectorId":1}}]',
    '[2,"{id}","TriggerMessage",{{"requestedMessage":"StatusNotification","connectorId":2}}]',
)

Happening = tuple[ev.Event, Now]


class Visit(Struct, frozen=True, kw_only=True):
    """How long a car charges and how long its place is empty then; nobody_comes: the station stays idle. reading_s: how often
    the meter is read. asked_s: how often the Central System asks something.
    """

    session_s: float = 840.0
    pause_s: float = 60.0
    nobody_comes: bool = False
    reading_s: float = 1.0
    asked_s: float = 30.0


def station(connectors: int = 2) -> Station:
    """A core that has just been installed."""
    boot = BootRecord(boot=1, kernel_boot_id="busy", first_mono_s=0.0, last_mono_s=0.0)
    return Station(Snapshot(run=1, boots=(boot,), keys={}, stop_samples={}), site(connectors))


def site(connectors: int = 2) -> Site:
    return Site(
        identity="CK_BUSY_0001",
        vendor="ChargeKing",
        model="CK22",
        connectors=tuple(ConnectorSite(number=number) for number in range(1, connectors + 1)),
        readers={number: (number,) for number in range(1, connectors + 1)},
        current_a_max=24.0 * connectors,
        first_keys=KEYS,
    )


def happenings(hours: float, connectors: int = 2, visit: Visit | None = None) -> list[Happening]:
    """What happens at such a station in so many hours, in order. The same every time."""
    return list(_Day(connectors, visit or Visit()).events(hours * 3600))


class _Outlet:
    """One connector and the car at it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = PilotState.A
        self.coil = False
        self.energy_wh = 1_000.0 * number

    def pilot(self) -> Pilot:
        return Pilot(state=self.state, cable_at_station=self.state is not PilotState.A, cable_a=32.0)


class _Day:
    def __init__(self, connectors: int, visit: Visit) -> None:
        self._visit = visit
        self._rng = random.Random(1)
        self._station = station(connectors)
        self._outlets = {number: _Outlet(number) for number in range(1, connectors + 1)}
        self._now_s = BEGIN_MONO_S
        self._planned: list[tuple[float, int, Callable[[], ev.Event | None]]] = []
        self._count = 0
        self._asked = 0
        self._transactions = 0

    def events(self, for_s: float) -> Iterator[Happening]:
        self._plan(0.0, ev.Started)
        self._plan(1.0, lambda: ev.LinkUp("ws://busy"))
        for outlet in self._outlets.values():
            self._begin(outlet)
        self._every(1.0, self._visit.asked_s, self._ask)
        while self._now_s < BEGIN_MONO_S + for_s:
            event = self._next()
            if event is None:
                continue
            now = Now(self._now_s, BEGIN_WALL_S + self._now_s)
            yield event, now
            for effect in self._station.handle(event, now):
                self._perform(effect)

    def _next(self) -> ev.Event | None:
        deadline_s = self._station.next_deadline()
        if deadline_s is not None and deadline_s < self._planned[0][0]:
            self._now_s = max(self._now_s, deadline_s)
            return ev.Tick()
        at_s, _, happen = heapq.heappop(self._planned)
        self._now_s = max(self._now_s, at_s)
        return happen()

    def _plan(self, delay_s: float, happen: Callable[[], ev.Event | None]) -> None:
        self._count += 1
        heapq.heappush(self._planned, (self._now_s + delay_s, self._count, happen))

    def _every(self, delay_s: float, period_s: float, happen: Callable[[], ev.Event | None]) -> None:
        def again() -> ev.Event | None:
            self._plan(period_s, again)
            return happen()

        self._plan(delay_s, again)

    def _begin(self, outlet: _Outlet) -> None:
        """Its parts open, its meter is read every second, and its cars come and go."""
        number, session_s, period_s = outlet.number, self._visit.session_s, self._visit.session_s + self._visit.pause_s
        self._plan(0.1, lambda: ev.MeterOpened(number, QUANTITIES))
        self._plan(0.1, lambda: ev.ContactorSeen(number, False))
        self._plan(0.1, lambda: ev.PilotSeen(number, outlet.pilot()))
        self._plan(0.1, lambda: ev.LockSeen(number, False))
        self._every(0.2 + 0.4 * number, self._visit.reading_s, lambda: self._read(outlet))
        if self._visit.nobody_comes:
            return
        first_s = 5.0 + (number - 1) * period_s / 2
        course: list[tuple[float, Callable[[], ev.Event]]] = [
            (0.0, lambda: self._car(outlet, PilotState.B)),
            (3.0, lambda: ev.CardSeen(number, Card(id_tag=CARD))),
            (5.0, lambda: self._car(outlet, PilotState.C)),
            (0.36 * session_s, lambda: self._car(outlet, PilotState.B)),
            (0.36 * session_s + 30.0, lambda: self._car(outlet, PilotState.C)),
            (0.7 * session_s, lambda: self._car(outlet, PilotState.B)),
            (0.7 * session_s + 10.0, lambda: self._car(outlet, PilotState.C)),
            (session_s, lambda: ev.CardSeen(number, Card(id_tag=CARD))),
            (session_s + 10.0, lambda: self._car(outlet, PilotState.A)),
        ]
        for at_s, happen in course:
            self._every(first_s + at_s, period_s, happen)

    def _car(self, outlet: _Outlet, state: PilotState) -> ev.Event:
        outlet.state = state
        return ev.PilotSeen(outlet.number, outlet.pilot())

    def _read(self, outlet: _Outlet) -> ev.Event:
        charges = outlet.coil and outlet.state is PilotState.C
        amps = 15.9 + self._rng.uniform(-0.1, 0.1) if charges else 0.0
        volts = tuple(round(231.0 + self._rng.uniform(-1.5, 1.5), 1) for _ in range(3))
        power_w = sum(volts) * amps
        outlet.energy_wh += power_w / 3600
        reading = Reading(
            energy_import_wh=round(outlet.energy_wh, 1),
            power_w=round(power_w, 1),
            current_a=(amps, amps, amps),
            voltage_v=(volts[0], volts[1], volts[2]),
        )
        return ev.MeterRead(outlet.number, reading, self._now_s - METER_S)

    def _ask(self) -> ev.Event:
        self._asked += 1
        return ev.FrameReceived(ASKED[self._asked % len(ASKED)].format(id=f"csms-{self._asked}"))

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.OpenContactor(connector=number):
                self._move(number, False)
            case fx.CloseContactor(connector=number):
                self._move(number, True)
            case fx.MoveLock(connector=number, locked=locked):
                self._plan(LOCK_S, lambda: ev.LockSeen(number, locked))
            case fx.ReadMeter(connector=number):
                self._plan(METER_S, lambda: self._read(self._outlets[number]))
            case fx.LookUp(ticket=ticket):
                self._plan(0.0, lambda: ev.LookedUp(ticket))
            case fx.FetchRows():
                self._plan(0.0, lambda: ev.RowsFetched((), 0))
            case fx.SendFrame(text=text):
                self._answer(json.loads(text))
            case _:
                pass

    def _move(self, number: int, closed: bool) -> None:
        if self._outlets[number].coil != closed:
            self._outlets[number].coil = closed
            self._plan(CONTACTOR_S, lambda: ev.ContactorSeen(number, closed))

    def _answer(self, frame: list[object]) -> None:
        if frame[0] != 2:
            return
        now = to_utc(BEGIN_WALL_S + self._now_s).strftime("%Y-%m-%dT%H:%M:%SZ")
        accepted = {"status": "Accepted"}
        conf: dict[str, object] = {}
        match frame[2]:
            case "BootNotification":
                conf = {"currentTime": now, "interval": 300, **accepted}
            case "Heartbeat":
                conf = {"currentTime": now}
            case "Authorize" | "StopTransaction":
                conf = {"idTagInfo": accepted}
            case "StartTransaction":
                self._transactions += 1
                conf = {"idTagInfo": accepted, "transactionId": self._transactions}
        text = json.dumps([3, frame[1], conf], separators=(",", ":"))
        self._plan(ANSWER_S, lambda: ev.FrameReceived(text))

"""Reviving: a core goes on with what a store holds, for a little while, among hardware and a Central System that behave."""

import json
from collections import deque

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.site import ConnectorSite, Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.facts import Card, Pilot, PilotState, Quantity, Reading
from chargepoint.store import Store

CONNECTORS = (1, 2)
TICKS = 60
SITE = Site(
    identity="CK_SIM_0001",
    vendor="ChargeKing",
    model="CK22",
    connectors=tuple(ConnectorSite(number=number) for number in CONNECTORS),
    readers={1: CONNECTORS},
    current_a_max=40.0,
    offline_behaviour="accept_all",
    first_keys={},
)
ANSWERS = {
    "BootNotification": {"status": "Accepted", "currentTime": "2026-03-01T12:00:00Z", "interval": 60},
    "Heartbeat": {"currentTime": "2026-03-01T12:00:00Z"},
    "Authorize": {"idTagInfo": {"status": "Accepted"}},
    "StartTransaction": {"idTagInfo": {"status": "Accepted"}, "transactionId": 5},
}


class Revived:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._mono_s = 6.0
        self._pending: deque[ev.Event] = deque()
        self._exited = False
        self._station = Station(store.snapshot(), SITE)

    def live(self) -> None:
        """Start, hardware, link, a charge, an hour of deadlines."""
        self._feed(ev.Started())
        for number in CONNECTORS:
            self._feed(ev.MeterOpened(number, frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER})))
            self._feed(ev.PilotSeen(number, Pilot(state=PilotState.A, cable_at_station=False)))
            self._feed(ev.ContactorSeen(number, False))
            self._feed(ev.LockSeen(number, False))
            self._feed(ev.MeterRead(number, Reading(energy_import_wh=5e6, power_w=0.0), self._mono_s))
        self._feed(ev.LinkUp("ws://cs.example.org/CP1"))
        self._feed(ev.CardSeen(1, Card(id_tag="04A2B3C4")))
        self._feed(ev.PilotSeen(1, Pilot(state=PilotState.C, cable_at_station=True, cable_a=32.0)))
        for _ in range(TICKS):
            deadline_s = self._station.next_deadline()
            if deadline_s is None or self._exited:
                break
            self._mono_s = max(self._mono_s + 0.01, deadline_s)
            self._feed(ev.Tick())
        self._feed(ev.ControlAsked(1, "status", {}))
        self._store.ledger()
        self._store.dead_letters()

    def _feed(self, event: ev.Event) -> None:
        self._pending.append(event)
        while self._pending and not self._exited:
            for effect in self._station.handle(self._pending.popleft(), Now(self._mono_s)):
                self._perform(effect)

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Commit():
                self._store.commit(effect)
            case fx.LookUp(ticket=ticket, id_tag=id_tag):
                self._pending.append(ev.LookedUp(ticket, *self._store.look_up(id_tag)))
            case fx.FetchRows(limit=limit, without=without):
                self._pending.append(ev.RowsFetched(*self._store.fetch_rows(limit, without)))
            case fx.SendFrame(text=text):
                self._answer(text)
            case fx.ReadMeter(connector=number):
                self._pending.append(ev.MeterRead(number, Reading(energy_import_wh=5e6, power_w=0.0), self._mono_s))
            case fx.OpenContactor(connector=number) | fx.CloseContactor(connector=number):
                self._pending.append(ev.ContactorSeen(number, isinstance(effect, fx.CloseContactor)))
            case fx.MoveLock(connector=number, locked=locked):
                self._pending.append(ev.LockSeen(number, locked))
            case fx.Exit():
                self._exited = True
            case _:
                pass  # nothing here depends on lamps, logs and pings

    def _answer(self, text: str) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            self._pending.append(ev.FrameReceived(json.dumps([3, frame[1], ANSWERS.get(frame[2], {})])))

"""Simulation: one station, one seed, so many days; then everything heals and the books are compared.

Owns the wiring of people, Central System, box and outlets, the power cuts and the weather of the clock. The same seed gives the
same digest; a violation carries the command that replays it up to its moment.
"""

import hashlib
import random
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.site import ConnectorSite, Site
from chargepoint.facts import Card, Input, InputKind, Quantity
from hil.simulate.box import Box, Died
from hil.simulate.central import Central, Habits
from hil.simulate.drivers import Drivers
from hil.simulate.invariants import Invariants, Violation
from hil.simulate.outlet import ROLLOVER_WH, Outlet
from hil.simulate.timeline import BEGIN_S, DAY_S, Timeline

POLL_S = 60.0
METER_S = 0.05
CONTACTOR_S = 0.03
LOCK_S = 0.2
HEAL_S = 3 * DAY_S
STATION_A = 40.0
QUANTITIES = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER, Quantity.CURRENT, Quantity.VOLTAGE})


class Weather(Struct, frozen=True, kw_only=True):
    """How often, a day, things go wrong around the station."""

    power_cuts: float = 0.5
    process_kills: float = 0.2
    meter_silences: float = 0.3
    meter_falls: float = 0.02
    faults: float = 0.3
    visits: float = 3.0
    has_clock: float = 0.5  # the share of boots after which the system's clock becomes right by itself


class Result(Struct, frozen=True, kw_only=True):
    seed: int
    days: float
    sessions: int
    messages: int
    power_cuts: int
    lost_answers: int
    violations: tuple[str, ...]
    events: int
    digest: str


class Simulation:
    def __init__(
        self, seed: int, days: float, connectors: int = 2, weather: Weather | None = None, habits: Habits | None = None
    ) -> None:
        self.seed, self.days = seed, days
        self._rng = random.Random(seed)
        self._weather = weather or Weather()
        self.timeline = Timeline()
        memory = Path("/dev/shm")  # what a disk loses is another matter: here only its order counts, so it may be fast
        self._directory = tempfile.TemporaryDirectory(prefix="simulate-", dir=memory if memory.is_dir() else None)
        self.outlets = [Outlet(number, 1_000.0 * number, BEGIN_S) for number in range(1, connectors + 1)]
        self._by_number = {outlet.number: outlet for outlet in self.outlets}
        site = Site(
            identity="CK_SIM_0001",
            vendor="ChargeKing",
            model="CK22",
            connectors=tuple(ConnectorSite(number=outlet.number) for outlet in self.outlets),
            readers={1: tuple(outlet.number for outlet in self.outlets)},
            current_a_max=STATION_A,
            offline_behaviour="accept_all",
            first_keys={"MeterValueSampleInterval": "900", "TransactionMessageAttempts": "5", "HeartbeatInterval": "3600"},
        )
        self.box = Box(Path(self._directory.name) / "state", site, self._perform)
        self.invariants = Invariants(self.outlets, STATION_A)
        self.box.look = self._look
        self.central = Central(self.timeline, random.Random(seed + 1), habits or Habits(), connectors)
        self.central.send, self.central.close = self._from_central, self._cut_link
        self._digest = hashlib.sha256()
        self._connected = False
        self._connecting = False
        self._life = 0
        self._power_cuts = 0
        self._slack_wh = dict.fromkeys(self._by_number, 0.0)
        self._clock_right = False
        self.box.wall_s = lambda: self.timeline.now_s if self._clock_right else None
        self._healing = False

    def run(self) -> Result:
        """The days, the healing, the books."""
        try:
            self._live()
        finally:
            self.box.die()
            self._directory.cleanup()
        billed = {outlet.number: outlet.energy_wh for outlet in self.outlets}
        wrong = self.invariants.at_the_end(self.central.book, billed, self._slack_wh, ())
        if self._owed:
            wrong.append(f"{self._owed} messages are still owed {HEAL_S / DAY_S:.0f} days after everything healed")
        return Result(
            seed=self.seed,
            days=self.days,
            sessions=len(self.central.book.entries),
            messages=self.central.messages,
            power_cuts=self._power_cuts,
            lost_answers=self.central.lost_answers,
            violations=tuple(wrong),
            events=self.box.events,
            digest=self._digest.hexdigest()[:16],
        )

    _owed = 0

    def _live(self) -> None:
        self._begin()
        end_s = BEGIN_S + self.days * DAY_S
        self._run_until(end_s)
        self._heal()
        self._run_until(end_s + HEAL_S)
        status = self._ask("status")
        self._owed = status["queue"]["messages"] + status["queue"]["dead_letters"]

    def _begin(self) -> None:
        weather = self._weather
        self._power_up(power_cut=True)
        self._drivers = Drivers(self.timeline, self._rng, self.outlets, weather.visits, self._tap, self._pilot_changed)
        for rate, action in (
            (weather.power_cuts, lambda: self._plan_death(power_cut=True)),
            (weather.process_kills, lambda: self._plan_death(power_cut=False)),
            (weather.meter_silences, self._silence),
            (weather.meter_falls, self._fall),
            (weather.faults, self._fault),
        ):
            self._again(rate / DAY_S, action)

    def _again(self, rate: float, action: Any) -> None:
        if rate <= 0:
            return

        def act() -> None:
            if not self._healing:
                action()
                self.timeline.after(self._rng.expovariate(rate), act)

        self.timeline.after(self._rng.expovariate(rate), act)

    def _run_until(self, end_s: float) -> None:
        timeline, box = self.timeline, self.box
        while True:
            planned_s = timeline.next_s()
            deadline_s = box.deadline_s()
            if deadline_s is not None and deadline_s <= end_s and (planned_s is None or deadline_s < planned_s):
                timeline.now_s = max(timeline.now_s, deadline_s)
                self._feed(ev.Tick())
            elif planned_s is not None and planned_s <= end_s:
                timeline.take()
            else:
                timeline.now_s = end_s
                return

    def _heal(self) -> None:
        """Whatever was broken works; drivers go home; what is owed can be delivered."""
        self._healing = True
        self.central.heal()
        self._clock_right = True
        for outlet in self.outlets:
            self._meter_back(outlet)
        self._drivers.send_home()
        for delay_s in (DAY_S, 1.5 * DAY_S, 2 * DAY_S):
            self.timeline.after(delay_s, self._replay)

    def _replay(self) -> None:
        """An operator replays what spent its attempts."""
        assert self.box.store is not None
        for letter in self.box.store.dead_letters():
            self._feed(ev.ControlAsked(0, "replay_dead_letter", {"seq": letter["seq"]}))

    def _ask(self, what: str) -> dict[str, Any]:
        replies: list[dict[str, Any]] = []
        self._replies = replies
        self._feed(ev.ControlAsked(0, what, {}))
        return replies[-1]

    # The box

    def _feed(self, event: ev.Event) -> None:
        if self.box.station is None:
            return
        try:
            self.box.feed(event, self.timeline.now_s)
        except Died:
            self._dead(power_cut=self._cut_is_power)
        except AssertionError as error:
            raise Violation(
                f"{error}\n  at {self.timeline.now_s - BEGIN_S:.3f} s; replay: "
                f"script/simulate --seed {self.seed} --days {self.days:g} --connectors {len(self.outlets)}"
            ) from error

    _cut_is_power = True
    _replies: list[dict[str, Any]] = []  # noqa: RUF012

    def _plan_death(self, *, power_cut: bool) -> None:
        """In the middle of a step: after some of its effects."""
        if self.box.station is not None:
            self._cut_is_power = power_cut
            self.box.cut_in_effects = self._rng.choice([0, 0, 1, 2, 3, 5, 8, 20, 60])

    def _dead(self, *, power_cut: bool) -> None:
        self._power_cuts += power_cut
        for outlet in self.outlets:
            outlet.advance(self.timeline.now_s)
            outlet.dark()
        self._life += 1
        self._connected = self._connecting = False
        self.box.die()
        for_s = self._rng.uniform(1, 5) if not power_cut else self._rng.choice([3.0, 30.0, 600.0, 7_200.0])
        self.timeline.after(for_s, lambda: self._power_up(power_cut=power_cut))

    def _power_up(self, *, power_cut: bool) -> None:
        if power_cut:
            self._clock_right = False
            if self._rng.random() < self._weather.has_clock:
                self.timeline.after(self._rng.uniform(5, 600), self._clock_becomes_right)
        self._life += 1
        self.box.start(self.timeline.now_s, power_cut=power_cut)
        life = self._life
        for outlet in self.outlets:
            self._feed(ev.MeterOpened(outlet.number, QUANTITIES))
            self._feed(ev.PilotSeen(outlet.number, outlet.pilot()))
            self._feed(ev.ContactorSeen(outlet.number, False))
            self._feed(ev.LockSeen(outlet.number, outlet.locked))
            self._poll(outlet, life)
        self._connect_soon()

    def _clock_becomes_right(self) -> None:
        self._clock_right = True

    def _alive(self, life: int) -> bool:
        return life == self._life and self.box.station is not None

    def _poll(self, outlet: Outlet, life: int) -> None:
        if self._alive(life):
            self._read_meter(outlet)
            self.timeline.after(POLL_S if outlet.coil else 10 * POLL_S, lambda: self._poll(outlet, life))

    def _read_meter(self, outlet: Outlet) -> None:
        if outlet.meter_silent:
            return
        life = self._life
        began_s = self.box.mono_s(self.timeline.now_s)
        outlet.advance(self.timeline.now_s)
        reading = outlet.reading()
        self.timeline.after(
            METER_S, lambda: self._feed(ev.MeterRead(outlet.number, reading, began_s)) if self._alive(life) else None
        )

    # What the station does in the world

    def _look(self, event: ev.Event, effects: list[fx.Effect]) -> None:
        self.invariants.step(effects)
        for effect in effects:
            self._digest.update(msgspec.json.encode(effect))
            if isinstance(effect, fx.Commit):
                self.invariants.committed(effect)

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.SendFrame(text=text):
                self.invariants.sent(text)
                if self._connected:
                    self.central.received(text)
            case fx.OpenContactor(connector=number):
                self._drive(self._by_number[number], False)
            case fx.CloseContactor(connector=number):
                self.invariants.closing(number)
                self._drive(self._by_number[number], True)
            case fx.OfferCurrent(connector=number, current_a=current_a):
                self._by_number[number].advance(self.timeline.now_s)
                self._by_number[number].offered_a = current_a
                self.invariants.offered()
            case fx.MoveLock(connector=number, locked=locked):
                self._move_lock(self._by_number[number], locked)
            case fx.ReadMeter(connector=number):
                self._read_meter(self._by_number[number])
            case fx.ProbeLink():
                life = self._life
                self.timeline.after(0.1, lambda: self._feed(ev.LinkAlive()) if self._alive(life) and self._connected else None)
            case fx.CloseLink(reason=reason):
                self._cut_link(reason)
            case fx.Reply(body=body):
                self._replies.append(body)
            case fx.Exit():
                raise Died
            case _:
                pass  # lamps, logs, pings: nothing in this world depends on them

    def _drive(self, outlet: Outlet, closed: bool) -> None:
        outlet.advance(self.timeline.now_s)
        if outlet.coil != closed:
            outlet.coil = closed
            life, number = self._life, outlet.number
            self.timeline.after(
                CONTACTOR_S, lambda: self._feed(ev.ContactorSeen(number, closed)) if self._alive(life) else None
            )
            if closed:
                self.timeline.after(POLL_S, lambda: self._poll_charging(outlet, life))

    def _poll_charging(self, outlet: Outlet, life: int) -> None:
        if self._alive(life) and outlet.coil:
            self._read_meter(outlet)

    def _move_lock(self, outlet: Outlet, locked: bool) -> None:
        life = self._life

        def moved() -> None:
            outlet.locked = locked
            if self._alive(life):
                self._feed(ev.LockSeen(outlet.number, locked))

        self.timeline.after(LOCK_S, moved)

    # The link

    def _connect_soon(self) -> None:
        if self._connecting or self._connected:
            return
        self._connecting = True
        life = self._life

        def connect() -> None:
            if not self._alive(life):
                return
            self._connecting = False
            if self.central.online:
                self._connected = True
                self.central.connected()
                self._feed(ev.LinkUp("ws://simulated"))
            else:
                self._feed(ev.LinkDown("TCP: refused"))
                self._connect_soon()

        self.timeline.after(self._rng.uniform(1, 60), connect)

    def _cut_link(self, reason: str) -> None:
        if self._connected:
            self._connected = False
            self.central.life += 1
            life = self._life
            self.timeline.after(0.0, lambda: self._link_is_down(reason, life))

    def _link_is_down(self, reason: str, life: int) -> None:
        if self._alive(life):
            self._feed(ev.LinkDown(reason))
            self._connect_soon()

    def _from_central(self, text: str, life: int) -> None:
        if self._connected and life == self.central.life:
            self._feed(ev.FrameReceived(text))

    # People and weather

    def _tap(self, id_tag: str) -> None:
        self._feed(ev.CardSeen(1, Card(id_tag=id_tag)))

    def _pilot_changed(self, outlet: Outlet) -> None:
        self._feed(ev.PilotSeen(outlet.number, outlet.pilot()))

    def _silence(self) -> None:
        outlet = self._rng.choice(self.outlets)
        if outlet.meter_silent:
            return
        outlet.meter_silent = True
        self._feed(ev.PartLost("meter", outlet.number, "no answer"))
        self.timeline.after(self._rng.uniform(5, 1_800), lambda: self._meter_back(outlet))

    def _meter_back(self, outlet: Outlet) -> None:
        if outlet.meter_silent:
            outlet.meter_silent = False
            self._feed(ev.PartBack("meter", outlet.number))

    def _fall(self) -> None:
        """The register begins again: a roll-over or a new meter. What flowed since the last reading is not to be known."""
        outlet = self._rng.choice(self.outlets)
        outlet.advance(self.timeline.now_s)
        idle = outlet.car is None and not outlet.coil  # a register that leaps up in a session is what the meter then says
        outlet.register_wh = self._rng.choice([0.0, ROLLOVER_WH - 500.0]) if idle else 0.0
        self._slack_wh[outlet.number] += 2 * 22_080.0 * (10 * POLL_S) / 3600

    def _fault(self) -> None:
        kind = self._rng.choice(
            [InputKind.GROUND_FAULT, InputKind.EMERGENCY_STOP, InputKind.OVER_TEMPERATURE, InputKind.MAINS_LOST]
        )
        number = self._rng.choice([0, *self._by_number])
        self._feed(ev.InputSeen(Input(connector=number, kind=kind, active=True)))
        clear = ev.InputSeen(Input(connector=number, kind=kind, active=False))
        self.timeline.after(self._rng.uniform(1, 600), lambda: self._feed(clear))

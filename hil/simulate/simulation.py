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
from chargepoint.core import records as rec
from chargepoint.core.site import ConnectorSite, Site
from chargepoint.facts import Card
from hil.simulate.box import Box, Died
from hil.simulate.central import Central, Habits
from hil.simulate.drivers import Drivers
from hil.simulate.hardware import Hardware
from hil.simulate.invariants import DATABASE_MAX, Invariants, Violation
from hil.simulate.outlet import Outlet
from hil.simulate.timeline import BEGIN_S, DAY_S, Timeline
from hil.simulate.trouble import Trouble, Weather

HEAL_S = 3 * DAY_S
STATION_A = 40.0
KEYS = {"MeterValueSampleInterval": "900", "TransactionMessageAttempts": "5", "HeartbeatInterval": "3600"}


class Result(Struct, frozen=True, kw_only=True):
    seed: int
    days: float
    sessions: int
    messages: int
    power_cuts: int
    lies: int
    lost_answers: int
    violations: tuple[str, ...]
    events: int
    digest: str


def again(seed: int, days: float, connectors: int) -> str:
    """The command that runs a seed once more."""
    return f"script/simulate --seed {seed} --days {days:g} --connectors {connectors}"


class Simulation:
    def __init__(
        self,
        seed: int,
        days: float,
        connectors: int = 2,
        weather: Weather | None = None,
        habits: Habits | None = None,
        keys: dict[str, str] | None = None,
    ) -> None:
        self.seed, self.days = seed, days
        self._rng = random.Random(seed)
        self._weather = weather or Weather()
        self.timeline = Timeline()
        memory = Path("/dev/shm")  # what a disk loses is another matter: here only its order counts, so it may be fast
        self._directory = tempfile.TemporaryDirectory(prefix="simulate-", dir=memory if memory.is_dir() else None)
        self.outlets = [Outlet(number, 1_000.0 * number, BEGIN_S) for number in range(1, connectors + 1)]
        site = Site(
            identity="CK_SIM_0001",
            vendor="ChargeKing",
            model="CK22",
            connectors=tuple(ConnectorSite(number=outlet.number) for outlet in self.outlets),
            readers={1: tuple(outlet.number for outlet in self.outlets)},
            current_a_max=STATION_A,
            offline_behaviour="accept_all",
            first_keys=KEYS | (keys or {}),
        )
        self.box = Box(Path(self._directory.name) / "state", site, self._perform)
        self.invariants = Invariants(self.outlets, STATION_A)
        self.box.look = self._look
        self.box.started = lambda snapshot: self.invariants.started(snapshot.connectors)
        self.central = Central(self.timeline, random.Random(seed + 1), habits or Habits(), connectors)
        self.central.send, self.central.close = self._from_central, self._cut_link
        self._hardware = Hardware(self.timeline, self.outlets, self._feed, lambda: self.box.mono_s(self.timeline.now_s))
        self._digest = hashlib.sha256()
        self._connected = False
        self._connecting = False
        self._life = 0
        self._power_cuts = 0
        self._lies = 0
        self._lie_began: tuple[float, dict[int, float]] | None = None
        self._clock_right = False
        self.box.wall_s = lambda: self.timeline.now_s if self._clock_right else None
        self._healing = False

    def run(self) -> Result:
        """The days, the healing, the books."""
        try:
            self.start()
            self.run_until(BEGIN_S + self.days * DAY_S)
            self.heal()
            self.run_until(self.timeline.now_s + HEAL_S)
            return self.end()
        finally:
            self.close()

    def end(self) -> Result:
        """What the books say, after everything was healed and delivered."""
        queue = self._ask("status")["queue"]
        billed = {outlet.number: outlet.energy_wh for outlet in self.outlets}
        wrong = self.invariants.at_the_end(self.central.book, billed, self._trouble.slack_wh)
        owed = queue["messages"] + queue["dead_letters"]
        if owed:
            wrong.append(f"{owed} messages are still owed after everything healed")
        if (size := self.box.database_bytes) > DATABASE_MAX:
            wrong.append(f"the database has {size} bytes")
        return Result(
            seed=self.seed,
            days=self.days,
            sessions=len(self.central.book.entries),
            messages=self.central.messages,
            power_cuts=self._power_cuts,
            lies=self._lies,
            lost_answers=self.central.lost_answers,
            violations=tuple(wrong),
            events=self.box.events,
            digest=self._digest.hexdigest()[:16],
        )

    def close(self) -> None:
        self.box.die()
        self._directory.cleanup()

    def start(self) -> None:
        """The station gets its power for the first time, and the world begins to turn."""
        weather = self._weather
        self._trouble = Trouble(self.timeline, self._rng, weather, self.outlets, self._feed)
        self._power_up(power_cut=True)
        self._drivers = Drivers(self.timeline, self._rng, self.outlets, weather.visits, self._tap, self._pilot_changed)
        self._trouble.again(weather.power_cuts / DAY_S, lambda: self._plan_death(power_cut=True))
        self._trouble.again(weather.process_kills / DAY_S, lambda: self._plan_death(power_cut=False))

    def run_until(self, end_s: float) -> None:
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

    def heal(self) -> None:
        """Whatever was broken works; drivers go home; what is owed can be delivered."""
        self._healing = True
        self.central.heal()
        self._clock_right = True
        self._trouble.heal()
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
            if not self.box.busy:
                self.invariants.settled(self.timeline.now_s, self._trouble.active, self.central.limits, self.box.window_rows)
        except Died:
            self._dead(power_cut=self._cut_is_power)
        except AssertionError as error:
            raise Violation(
                f"{error}\n  at {self.timeline.now_s - BEGIN_S:.3f} s; replay: {again(self.seed, self.days, len(self.outlets))}"
            ) from error

    _cut_is_power = True
    _replies: list[dict[str, Any]] = []  # noqa: RUF012

    def _plan_death(self, *, power_cut: bool) -> None:
        """In the middle of a step: after some of its effects."""
        if self.box.station is not None:
            self._cut_is_power = power_cut
            if power_cut and self._rng.random() < self._weather.lies:
                self.box.begin_to_lie()
                self._lie_began = (self.timeline.now_s, {outlet.number: outlet.energy_wh for outlet in self.outlets})
            self.box.cut_in_effects = self._rng.choice([0, 0, 1, 2, 3, 5, 8, 20, 60])

    def cut_power(self, for_s: float) -> None:
        """The power goes now, and comes back after for_s seconds."""
        self._dead(power_cut=True, for_s=for_s)

    def _dead(self, *, power_cut: bool, for_s: float | None = None) -> None:
        self._power_cuts += power_cut
        self._hardware.power_down()
        self._life += 1
        self._connected = self._connecting = False
        if self.box.lying:
            self._excuse()
        self.box.die()
        if for_s is None:
            for_s = self._rng.uniform(1, 5) if not power_cut else self._rng.choice([3.0, 30.0, 600.0, 7_200.0])
        self.timeline.after(for_s, lambda: self._power_up(power_cut=power_cut))

    def _excuse(self) -> None:
        """What the card lost: sessions that were under way meanwhile, and the energy that flowed."""
        assert self._lie_began is not None
        began_s, energy_wh = self._lie_began
        self.central.limits.laid_a.clear()
        self.central.book.excuse_since(self.central.iso(began_s + min(0.0, self.central.clock_error_s) - 2 * 3600))
        for outlet in self.outlets:
            self._trouble.slack_wh[outlet.number] += outlet.energy_wh - energy_wh[outlet.number]
        self._lies += 1

    def _power_up(self, *, power_cut: bool) -> None:
        if power_cut:
            self._clock_right = False
            if self._rng.random() < self._weather.has_clock:
                self.timeline.after(self._rng.uniform(5, 600), self._clock_becomes_right)
        self._life += 1
        self.box.start(self.timeline.now_s, power_cut=power_cut)
        self._hardware.power_up()
        self._trouble.tell()
        self._connect_soon()

    def _clock_becomes_right(self) -> None:
        self._clock_right = True

    def _alive(self, life: int) -> bool:
        return life == self._life and self.box.station is not None

    # What the station does in the world

    def _look(self, event: ev.Event, effects: list[fx.Effect]) -> None:
        self.invariants.step(effects)
        for effect in effects:
            self._digest.update(msgspec.json.encode(effect))
            if isinstance(effect, fx.Commit):
                self.invariants.committed(effect, cleared=isinstance(event, ev.ControlAsked) and event.do == "clear_faults")
                self._allow_for_silence(effect)

    def _allow_for_silence(self, commit: fx.Commit) -> None:
        """A session that ends while its meter is silent is billed at the last reading: what flowed since is not to be had."""
        for change in commit.changes:
            if isinstance(change, rec.PutTransaction) and change.record.stop_delivery is rec.Delivery.QUEUED:
                outlet = self.outlets[change.record.connector - 1]
                outlet.advance(self.timeline.now_s)
                if outlet.meter_silent:
                    self._trouble.slack_wh[outlet.number] += outlet.energy_wh - outlet.told_wh
                    outlet.told_wh = outlet.energy_wh

    def _perform(self, effect: fx.Effect) -> None:
        match effect:
            case fx.SendFrame(text=text):
                self.invariants.sent(text)
                if self._connected:
                    self.central.received(text)
            case fx.OpenContactor(connector=number):
                outlet = self.outlets[number - 1]
                if outlet.coil:
                    self.invariants.in_time(outlet, self.timeline.now_s)
                self._hardware.perform(effect)
            case fx.MoveLock() | fx.ReadMeter():
                self._hardware.perform(effect)
            case fx.CloseContactor(connector=number):
                self.invariants.closing(number)
                self._hardware.perform(effect)
            case fx.OfferCurrent():
                self._hardware.perform(effect)
                self.invariants.offered()
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

    # The link

    def _connect_soon(self) -> None:
        if self._connecting or self._connected or self.box.station is None:
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

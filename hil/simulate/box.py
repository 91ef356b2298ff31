"""Box: the station's computer. The real core on the real store, and what a power cut does to them.

Owns the process: its start, its steps, its death between any two effects. Time is virtual: monotonic time counts from each
power-up, the system's clock is known only if the world says so. Refuses to decide anything.
"""

import shutil
from collections import deque
from collections.abc import Callable
from pathlib import Path

from chargepoint.core import effects as fx
from chargepoint.core import events as ev
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.core.step import Now
from chargepoint.journal import Recorder
from chargepoint.store import Store, open_store

MONO_BEGIN_S = 5.0  # seconds from power-up to the first look at the clock


class Died(Exception):
    """The power went away in the middle of a step."""


class Box:
    """perform(effect) does in the world what is not the store's; look(event, effects) sees every step."""

    def __init__(self, state_dir: Path, site: Site, perform: Callable[[fx.Effect], None]) -> None:
        self._dir = state_dir
        self._site = site
        self._perform = perform
        self.look: Callable[[ev.Event, list[fx.Effect]], None] = lambda event, effects: None
        self.started: Callable[[Snapshot], None] = lambda snapshot: None
        self.recorder: Recorder | None = None
        self.station: Station | None = None
        self.store: Store | None = None
        self._powered_s = 0.0
        self._boots = 0
        self._answers: deque[ev.Event] = deque()
        self.busy = False
        self.events = 0
        self._stepped = True
        self._deadline_s: float | None = None
        self.cut_in_effects: int | None = None  # how many more effects are performed before the power goes
        self.wall_s: Callable[[], float | None] = lambda: None
        self.lying = False
        self._copy = state_dir.with_name("before-the-lie")

    def start(self, now_s: float, *, power_cut: bool) -> None:
        """A new process; after a power cut also a new boot of the machine."""
        if power_cut or self._boots == 0:
            self._boots += 1
            self._powered_s = now_s - MONO_BEGIN_S
        self.store = open_store(self._dir, f"boot-{self._boots}", now_s - self._powered_s)
        assert not self.store.findings, self.store.findings
        snapshot = self.store.snapshot()
        self.station = Station(snapshot, self._site)
        if self.recorder is not None:
            self.recorder.begin(self.station, self._site)
        self.started(snapshot)
        self.feed(ev.Started(), now_s)

    def mono_s(self, now_s: float) -> float:
        return now_s - self._powered_s

    def deadline_s(self) -> float | None:
        """When the station wants a Tick, as true time."""
        if self.station is None:
            return None
        if self._stepped:  # it changes with a step only
            self._stepped = False
            self._deadline_s = self.station.next_deadline()
        return None if self._deadline_s is None else self._deadline_s + self._powered_s

    def feed(self, event: ev.Event, now_s: float) -> None:
        """One event and what the store answers to it; raises Died where the power goes in between."""
        self._answers.append(event)
        if self.busy:
            return
        self.busy = True
        try:
            while self._answers and self.station is not None:
                self._step(self._answers.popleft(), now_s)
        finally:
            self.busy = False

    @property
    def window_rows(self) -> int:
        """Rows of the outbox that are in memory."""
        return 0 if self.station is None else len(self.station._blocks.outbox._window)

    @property
    def database_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._dir.glob("station.db*"))

    def die(self) -> None:
        """The process is gone. What was committed stays."""
        self._answers.clear()
        self.cut_in_effects = None
        if self.store is not None:
            self.store.close()
        if self.lying:
            self.lying = False
            shutil.rmtree(self._dir)
            self._copy.rename(self._dir)
        self.station = None
        self.store = None

    def begin_to_lie(self) -> None:
        """From now on the card only says that it stored: the next death brings back what is there now."""
        assert self.store is not None
        self.store.checkpoint()
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._dir, self._copy)
        self.lying = True

    def _step(self, event: ev.Event, now_s: float) -> None:
        assert self.station is not None
        self.events += 1
        self._stepped = True
        effects = self._handled(self.station, event, Now(now_s - self._powered_s, self.wall_s()))
        self.look(event, effects)
        for effect in effects:
            if self.cut_in_effects is not None:
                if self.cut_in_effects == 0:
                    raise Died
                self.cut_in_effects -= 1
            self._do(effect, now_s)

    def _handled(self, station: Station, event: ev.Event, now: Now) -> list[fx.Effect]:
        try:
            effects = station.handle(event, now)
        except Exception as error:
            if self.recorder is not None:
                self.recorder.failed(event, now, error)
            raise
        if self.recorder is not None:
            self.recorder.record(event, now, effects)
        return effects

    def _do(self, effect: fx.Effect, now_s: float) -> None:
        assert self.store is not None
        match effect:
            case fx.Commit():
                self.store.commit(effect)
            case fx.LookUp(ticket=ticket, id_tag=id_tag):
                self._answers.append(ev.LookedUp(ticket, *self.store.look_up(id_tag)))
            case fx.FetchRows(limit=limit, without=without):
                self._answers.append(ev.RowsFetched(*self.store.fetch_rows(limit, without)))
            case fx.FetchDeadLetter(ticket=ticket, seq=seq):
                row = self.store.dead_letter(seq)
                transaction = None if row is None else self.store.transaction(row.transaction)
                self._answers.append(ev.DeadLetterFetched(ticket, row, transaction))
            case _:
                self._perform(effect)

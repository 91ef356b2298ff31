"""Drivers: the people. They come, tap, plug, wait, change their minds, forget, and leave.

Owns what a driver does at an outlet and when. Refuses to know whether the station goes along: a driver looks at the clock only,
as people do. Chance decides; the same seed gives the same people.
"""

import random
from collections.abc import Callable

from hil.simulate.outlet import Outlet
from hil.simulate.timeline import DAY_S, Timeline

GREEDY = 0.03  # the share of cars that take more than they are offered
CARDS = ("04A1B2C3", "04D4E5F6", "04010203040506", "0A0B0C0D0E0F1011121314", "04FFEEDD")


class Drivers:
    """tap(id_tag), changed(outlet): what reaches the station."""

    def __init__(
        self,
        timeline: Timeline,
        rng: random.Random,
        outlets: list[Outlet],
        visits_a_day: float,
        tap: Callable[[str], None],
        changed: Callable[[Outlet], None],
    ) -> None:
        self._timeline = timeline
        self._rng = rng
        self._outlets = outlets
        self._tap = tap
        self._changed = changed
        self._rate = visits_a_day * len(outlets) / DAY_S
        self.visits = 0
        self.leaving = False
        self._next()

    def send_home(self) -> None:
        """Nobody comes any more, and whoever is there leaves."""
        self.leaving = True
        for outlet in self._outlets:
            self._unplug(outlet)

    def _next(self) -> None:
        self._timeline.after(self._rng.expovariate(self._rate), self._arrive)

    def _arrive(self) -> None:
        if self.leaving:
            return
        self._next()
        free = [outlet for outlet in self._outlets if outlet.car is None]
        if not free:
            if self._rng.random() < 0.3:
                self._tap(self._rng.choice(CARDS))  # somebody hopes for the best
            return
        self.visits += 1
        outlet = self._rng.choice(free)
        card = self._rng.choice(CARDS)
        stay_s = self._rng.uniform(0.2, 8.0) * 3600
        if self._rng.random() < 0.5:
            self._plug(outlet, card)
            self._later(self._rng.uniform(1, 20), lambda: self._tap_if_here(outlet, card))
        else:
            self._tap(card)
            self._later(self._rng.uniform(1, 40), lambda: self._plug(outlet, card))
        if self._rng.random() < 0.1:
            for _ in range(self._rng.randint(1, 6)):  # a card that flaps
                self._later(self._rng.uniform(0, 10), lambda: self._tap(card))
        self._later(stay_s, lambda: self._leave(outlet, card))

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._timeline.after(delay_s, lambda: None if self.leaving else action())

    def _plug(self, outlet: Outlet, card: str) -> None:
        if outlet.car is not None:
            return
        outlet.advance(self._timeline.now_s)
        outlet.car, outlet.ready = card, False
        outlet.car_a = self._rng.choice([6.0, 10.0, 16.0, 32.0])
        outlet.greedy = self._rng.random() < GREEDY
        self._changed(outlet)
        self._later(self._rng.uniform(0.1, 4.0), lambda: self._ready(outlet, card, True))
        if self._rng.random() < 0.4:
            self._later(self._rng.uniform(0.5, 6) * 3600, lambda: self._ready(outlet, card, False))  # the battery is full
        if self._rng.random() < 0.2:
            self._later(self._rng.uniform(60, 3600), lambda: self._ready(outlet, card, False))
            self._later(self._rng.uniform(3600, 5400), lambda: self._ready(outlet, card, True))

    def _ready(self, outlet: Outlet, card: str, ready: bool) -> None:
        if outlet.car == card and outlet.ready != ready:
            outlet.advance(self._timeline.now_s)
            outlet.ready = ready
            self._changed(outlet)

    def _tap_if_here(self, outlet: Outlet, card: str) -> None:
        if outlet.car == card:
            self._tap(card)

    def _leave(self, outlet: Outlet, card: str) -> None:
        if outlet.car != card:
            return
        if self._rng.random() < 0.6:
            self._tap(card)
            self._later(self._rng.uniform(2, 60), lambda: self._gone(outlet, card))
        else:
            self._gone(outlet, card)

    def _gone(self, outlet: Outlet, card: str) -> None:
        if outlet.car == card:
            self._unplug(outlet)

    def _unplug(self, outlet: Outlet) -> None:
        if outlet.car is not None:
            outlet.advance(self._timeline.now_s)
            outlet.car, outlet.ready = None, False
            self._changed(outlet)

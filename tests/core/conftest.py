"""Fixtures of the core's stories."""

from collections import deque
from collections.abc import Iterator

import pytest

from chargepoint.core import schedule
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.journal import state
from tests.core import harness
from tests.core.harness import World


@pytest.fixture
def world() -> World:
    """A station of one connector, connected and accepted."""
    return World()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seconds at which somebody asks what a connector is allowed, one after the other: what a composite costs."""
    asked: list[int] = []
    plain = schedule.Lowest.at

    def at(self: schedule.Lowest, at_s: int) -> tuple[schedule.Rate, int]:
        asked.append(at_s)
        return plain(self, at_s)

    monkeypatch.setattr(schedule.Lowest, "at", at)
    return asked


@pytest.fixture(autouse=True)
def waiting_is_a_value(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a story leaves a station in, its state can be written down: no closure, no coroutine, nothing but values."""
    stations: deque[Station] = deque(maxlen=2)

    def make(snapshot: Snapshot, site: Site) -> Station:
        stations.append(Station(snapshot, site))
        return stations[-1]

    monkeypatch.setattr(harness, "Station", make)
    yield
    for station in stations:
        assert state.export(station)

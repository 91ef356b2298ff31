"""Fixtures of the core's stories."""

from collections import deque
from collections.abc import Iterator

import pytest

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

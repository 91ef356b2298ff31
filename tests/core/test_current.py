"""The station's current is shared: never more than there is, fairly, and nobody gets what is of no use (section 3.13)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.core.current import share

pytestmark = pytest.mark.section("3.13")

amps = st.floats(0.0, 80.0)
connectors = st.dictionaries(st.integers(1, 32), st.tuples(amps, st.sampled_from([0.0, 6.0, 8.0, 10.0, 13.0])), max_size=32)


@pytest.mark.parametrize(
    ("limits", "station", "given_"),
    [
        ({1: 32.0, 2: 32.0}, 64.0, {1: 32.0, 2: 32.0}),
        ({1: 32.0, 2: 32.0}, 40.0, {1: 20.0, 2: 20.0}),
        ({1: 32.0, 2: 10.0}, 40.0, {1: 30.0, 2: 10.0}),
        ({1: 32.0, 2: 10.0, 3: 32.0}, 40.0, {1: 15.0, 2: 10.0, 3: 15.0}),
        ({1: 32.0, 2: 32.0, 3: 32.0}, 17.0, {1: 8.5, 2: 8.5, 3: 0.0}),
        ({3: 32.0, 1: 32.0}, 11.9, {3: 11.9, 1: 0.0}),
        ({1: 32.0}, 5.9, {1: 0.0}),
        ({1: 5.9, 2: 32.0}, 12.0, {1: 0.0, 2: 12.0}),
        ({1: 6.0, 2: 6.0}, 12.0, {1: 6.0, 2: 6.0}),
        ({}, 40.0, {}),
    ],
)
def test_shares(limits: dict[int, float], station: float, given_: dict[int, float]) -> None:
    assert share(limits, station) == given_


@given(connectors=connectors, station=st.floats(0.0, 200.0))
def test_the_shares_of_any_station(connectors: dict[int, tuple[float, float]], station: float) -> None:
    limits = {number: limit for number, (limit, _) in connectors.items()}
    least = {number: max(6.0, low) for number, (_, low) in connectors.items()}
    shares = share(limits, station, least)
    assert list(shares) == list(limits)
    assert sum(shares.values()) <= station + 1e-9
    served = {number: current for number, current in shares.items() if current}
    for number, current in served.items():
        assert least[number] <= current <= limits[number]
    if sum(served.values()) < station - 1e-6:
        assert all(current == limits[number] for number, current in served.items()), "something is left, and somebody wants it"
    for one, current in served.items():
        for other, others in served.items():
            unfair = current < others - 1e-6 and current < limits[one] and others > least[other] + 1e-6
            assert not unfair, f"{other} has more than {one}, which could use it"
    waiting = [number for number in shares if number not in served and limits[number] >= least[number]]
    if waiting:
        assert sum(least[number] for number in [*served, waiting[0]]) > station, "there was room for one more"

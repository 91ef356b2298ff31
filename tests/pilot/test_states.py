"""What the voltages of a pilot mean: bands, hysteresis, debouncing, the diode (IEC 61851-1 tables A.3 and A.4)."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.facts import PilotState
from drivers.iec61851.states import ENERGY, Burst, Filter, Levels, Seen, Tracker, state_of

pytestmark = pytest.mark.section("IEC 61851-1 A")

A, B, C, D, E, F = PilotState
LEVELS = Levels()
VOLTS = st.floats(-14, 14)


def tracker(*seen: tuple[int, float, float | None], filter: Filter | None = None) -> Tracker:
    """A tracker that saw so many bursts of these voltages."""
    made = Tracker(LEVELS, filter or Filter())
    for bursts, high_v, low_v in seen:
        for _ in range(bursts):
            made.see(Burst(high_v, low_v))
    return made


@pytest.mark.parametrize(
    ("state", "low_v", "nominal_v", "high_v"),
    [(A, 11, 12, 13), (B, 8, 9, 10), (C, 5, 6, 7), (D, 2, 3, 4), (E, -1, 0, 1), (F, -13, -12, -11)],
)
def test_the_bands_of_the_standard_are_the_states(state: PilotState, low_v: float, nominal_v: float, high_v: float) -> None:
    for volts in (low_v, nominal_v, high_v):
        assert {state_of(volts, present, LEVELS) for present in (None, *PilotState)} == {state}


@pytest.mark.parametrize(("upper", "lower"), [*pairwise(PilotState)])
def test_between_two_bands_what_is_holds_and_else_the_one_that_asks_for_less(upper: PilotState, lower: PilotState) -> None:
    nominal = dict(LEVELS.nominal())
    between_v = (nominal[upper] + nominal[lower]) / 2
    for present in (None, *PilotState):
        expected = present if present in (upper, lower) else upper
        assert state_of(between_v, present, LEVELS) == expected


@pytest.mark.parametrize(("edge_v", "upper", "lower"), [(10.5, A, B), (7.5, B, C), (4.5, C, D), (1.5, D, E)])
def test_a_voltage_that_trembles_about_a_border_changes_nothing(edge_v: float, upper: PilotState, lower: PilotState) -> None:
    for start_v, state in ((edge_v + 1, upper), (edge_v - 1, lower)):
        state_now: PilotState | None = state_of(start_v, None, LEVELS)
        for step in range(100):
            state_now = state_of(edge_v + (0.49 if step % 2 else -0.49), state_now, LEVELS)
            assert state_now is state


@pytest.mark.parametrize("volts", [14.01, -14.01, 25, float("nan"), float("inf")])
def test_a_voltage_that_no_pilot_has_is_no_state(volts: float) -> None:
    assert state_of(volts, A, LEVELS) is None


@given(VOLTS, st.sampled_from(PilotState) | st.none())
def test_every_voltage_of_a_pilot_has_a_state_and_keeps_it(volts: float, present: PilotState | None) -> None:
    state = state_of(volts, present, LEVELS)
    assert state is not None
    assert state_of(volts, state, LEVELS) is state


def test_nothing_is_told_before_it_is_sure() -> None:
    made = Tracker(LEVELS, Filter())
    assert [made.see(Burst(12.0)) for _ in range(3)] == [None, None, Seen(A, True)]


def test_a_car_is_told_after_equal_bursts_and_a_glitch_never() -> None:
    made = tracker((3, 12, None))
    states = [made.see(Burst(volts)) for volts in (9, 12, 9, 9, 12, 9, 9, 9)]
    assert [seen.state for seen in states if seen] == [A, A, A, A, A, A, A, B]


@pytest.mark.parametrize("after_v", [12.0, 9.0, 0.0, -12.0])
def test_energy_ends_with_the_second_burst_that_shows_no_car_that_asks(after_v: float) -> None:
    made = tracker((3, 9, -12), (3, 6, -12))
    assert made.told() == Seen(C, True)
    assert made.see(Burst(after_v, -12)) == Seen(C, True)
    seen = made.see(Burst(after_v, -12))
    assert seen is not None
    assert seen.state not in ENERGY


def test_a_plug_that_is_pulled_goes_through_other_states_and_ends_energy_all_the_same() -> None:
    made = tracker((3, 9, -12), (3, 6, -12))
    made.see(Burst(9, -12))
    seen = made.see(Burst(12, -12))
    assert seen is not None
    assert seen.state is A


def test_impossible_voltages_end_energy_and_are_counted() -> None:
    made = tracker((3, 9, -12), (3, 6, -12), (2, 19, -12))
    assert made.told() == Seen(E, True)
    assert made.impossible == 2
    made.see(Burst(6, -12))
    assert made.impossible == 0


def test_ventilation_is_its_own_state() -> None:
    made = tracker((3, 9, -12), (3, 3, -12))
    assert made.told() == Seen(D, True)
    assert tracker((3, 9, -12), (3, 6, -12), (3, 3, -12), (3, 6, -12)).told() == Seen(C, True)


def test_a_car_that_asks_before_its_diode_was_seen_is_told_as_one_that_waits() -> None:
    made = tracker((3, 12, None), (5, 6, None))
    assert made.told() == Seen(B, True)
    assert made.measured is C
    told = [made.see(Burst(6, -12)) for _ in range(3)]
    assert told == [Seen(B, True), Seen(B, True), Seen(C, True)]


def test_no_diode_is_told_and_never_energy() -> None:
    made = tracker((3, 9, -8.8), (3, 6, -5.6))
    assert made.told() == Seen(C, False)


def test_a_diode_that_fails_is_told_after_equal_verdicts() -> None:
    made = tracker((3, 9, -12), (3, 6, -12))
    told = [made.see(Burst(6, -5.6)) for _ in range(3)]
    assert [seen.diode_ok for seen in told if seen] == [True, True, False]


@pytest.mark.parametrize(("low_v", "ok"), [(-11.0, True), (-10.6, True), (-10.4, False)])
def test_the_low_half_of_a_good_diode_may_rise_a_little(low_v: float, ok: bool) -> None:
    assert tracker((6, 9, -12), (5, 6, low_v)).told() == Seen(C, ok)


def test_a_low_half_that_is_too_high_at_first_is_no_diode() -> None:
    assert tracker((5, 9, -10.6)).told() == Seen(B, False)


def test_a_steady_pilot_takes_no_diode_away_and_an_unplugged_car_does() -> None:
    made = tracker((3, 9, -12), (3, 6, -12), (10, 6, None))
    assert made.told() == Seen(C, True)
    for volts in (12, 12, 12, 6, 6, 6):
        made.see(Burst(volts))
    assert made.told() == Seen(B, True)


@given(st.lists(st.tuples(VOLTS, VOLTS | st.none()), max_size=60))
def test_energy_is_told_only_after_equal_bursts_and_a_diode(bursts: list[tuple[float, float | None]]) -> None:
    made = Tracker(LEVELS, Filter())
    highs: list[float] = []
    lows: list[float] = []
    for high_v, low_v in bursts:
        highs.append(high_v)
        if low_v is not None:
            lows.append(low_v)
        seen = made.see(Burst(high_v, low_v))
        if seen is not None and seen.state in ENERGY and seen.diode_ok:
            assert min(highs[-2:]) < 8.0, "one of the last two bursts asked for energy"
            assert sum(abs(low + 12) <= 1.5 for low in lows) >= 3


@pytest.mark.parametrize("changes", [{"b_v": 12.0}, {"c_v": 9.5}, {"tolerance_v": 1.5}, {"e_v": 5.0}])
def test_levels_that_overlap_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match="twice tolerance_v"):
        msgspec.convert(changes, Levels)

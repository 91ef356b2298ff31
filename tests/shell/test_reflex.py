"""The reflex: which facts open a contactor at once, and that nothing unknown allows energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.core.events import (
    ContactorSeen,
    Event,
    InputSeen,
    LinkDown,
    LockSeen,
    PartBack,
    PartLost,
    PilotSeen,
    StopAsked,
)
from chargepoint.facts import Input, InputKind
from chargepoint.shell.reflex import TRIPS, Reflex
from tests.shell.fakes import pilot


def line(kind: InputKind, active: bool, connector: int = 0) -> InputSeen:
    return InputSeen(Input(connector=connector, kind=kind, active=active))


def charging(connectors: int = 2, ventilated: tuple[int, ...] = ()) -> Reflex:
    reflex = Reflex(range(1, connectors + 1), ventilated)
    for number in range(1, connectors + 1):
        reflex.see(PilotSeen(number, pilot("C")))
        assert reflex.may_close(number)
        reflex.closed(number)
    return reflex


@pytest.mark.parametrize("state", ["A", "B", "E", "F"])
def test_a_pilot_that_leaves_c_and_d_opens_its_own_contactor(state: str) -> None:
    reflex = charging()
    assert reflex.see(PilotSeen(1, pilot(state))) == (1,)
    assert not reflex.may_close(1)
    assert reflex.may_close(2)


@pytest.mark.section("IEC 61851-1 6.3.2")
def test_a_car_that_asks_for_ventilation_charges_only_where_there_is_some() -> None:
    reflex = charging(ventilated=(2,))
    assert reflex.see(PilotSeen(1, pilot("D"))) == (1,)
    assert reflex.see(PilotSeen(2, pilot("D"))) == ()
    assert (reflex.may_close(1), reflex.may_close(2)) == (False, True)


def test_c_to_d_opens_nothing_and_a_missing_diode_does() -> None:
    reflex = charging(ventilated=(1,))
    assert reflex.see(PilotSeen(1, pilot("D"))) == ()
    assert reflex.see(PilotSeen(1, pilot("D", diode_ok=False))) == (1,)


@pytest.mark.parametrize("kind", sorted(TRIPS))
def test_a_safety_input_of_the_station_opens_every_contactor(kind: InputKind) -> None:
    reflex = charging()
    assert reflex.see(line(kind, True)) == (1, 2)
    assert not reflex.may_close(1)
    assert reflex.see(line(kind, False)) == ()
    assert reflex.may_close(1)


def test_what_is_no_danger_opens_nothing() -> None:
    reflex = charging()
    for kind in set(InputKind) - TRIPS:
        assert reflex.see(line(kind, True)) == ()
        assert reflex.may_close(1)


def test_an_input_of_one_connector_opens_only_that_one() -> None:
    reflex = charging()
    assert reflex.see(line(InputKind.GROUND_FAULT, True, connector=2)) == (2,)
    assert reflex.may_close(1)
    assert not reflex.may_close(2)


def test_two_inputs_must_both_clear() -> None:
    reflex = charging()
    reflex.see(line(InputKind.GROUND_FAULT, True))
    reflex.see(line(InputKind.EMERGENCY_STOP, True))
    reflex.see(line(InputKind.GROUND_FAULT, False))
    assert not reflex.may_close(1)
    reflex.see(line(InputKind.EMERGENCY_STOP, False))
    assert reflex.may_close(1)


def test_inputs_that_are_lost_open_every_contactor_and_allow_none_until_they_are_back() -> None:
    reflex = charging()
    assert reflex.see(PartLost("inputs", 0, "the chip is gone")) == (1, 2)
    assert not reflex.may_close(1)
    reflex.see(PartBack("inputs", 0))
    assert reflex.may_close(1)


def test_before_its_inputs_are_known_nothing_closes() -> None:
    reflex = Reflex([1], inputs=True)
    reflex.see(PilotSeen(1, pilot("C")))
    assert not reflex.may_close(1)
    reflex.see(PartBack("inputs", 0))
    assert reflex.may_close(1)


@pytest.mark.section("IEC 61851-1 6.3.1.5")
@pytest.mark.parametrize("fact", [LockSeen(2, False), PartLost("lock", 2, "the wire broke")])
def test_a_cable_that_is_not_locked_any_more_opens_where_it_must_be(fact: Event) -> None:
    reflex = Reflex([1, 2], locked=[2])
    for number in (1, 2):
        reflex.see(PilotSeen(number, pilot("C")))
    assert (reflex.may_close(1), reflex.may_close(2)) == (True, False), "what is not known does not allow energy"
    reflex.see(LockSeen(1, False))
    reflex.see(LockSeen(2, True))
    for number in (1, 2):
        assert reflex.may_close(number)
        reflex.closed(number)
    assert reflex.see(fact) == (2,)
    reflex.see(PartBack("lock", 2))
    assert not reflex.may_close(2)
    reflex.see(LockSeen(2, True))
    assert reflex.may_close(2)


def test_a_lost_pilot_opens_and_inputs_that_come_back_are_told_anew() -> None:
    reflex = charging()
    assert reflex.see(PartLost("pilot", 1, "wire")) == (1,)
    reflex.see(line(InputKind.EMERGENCY_STOP, True))
    reflex.see(PartLost("inputs", 0, "wire"))
    assert not reflex.may_close(2)
    reflex.see(PartBack("inputs", 0))
    assert reflex.may_close(2)


def test_the_end_of_the_process_opens_everything_for_good() -> None:
    reflex = charging()
    assert reflex.see(StopAsked()) == (1, 2)
    reflex.see(PilotSeen(1, pilot("C")))
    assert not reflex.may_close(1)


def test_what_is_not_known_does_not_allow_energy() -> None:
    assert not Reflex([1]).may_close(1)
    assert not Reflex([1]).may_close(7)


def test_only_closed_contactors_are_told_to_open_and_only_once() -> None:
    reflex = charging()
    assert reflex.see(PilotSeen(1, pilot("B"))) == (1,)
    assert reflex.see(PilotSeen(1, pilot("A"))) == ()


def test_facts_that_concern_no_contactor_open_none() -> None:
    reflex = charging()
    for event in (LinkDown("x"), ContactorSeen(1, False), PartLost("meter", 1, "silent"), PartLost("reader", 1, "gone")):
        assert reflex.see(event) == ()
    assert reflex.see(PilotSeen(9, pilot("A"))) == ()


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda number, state, diode: PilotSeen(number, pilot(state, diode)),
        st.integers(1, 3),
        st.sampled_from("ABCDEF"),
        st.booleans(),
    ),
    st.builds(line, st.sampled_from(list(InputKind)), st.booleans(), st.integers(0, 3)),
    st.builds(PartLost, st.sampled_from(["pilot", "meter", "inputs", "lock"]), st.integers(0, 3), st.just("x")),
    st.builds(PartBack, st.sampled_from(["pilot", "inputs", "lock"]), st.integers(0, 3)),
    st.builds(LockSeen, st.integers(1, 3), st.booleans()),
)


@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_no_contactor_stays_closed_that_may_not_be(events: list[Event]) -> None:
    reflex = Reflex([1, 2, 3], locked=[3], inputs=True)
    closed: set[int] = set()
    for event in events:
        closed -= set(reflex.see(event))
        assert all(reflex.may_close(number) for number in closed)
        for number in (1, 2, 3):
            if reflex.may_close(number):
                reflex.closed(number)
                closed.add(number)


class TestTrial:
    """An installer's test of a contactor is held to the opposite: no car."""

    @staticmethod
    def trying() -> Reflex:
        reflex = Reflex((1, 2))
        reflex.see(PilotSeen(1, pilot("A")))
        assert reflex.may_close(1, trial=True)
        reflex.closed(1, trial=True)
        return reflex

    @pytest.mark.parametrize("state", ["B", "C", "D", "E", "F"])
    def test_any_pilot_but_a_opens_it(self, state: str) -> None:
        assert self.trying().see(PilotSeen(1, pilot(state))) == (1,)

    def test_a_line_that_trips_opens_it(self) -> None:
        assert self.trying().see(line(InputKind.DOOR_OPEN, True, 1)) == (1,)

    def test_without_a_pilot_there_is_none(self) -> None:
        assert not Reflex((1,)).may_close(1, trial=True)
        assert self.trying().see(PartLost("pilot", 1, "gone")) == (1,)

    def test_what_allows_a_trial_allows_no_session(self) -> None:
        reflex = self.trying()
        assert not reflex.may_close(1)
        reflex.opened(1)
        reflex.see(PilotSeen(1, pilot("C")))
        reflex.closed(1)
        assert reflex.see(PilotSeen(1, pilot("A"))) == (1,)

"""From amperes to pulses and back as a car reads them (IEC 61851-1 tables A.7 and A.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec61851.duty import DIGITAL_DUTY, PERIOD_NS, duty_of, pulse_ns
from hil.chips.pilot_circuit import current_read

pytestmark = pytest.mark.section("IEC 61851-1 A")


@pytest.mark.parametrize(
    ("current_a", "percent"),
    [
        (6, 10.0), (10, 16.667), (13, 21.667), (16, 26.667), (20, 33.333), (25, 41.667), (32, 53.333), (40, 66.667),
        (48, 80.0), (51, 85.0), (52.5, 85.0), (63, 89.2), (70, 92.0), (80, 96.0),
    ],
)  # fmt: skip
def test_the_duty_of_a_current_is_that_of_the_standard(current_a: float, percent: float) -> None:
    assert duty_of(current_a) * 100 == pytest.approx(percent, abs=0.001)
    assert pulse_ns(current_a) == pytest.approx(percent * 10_000, abs=10)


@given(st.floats(6, 80))
def test_a_car_never_reads_more_than_was_allowed_and_hardly_less(current_a: float) -> None:
    read_a = current_read(pulse_ns(current_a) / PERIOD_NS)
    assert read_a is not None
    assert read_a <= current_a + 1e-9
    assert read_a >= current_a - (1.5 if 51 < current_a <= 52.5 else 0.001)


@given(st.floats(6, 80), st.floats(6, 80))
def test_more_amperes_are_never_a_shorter_pulse(one_a: float, other_a: float) -> None:
    assert (one_a <= other_a) <= (pulse_ns(one_a) <= pulse_ns(other_a))


@given(st.floats(6, 80))
def test_no_offer_is_taken_for_the_digital_one(current_a: float) -> None:
    assert duty_of(current_a) >= 2 * DIGITAL_DUTY
    assert current_read(DIGITAL_DUTY) is None


def test_a_steady_pilot_offers_nothing() -> None:
    assert pulse_ns(None) == PERIOD_NS
    assert current_read(1.0) is None


@pytest.mark.parametrize("current_a", [0, 5.99, 80.01, -6, float("nan"), float("inf")])
def test_what_cannot_be_offered_is_refused(current_a: float) -> None:
    with pytest.raises(ValueError, match="6 to 80 A"):
        pulse_ns(current_a)

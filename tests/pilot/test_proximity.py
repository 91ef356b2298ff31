"""What a cable's resistor says (IEC 61851-1 table B.2)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.iec61851.proximity import NO_CABLE, Cable, Watch, cable_of, complaint, resistance, words

pytestmark = pytest.mark.section("IEC 61851-1 B")


@pytest.mark.parametrize(("ohms", "current_a"), [(1_500, 13), (680, 20), (220, 32), (100, 63)])
def test_the_coding_of_the_standard_with_its_tolerance(ohms: float, current_a: float) -> None:
    for factor in (0.97, 1.0, 1.03):
        assert cable_of(factor * ohms) == Cable(True, current_a)


@pytest.mark.parametrize(
    ("ohms", "current_a"),
    [(2_460, 13), (1_100, 13), (936, 20), (400, 20), (308, 32), (164, 32), (140, 63), (80, 63)],
)
def test_the_ends_of_the_bands_belong_to_them(ohms: float, current_a: float) -> None:
    assert cable_of(ohms).current_a == current_a


@pytest.mark.parametrize("ohms", [0, 60, 79, 141, 163, 309, 399, 937, 1_099, 2_461, 4_500])
def test_a_resistor_in_no_band_is_a_cable_that_carries_nothing(ohms: float) -> None:
    assert cable_of(ohms) == Cable(True, 0.0)
    assert f"{ohms} ohm" in complaint(ohms)


def test_an_open_contact_is_no_cable() -> None:
    assert cable_of(4_501) == cable_of(math.inf) == NO_CABLE
    assert words(NO_CABLE, math.inf) == "no cable"
    assert words(cable_of(221), 221) == "a cable for 32 A (221 ohm)"


def test_the_thickest_cable_carries_70_a_on_one_phase() -> None:
    assert cable_of(100, single_phase=True) == Cable(True, 70.0)
    assert cable_of(220, single_phase=True) == Cable(True, 32.0)


@given(st.floats(0, 10_000), st.floats(50, 10_000), st.floats(1, 6))
def test_the_resistance_is_what_the_divider_shows(ohms: float, pull_up_ohm: float, supply_v: float) -> None:
    volts = supply_v * ohms / (ohms + pull_up_ohm)
    assert resistance(volts, supply_v, pull_up_ohm) == pytest.approx(ohms, rel=1e-6, abs=1e-6)
    assert resistance(supply_v, supply_v, pull_up_ohm) == math.inf


def test_a_cable_is_believed_after_equal_looks() -> None:
    watch = Watch(3)
    looks = [NO_CABLE, NO_CABLE, NO_CABLE, Cable(True, 20), Cable(True, 0), Cable(True, 20), Cable(True, 20), Cable(True, 20)]
    assert [watch.see(cable) for cable in looks] == [False, False, True, False, False, False, False, True]
    assert watch.cable == Cable(True, 20)

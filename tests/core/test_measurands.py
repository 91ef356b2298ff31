"""Stories of measurands: what a member of a list means, and what a reading gives for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.core.measurands import (
    SOURCES,
    Offer,
    check_measurands,
    missing_from,
    parse_member,
    parse_members,
    sample_values,
    whole_wh,
)
from chargepoint.core.totals import total_of
from chargepoint.facts import Quantity, Reading
from chargepoint.messages import Measurand, Phase, ReadingContext, SampledValue

pytestmark = pytest.mark.section("7.31")

FULL = Reading(
    energy_import_wh=12_345.6,
    energy_export_wh=7.9,
    power_w=11_040.04,
    power_w_phases=(3_680.0, 3_680.0, 3_680.04),
    current_a=(16.0, 15.987, 16.001),
    voltage_v=(230.04, 229.96, 231.0),
    frequency_hz=50.014,
    power_factor=0.9876,
    temperature_c=41.25,
)
ONE_PHASE = Reading(energy_import_wh=1.0, power_w=1_610.0, current_a=(7.0, None, None), voltage_v=(230.0, None, None))


def sampled(members: str, reading: Reading = FULL, **more: object) -> list[SampledValue]:
    options = {"energy_kwh": False, "register_offset_wh": 0.0, **more}
    context = ReadingContext.Sample_Periodic
    return list(sample_values(parse_members(members), reading, Offer(16.0, 3), context, **options))  # type: ignore[arg-type]


def shown(members: str, reading: Reading = FULL, **more: object) -> list[tuple[str | None, str, str | None]]:
    return [(one.phase, one.value, one.unit) for one in sampled(members, reading, **more)]


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("Energy.Active.Import.Register", [(None, "12345", "Wh")]),
        ("Energy.Active.Export.Register", [(None, "7", "Wh")]),
        ("Power.Active.Import", [(None, "11040.0", "W"), ("L1", "3680.0", "W"), ("L2", "3680.0", "W"), ("L3", "3680.0", "W")]),
        ("Power.Active.Import.L2", [("L2", "3680.0", "W")]),
        ("Current.Import", [("L1", "16.00", "A"), ("L2", "15.99", "A"), ("L3", "16.00", "A")]),
        ("Current.Import.L1", [("L1", "16.00", "A")]),
        ("Voltage", [("L1-N", "230.0", "V"), ("L2-N", "230.0", "V"), ("L3-N", "231.0", "V")]),
        ("Voltage.L1-N", [("L1-N", "230.0", "V")]),
        ("Frequency", [(None, "50.01", None)]),
        ("Power.Factor", [(None, "0.988", None)]),
        ("Temperature", [(None, "41.2", "Celsius")]),
        ("Current.Offered", [(None, "16.0", "A")]),
        ("Power.Offered", [(None, "11056", "W")]),
    ],
)
def test_what_a_member_gives(member: str, expected: list[tuple[str | None, str, str | None]]) -> None:
    assert shown(member) == expected


def test_the_order_is_that_of_the_list() -> None:
    assert [one.measurand for one in sampled("Voltage.L1-N,Frequency,Energy.Active.Import.Register")] == [
        "Voltage", "Frequency", "Energy.Active.Import.Register",
    ]  # fmt: skip


def test_what_is_not_there_is_left_out() -> None:
    assert shown("Current.Import,Voltage,Frequency,Temperature", ONE_PHASE) == [("L1", "7.00", "A"), ("L1-N", "230.0", "V")]
    assert shown("Voltage.L3-N", ONE_PHASE) == []


def test_every_attribute_is_written_out() -> None:
    (one,) = sampled("Energy.Active.Import.Register")
    assert (one.context, one.format, one.measurand, one.location, one.unit) == (
        "Sample.Periodic", "Raw", "Energy.Active.Import.Register", "Outlet", "Wh",
    )  # fmt: skip


def test_frequency_has_no_unit() -> None:
    """UnitOfMeasure of OCPP 1.6 has no Hertz: a unit there makes Central Systems refuse the message."""
    (one,) = sampled("Frequency")
    assert one.unit is None


def test_energy_in_kwh() -> None:
    assert shown("Energy.Active.Import.Register", energy_kwh=True) == [(None, "12.345", "kWh")]
    assert shown("Power.Active.Import.L1", energy_kwh=True) == [("L1", "3680.0", "W")]


def test_energy_of_the_transaction_alone() -> None:
    assert shown("Energy.Active.Import.Register", register_offset_wh=12_000.1) == [(None, "345", "Wh")]
    assert shown("Energy.Active.Export.Register", register_offset_wh=12_000.1) == [(None, "7", "Wh")]


@pytest.mark.parametrize("measurand", Measurand)
def test_what_the_station_knows_it_takes_and_the_rest_it_refuses(measurand: Measurand) -> None:
    wrong = check_measurands(measurand)
    assert (wrong is None) == (measurand in SOURCES)


@pytest.mark.parametrize("phase", Phase)
def test_a_phase_is_taken_where_it_is_measured(phase: Phase) -> None:
    assert (check_measurands(f"Current.Import.{phase}") is None) == (phase in ("L1", "L2", "L3"))
    assert (check_measurands(f"Voltage.{phase}") is None) == (phase in ("L1-N", "L2-N", "L3-N"))
    assert check_measurands(f"Frequency.{phase}") is not None


def test_what_a_meter_cannot_give_is_named() -> None:
    quantities = frozenset({Quantity.ENERGY_IMPORT, Quantity.POWER})
    assert missing_from("Energy.Active.Import.Register,Power.Active.Import,Current.Offered", quantities) is None
    assert missing_from("Energy.Active.Import.Register,Voltage.L1-N,Frequency", quantities) == "Voltage.L1-N"
    assert missing_from("Power.Active.Import.L1", quantities) == "Power.Active.Import.L1"


@given(st.text(max_size=40))
def test_no_text_is_a_surprise(text: str) -> None:
    """What the check lets pass can be sampled; everything else is said in words."""
    wrong = check_measurands(text)
    if wrong is None:
        sampled(text)
    else:
        assert wrong
    parse_member(text)


@given(
    st.lists(st.sampled_from([*SOURCES]).flatmap(lambda one: st.sampled_from([str(one), f" {one} ", f"{one}.L1"])), max_size=6)
)
def test_every_list_that_is_taken_gives_text_for_every_value(members: list[str]) -> None:
    value = ",".join(members)
    if check_measurands(value) is None:
        for one in sampled(value):
            assert one.value == one.value.strip()
            float(one.value)


@given(st.floats(0.0, 1e9), st.floats(0.0, 1e6))
def test_whole_wh_is_cut_off_and_never_falls(energy_wh: float, more_wh: float) -> None:
    assert 0 <= energy_wh - whole_wh(energy_wh) + 1e-6 < 1.000_002
    assert whole_wh(energy_wh + more_wh) >= whole_wh(energy_wh)


def test_sums_of_floats_do_not_cost_a_wh() -> None:
    assert whole_wh(1_234.7 - 734.7) == 500
    assert whole_wh(0.1 + 0.2 + 0.7) == 1


class TestTotal:
    def test_the_sum_of_all(self) -> None:
        total = total_of([FULL, ONE_PHASE])
        assert total is not None
        assert total.energy_import_wh == pytest.approx(12_346.6)
        assert total.power_w == pytest.approx(12_650.04)
        first, *others = total.current_a
        assert first == pytest.approx(23.0)
        assert others == [None, None]
        assert total.energy_export_wh is None
        assert total.voltage_v == FULL.voltage_v

    def test_none_unless_all_have_a_reading(self) -> None:
        assert total_of([]) is None
        assert total_of([FULL, None]) is None

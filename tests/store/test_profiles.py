"""Charging profiles over a power cut (OCPP 1.6 section 3.13: what was installed stays, what was cleared never returns)."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.core.records import DropProfile, ProfileRecord, PutProfile, Stamp
from chargepoint.messages import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RecurrencyKindType,
)
from chargepoint.store import Store
from tests.store.conftest import Restart
from tests.store.making import commit

pytestmark = pytest.mark.section("3.13")


def installed(number: int, *, connector: int = 0, level: int = 0, transaction: int | None = None) -> ProfileRecord:
    schedule = ChargingSchedule(
        charging_rate_unit=ChargingRateUnitType.A,
        charging_schedule_period=(ChargingSchedulePeriod(start_period=0, limit=8.1, number_phases=1),),
    )
    profile = ChargingProfile(
        charging_profile_id=number,
        stack_level=level,
        charging_profile_purpose=ChargingProfilePurposeType.TxProfile,
        charging_profile_kind=ChargingProfileKindType.Relative,
        charging_schedule=schedule,
    )
    return ProfileRecord(connector=connector, profile=profile, installed=Stamp(1, 12.5), transaction=transaction)


def test_profiles_survive_and_a_cleared_one_never_returns(store: Store, restart: Restart) -> None:
    first, second = installed(7), installed(-1, connector=2, transaction=4)
    commit(store, PutProfile(first), PutProfile(second))
    store, snapshot = restart()
    assert snapshot.profiles == (second, first)
    commit(store, DropProfile(7))
    assert restart()[1].profiles == (second,)


def test_a_profile_takes_the_place_of_the_one_with_its_id(store: Store, restart: Restart) -> None:
    commit(store, PutProfile(installed(7)))
    commit(store, DropProfile(7), PutProfile(installed(7, connector=1, level=3)))
    assert restart()[1].profiles == (installed(7, connector=1, level=3),)


numbers = st.integers(-(2**63), 2**63 - 1)
seconds = st.integers(0, 2**31 - 1)
dates = st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
rates = st.floats(0, 1e300, allow_nan=False)
periods = st.builds(ChargingSchedulePeriod, start_period=seconds, limit=rates, number_phases=st.none() | st.integers(1, 3))
schedules = st.builds(
    ChargingSchedule,
    duration=st.none() | seconds,
    start_schedule=dates,
    charging_rate_unit=st.sampled_from(ChargingRateUnitType),
    charging_schedule_period=st.lists(periods, min_size=1, max_size=5).map(tuple),
    min_charging_rate=st.none() | rates,
)
profiles = st.builds(
    ChargingProfile,
    charging_profile_id=numbers,
    transaction_id=st.none() | numbers,
    stack_level=seconds,
    charging_profile_purpose=st.sampled_from(ChargingProfilePurposeType),
    charging_profile_kind=st.sampled_from(ChargingProfileKindType),
    recurrency_kind=st.none() | st.sampled_from(RecurrencyKindType),
    valid_from=dates,
    valid_to=dates,
    charging_schedule=schedules,
)
records = st.builds(
    ProfileRecord,
    connector=st.integers(0, 32),
    profile=profiles,
    installed=st.builds(Stamp, boot=st.integers(1, 2**31), mono_s=st.floats(0, 1e9)),
    offset_s=st.none() | st.floats(0, 1e10),
    transaction=st.none() | st.integers(1, 2**53),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records)
def test_any_profile_comes_back(store: Store, record: ProfileRecord) -> None:
    commit(store, PutProfile(record))
    try:
        assert store.snapshot().profiles == (record,)
    finally:
        commit(store, DropProfile(record.profile.charging_profile_id))

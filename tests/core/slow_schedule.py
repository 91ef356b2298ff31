"""A slow evaluator of charging profiles, obviously right: every profile is looked at anew for every second.

It reads the messages as the specification words them (OCPP 1.6 sections 3.13, 5.16.4, 7.9 to 7.14) and shares no code with the
station. Limits come out in amperes per phase or in watts, at a supply of `volts` and `wires` phases.
"""

from datetime import UTC, datetime, timedelta

from chargepoint.messages import ChargingProfile, ChargingSchedulePeriod

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERY = {"Daily": 24 * 60 * 60, "Weekly": 7 * 24 * 60 * 60}

Placed = tuple[int, ChargingProfile]  # the connector that it was set for, and the profile


def second_of(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


def period_at(profile: ChargingProfile, at: int, begun: int) -> ChargingSchedulePeriod | None:
    """The period of a profile that is in force at a second; begun: when the transaction started."""
    schedule = profile.charging_schedule
    if profile.valid_from is not None and at < second_of(profile.valid_from):
        return None
    if profile.valid_to is not None and at >= second_of(profile.valid_to):
        return None
    start = begun
    if profile.charging_profile_kind != "Relative" and schedule.start_schedule is not None:
        start = second_of(schedule.start_schedule)
    if at < start:
        return None
    passed = at - start
    if profile.charging_profile_kind == "Recurring":
        assert profile.recurrency_kind is not None
        passed = passed % EVERY[profile.recurrency_kind]
    if schedule.duration is not None and passed >= schedule.duration:
        return None
    in_force = None
    for period in schedule.charging_schedule_period:
        if period.start_period <= passed:
            in_force = period
    return in_force


def prevailing(profiles: list[ChargingProfile], at: int, begun: int) -> tuple[ChargingProfile, ChargingSchedulePeriod] | None:
    """Of the profiles that say something now, the one with the highest stack level."""
    best = None
    for profile in profiles:
        period = period_at(profile, at, begun)
        if period is not None and (best is None or profile.stack_level > best[0].stack_level):
            best = (profile, period)
    return best


def of_transaction(
    placed: list[Placed], connector: int, at: int, begun: int
) -> tuple[ChargingProfile, ChargingSchedulePeriod] | None:
    """TxProfile before TxDefaultProfile, that of the connector before that of connector 0."""

    def of(purpose: str, number: int) -> list[ChargingProfile]:
        return [one for where, one in placed if where == number and one.charging_profile_purpose == purpose]

    return (
        prevailing(of("TxProfile", connector), at, begun)
        or prevailing(of("TxDefaultProfile", connector), at, begun)
        or prevailing(of("TxDefaultProfile", 0), at, begun)
    )


def of_station(placed: list[Placed], at: int, installed: int) -> tuple[ChargingProfile, ChargingSchedulePeriod] | None:
    station = [one for _, one in placed if one.charging_profile_purpose == "ChargePointMaxProfile"]
    return prevailing(station, at, installed)


def phases_of(period: ChargingSchedulePeriod, wires: int) -> int:
    return min(period.number_phases or 3, wires)


def rate_of(found: tuple[ChargingProfile, ChargingSchedulePeriod] | None, unit: str, volts: float, wires: int) -> float | None:
    """A limit in the unit asked for; None where there is none."""
    if found is None:
        return None
    profile, period = found
    given = profile.charging_schedule.charging_rate_unit
    if given == unit:
        return period.limit
    watts_per_ampere = volts * phases_of(period, wires)
    return period.limit / watts_per_ampere if unit == "A" else period.limit * watts_per_ampere


def lowest(*rates: float | None) -> float | None:
    return min((rate for rate in rates if rate is not None), default=None)

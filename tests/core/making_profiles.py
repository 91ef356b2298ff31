"""Charging profiles for stories: as messages, as JSON, and random stacks of them around one instant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from chargepoint.messages import ChargePointStatus, ChargingProfile
from tests.core.harness import BEGIN_WALL_S, World

DAY_S = 86_400
WEEK_S = 7 * DAY_S


def date(second: float) -> str:
    """Seconds since 1970 as a message has them."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    return moment.isoformat().replace("+00:00", "Z")


def profile(
    number: int = 1,
    *steps: tuple[float, ...],
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    level: int = 0,
    unit: str = "A",
    start: float | None = None,
    duration: int | None = None,
    least: float | None = None,
    every: str | None = None,
    valid: tuple[float | None, float | None] = (None, None),
    transaction: int | None = None,
) -> dict[str, Any]:
    """A profile as JSON. steps: (startPeriod, limit) or (startPeriod, limit, numberPhases); dates in seconds since 1970."""
    periods: list[dict[str, Any]] = [
        {"startPeriod": step[0], "limit": step[1], **({"numberPhases": step[2]} if len(step) == 3 else {})} for step in steps
    ]
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": periods or [{"startPeriod": 0, "limit": 10.0}],
        "duration": duration,
        "startSchedule": None if start is None else date(start),
        "minChargingRate": least,
    }
    whole = {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "recurrencyKind": every,
        "validFrom": None if valid[0] is None else date(valid[0]),
        "validTo": None if valid[1] is None else date(valid[1]),
        "transactionId": transaction,
        "chargingSchedule": {name: value for name, value in schedule.items() if value is not None},
    }
    return {name: value for name, value in whole.items() if value is not None}


def message(document: dict[str, Any]) -> ChargingProfile:
    return msgspec.json.decode(msgspec.json.encode(document), type=ChargingProfile)


def set_profile(world: World, connector: int, *steps: tuple[float, ...], number: int = 1, **more: Any) -> str:
    """SetChargingProfile; returns its status. Absolute ones start now, unless a start is given."""
    if more.get("kind") != "Relative":
        more.setdefault("start", world.wall_s)
    document = profile(number, *steps, **more)
    status = world.call("SetChargingProfile", connectorId=connector, csChargingProfiles=document)["status"]
    assert isinstance(status, str)
    return status


def clear(world: World, **criteria: Any) -> str:
    status = world.call("ClearChargingProfile", criteria)["status"]
    assert isinstance(status, str)
    return status


def charging(connectors: int = 1, **more: Any) -> World:
    """A station that charges at connector 1, transactionId 1001."""
    world = World(connectors, **more)
    world.plug()
    world.tap()
    assert world.status() is ChargePointStatus.Charging
    return world


def composite(world: World, connector: int, duration: int, unit: str | None = None) -> list[tuple[float, ...]]:
    """GetCompositeSchedule, which must be accepted: (startPeriod, limit) of each period, and numberPhases where it is told."""
    fields = {"connectorId": connector, "duration": duration, **({"chargingRateUnit": unit} if unit else {})}
    conf = world.call("GetCompositeSchedule", fields)
    schedule = conf["chargingSchedule"]
    start = date(int(world.wall_s))
    assert conf == {"status": "Accepted", "connectorId": connector, "scheduleStart": start, "chargingSchedule": schedule}
    assert (schedule["duration"], schedule["startSchedule"], schedule["chargingRateUnit"]) == (duration, start, unit or "A")
    names = ("startPeriod", "limit", "numberPhases")
    return [tuple(period[name] for name in names if name in period) for period in schedule["chargingSchedulePeriod"]]


NEAR_S = 400
near = st.integers(-NEAR_S, NEAR_S)
rates = {
    "A": st.sampled_from([0.0, 5.9, 6.0, 8.1, 10.0, 16.0, 20.5, 32.0, 63.0]),
    "W": st.sampled_from([0.0, 1380.0, 3680.0, 4140.0, 5000.0, 7360.0, 11040.0, 22080.0, 50000.0]),
}


@st.composite
def documents(draw: st.DrawFn, number: int, purposes: list[str], now_s: int = int(BEGIN_WALL_S)) -> dict[str, Any]:
    """A right profile with its borders near now_s. number: chargingProfileId."""
    unit = draw(st.sampled_from(["A", "W"]))
    begins = sorted(draw(st.sets(st.integers(1, 2 * NEAR_S), max_size=4)))
    steps = [(begin, draw(rates[unit]), *draw(st.sampled_from([(), (), (1,), (2,), (3,)]))) for begin in [0, *begins]]
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    every = draw(st.sampled_from(["Daily", "Weekly"])) if kind == "Recurring" else None
    start = None
    if kind != "Relative" and draw(st.integers(0, 9)):
        back = draw(st.integers(0, 20)) * (WEEK_S if every == "Weekly" else DAY_S) if every else 0
        start = now_s + draw(near) - back
    return profile(
        number,
        *steps,
        purpose=draw(st.sampled_from(purposes)),
        kind=kind,
        level=draw(st.integers(0, 5)),
        unit=unit,
        start=start,
        duration=draw(st.none() | st.integers(1, NEAR_S) | st.integers(DAY_S - 5, 2 * WEEK_S)),
        least=draw(st.none() | st.sampled_from([1.0, 10.0])),
        every=every,
        valid=draw(
            st.tuples(st.none() | near.map(lambda s: now_s + s), st.none())
            | near.flatmap(lambda s: st.integers(1, NEAR_S).map(lambda more: (now_s + s, now_s + s + more)))
        ),
    )

"""Charging profiles on the whole station, in real time: the pilot shows each step within a second of its border."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.shell import test_service

PATIENCE_S = 10.0
STEPS_A = (16.0, 10.0, 0.0, 6.0, 20.0)

world = test_service.world  # the fixture


def profile(start_s: int) -> dict[str, Any]:
    start = datetime.fromtimestamp(start_s, UTC).isoformat()
    periods = [{"startPeriod": number, "limit": limit} for number, limit in enumerate(STEPS_A)]
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {"startSchedule": start, "chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }


@pytest.mark.section("3.13")
async def test_the_pilot_follows_every_step_within_a_second(world: test_service.World) -> None:
    async def offered_a() -> float:
        state = await world.bench.do("state")
        return float(state["connectors"]["1"]["offered_current_a"])

    async def offers(wanted_a: float) -> float:
        """When the pilot first offers this much."""

        def there(state: dict[str, Any]) -> bool:
            return bool(state["connectors"]["1"]["offered_current_a"] == wanted_a)

        await world.bench.wait_for(there, PATIENCE_S, f"an offer of {wanted_a} A")
        return time.time()

    async with world.station():
        await world.booted()
        await world.charge()
        station = await world.central.station(test_service.IDENTITY, timeout_s=PATIENCE_S)
        start_s = int(time.time()) + 2
        fields = {"connectorId": 1, "csChargingProfiles": profile(start_s)}
        assert await station.call("SetChargingProfile", fields) == {"status": "Accepted"}
        assert await offered_a() == 32.0
        for number, limit in enumerate(STEPS_A):
            late_s = await offers(limit) - (start_s + number)
            assert -0.1 <= late_s < 1.0, f"{limit} A came {late_s:.3f} s after its border"
        assert await station.call("ClearChargingProfile", {"id": 1}) == {"status": "Accepted"}
        cleared_s = time.time()
        assert await offers(32.0) - cleared_s < 1.0

"""Limits: the charging profiles that the simulated Central System laid down, simple enough to be judged without a planner.

Owns which limits hold: constant ones, absolute, in amperes, without an end. Refuses everything else that section 3.13 of OCPP
1.6 has: stories of the core hold that. A limit counts from the moment it was accepted; one whose answer was lost may hold or
not, so it is not judged until it was laid down again.
"""

from typing import Any

Payload = dict[str, Any]
Key = tuple[int, str]

STATION = "ChargePointMaxProfile"
SESSIONS = "TxDefaultProfile"


def set_profile(connector: int, limit_a: float) -> Payload:
    """connector 0: the station as a whole; else what sessions at that connector may take. A SetChargingProfile.req."""
    purpose = SESSIONS if connector else STATION
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit_a}]}
    profile = {
        "chargingProfileId": 100 + connector,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule | {"startSchedule": "2026-01-01T00:00:00Z"},
    }
    return {"connectorId": connector, "csChargingProfiles": profile}


class Limits:
    def __init__(self) -> None:
        self.laid_a: dict[int, float] = {}

    def asked(self, action: str, payload: Payload) -> None:
        """What was asked may be done before its answer comes."""
        if action == "SetChargingProfile":
            self.laid_a.pop(payload["connectorId"], None)
        elif action == "ClearChargingProfile":
            self.laid_a.clear()

    def answered(self, action: str, payload: Payload, status: str) -> None:
        if action == "SetChargingProfile" and status == "Accepted":
            periods = payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
            self.laid_a[payload["connectorId"]] = periods[0]["limit"]

    def exceeded(self, offers_a: dict[int, float]) -> str | None:
        """offers_a: what each connector is offered now. What is beyond a limit, in words."""
        station_a = self.laid_a.get(0)
        if station_a is not None and sum(offers_a.values()) > station_a + 1e-6:
            return f"{sum(offers_a.values()):g} A are offered, and a profile allows the station {station_a:g} A"
        for number, offer_a in offers_a.items():
            if offer_a > self.laid_a.get(number, offer_a) + 1e-6:
                return f"connector {number} is offered {offer_a:g} A, and a profile allows it {self.laid_a[number]:g} A"
        return None

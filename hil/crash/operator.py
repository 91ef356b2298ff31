"""The operator: somebody at the Central System who asks, sets and changes things all the time, so that every table is written.

Owns what is asked. None of it changes who may charge, and none of it ends a session.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from hil.crash.actor import Actor
from hil.csms import CallError, CentralSystem, NoAnswer, NotConnected

PAUSE_S = (0.2, 2.0)
CALL_S = 1.5
LIST_MAX = 400

Payload = dict[str, Any]


def _list(rng: random.Random) -> Payload:
    count = rng.randint(1, LIST_MAX)
    entries = [{"idTag": f"LIST{number:06}", "idTagInfo": {"status": "Accepted"}} for number in range(count)]
    return {"listVersion": rng.randint(1, 1_000_000), "updateType": "Full", "localAuthorizationList": entries}


def _profile(rng: random.Random) -> Payload:
    """At least 10 A: everybody charges on."""
    periods = [{"startPeriod": 60 * number, "limit": float(rng.randint(10, 32))} for number in range(rng.randint(1, 20))]
    profile = {
        "chargingProfileId": rng.randint(1, 9),
        "stackLevel": rng.randint(0, 3),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }
    return {"connectorId": rng.randint(0, 2), "csChargingProfiles": profile}


def _reserve(rng: random.Random) -> Payload:
    """For the time of a blink: it expires before anybody minds."""
    expiry = datetime.now(UTC) + timedelta(seconds=1)
    date = expiry.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {"connectorId": rng.randint(1, 2), "expiryDate": date, "idTag": "RESERVED", "reservationId": rng.randint(1, 5)}


def _trigger(rng: random.Random) -> Payload:
    message = rng.choice(("MeterValues", "StatusNotification", "Heartbeat", "BootNotification"))
    return {"requestedMessage": message}


REQUESTS: tuple[tuple[str, Callable[[random.Random], Payload]], ...] = (
    ("SendLocalList", _list),
    ("SetChargingProfile", _profile),
    ("ClearChargingProfile", lambda rng: {"id": rng.randint(1, 9)}),
    ("ReserveNow", _reserve),
    ("ClearCache", lambda rng: {}),
    ("TriggerMessage", _trigger),
    ("GetConfiguration", lambda rng: {}),
    ("ChangeConfiguration", lambda rng: {"key": "BlinkRepeat", "value": str(rng.randint(0, 9))}),
)


class Operator(Actor):
    """asked counts the answers by action."""

    def __init__(self, cs: CentralSystem, identity: str, rng: random.Random) -> None:
        super().__init__()
        self.asked: dict[str, int] = {}
        self._station = cs.known(identity)
        self._rng = rng

    async def act(self) -> None:
        await asyncio.sleep(self._rng.uniform(*PAUSE_S))
        action, payload = self._rng.choice(REQUESTS)
        with suppress(NoAnswer, NotConnected, CallError):
            await self._station.call(action, payload(self._rng), timeout_s=CALL_S)
            self.asked[action] = self.asked.get(action, 0) + 1

"""Scenes as the stage gives them, without a stage."""

from typing import Any

from hil.demo.scene import Scene

Body = dict[str, Any]

FREE: Body = {
    "pilot": "A",
    "plugged": False,
    "cable_at_station": False,
    "offered_current_a": 0.0,
    "drawn_current_a": 0.0,
    "phases": 3,
    "contactor": "open",
    "lock": "unlocked",
    "energy_wh": 12_345,
    "power_w": 0.0,
    "indicator": "available",
    "faults": [],
}
CHARGING: Body = {
    **FREE,
    "pilot": "C",
    "plugged": True,
    "offered_current_a": 32.0,
    "drawn_current_a": 16.0,
    "contactor": "closed",
    "lock": "locked",
    "energy_wh": 24_001,
    "power_w": 11_040.0,
    "indicator": "suspended_ev",
}
SESSION: Body = {"id_tag": "••••B3C4", "energy_wh": 1_501, "seconds": 3_725, "transaction_id": 17}
STATION: Body = {
    "identity": "CK_1",
    "vendor": "ChargeKing",
    "model": "CK22",
    "registration": "Accepted",
    "link": {"state": "connected"},
    "queue": {"messages": 0, "oldest_s": None, "dead_letters": 0},
    "faults": [],
    "waiting_for": "a car or a card",
    "connectors": {
        "1": {"status": "Available", "session": None, "faults": []},
        "2": {"status": "Charging", "session": SESSION, "faults": []},
    },
}


def scene(**more: Any) -> Scene:
    """Connector 1 is free, connector 2 charges, all is well."""
    whole: Body = {
        "bench": {"connectors": {"1": FREE, "2": CHARGING}},
        "station": STATION,
        "system": {"online": True, "stations": {"CK_1": {}}},
        "running": True,
    }
    return Scene(**{**whole, **more})


def station(**more: Any) -> Body:
    return {**STATION, **more}

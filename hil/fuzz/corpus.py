"""Corpus: right things to begin with: what a Central System may ask, what it may answer, what the control socket takes."""

from typing import Any

PERIODS = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 600, "limit": 0.0, "numberPhases": 1}]
SCHEDULE = {
    "duration": 86_400,
    "startSchedule": "2026-01-05T00:00:00Z",
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": PERIODS,
}
PROFILE = {
    "chargingProfileId": 7,
    "stackLevel": 1,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "validFrom": "2026-01-01T00:00:00Z",
    "validTo": "2026-12-31T00:00:00Z",
    "chargingSchedule": SCHEDULE,
}
ENTRY = {"idTag": "CARD1", "idTagInfo": {"status": "Accepted", "expiryDate": "2026-02-01T00:00:00Z", "parentIdTag": "FAMILY"}}
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "3"}),
    ("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "Energy.Active.Import.Register,Voltage.L1-N"}),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "00112233445566778899aabbccddeeff"}),
    ("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "5"}),
    ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "1"}),
    ("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "1"}),
    ("GetConfiguration", {"key": ["HeartbeatInterval", "SupportedFeatureProfiles", "nothing"]}),
    ("GetConfiguration", {}),
    ("ClearCache", {}),
    ("DataTransfer", {"vendorId": "org.example", "messageId": "hello", "data": "{}"}),
    ("RemoteStartTransaction", {"connectorId": 1, "idTag": "CARD1"}),
    ("RemoteStartTransaction", {"idTag": "CARD2", "chargingProfile": {**PROFILE, "chargingProfilePurpose": "TxProfile"}}),
    ("RemoteStopTransaction", {"transactionId": 1001}),
    ("Reset", {"type": "Soft"}),
    ("Reset", {"type": "Hard"}),
    ("UnlockConnector", {"connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ("SendLocalList", {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [ENTRY, {**ENTRY, "idTag": "CARD2"}]}),
    ("SendLocalList", {"listVersion": 4, "updateType": "Differential", "localAuthorizationList": [{"idTag": "CARD2"}]}),
    ("GetLocalListVersion", {}),
    ("ReserveNow", {"connectorId": 1, "expiryDate": "2026-01-05T13:00:00Z", "idTag": "CARD2", "reservationId": 5}),
    ("CancelReservation", {"reservationId": 5}),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}),
    (
        "SetChargingProfile",
        {"connectorId": 0, "csChargingProfiles": {**PROFILE, "chargingProfilePurpose": "ChargePointMaxProfile"}},
    ),
    ("ClearChargingProfile", {"id": 7, "connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 3_600, "chargingRateUnit": "W"}),
    ("GetDiagnostics", {"location": "ftp://user:word@127.0.0.1:1/in", "retries": 1, "retryInterval": 1}),
    ("UpdateFirmware", {"location": "http://127.0.0.1:1/image", "retrieveDate": "2026-01-05T12:00:00Z", "retries": 0}),
)
ACCEPTED = {"status": "Accepted"}
ANSWERS: tuple[dict[str, Any], ...] = (
    {"status": "Accepted", "currentTime": "2026-01-05T12:00:00Z", "interval": 300},
    {"status": "Pending", "currentTime": "2026-01-05T12:00:00Z", "interval": 1},
    {"currentTime": "2026-01-05T12:00:00Z"},
    {"idTagInfo": ACCEPTED, "transactionId": 1001},
    {"idTagInfo": {"status": "Invalid"}, "transactionId": 1002},
    {"idTagInfo": ENTRY["idTagInfo"]},
    {},
)
REQUESTS: tuple[dict[str, Any], ...] = (
    {"do": "status"},
    {"do": "present_card", "id_tag": "CARD1", "reader": 1},
    {"do": "stop_session", "connector": 1},
    {"do": "get_settings", "names": ["HeartbeatInterval", "nothing"]},
    {"do": "set_setting", "name": "HeartbeatInterval", "value": "60"},
    {"do": "set_setting", "name": "MeterValuesAlignedData", "value": "Voltage"},
    {"do": "data_transfer", "vendor_id": "org.example", "message_id": "x", "data": "y"},
    {"do": "ledger", "limit": 5, "offset": 0},
    {"do": "dead_letters", "limit": 5},
    {"do": "security_log", "limit": 5, "offset": 0},
    {"do": "replay_dead_letter", "seq": 1},
    {"do": "journal", "content": True},
    {"do": "watch"},
)
HARDWARE: dict[str, tuple[dict[str, Any], ...]] = {
    "contactor": ({"contactor": "open"}, {"contactor": "closed"}),
    "pilot": (
        {"pilot": "A", "cable_at_station": False, "cable_a": None, "diode_ok": True},
        {"pilot": "B", "cable_at_station": True, "cable_a": 32.0, "diode_ok": True},
        {"pilot": "C", "cable_at_station": True, "cable_a": 32.0, "diode_ok": True},
        {"pilot": "E", "cable_at_station": True, "cable_a": 20.0, "diode_ok": False},
    ),
    "lock": ({"lock": "locked"}, {"lock": "unlocked"}),
    "indicator": (),
    "reader": ({"card": "CARD1"}, {"card": None}, {"card": "04A2B3C4D5E6F7"}),
    "inputs": (
        {"input": "emergency_stop", "connector": 0, "active": True},
        {"input": "emergency_stop", "connector": 0, "active": False},
        {"input": "ground_fault", "connector": 1, "active": True},
        {"input": "mains_lost", "connector": 0, "active": False},
    ),
}

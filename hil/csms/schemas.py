"""A second opinion on payloads: the official JSON schemas, and what the schemas do not say but the specification does.

The schemas come from the `ocpp` package, a test dependency; without it (or without `jsonschema`) only the own checks run
and `AVAILABLE` is False.
"""

import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hil.csms.frames import Payload
from hil.csms.times import is_utc_stamp

FROM_STATION = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
)
TO_STATION = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ChangeAvailability",
        "ChangeConfiguration",
        "ClearCache",
        "ClearChargingProfile",
        "DataTransfer",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetConfiguration",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "ReserveNow",
        "Reset",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "TriggerMessage",
        "UnlockConnector",
        "UpdateFirmware",
    }
)

# Which CALLERROR a broken rule of JSON Schema is, in the spelling of OCPP-J 1.6 table 7.
_CODES = {
    "type": "TypeConstraintViolation",
    "required": "OccurenceConstraintViolation",
    "additionalProperties": "FormationViolation",
    "format": "PropertyConstraintViolation",
}
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_STATUS_OF_STATION = ("Available", "Unavailable", "Faulted")
PROBLEMS_SHOWN = 10


@dataclass(frozen=True)
class Problem:
    """What is wrong with a payload. code: the CALLERROR it deserves. grave: a back end would refuse the message."""

    where: str
    text: str
    code: str = "PropertyConstraintViolation"
    grave: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def _folder() -> Path | None:
    if importlib.util.find_spec("jsonschema") is None:
        return None
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "v16" / "schemas"
    return folder if folder.is_dir() else None


_FOLDER = _folder()
AVAILABLE = _FOLDER is not None


@cache
def _validator(name: str) -> Any:
    """The schema's validator, or None where there is none. Numbers are decimals: 0.1 must divide 21.4."""
    if _FOLDER is None:
        return None
    path = _FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    from jsonschema.validators import validator_for

    schema = json.loads(path.read_text("utf-8-sig"), parse_float=Decimal)
    return validator_for(schema)(schema)


def check(action: str, payload: Payload, part: Literal["req", "conf"]) -> list[Problem]:
    """What is wrong with the payload of a request or of its answer; at most ten problems, an empty list if none."""
    problems: list[Problem] = []
    validator = _validator(action if part == "req" else f"{action}Response")
    if validator is not None:
        exact = json.loads(json.dumps(payload), parse_float=Decimal)
        for error in sorted(validator.iter_errors(exact), key=lambda error: error.json_path):
            problems.append(
                Problem(
                    f"{action}.{part}{error.json_path[1:]}",
                    error.message[:300],
                    _CODES.get(str(error.validator), "PropertyConstraintViolation"),
                )
            )
            if len(problems) == PROBLEMS_SHOWN:
                return problems
    for where, text in _own_checks(action, payload, part):
        problems.append(Problem(f"{action}.{part}{where}", text, grave=False))
        if len(problems) == PROBLEMS_SHOWN:
            break
    return problems


def _own_checks(action: str, payload: Payload, part: str) -> Iterator[tuple[str, str]]:
    for where, value in stamps(payload):
        if not is_utc_stamp(value):
            yield where, f"a time stamp in UTC with a Z at its end is expected, found {str(value)[:40]!r}"
    if part == "conf":
        return
    connector = payload.get("connectorId")
    if isinstance(connector, int):
        lowest = 1 if action == "StartTransaction" else 0
        if connector < lowest:
            yield ".connectorId", f"{connector} is below {lowest}"
        if action == "StatusNotification" and connector == 0 and payload.get("status") not in _STATUS_OF_STATION:
            yield ".status", f"connector 0 knows {', '.join(_STATUS_OF_STATION)}, not {payload.get('status')!r}"
    for name in ("meterStart", "meterStop"):
        if isinstance(payload.get(name), int) and payload[name] < 0:
            yield f".{name}", f"{payload[name]} is negative"
    yield from _meter_values(action, payload)


def _meter_values(action: str, payload: Payload) -> Iterator[tuple[str, str]]:
    name = "transactionData" if action == "StopTransaction" else "meterValue"
    values = payload.get(name)
    if not isinstance(values, list):
        return
    if not values and name == "meterValue":
        yield f".{name}", "one or more elements are required, found none"
    for index, value in enumerate(values):
        sampled = value.get("sampledValue") if isinstance(value, dict) else None
        if not isinstance(sampled, list):
            continue
        if not sampled:
            yield f".{name}[{index}].sampledValue", "one or more elements are required, found none"
        for number, sample in enumerate(sampled):
            if not isinstance(sample, dict) or sample.get("format") == "SignedData":
                continue
            text = sample.get("value")
            if isinstance(text, str) and not _NUMBER.fullmatch(text):
                yield f".{name}[{index}].sampledValue[{number}].value", f"a decimal number is expected, found {text[:40]!r}"


def stamps(payload: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every `timestamp` in a payload with its place, in document order."""
    if isinstance(payload, dict):
        for name, value in payload.items():
            if name == "timestamp":
                yield f"{where}.{name}", value
            else:
                yield from stamps(value, f"{where}.{name}")
    elif isinstance(payload, list):
        for index, value in enumerate(payload):
            yield from stamps(value, f"{where}[{index}]")

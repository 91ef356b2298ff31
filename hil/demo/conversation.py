"""The OCPP conversation for people: one line a frame, → from the station, ← to it.

Payloads are told as the specification names their fields, without JSON's brackets; stamps as the local time of day, the three
commonest measurands by their first word.
"""

import time
from datetime import datetime
from typing import Any

from hil.demo.style import Line, plain

ARROWS = {"in": ("sent", "→"), "out": ("received", "←")}
LINKS = {"connected": "the station is connected", "closed": "the connection is closed"}
SHORT = {"Energy.Active.Import.Register": "Energy", "Power.Active.Import": "Power", "Current.Import": "Current"}
DEPTH_MAX = 4


def line_of(frame: dict[str, Any]) -> Line:
    """A frame as the Central System's control socket gives it."""
    clock: Line = (("dim", time.strftime("%H:%M:%S ", time.localtime(frame["at"]))),)
    style, arrow = ARROWS.get(frame["direction"], ("dim", "·"))
    action, payload = str(frame.get("action", "")), frame["payload"]
    match frame["kind"]:
        case "call":
            return (*clock, (style, f"{arrow} "), *plain(action, "bold"), *plain(_after(details(payload))))
        case "result":
            return (*clock, (style, f"{arrow} "), *plain(action, "dim"), *plain(_after(_answer(payload))))
        case "error":
            text = f"{arrow} {action} CALLERROR {frame.get('code', '')} {frame.get('description', '')}"
            return clock + plain(text, "bad")
        case "link":
            event = str(payload.get("event", ""))
            rest = details({name: value for name, value in payload.items() if name not in ("event", "peer", "subprotocol")})
            return clock + plain(f"· {LINKS.get(event, event)}{f' ({rest})' if rest else ''}", "dim")
        case "garbage":
            return clock + plain(f"{arrow} not OCPP: {payload.get('text', '')}", "bad")
        case kind:
            return clock + plain(f"✗ {kind}: {frame.get('description', '')}", "bad")


def details(payload: dict[str, Any]) -> str:
    """`connectorId 1, idTag 04A2B3C4, meterStart 12345`."""
    return ", ".join(f"{name} {_value(name, value, 1)}" for name, value in payload.items())


def _after(text: str) -> str:
    return f"  {text}" if text else ""


def _answer(payload: dict[str, Any]) -> str:
    """The status first, whether it stands by itself or in idTagInfo."""
    rest = dict(payload)
    info = rest.pop("idTagInfo", None)
    first = info if isinstance(info, dict) else rest
    words = [str(first["status"])] if "status" in first else []
    others = {name: value for name, value in {**rest, **(info if isinstance(info, dict) else {})}.items() if name != "status"}
    return ", ".join(words + ([details(others)] if others else []))


def _value(name: str, value: Any, depth: int) -> str:
    match value:
        case str() if name in ("timestamp", "currentTime"):
            return _time_of_day(value)
        case list() if name in ("meterValue", "transactionData") and value:
            return _meter_values(value)
        case dict() if depth < DEPTH_MAX:
            return "(" + ", ".join(f"{key} {_value(key, one, depth + 1)}" for key, one in value.items()) + ")"
        case list() if depth < DEPTH_MAX:
            return "(" + ", ".join(_value("", one, depth + 1) for one in value) + ")"
        case dict() | list():
            return "(…)"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


def _meter_values(values: list[Any]) -> str:
    """The newest of the values; of several, their number too."""
    newest = values[-1] if isinstance(values[-1], dict) else {}
    samples = [_sample(one) for one in newest.get("sampledValue", []) if isinstance(one, dict)]
    count = f"{len(values)} times, the last " if len(values) > 1 else ""
    return f"({count}{', '.join(samples)})"


def _sample(sample: dict[str, Any]) -> str:
    measurand = str(sample.get("measurand", "Energy.Active.Import.Register"))
    phase = f".{sample['phase']}" if "phase" in sample else ""
    return f"{SHORT.get(measurand, measurand)}{phase} {sample.get('value', '')} {sample.get('unit', '')}".rstrip()


def _time_of_day(stamp: str) -> str:
    """A stamp of today as the local time of day, any other as it stands."""
    try:
        moment = datetime.fromisoformat(stamp).astimezone()
    except (ValueError, OverflowError):
        return stamp
    return moment.strftime("%H:%M:%S") if moment.date() == datetime.now().astimezone().date() else stamp

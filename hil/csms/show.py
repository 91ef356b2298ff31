"""The conversation for people: one line a frame, arrows for the direction, and the books as a table."""

import json
import time
from typing import Any

from hil.csms.frames import Frame

WIDTH = 400


def line(frame: Frame, width: int = WIDTH) -> str:
    """`09:31:02 CK_XXX_0001 → BootNotification {...}`: local time, station, → from the station, ← to it."""
    return line_of(frame.as_dict(), width)


def line_of(frame: dict[str, Any], width: int = WIDTH) -> str:
    """The same from a frame as the control socket gives it."""
    clock = time.strftime("%H:%M:%S", time.localtime(frame["at"]))
    arrow = {"in": "→", "out": "←"}.get(frame["direction"], "·")
    return f"{clock} {frame['identity']} {arrow} {_what(frame, width)}"


def _what(frame: dict[str, Any], width: int) -> str:
    kind, payload = frame["kind"], frame["payload"]
    match kind:
        case "call":
            return f"{frame['action']} {_json(payload, width)}".rstrip()
        case "result":
            return _answer(payload, width)
        case "error":
            return f"CALLERROR {frame.get('code', '')} {frame.get('description', '')}".rstrip()
        case "link":
            details = " ".join(f"{name}={value}" for name, value in payload.items() if name != "event")
            return f"[{payload.get('event', '')}] {details}".rstrip()
        case "garbage":
            return f"not OCPP: {str(payload.get('text', ''))[:width]}"
        case _:
            return f"!! {kind}: {frame.get('description', '')}"


def _answer(payload: dict[str, Any], width: int) -> str:
    """An answer's status comes first, the rest behind it."""
    rest = dict(payload)
    info = rest.get("idTagInfo")
    if isinstance(info, dict):
        status = info.get("status")
        others = {name: value for name, value in info.items() if name != "status"}
        rest["idTagInfo"] = others
        if not others:
            del rest["idTagInfo"]
    else:
        status = rest.pop("status", None)
    words = [] if status is None else [str(status)]
    if rest:
        words.append(_json(rest, width))
    return " ".join(words) or "{}"


def _json(payload: Any, width: int) -> str:
    if not payload:
        return ""
    text = json.dumps(payload, ensure_ascii=False)
    return text if len(text) <= width else f"{text[:width]}… ({len(text)} characters)"


COLUMNS = (
    ("tx", "transaction_id"),
    ("station", "identity"),
    ("con", "connector_id"),
    ("id tag", "id_tag"),
    ("start", "started"),
    ("stop", "stopped"),
    ("Wh from", "meter_start_wh"),
    ("Wh to", "meter_stop_wh"),
    ("Wh", "energy_wh"),
    ("reason", "reason"),
    ("values", "meter_values"),
    ("repeats", "repeats"),
    ("doubled", "doubled"),
)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows of `Books.table` in columns."""
    cells = [[title for title, _ in COLUMNS]]
    for row in rows:
        cells.append([_cell(row[name]) for _, name in COLUMNS])
    widths = [max(len(line[column]) for line in cells) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in cells)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return "-" if value is None else str(value)

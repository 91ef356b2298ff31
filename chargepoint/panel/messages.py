"""Messages: the conversation with the Central System, as a person reads it."""

import json
from datetime import UTC, datetime
from typing import Any

from chargepoint.panel.html import Html, Inside, tag
from chargepoint.panel.station import Body
from chargepoint.panel.words import Words

DETAIL_MAX = 160
RAW_MAX = 6_000


def line(t: Words, frame: Body) -> Html:
    """One frame: which way, what, when, what matters of it; the whole of it on demand."""
    direction = "sent" if frame.get("direction") == "sent" else "received"
    text = str(frame.get("text") or "")
    what, detail = readable(t, text)
    told = t("Station to Central System") if direction == "sent" else t("Central System to station")
    return tag(
        "li",
        tag("span", "→" if direction == "sent" else "←", class_="way", aria_hidden="true"),
        tag(
            "details",
            tag(
                "summary",
                tag("span", told + ": ", class_="unseen"),
                tag("span", what, class_="what"),
                tag("span", _when(frame.get("at_s")), class_="when"),
                tag("span", detail, class_="detail") if detail else None,
            ),
            tag("pre", _laid_out(text)),
        ),
        class_=direction,
        data_seq=int(frame.get("seq") or 0),
    )


def readable(t: Words, text: str) -> tuple[str, str]:
    """What a frame is, and what matters of it."""
    parts = _parsed(text)
    match parts:
        case [2, str(), str(action), dict(payload)]:
            return action, _detail(payload)
        case [3, str(), dict(payload)]:
            return t("Answer"), _detail(payload)
        case [4, str(), str(code), description, *_]:
            return t("Error: {code}", code=code), str(description)[:DETAIL_MAX]
        case _:
            return t("Unreadable"), text[:DETAIL_MAX]


def message_id(text: str) -> str:
    """By which a frame and its answer know one another; empty where there is none."""
    parts = _parsed(text)
    return parts[1] if isinstance(parts, list) and len(parts) > 2 and isinstance(parts[1], str) else ""


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _detail(payload: dict[str, Any]) -> str:
    """The plain values of a message, the nested ones by their names."""
    told = [f"{name} {value}" if not isinstance(value, dict | list) else f"{name} …" for name, value in payload.items()]
    text = ", ".join(told)
    return text if len(text) <= DETAIL_MAX else f"{text[: DETAIL_MAX - 1]}…"


def _laid_out(text: str) -> Inside:
    parsed = _parsed(text)
    laid = text if parsed is None else json.dumps(parsed, indent=2, ensure_ascii=False)
    return laid if len(laid) <= RAW_MAX else f"{laid[:RAW_MAX]}\n…"


def _when(at_s: object) -> Inside:
    if not isinstance(at_s, int | float) or not 0 <= at_s < 1e11:
        return None
    at = datetime.fromtimestamp(at_s, UTC)
    return tag("time", at.strftime("%H:%M:%S UTC"), datetime=at.strftime("%Y-%m-%dT%H:%M:%SZ"), class_="clock")

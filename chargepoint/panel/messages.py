"""Messages: the conversation with the Central System, as a person reads it."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html, Inside, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import blanked
from chargepoint.panel.panel import Answer, Panel, Request
from chargepoint.panel.station import Body
from chargepoint.panel.words import Words

DETAIL_MAX = 160
RAW_MAX = 6_000
ASKED_MAX = 400
ID_TAGS = re.compile(r'("(?:idTag|parentIdTag)"\s*:\s*")([^"\\]*)"')
SHOWN = 120


class Asked:
    """Which action a message id belongs to, so that an answer can be told by it. At most ASKED_MAX are known."""

    def __init__(self) -> None:
        self._actions: dict[str, str] = {}

    def hear(self, text: str) -> None:
        match _parsed(text):
            case [2, str(key), str(action), *_]:
                self._actions.pop(key, None)
                self._actions[key] = action
                if len(self._actions) > ASKED_MAX:
                    del self._actions[next(iter(self._actions))]

    def action(self, key: object) -> str | None:
        return self._actions.get(key) if isinstance(key, str) else None


def line(t: Words, role: Role, frame: Body, asked: Asked) -> Html:
    """One frame: which way, what, when, what matters of it; the whole of it on demand."""
    direction = "sent" if frame.get("direction") == "sent" else "received"
    text = str(frame.get("text") or "")
    asked.hear(text)
    if role != "installer":
        text = ID_TAGS.sub(_blanked, text)
    what, detail = readable(t, text, asked)
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
        data_key=f"{frame.get('seq')}@{frame.get('at_s')}",
    )


def _blanked(match: re.Match[str]) -> str:
    return match[1] + blanked(match[2]) + '"'


def readable(t: Words, text: str, asked: Asked) -> tuple[str, str]:
    """What a frame is, and what matters of it."""
    match _parsed(text):
        case [2, str(), str(action), dict(payload)]:
            return action, _detail(payload)
        case [3, str(key), dict(payload)]:
            of = asked.action(key)
            return t("Answer to {action}", action=of) if of else t("Answer"), _detail(payload)
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


# The page


def add_to(panel: Panel) -> None:
    panel.get("/messages", conversation)
    panel.get("/messages.jsonl", download)


async def conversation(panel: Panel, request: Request) -> Answer:
    t = request.words
    frames = (await panel.station.ask("frames", limit=SHOWN))["frames"]
    lines = list_of(panel, request, frames)
    tools = tag(
        "div",
        tag(
            "div",
            tag("label", t("Show only lines with"), for_="filter"),
            tag("input", id="filter", type="search", autocomplete="off", placeholder="StatusNotification"),
        ),
        tag("button", t("Pause"), " ", tag("span", id="held"), id="pause", type="button", aria_pressed="false"),
        tag("a", t("Download"), href="/messages.jsonl", class_="button", download="messages.jsonl"),
        class_="filters",
    )
    return panel.page(
        request,
        t("Messages"),
        tag("div", id="away"),
        tag(
            "section",
            tag(
                "p", t("The conversation with the Central System, the newest line first. Passwords are blanked."), class_="hint"
            ),
            tools,
            tag("p", t("No messages yet, or none with these words."), id="none", class_="why", hidden=True),
            tag("ol", lines[::-1], id="lines", reversed=True),
            class_="card",
        ),
        topic="messages",
    )


def list_of(panel: Panel, request: Request, frames: list[Body]) -> list[Html]:
    """Frames as lines, in their order."""
    role = request.reader.role or "viewer"
    return [line(request.words, role, frame, panel.live.asked) for frame in frames]


async def download(panel: Panel, request: Request) -> Answer:
    """A line of JSON a frame, the oldest first."""
    frames = (await panel.station.ask("frames"))["frames"]
    if not request.reader.may_change:
        frames = [{**frame, "text": ID_TAGS.sub(_blanked, frame["text"])} for frame in frames]
    body = "".join(json.dumps(frame, ensure_ascii=False) + "\n" for frame in frames)
    head = {
        "Content-Type": "application/x-ndjson; charset=utf-8",
        "Content-Disposition": 'attachment; filename="messages.jsonl"',
    }
    return Answer(body, 200, head)


def parts(t: Words, role: Role, view: View) -> Parts:
    """Whether anything can be heard at all."""
    away = tag("p", t("away.absent" if view.away != "starting" else "away.starting"), class_="banner warn")
    return {"away": away if view.away is not None else Html("")}

"""The bench: cars, cards, cables and faults to click, where the station's hardware is virtual."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import amount, button, energy, facts, power
from chargepoint.panel.panel import Answer, Panel, Request, Wrong
from chargepoint.panel.words import Words

ANSWER_S = 5.0
LINE_MAX = 1 << 20
CARD = "04A2B3C4D5"
FAULTS = (
    "ground_fault",
    "emergency_stop",
    "contactor_welded",
    "contactor_stuck_open",
    "lock_jammed",
    "pilot_short",
    "pilot_diode",
    "over_temperature",
    "over_current",
    "reader_lost",
    "meter_lost",
    "door_open",
)
STATION_FAULTS = frozenset({"emergency_stop", "door_open"})
SPEEDS = (1, 10, 60, 600)


class BenchAway(Exception):
    """The bench cannot be asked, or refuses; the text says why."""


async def ask(path: str, do: str, **arguments: Any) -> dict[str, Any]:
    """One request to the bench. Raises BenchAway."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_unix_connection(path, limit=LINE_MAX)
            try:
                writer.write(json.dumps({"id": 1, "do": do, **arguments}).encode() + b"\n")
                answer = json.loads(await reader.readline())
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError) as error:
        raise BenchAway(str(error) or type(error).__name__) from None
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        raise BenchAway(str(answer.get("error")) if isinstance(answer, dict) else "no answer")
    return answer


def add_to(panel: Panel) -> None:
    if panel.bench is not None:
        panel.get("/bench", shown, "installer")
        panel.post("/do/bench", do)


async def refresh(panel: Panel) -> None:
    """What open pages of the bench show, told anew."""
    if panel.bench is None or not panel.live.looks_at("bench"):
        return
    try:
        panel.live.view.bench = await ask(panel.bench, "state")
    except BenchAway as error:
        panel.live.view.bench = {"error": str(error)}
    panel.live.changed()


async def shown(panel: Panel, request: Request) -> Answer:
    t = request.words
    assert panel.bench is not None
    try:
        panel.live.view.bench = await ask(panel.bench, "state")
    except BenchAway as error:
        raise Wrong(t("The bench does not answer: {why}", why=str(error)), 503) from None
    panel.live.changed()
    made = parts(t, "installer", panel.live.view)
    cards = [tag("article", part, id=name, class_="card") for name, part in made.items() if name.startswith("car-")]
    return panel.page(
        request,
        t("Bench"),
        tag("p", t("This station's hardware is virtual. What you click here happens to it."), class_="hint"),
        tag("div", made["bench"], id="bench"),
        tag("div", cards, class_="cards"),
        topic="bench",
    )


def parts(t: Words, role: Role, view: View) -> Parts:
    state = view.bench or {}
    if "error" in state:
        return {"bench": tag("p", t("The bench does not answer: {why}", why=state["error"]), class_="banner warn")}
    connectors = state.get("connectors") or {}
    made: Parts = {"bench": _whole(t, state)}
    for name in sorted(connectors, key=lambda name: (len(name), name)):
        made[f"car-{name}"] = _car(t, name, connectors[name])
    return made


def _whole(t: Words, state: Mapping[str, Any]) -> Html:
    mains = state.get("mains", True)
    speeds = [
        button(t("Energy {factor} times faster", factor=speed), "/do/bench", do="speed", factor=speed) for speed in SPEEDS
    ]
    lines = [
        button(t(f"fault.{kind}"), "/do/bench", do="fault", connector=0, kind_=kind, active="toggle")
        for kind in sorted(STATION_FAULTS)
    ]
    told = (
        t("The station is connected to the bench.")
        if state.get("station") == "connected"
        else t("No station is connected to the bench.")
    )
    switch = button(t("Mains off") if mains else t("Mains on"), "/do/bench", do="mains", on="no" if mains else "yes")
    return tag(
        "section",
        tag("p", told),
        tag("p", speeds, class_="actions"),
        tag("p", switch, lines, class_="actions"),
        class_="card",
    )


def _car(t: Words, name: str, one: Mapping[str, Any]) -> Html:
    plugged, ready = bool(one.get("plugged")), one.get("pilot") in ("C", "D")
    card, kind = f"card-{name}", f"kind-{name}"
    if plugged:
        moves = [
            button(
                t("The car wants no more") if ready else t("The car wants energy"),
                "/do/bench",
                do="ev",
                connector=name,
                ready="no" if ready else "yes",
            ),
            button(t("Pull the cable out"), "/do/bench", do="unplug", connector=name),
        ]
    else:
        moves = [
            button(t("Plug in a car"), "/do/bench", kind="main", do="plug", connector=name, max_current_a=16),
            button(t("… that is not ready"), "/do/bench", do="plug", connector=name, ready="no", max_current_a=16),
        ]
    active = [str(fault) for fault in one.get("faults") or ()]
    options = [tag("option", t(f"fault.{fault}"), value=fault) for fault in FAULTS if fault not in STATION_FAULTS]
    return Html(
        "".join(
            (
                tag("h2", t("Connector {name}", name=name)),
                facts(
                    (t("Car"), t(f"pilot.{one.get('pilot')}")),
                    (t("Offered"), amount(t, one.get("offered_current_a"), 1, "A")),
                    (t("Drawn"), amount(t, one.get("drawn_current_a"), 1, "A")),
                    (t("Power"), power(t, one.get("power_w"))),
                    (t("Meter"), energy(t, one.get("energy_wh"))),
                    (t("Contactor"), t(f"contactor.{one.get('contactor')}")),
                    (t("Faults"), ", ".join(t(f"fault.{fault}") for fault in active) or t("none")),
                ),
                tag("p", moves, class_="actions"),
                tag("label", t("Card"), for_=card),
                tag("input", id=card, name="id_tag", value=CARD, maxlength=255, autocomplete="off"),
                tag("p", _with(t("Tap the card"), card, do="tap", reader=name), class_="actions"),
                tag("label", t("Fault"), for_=kind),
                tag("select", options, id=kind, name="kind"),
                tag(
                    "p",
                    _with(t("Raise"), kind, do="fault", connector=name, active="yes"),
                    _with(t("Clear"), kind, do="fault", connector=name, active="no"),
                    class_="actions",
                ),
            )
        )
    )


def _with(label: str, field: str, **fields: Any) -> Html:
    told = "&".join(f"{name}={value}" for name, value in fields.items())
    return tag("button", label, type="button", data_post="/do/bench", data_fields=told, data_with=field)


async def do(panel: Panel, request: Request) -> Answer:
    t, form = request.words, request.form
    assert panel.bench is not None
    try:
        await ask(panel.bench, form.get("do", "")[:20], **await _arguments(panel, request))
    except BenchAway as error:
        raise Wrong(t("The bench says: {text}", text=str(error)), 409) from None
    await refresh(panel)
    return Answer.told({"text": t("Done.")})


async def _arguments(panel: Panel, request: Request) -> dict[str, Any]:
    """The bench checks what it is asked; only types are made here, for a form knows texts alone."""
    form, t = request.form, request.words
    number = form.get("connector", form.get("reader", "0"))
    match form.get("do"):
        case "plug":
            return {"connector": request.number("connector"), "ready": form.get("ready") != "no", "max_current_a": 16}
        case "unplug":
            return {"connector": request.number("connector")}
        case "ev":
            return {"connector": request.number("connector"), "ready": form.get("ready") == "yes"}
        case "tap":
            return {"reader": await _reader(panel, request.number("reader")), "id_tag": form.get(f"card-{number}", "")[:255]}
        case "fault":
            kind = form.get("kind_") or form.get(f"kind-{number}", "")
            active = form.get("active") == "yes"
            if form.get("active") == "toggle":
                active = await _toggled(panel, kind)
            return {"connector": request.number("connector"), "kind": kind[:40], "active": active}
        case "speed":
            return {"factor": request.number("factor", 3600)}
        case "mains":
            return {"on": form.get("on") == "yes"}
        case _:
            raise Wrong(t("The bench cannot do that."))


async def _reader(panel: Panel, connector: int) -> int:
    """The reader of a connector, or the one that serves them all."""
    assert panel.bench is not None
    state = await ask(panel.bench, "state")
    return connector if str(connector) in state.get("cards", {}) else 1


async def _toggled(panel: Panel, kind: str) -> bool:
    status = panel.live.view.status or await panel.station.ask("status")
    return kind not in (status.get("faults") or ())

"""The page for drivers: is it free, how to begin, and why the last card was refused. Public where the settings say so.

It shows nothing of anybody: no card, no energy, no address of the Central System; and it can ask for nothing.
"""

from collections.abc import Mapping
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html, joined, tag
from chargepoint.panel.live import Page, Parts, View
from chargepoint.panel.panel import Answer, Panel, Request, Wrong
from chargepoint.panel.words import Words

PAGES_MAX = 40  # of drivers; those who run the station must still find room
REFUSED_SHOWN_S = 120
KINDS = {
    "Available": "free",
    "Preparing": "free",
    "Finishing": "busy",
    "Charging": "busy",
    "SuspendedEV": "busy",
    "SuspendedEVSE": "busy",
    "Reserved": "busy",
}


def add_to(panel: Panel) -> None:
    if panel.driver_page:
        panel.get("/driver", shown, None)
        panel.get("/driver/events", events, None)


async def shown(panel: Panel, request: Request) -> Answer:
    t, view = request.words, panel.live.view
    if view.status is None or view.away is not None:
        panel.live.hear({"event": "status", **await panel.station.ask("status")})
    cards = [tag("article", part, id=name, class_="card") for name, part in parts(t, "viewer", view).items()]
    return panel.page(request, t("Charge here"), tag("div", cards, class_="driver"), topic="driver")


async def events(panel: Panel, request: Request) -> Answer:
    if panel.live.looks_at("driver") >= PAGES_MAX:
        raise Wrong(request.words("Too many pages are open. Close some."), 503)
    panel.station.watch()
    opened = Page(request.words, "viewer", "driver")
    return Answer(panel.live.events(opened), 200, {"Content-Type": "text/event-stream; charset=utf-8"})


def parts(t: Words, role: Role, view: View) -> Parts:
    connectors = (view.status or {}).get("connectors") or {}
    names = sorted(connectors, key=lambda name: (len(name), name))
    return {f"place-{name}": _place(t, name, connectors[name], view, alone=len(names) == 1) for name in names}


def _place(t: Words, name: str, one: Mapping[str, Any], view: View, *, alone: bool) -> Html:
    status = str(one.get("status"))
    kind = KINDS.get(status, "broken") if view.away is None else "broken"
    light = str(one.get("light") or "off")
    if view.away is not None:
        said, how = t("The station is starting."), t("One moment, please.")
    else:
        said = {"free": t("Free"), "busy": t("In use"), "broken": t("Out of service")}[kind]
        how = t(f"how.{light}") if t.knows(f"how.{light}") else t(f"how.{status}")
    refused = one.get("refused")
    why = None
    if isinstance(refused, dict) and isinstance(refused.get("seconds"), int) and refused["seconds"] <= REFUSED_SHOWN_S:
        why = tag("p", t("Your card was refused: "), t(f"refusal.{refused.get('why')}"), class_="banner warn")
    return joined(
        (
            tag("p", t("Connector {name}", name=name), class_="hint") if not alone else None,
            tag("h2", said, class_=kind),
            tag("p", tag("span", class_=f"light {light}", aria_hidden="true"), class_="lamp"),
            tag("p", how, class_="big"),
            why,
        )
    )

"""Now: what every connector does, what the station waits for, and what is wrong with it."""

from collections.abc import Mapping
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html, Inside, joined, tag
from chargepoint.panel.live import Parts, View
from chargepoint.panel.page import amount, button, duration, energy, facts, instant, power
from chargepoint.panel.plot import power_plot
from chargepoint.panel.words import Words

AWAY = ("absent", "forbidden", "starting", "ended", "no answer")


def parts(t: Words, role: Role, view: View) -> Parts:
    """The page by the ids of its elements."""
    status = view.status or {}
    connectors = _table(status.get("connectors"))
    made: Parts = {"summary": _summary(t, view)}
    for name in sorted(connectors, key=lambda name: (len(name), name)):
        made[f"connector-{name}"] = _connector(t, role, name, _table(connectors[name]), view)
    made["station"] = _station(t, status)
    return made


def content(made: Parts) -> Html:
    """The page's inside, for a browser that comes for the first time."""
    cards = [tag("article", part, id=name, class_="card") for name, part in made.items() if name.startswith("connector-")]
    return joined(
        (
            tag("section", made["summary"], id="summary", aria_live="polite"),
            tag("div", cards, class_="cards", id="cards"),
            tag("section", made["station"], id="station", class_="card"),
        )
    )


def _summary(t: Words, view: View) -> Html:
    """One sentence: what the station waits for, or why nothing can be said of it."""
    if view.away is not None:
        key = f"away.{view.away}" if view.away in AWAY else "away.broken"
        old = tag("p", t("What is shown below is what it said last."), class_="hint") if view.status else None
        return tag("div", tag("p", t(key), class_="sentence"), old, class_="banner warn")
    status = view.status or {}
    if not status:
        return tag("div", tag("p", t("away.starting"), class_="sentence"), class_="banner warn")
    waits = str(status.get("waiting_for") or "")
    connectors = _table(status.get("connectors"))
    broken = [name for name in sorted(connectors) if _table(connectors[name]).get("status") == "Faulted"]
    if broken and not status.get("faults"):
        sentence = t("Out of order: connector {names}. What to do stands below.", names=", ".join(broken))
        return tag("div", tag("p", sentence, class_="sentence"), class_="banner bad")
    if status.get("leaving"):
        return tag("div", tag("p", t("The station is about to start again."), class_="sentence"), class_="banner warn")
    key = f"waits.{waits}"
    sentence = t(key) if t.knows(key) else t("The station waits for: {what}", what=waits)
    kind = "bad" if status.get("faults") else "warn" if "Central System" in waits else "good"
    return tag("div", tag("p", sentence, class_="sentence"), class_=f"banner {kind}")


# One connector


def _connector(t: Words, role: Role, name: str, one: Mapping[str, Any], view: View) -> Html:
    status, light = str(one.get("status") or ""), str(one.get("light") or "off")
    running, session = isinstance(one.get("session"), dict), _table(one.get("session"))
    head = tag(
        "div",
        tag("h2", t("Connector {name}", name=name)),
        tag(
            "p",
            tag("span", class_=f"light {light}", title=t(f"light.{light}"), aria_hidden="true"),
            tag("strong", t(f"status.{status}")),
            class_=f"status {status.lower()}",
        ),
        class_="head",
    )
    return joined(
        (
            head,
            tag("p", _why(t, one), class_="why"),
            _figures(t, one, session) if running else None,
            _plot(t, name, session, view) if running else None,
            _faults(t, role, name, one),
            facts(*_facts(t, one, session)),
            _buttons(t, role, name, running=running),
        )
    )


def _why(t: Words, one: Mapping[str, Any]) -> str:
    """The status in a sentence: suspended by whom, waiting for what."""
    status, light = one.get("status"), one.get("light")
    if light in ("asking", "accepted", "refused", "plug_wanted", "starting", "setting_up", "updating"):
        key = f"light.{light}"
        refused = one.get("refused")
        if light == "refused" and isinstance(refused, dict):
            key = f"refusal.{refused.get('why')}"
        return t(key)
    return t(f"why.{status}")


def _figures(t: Words, one: Mapping[str, Any], session: Mapping[str, Any]) -> Html:
    figures = (
        (t("Power"), power(t, one.get("power_w"))),
        (t("Energy"), energy(t, session.get("energy_wh"))),
        (t("Time"), duration(session.get("seconds"))),
    )
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in figures], class_="figures")


def _plot(t: Words, name: str, session: Mapping[str, Any], view: View) -> Html | None:
    seconds = session.get("seconds")
    looks = [look for look in view.power.get(name, []) if isinstance(seconds, int) and look[0] <= seconds + 2]
    return power_plot(t, looks, t("Power of this session")) if len(looks) > 1 else None


def _faults(t: Words, role: Role, name: str, one: Mapping[str, Any]) -> Inside:
    """What is wrong, and what to do about it: docs/faults.md in the reader's language."""
    shown = [
        tag(
            "div",
            tag("p", tag("strong", t(f"fault.{fault}"))),
            tag("p", t("To do: "), t(f"todo.{fault}")),
            class_="banner bad",
        )
        for fault in one.get("faults") or ()
    ]
    for part, why in _table(one.get("lost")).items():
        shown.append(
            tag("div", tag("p", t("Its {part} does not work: {why}", part=t(f"part.{part}"), why=why)), class_="banner bad")
        )
    if one.get("latched"):
        shown.append(
            tag("p", t("This connector stays out of use until an installer has looked and clears the fault."), class_="hint")
        )
        if role == "installer":
            ask = t("Was the cause of the fault removed? The connector may charge again then.")
            shown.append(button(t("Clear the fault"), "/do/clear-faults", confirm=ask, kind="danger", connector=name))
    shown += [tag("p", t("Wiring: {remark}", remark=remark), class_="banner warn") for remark in one.get("wiring") or ()]
    return shown


def _facts(t: Words, one: Mapping[str, Any], session: Mapping[str, Any]) -> list[tuple[str, Inside]]:
    currents = one.get("current_a")
    drawn = [
        tag("span", tag("abbr", f"L{number}"), " ", amount(t, value, 1, "A"), class_="phase")
        for number, value in enumerate(currents if isinstance(currents, list) else (), 1)
        if value is not None
    ]
    offered = one.get("offered_current_a")
    return [
        (t("Car"), _car(t, one)),
        (t("Cable lock"), t(f"lock.{one['lock']}") if one.get("lock") else None),
        (t("Contactor"), t(f"contactor.{one['contactor']}") if one.get("contactor") else t("not known")),
        (t("Offered"), amount(t, offered, 1, "A") if offered else t("nothing")),
        (t("Drawn"), drawn or None),
        (t("Meter"), energy(t, one.get("energy_wh"))),
        (t("Card"), str(session["id_tag"]) if session.get("id_tag") else None),
        (t("Since"), instant(session["since"]) if session.get("since") else None),
        (t("Transaction"), _transaction(t, session)),
        (t("Availability"), None if one.get("operative", True) else t("switched off by the Central System")),
    ]


def _car(t: Words, one: Mapping[str, Any]) -> str:
    if not one.get("pilot"):
        return t("not known")
    alone = one["pilot"] == "A" and one.get("plugged")
    return t("a cable without a car (A)") if alone else t(f"pilot.{one['pilot']}")


def _transaction(t: Words, session: Mapping[str, Any]) -> str | None:
    if not session:
        return None
    number = session.get("transaction_id")
    return t("not named yet by the Central System") if number is None else str(number)


def _buttons(t: Words, role: Role, name: str, *, running: bool) -> Inside:
    if role != "installer" or not running:
        return None
    ask = t("End the session at connector {name}?", name=name)
    return tag("p", button(t("End the session"), "/do/stop-session", confirm=ask, connector=name), class_="actions")


# The station


def _station(t: Words, status: Mapping[str, Any]) -> Html:
    link, clock, queue = (_table(status.get(name)) for name in ("link", "clock", "queue"))
    store_fault = _table(status.get("store")).get("fault")
    troubles = [
        tag(
            "div", tag("p", tag("strong", t(f"fault.{fault}"))), tag("p", t("To do: "), t(f"todo.{fault}")), class_="banner bad"
        )
        for fault in status.get("faults") or ()
    ]
    troubles += [
        tag("p", t("{part} does not work: {why}", part=part, why=why), class_="banner bad")
        for part, why in _table(status.get("lost")).items()
    ]
    if store_fault:
        troubles.append(tag("p", t("Nothing can be stored: {why}", why=store_fault), class_="banner bad"))
    named = " ".join(str(status[key]) for key in ("vendor", "model") if status.get(key))
    return joined(
        (
            tag("h2", t("Station")),
            troubles,
            facts(
                (t("Identity"), str(status.get("identity") or "")),
                (t("Connection"), _link(t, link)),
                (t("Address"), tag("code", str(link["url"])) if link.get("url") else None),
                (t("Registration"), t(f"registration.{status.get('registration')}")),
                (
                    t("Clock"),
                    instant(clock.get("time")) if clock.get("known") else t("not known yet; sessions are dated once it is"),
                ),
                (t("To be delivered"), _queue(t, queue)),
                (t("Device"), named),
                (t("Software"), str(status.get("firmware_version") or "")),
                (t("Running for"), duration(_table(status.get("process")).get("uptime_s"))),
            ),
        )
    )


def _link(t: Words, link: Mapping[str, Any]) -> str:
    state = str(link.get("state") or "starting")
    text = t(f"link.{state}") if t.knows(f"link.{state}") else state
    since = link.get("since_s")
    text += "" if since is None else t(", for {time}", time=duration(since))
    return text + (f" ({link['reason']})" if link.get("reason") and state != "connected" else "")


def _queue(t: Words, queue: Mapping[str, Any]) -> str:
    messages, dead = queue.get("messages"), queue.get("dead_letters")
    text = t("nothing") if not messages else t("{count} messages", count=messages)
    if messages and queue.get("oldest_s") is not None:
        text += t(", the oldest waits for {time}", time=duration(queue["oldest_s"]))
    return text + (t("; {count} that the Central System never took", count=dead) if dead else "")


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

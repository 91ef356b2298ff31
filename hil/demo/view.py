"""The live view as lines of text: pure, from a scene and what the hands hold to what a terminal of some size shows.

Top to bottom: the station, its connectors, the conversation (whatever room is left), the keys. A small terminal gets one line a
connector instead of three.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hil.demo.keys import FAULT_LETTERS, FAULTS, KEYS
from hil.demo.scene import PILOT_WORDS, STATUS_WORDS, Scene
from hil.demo.style import Line, cells, clip, plain, text_of

TALK_LEAST = 4
STYLES = {
    "Available": "good",
    "Charging": "sent",
    "Preparing": "warn",
    "SuspendedEV": "warn",
    "SuspendedEVSE": "warn",
    "Finishing": "warn",
    "Faulted": "bad",
    "Unavailable": "bad",
}


@dataclass(frozen=True, kw_only=True)
class Held:
    """What the hands hold: the chosen connector, the speed, and whether the list of faults is open."""

    chosen: int = 1
    speed: float = 1.0
    menu: bool = False


def screen(scene: Scene, held: Held, talk: Sequence[Line], width: int, height: int) -> list[Line]:
    """At most `height` lines of at most `width` columns; talk: the conversation so far, the newest last."""
    head = station_lines(scene, held)
    foot = footer(scene, held, width)
    room = height - len(head) - len(foot) - 2
    brief = 3 * len(scene.numbers) > room - TALK_LEAST
    body: list[Line] = []
    for number in scene.numbers:
        body += [brief_line(scene, number, held)] if brief else connector_lines(scene, number, held)
    left = max(0, room - len(body))
    shown = list(talk[-left:]) if left else []
    shown += [()] * (left - len(shown))
    lines = [*head, _rule("connectors", width), *body, _rule("OCPP conversation", width), *shown, *foot]
    return [clip(line, width) for line in lines[:height]]


def station_lines(scene: Scene, held: Held) -> list[Line]:
    """Who the station is, how it stands with its Central System, and what it waits for."""
    station = scene.station
    names = "  ".join(str(station[name]) for name in ("identity", "vendor", "model") if name in station)
    network = (("good", "network up"),) if scene.system.get("online") else (("bad", "network CUT"),)
    gap = (("", "   "),)
    first: Line = (
        *plain(names or next(iter(scene.system.get("stations", {})), "station"), "bold"),
        *gap,
        ("dim", f"energy {held.speed:g} times faster"),
    )
    if scene.ended:
        return [first, plain(f"the station {scene.ended}; x starts it", "bad"), network]
    if not scene.running:
        return [first, (("bad", "no power; x starts the station"),), network]
    if not station:
        return [first, (("warn", "starts …"),), network]
    link = "good" if scene.link == "connected" else "bad"
    second = (
        *network,
        *gap,
        (link, f"link {scene.link}"),
        *gap,
        *plain(f"registration {scene.registration}"),
        *gap,
        *_queue(scene),
    )
    faults = ", ".join(str(fault) for fault in station.get("faults", []))
    third = plain(f"waits for {station.get('waiting_for', '-')}", "dim")
    return [first, second, (*third, *gap, *plain(f"faults: {faults}", "bad")) if faults else third]


def connector_lines(scene: Scene, number: int, held: Held) -> list[Line]:
    """A connector on three lines: status and session, parts, electricity."""
    outlet = scene.outlet(number)
    first: Line = (*_label(scene, number, held), ("", _words(scene.status(number))), *_session(scene, number))
    lock = f"   {outlet['lock']}" if outlet["lock"] else ""
    faults = scene.faults(number)
    parts: Line = (
        ("", f"     {PILOT_WORDS.get(outlet['pilot'], '')} ({outlet['pilot']})   contactor "),
        ("sent" if scene.closed(number) else "", str(outlet["contactor"]).upper() if scene.closed(number) else "open"),
        ("", f"{lock}   lamp {str(outlet['indicator']).replace('_', ' ')}"),
        *((("bad", f"   {', '.join(faults).replace('_', ' ')}"),) if faults else ()),
    )
    power = ("sent" if scene.flows(number) else "dim", _electricity(outlet))
    return [first, parts, (("", "     "), power)]


def brief_line(scene: Scene, number: int, held: Held) -> Line:
    """A connector on one line."""
    outlet = scene.outlet(number)
    text = f"{outlet['pilot']}  {outlet['contactor']:6}  {outlet['lock'] or '':8}  {_electricity(outlet)}"
    return (*_label(scene, number, held), ("", f" {text}"))


def parts_of(scene: Scene, number: int) -> Line:
    """What can be said of a connector without numbers that change all the time: for output without a screen."""
    first, parts, _ = connector_lines(scene, number, Held(chosen=0))
    status = text_of(first).partition("session")[0].strip()
    return plain(f"connector {status}   {text_of(parts).strip()}")


def footer(scene: Scene, held: Held, width: int) -> list[Line]:
    """The keys, or the open list of faults, wrapped to the width."""
    if held.menu:
        active = scene.outlet(held.chosen)["faults"]
        words = [(FAULT_LETTERS[place], str(kind).replace("_", " "), kind in active) for place, kind in enumerate(FAULTS)]
        title: Line = (("bold", f"faults of connector {held.chosen}: a letter raises or clears one, any other key goes back"),)
        return [_rule("", width), title, *_wrapped(words, width)]
    return [_rule("", width), *_wrapped([(key.label, key.word, False) for key in KEYS], width)]


def _wrapped(words: Sequence[tuple[str, str, bool]], width: int) -> list[Line]:
    lines: list[Line] = []
    line: Line = ()
    for label, word, marked in words:
        piece: Line = (("chosen", f" {label} "), ("bad" if marked else "", f" {word}  "))
        if line and cells(text_of((*line, *piece)).rstrip()) > width:
            lines.append(line)
            line = ()
        line = (*line, *piece)
    return [*lines, line]


def _label(scene: Scene, number: int, held: Held) -> Line:
    status = scene.status(number) or ("starts" if scene.running else "no power")
    chosen = number == held.chosen
    return (("bold", f"{'▸' if chosen else ' '} {number}  "), (STYLES.get(status, ""), f"{status:13}"))


def _words(status: str) -> str:
    return f" {STATUS_WORDS[status]}" if status in STATUS_WORDS else ""


def _session(scene: Scene, number: int) -> Line:
    session: dict[str, Any] = scene.session(number)
    if not session:
        return ()
    seconds = session.get("seconds")
    lasts = "" if seconds is None else f"  {seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    told = session.get("transaction_id")
    transaction = "not yet known to the Central System" if told is None else f"transaction {told}"
    energy = f"{session.get('energy_wh', 0) / 1000:.3f} kWh"
    return (("", "   "), *plain(f"session of {session.get('id_tag')}  {energy}{lasts}  {transaction}", "bold"))


def _electricity(outlet: dict[str, Any]) -> str:
    return (
        f"offered {outlet['offered_current_a']:4.1f} A   drawn {outlet['drawn_current_a']:4.1f} A"
        f"   {outlet['power_w'] / 1000:5.2f} kW   meter {outlet['energy_wh'] / 1000:.3f} kWh"
    )


def _queue(scene: Scene) -> Line:
    if not scene.queued:
        return (("", "queue empty"),)
    dead = f", {scene.dead_letters} dead letters" if scene.dead_letters else ""
    return (("warn", f"queue {scene.queued} billing message{'' if scene.queued == 1 else 's'}{dead}"),)


def _rule(title: str, width: int) -> Line:
    text = f"── {title} " if title else ""
    return (("dim", text + "─" * max(0, width - cells(text))),)

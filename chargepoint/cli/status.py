"""`chargepoint status`: what the running station does, and what it waits for, on one screen."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from chargepoint.cli.common import (
    Help,
    add_config_option,
    add_socket_option,
    clean,
    columns,
    control_socket,
    duration,
    kwh,
    number,
)

DESCRIPTION = "Asks the running service through its control socket. Reading changes nothing."
EPILOG = """\
Exit status: 0 the service answered, 1 it could not be asked, 3 it is not running.

examples:
  chargepoint status
  chargepoint status --json | jq .connectors
  chargepoint status --socket /run/chargepoint/control.sock
"""
HEADS = ("CONNECTOR", "STATUS", "CABLE", "CONTACTOR", "LOCK", "OFFERED", "CURRENT", "POWER", "REGISTER")
NUMBERS = frozenset({5, 7, 8})


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="what the running station does",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--json", action="store_true", help="the service's answer as JSON")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.cli.control_client import ControlClient

    with ControlClient(control_socket(arguments)) as client:
        answer = client.request("status")
    status = {key: value for key, value in answer.items() if key not in ("id", "ok")}
    print(json.dumps(status, indent=2) if arguments.json else "\n".join(as_lines(status)))
    return 0


def as_lines(status: Mapping[str, Any]) -> list[str]:
    """The status as text. What an older or newer service does not tell is shown as a dash or left out."""
    facts = [
        ("Station", _station(status)),
        ("Waits for", _said(status, "waiting_for")),
        ("Link", _link(_inner(status, "link"))),
        ("Registration", _said(status, "registration")),
        ("Clock", _clock(_inner(status, "clock"))),
        ("Queue", _queue(_inner(status, "queue"))),
    ]
    if security := _security(_inner(status, "security")):
        facts.append(("Security", security))
    faults = _faults(status.get("faults"))
    if store_fault := _inner(status, "store").get("fault"):
        faults.append(f"store: {clean(store_fault, 300)}")
    if faults:
        facts.append(("Faults", "; ".join(faults)))
    for part, why in _inner(status, "lost").items():
        facts.append(("Part", f"{clean(part, 20)} does not work: {clean(why, 300)}"))
    if status.get("operative") is False:
        facts.append(("Availability", "Inoperative, as the Central System asked"))
    for name, doing in _inner(status, "maintenance").items():
        if doing != "resting":
            facts.append((clean(name, 11).capitalize(), clean(doing, 30)))
    if status.get("leaving"):
        facts.append(("Ending", _said(status, "leaving")))
    lines = [f"{name:<13} {text}" for name, text in facts]
    connectors = _inner(status, "connectors")
    if connectors:
        lines += ["", *columns([HEADS, *(_row(name, _mapping(one)) for name, one in _sorted(connectors))], NUMBERS)]
        details = [line for name, one in _sorted(connectors) for line in _details(clean(name, 10), _mapping(one))]
        lines += ["", *details] if details else []
    return lines


def _station(status: Mapping[str, Any]) -> str:
    parts = [_said(status, key) for key in ("identity", "vendor", "model") if status.get(key)]
    if status.get("firmware_version"):
        parts.append(f"firmware {_said(status, 'firmware_version')}")
    return "  ".join(parts) or "-"


def _link(link: Mapping[str, Any]) -> str:
    text = _said(link, "state")
    if number(link.get("since_s")) is not None:
        text += f" for {duration(link['since_s'])}"
    if link.get("url"):
        text += f", {_said(link, 'url')}"
    return text + (f" ({_said(link, 'reason')})" if link.get("reason") else "")


def _security(security: Mapping[str, Any]) -> str:
    """Nothing where there is no profile to speak of and no certificate."""
    profile, roots = number(security.get("profile")), number(security.get("central_system_roots"))
    until, problem = security.get("certificate_until"), security.get("certificate_problem")
    parts = []
    if profile:
        parts.append(f"profile {profile:g}" + (", not reached yet" if security.get("on_trial") is True else ""))
    if roots:
        parts.append(f"{roots:g} Central System root" + ("s" if roots > 1 else ""))
    if until:
        parts.append(f"own certificate until {clean(until, 30)}")
    if problem:
        parts.append(clean(problem, 300))
    return "; ".join(parts)


def _clock(clock: Mapping[str, Any]) -> str:
    match clock.get("known"):
        case True:
            return _said(clock, "time")
        case False:
            return "not known yet; sessions are stamped once it is"
        case _:
            return "-"


def _queue(queue: Mapping[str, Any]) -> str:
    messages = number(queue.get("messages"))
    if messages is None:
        return "-"
    text = f"{messages:.0f} billing message{'' if messages == 1 else 's'} to send" if messages else "empty"
    if messages and number(queue.get("oldest_s")) is not None:
        text += f", the oldest waits for {duration(queue['oldest_s'])}"
    if dead := number(queue.get("dead_letters")):
        text += f"; {dead:.0f} dead letter{'' if dead == 1 else 's'} (chargepoint dead-letters list)"
    return text


def _row(name: str, one: Mapping[str, Any]) -> list[str]:
    return [
        clean(name, 10),
        _said(one, "status"),
        _cable(one),
        _said(one, "contactor"),
        _said(one, "lock"),
        _amount(one.get("offered_current_a"), "A"),
        _currents(one.get("current_a")),
        _power(one.get("power_w")),
        kwh(one.get("energy_wh")),
    ]


def _details(name: str, one: Mapping[str, Any]) -> Iterator[str]:
    session = one.get("session")
    if isinstance(session, dict):
        transaction = session.get("transaction_id")
        told = f"transaction {clean(transaction)}" if transaction is not None else "the Central System has not named it yet"
        spent = f"{kwh(session.get('energy_wh'))} in {duration(session.get('seconds'))}"
        yield f"{name}: session of {_said(session, 'id_tag')}, {spent}, since {_said(session, 'since')}, {told}"
    if one.get("error_code") not in (None, "", "NoError"):
        info = f" ({_said(one, 'info')})" if one.get("info") else ""
        yield f"{name}: error {_said(one, 'error_code')}{info}"
    if faults := _faults(one.get("faults")):
        yield f"{name}: faults: {', '.join(faults)}"
    for part, why in _inner(one, "lost").items():
        yield f"{name}: its {clean(part, 20)} does not work: {clean(why, 300)}"
    if _faults(one.get("latched")):
        yield f"{name}: stays out of use until an installer has looked: chargepoint clear-faults {name}"
    if cycles := number(one.get("cycles")):
        yield f"{name}: its contactor has been closed {cycles:.0f} time{'' if cycles == 1 else 's'}"
    wiring = one.get("wiring")
    for remark in wiring if isinstance(wiring, list) else ():
        yield f"{name}: wiring: {clean(remark, 300)}"
    if one.get("pending"):
        yield f"{name}: becomes {_said(one, 'pending')} when its session has ended"


def _faults(value: Any) -> list[str]:
    return [clean(fault, 60) for fault in value] if isinstance(value, list) else []


def _cable(one: Mapping[str, Any]) -> str:
    plugged = {True: "plugged", False: "free"}.get(one["plugged"], "-") if isinstance(one.get("plugged"), bool) else "-"
    return f"{plugged} ({_said(one, 'pilot')})" if one.get("pilot") else plugged


def _currents(value: Any) -> str:
    phases = value if isinstance(value, list) else [value]
    known = [f"{amount:.1f}" for phase in phases if (amount := number(phase)) is not None]
    return f"{' '.join(known)} A" if known else "-"


def _amount(value: Any, unit: str) -> str:
    amount = number(value)
    return "-" if amount is None else f"{amount:.1f} {unit}"


def _power(value_w: Any) -> str:
    amount = number(value_w)
    if amount is None:
        return "-"
    return f"{amount / 1000:.2f} kW" if abs(amount) >= 1000 else f"{amount:.0f} W"


def _said(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return "-" if value is None or value == "" else clean(value)


def _inner(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return _mapping(table.get(key))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sorted(connectors: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(connectors.items(), key=lambda item: (not item[0].isdecimal(), len(item[0]), item[0]))

"""The parts of a station whose service runs: it holds them, so it is asked, and nothing is opened beside it.

Owns the way from the service's status and health to findings. Tests that move something are left for when it is stopped.
"""

from collections.abc import Iterator
from typing import Any

from chargepoint.doctor.finding import HARDWARE, Finding, Part, skipped, well, wrong
from chargepoint.doctor.subject import Subject

LOST = {
    "meter": "meter-lost",
    "reader": "reader-lost",
    "inputs": "inputs-lost",
    "pilot": "pilot-lost",
    "lock": "lock-lost",
    "contactor": "contactor-lost",
    "indicator": "light-lost",
}
PART_OF = {**{name: Part(name) for name in LOST if name != "indicator"}, "indicator": Part.LIGHT}
STOP = "to test it: sudo systemctl stop chargepoint, sudo chargepoint doctor, sudo systemctl start chargepoint"
FAULT_CODES = {
    "contactor_welded": "contactor-welded",
    "contactor_stuck_open": "contactor-stuck",
    "current_while_open": "contactor-welded",
    "lock_jammed": "lock-jammed",
    "pilot_short": "pilot-fault",
    "pilot_diode": "pilot-fault",
    "pilot_out": "pilot-fault",
    "ground_fault": "input-active",
    "emergency_stop": "input-active",
    "over_temperature": "input-active",
    "over_current": "input-active",
    "door_open": "input-active",
    "mains_lost": "input-active",
}


def parts(subject: Subject) -> Iterator[Finding]:
    """Every part as the service sees it, in the order of the doctor."""
    if subject.status is None:
        for part in HARDWARE:
            yield skipped(part, f"not looked at, for a station holds it; {subject.silence}")
        return
    found = [*_health(subject.health), *_faults(subject.status), *_meters(subject.status)]
    yield from sorted(found, key=lambda finding: list(Part).index(finding.part))
    yield skipped(Part.CONTACTOR, f"the service runs, so nothing is switched; {STOP}")


def _health(health: list[dict[str, Any]]) -> Iterator[Finding]:
    for one in health:
        name, number = str(one.get("part")), one.get("number")
        if name not in PART_OF:
            continue
        where = _where(name, number)
        if one.get("open"):
            if name != "meter":
                yield well(PART_OF[name], "is open and works, says the running service", where)
        else:
            trouble = str(one.get("trouble") or "does not open")
            yield wrong(meter_code(trouble) if name == "meter" else LOST[name], trouble, where)


def meter_code(text: str) -> str:
    """Which finding a meter's driver speaks of."""
    if any(words in text for words in ("the meter says model", "serial number", "the other way round", "Is it this model?")):
        return "meter-other"
    for words, code in (
        ("there is no such port", "port-missing"),
        ("may not open it", "port-permission"),
        ("another program has it", "port-busy"),
    ):
        if words in text:
            return code
    return "meter-lost"


def _faults(status: dict[str, Any]) -> Iterator[Finding]:
    places = [("station", status.get("faults")), *((f"connector {n}", c.get("faults")) for n, c in _connectors(status))]
    for where, faults in places:
        for fault in faults or ():
            if fault in FAULT_CODES:
                yield wrong(FAULT_CODES[fault], f"fault {fault}", where, fix=f"docs/faults.md, {fault}")


def _meters(status: dict[str, Any]) -> Iterator[Finding]:
    for number, connector in _connectors(status):
        where = f"connector {number}"
        for remark in connector.get("wiring") or ():
            yield wrong("meter-wiring", str(remark), where)
        if connector.get("energy_wh") is not None:
            facts = {
                "register": f"{connector['energy_wh'] / 1000:.3f} kWh",
                "power": f"{connector.get('power_w')} W",
                "voltage": _list(connector.get("voltage_v"), "V"),
                "current": _list(connector.get("current_a"), "A"),
                "contactor cycles": str(connector.get("cycles")),
            }
            yield well(Part.METER, ", ".join(f"{name} {value}" for name, value in facts.items()), where, **facts)


def _connectors(status: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = status.get("connectors")
    return sorted(found.items(), key=lambda item: int(item[0])) if isinstance(found, dict) else []


def _where(name: str, number: object) -> str:
    if not number:
        return ""
    return str(number) if name == "reader" else f"connector {number}"


def _list(values: Any, unit: str) -> str:
    known = [f"{value:.1f}" for value in values if isinstance(value, int | float)] if isinstance(values, list) else []
    return f"{' '.join(known)} {unit}" if known else "-"

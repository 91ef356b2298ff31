"""The acceptance report: what was found on one day, to hand over with the station. As text, and as one HTML page by itself.

Owns form and order. Nothing in it is secret: a card's number is blanked but for its end, and keys never get here.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape

from msgspec import Struct

from chargepoint.core.control import blanked
from chargepoint.doctor.examination import verdict
from chargepoint.doctor.finding import Finding, Level
from chargepoint.doctor.subject import Subject
from chargepoint.settings import Connector

MARKS = {Level.OK: "ok", Level.REMARK: "remark", Level.WRONG: "WRONG", Level.SKIPPED: "not tested"}
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#111;background:#fff}
h1{font-size:1.5rem}table{border-collapse:collapse;width:100%;margin:1rem 0}
td.name{white-space:nowrap}
th,td{text-align:left;vertical-align:top;overflow-wrap:anywhere;padding:.3rem .6rem;border-bottom:1px solid #ccc}
.wrong{font-weight:bold;color:#a00}.remark{color:#850}.skipped{color:#555}.verdict{font-size:1.2rem;font-weight:bold}
.sign{margin-top:3rem;display:flex;gap:3rem}.sign div{flex:1;border-top:1px solid #111;padding-top:.3rem}
@page{size:A4;margin:12mm}
@media print{body{margin:0;max-width:none;font-size:7.5pt;line-height:1.2}h1{font-size:12pt;margin:0}
table{margin:.4rem 0}th,td{padding:.05rem .3rem}.verdict{font-size:10pt;margin:.4rem 0}.sign{margin-top:1.6rem}
tr,.sign{break-inside:avoid}}
"""


class Report(Struct, frozen=True, kw_only=True):
    """head: what the station is, by names. findings: in the order of looking."""

    head: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    verdict: str
    made: str

    @classmethod
    def of(cls, subject: Subject, findings: Sequence[Finding], by: str = "") -> "Report":
        return cls(
            head=tuple(_head(subject, findings, by)),
            findings=tuple(findings),
            verdict=verdict(findings),
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        )


def as_text(report: Report) -> str:
    """For a terminal or a printer: 100 columns where the findings allow it."""
    width = max(len(name) for name, _ in report.head)
    lines = ["ACCEPTANCE REPORT OF A CHARGING STATION", ""]
    lines += [f"{name.ljust(width)}  {value}" for name, value in report.head]
    lines.append("")
    for finding in report.findings:
        lines.append(f"[{MARKS[finding.level]}] {finding.name}: {_text(finding)}")
        if finding.fix and finding.level is not Level.OK:
            lines.append(f"    to do: {finding.fix}")
        lines += [f"    {name}: {_shown(name, value)}" for name, value in finding.facts.items()]
    return "\n".join(
        [*lines, "", f"Verdict: {report.verdict}", "", "Installer: ____________________   Customer: ____________________", ""]
    )


def as_html(report: Report) -> str:
    """One page without anything from elsewhere; printed, one sheet of A4 for a station of two connectors."""
    head = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in report.head)
    rows = "".join(_row(finding) for finding in report.findings)
    title = escape(dict(report.head).get("Station", "station"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Acceptance report {title}</title>'
        f"<style>{STYLE}</style></head><body><h1>Acceptance report of a charging station</h1>"
        f'<table>{head}</table><p class="verdict">{escape(report.verdict)}</p>'
        f"<table><thead><tr><th>Result</th><th>Part</th><th>Finding</th><th>Readings</th></tr></thead><tbody>{rows}</tbody></table>"
        '<div class="sign"><div>Installer, date</div><div>Customer, date</div></div></body></html>\n'
    )


def _row(finding: Finding) -> str:
    facts = " · ".join(f"{escape(name)}: {escape(_shown(name, value))}" for name, value in finding.facts.items())
    fix = f"<br>To do: {escape(finding.fix)}" if finding.fix else ""
    return (
        f'<tr class="{finding.level}"><td class="name">{MARKS[finding.level]}</td><td class="name">{escape(finding.name)}</td>'
        f"<td>{escape(_text(finding))}{fix}</td><td>{facts}</td></tr>"
    )


def _head(subject: Subject, findings: Sequence[Finding], by: str) -> Iterator[tuple[str, str]]:
    settings = subject.settings
    if settings is not None:
        station = settings.station
        yield "Station", station.identity
        yield "Model", f"{station.vendor} {station.model}"
        yield "Serial number", station.serial_number or "not given"
        yield "Firmware", station.firmware_version or "not given"
        yield "Software", f"chargepoint {_software(subject)}"
        for number, connector in settings.connectors.items():
            yield f"Connector {number}", _connector(connector)
    addresses = [finding.facts["address"] for finding in findings if "address" in finding.facts]
    if addresses:
        yield "Central System", addresses[-1]
    for finding in findings:
        if finding.part == "meter" and "serial number" in finding.facts:
            yield f"Meter of {finding.where}", finding.facts["serial number"]
    yield "Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    if by:
        yield "Installed by", by


def _software(subject: Subject) -> str:
    """The version that runs; where none does, of the program that looks."""
    from importlib.metadata import PackageNotFoundError, version

    process = (subject.status or {}).get("process")
    if isinstance(process, dict) and isinstance(process.get("version"), str):
        return str(process["version"])
    try:
        return version("chargepoint")
    except PackageNotFoundError:
        return "from its sources"


def _connector(connector: Connector) -> str:
    kind = "socket" if connector.cable == "socket" else "fixed cable"
    phases = f"{connector.phases} phase{'' if connector.phases == 1 else 's'}"
    meter = connector.meter.get("map") or connector.meter["driver"]
    return f"{kind}, {connector.current_a_max:g} A, {phases}, meter {meter}"


def _text(finding: Finding) -> str:
    card = finding.facts.get("card")
    return finding.text if card is None else finding.text.replace(card, blanked(card))


def _shown(name: str, value: str) -> str:
    return blanked(value) if name == "card" else value

"""`chargepoint doctor`: what is wrong with this station, in plain words, and what to do."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import EXIT_PROBLEM, CommandError, Help, add_config_option, clean, config_path

if TYPE_CHECKING:
    from chargepoint.doctor.finding import Finding
    from chargepoint.doctor.subject import Subject

PARTS = (
    "config", "disk", "clock", "power", "watchdog", "ports", "meter", "reader", "inputs", "pilot", "lock", "contactor",
    "light", "central-system",
)  # fmt: skip
DESCRIPTION = f"""\
Goes through the station part by part and says what is wrong, why, and what to do; the verdict is the last line. In a terminal
it asks for a card, and before it moves a bolt, shows lights or closes a contactor (only without a car). While the service runs
it opens nothing: it asks the service, and leaves its connection to the Central System alone.

parts: {", ".join(PARTS)}"""
EPILOG = """\
Exit status: 0 all is well (remarks or not), 1 something is wrong, 2 wrong usage. Without questions it ends within 20 s.

examples:
  chargepoint doctor                                    everything
  chargepoint doctor --only meter --only reader         these parts
  chargepoint doctor --json | jq .ok                    for programs: nothing is asked
  chargepoint doctor --report acceptance --by "A. Smith"    acceptance.txt and acceptance.html, to hand over to the customer

docs/doctor.md has every finding with its fix.
"""
MARKS = {"ok": "ok   ", "remark": "look ", "wrong": "WRONG", "skipped": "-    "}
NAME_WIDTH = 22


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="what is wrong with this station, and what to do",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.add_argument(
        "--only", action="append", choices=PARTS, metavar="PART", help="look at this part only; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text; nothing is asked")
    parser.add_argument("--quick", action="store_true", help="ask nothing, move nothing")
    parser.add_argument("--report", metavar="FILE", help="write an acceptance report: FILE.txt and FILE.html")
    parser.add_argument("--by", metavar="NAME", default="", help="who installed the station, for the report")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    import asyncio

    path = config_path(arguments)
    for target in _report_files(arguments):
        _must_be_writable(target)  # before somebody has laid on cards and looked at lamps for it
    return asyncio.run(_run(arguments, path))


async def _run(arguments: argparse.Namespace, path: Path) -> int:
    from chargepoint.doctor.examination import ALL, examine, verdict
    from chargepoint.doctor.finding import Level, Part
    from chargepoint.doctor.subject import subject_of

    asks = sys.stdin.isatty() and sys.stdout.isatty() and not (arguments.json or arguments.quick)
    person = Terminal() if asks else None
    subject = await subject_of(path, await asker(path), person)
    findings: list[Finding] = []
    only = [Part(name) for name in arguments.only] if arguments.only else ALL
    async for finding in examine(subject, only):
        findings.append(finding)
        if not arguments.json:
            print("\n".join(as_lines(finding)), flush=True)
    last = verdict(findings)
    failed = any(finding.level is Level.WRONG for finding in findings)
    trouble = None
    try:
        written = _report(arguments, subject, findings)
    except CommandError as error:  # what was found is told all the same
        written, trouble = [], error
    if arguments.json:
        print(json.dumps(as_document(path, findings, last), indent=2))
    else:
        for name in written:
            print(f"written: {name}")
        print(last)
    if trouble is not None:
        raise trouble
    return EXIT_PROBLEM if failed else 0


def as_lines(finding: "Finding") -> list[str]:
    """One line of cause, one of fix."""
    lines = [f"{MARKS[finding.level]}  {finding.name.ljust(NAME_WIDTH)}  {clean(finding.text, 600)}"]
    if finding.fix:
        see = "" if finding.level == "remark" else f"  (docs/doctor.md: {finding.code})"
        lines.append(f"{' ' * (NAME_WIDTH + 9)}-> {clean(finding.fix, 600)}{see}")
    return lines


def as_document(path: Path, findings: "Sequence[Finding]", last: str) -> dict[str, Any]:
    from msgspec import to_builtins

    ok = not any(finding.level == "wrong" for finding in findings)
    return {"file": str(path), "ok": ok, "findings": [to_builtins(finding) for finding in findings], "verdict": last}


class Terminal:
    """The person at this terminal."""

    async def confirm(self, question: str) -> bool:
        import asyncio

        print(f"{question} [y/N] ", end="", flush=True)
        loop, typed = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(sys.stdin, typed.set)  # a thread that waits for a line would outlive Ctrl-C
        try:
            await typed.wait()
        finally:
            loop.remove_reader(sys.stdin)
        answer = sys.stdin.readline()
        return answer.strip().lower() in ("y", "yes", "j", "ja")

    async def tell(self, text: str) -> None:
        print(text, flush=True)


async def asker(path: Path) -> Any:
    """A way to ask the service; None where nobody listens."""
    import asyncio

    from chargepoint.cli.control_client import ControlClient, ControlError, NotRunning
    from chargepoint.doctor.finding import AskError
    from chargepoint.settings import SettingsError, control_socket_of

    try:
        place = control_socket_of(path)
    except SettingsError:
        return None

    def request(do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        with ControlClient(place) as client:
            return client.request(do, **arguments)

    async def ask(do: str, **arguments: Any) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(request, do, arguments)
        except ControlError as error:
            raise AskError(str(error)) from error

    try:
        await asyncio.to_thread(lambda: ControlClient(place).__enter__().__exit__(None, None, None))
    except NotRunning:
        return None
    except ControlError:
        return ask  # somebody is there, and says why not when asked
    return ask


def _report_files(arguments: argparse.Namespace) -> list[Path]:
    """The report's two files, none where none is wanted."""
    if not arguments.report:
        return []
    base = Path(arguments.report)
    base = base.with_suffix("") if base.suffix in (".txt", ".html") else base
    return [base.with_name(base.name + ending) for ending in (".txt", ".html")]


def _must_be_writable(target: Path) -> None:
    """As far as it shows without writing. Raises CommandError."""
    if not os.path.isdir(target.parent):
        raise CommandError(f"{target} cannot be written: {target.parent} is no folder; name another place with --report")
    if os.path.isdir(target) or not os.access(target if os.path.lexists(target) else target.parent, os.W_OK):
        raise CommandError(f"{target} may not be written by this user; use sudo, or name another place with --report")


def _report(arguments: argparse.Namespace, subject: "Subject", findings: "Sequence[Finding]") -> list[str]:
    """What was written. Raises CommandError."""
    targets = _report_files(arguments)
    if not targets:
        return []
    from chargepoint.doctor.report import Report, as_html, as_text

    report = Report.of(subject, findings, arguments.by)
    for target, text in zip(targets, (as_text(report), as_html(report)), strict=True):
        try:
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"{target} cannot be written: {error.strerror or error}; name another place with --report"
            ) from error
    return [str(target) for target in targets]

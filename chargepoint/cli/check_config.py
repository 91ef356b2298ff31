"""`chargepoint check-config`: every problem of a configuration at once, what an installer should know, and a verdict."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import EXIT_PROBLEM, Help, add_config_option, config_path
from chargepoint.cli.station import EXIT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chargepoint.registry import CheckedFile
    from chargepoint.tables import Problem

LEFT_OUT = " (left out)"

DESCRIPTION = """\
Checks a station's configuration without touching hardware or network. Every problem is named at once: file, section, key,
what was found, what is allowed and the nearest known name. Behind a mistake in a part's own table stands "left out": the
station starts without that part, which is Faulted, and the rest charges; any other keeps it from starting. Remarks follow: what
is valid, but worth a look. The verdict is the last line."""
EPILOG = """\
Exit status: 0 fine (remarks or not), 1 problems, 2 wrong usage. With --json `starts` says whether a station would start, and
`stops` of each problem whether it is in its way.

examples:
  chargepoint check-config --config station.toml
  chargepoint check-config --config station.toml --json | jq '.problems[].text'
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "check-config",
        help="is the configuration right?",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.registry import check_file
    from chargepoint.withheld import withheld

    path = config_path(arguments)
    checked = check_file(path)
    checked = checked._replace(problems=(*checked.problems, *withheld(path, checked.settings)))
    if arguments.json:
        print(json.dumps(as_document(path, checked), indent=2))
    else:
        print("\n".join(as_lines(path, checked)))
    return EXIT_PROBLEM if checked.problems else 0


def as_lines(path: Path, checked: "CheckedFile") -> list[str]:
    """Problems, remarks, what the station would dial, the verdict."""
    from chargepoint.remarks import address, settings_remarks

    remarks = list(checked.remarks)
    lines = [f"{problem}{'' if problem.stops else LEFT_OUT}" for problem in checked.problems]
    if checked.settings is not None:
        remarks += settings_remarks(checked.settings)
    lines += [f"remark: {remark}" for remark in remarks]
    if checked.settings is not None:
        lines.append(f"would connect to {address(checked.settings)}")
    return [*lines, verdict(path, checked.problems, len(remarks))]


def as_document(path: Path, checked: "CheckedFile") -> dict[str, Any]:
    """The same as a document for programs; `ok` is what the exit status says."""
    from msgspec import to_builtins

    from chargepoint.remarks import address, settings_remarks

    remarks = list(checked.remarks)
    if checked.settings is not None:
        remarks += settings_remarks(checked.settings)
    return {
        "file": str(path),
        "ok": not checked.problems,
        "starts": not any(problem.stops for problem in checked.problems),
        "problems": [{**to_builtins(problem), "text": str(problem)} for problem in checked.problems],
        "remarks": remarks,
        "connects_to": None if checked.settings is None else address(checked.settings),
        "verdict": verdict(path, checked.problems, len(remarks)),
    }


def verdict(path: Path, problems: "Sequence[Problem]", remarks: int) -> str:
    if not problems:
        return f"{path}: fine" + (f", {remarks} remark{'s' if remarks > 1 else ''}" if remarks else "")
    counted = f"{path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"
    stopping = sum(problem.stops for problem in problems)
    if not stopping:
        return f"{counted}; the station would start without the parts that are left out"
    if stopping == len(problems):
        return f"{counted}; the station would not start (exit status {EXIT_CONFIG})"
    return f"{counted}; the station would not start (exit status {EXIT_CONFIG}) for {stopping} of them"

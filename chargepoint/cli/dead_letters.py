"""`chargepoint dead-letters`: billing messages that spent their attempts. Listed, shown, exported, sent once more."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from chargepoint.cli.common import CommandError, Help, add_config_option, add_socket_option, clean, columns
from chargepoint.cli.control_client import ControlClient
from chargepoint.cli.kept import Row, ask, rows_of

DESCRIPTION = """\
A billing message (StartTransaction, MeterValues, StopTransaction) that the Central System refused or did not answer as often as
TransactionMessageAttempts allows is set aside here: it blocks nothing, and nothing of it is ever lost. Look at the reason, mend
the cause, then replay."""
EPILOG = """\
examples:
  chargepoint dead-letters                          the same as: dead-letters list
  chargepoint dead-letters show 17
  chargepoint dead-letters export letters.json      all of them, as JSON ("-" for standard output)
  chargepoint dead-letters replay 17                back to the end of the queue, with new attempts
  chargepoint dead-letters replay --all

Works with the service running (through its control socket) and stopped (in its database).
"""
HEADS = ("NO", "MESSAGE", "SESSION", "CONNECTOR", "CARD", "OF", "ATTEMPTS", "REASON")
FIELDS = ("seq", "message", "key", "connector", "id_tag", "stamp", "attempts")
REASON_LENGTH = 70
LIST_MAX = 1_000  # of the store's list


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "dead-letters",
        help="billing messages that were never taken",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--json", action="store_true", help="a JSON list, every field")
    parser.set_defaults(do=list_all)
    acts = parser.add_subparsers(dest="act", metavar="[ACT]", title="acts (left out: list)")
    listed = _act(acts, "list", "all of them, oldest first", list_all)
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="a JSON list, every field")
    shown = _act(acts, "show", "everything about one", show)
    shown.add_argument("number", type=_number, metavar="N", help="its number in the list")
    exported = _act(acts, "export", "all of them into a file, as JSON", export)
    exported.add_argument("file", metavar="FILE", help='a file that is not there yet, or "-"')
    replayed = _act(acts, "replay", "back to the end of the queue", replay)
    which = replayed.add_mutually_exclusive_group(required=True)
    which.add_argument("number", type=_number, nargs="?", metavar="N", help="its number in the list")
    which.add_argument("--all", action="store_true", help="every one of them, oldest first")


def _act(acts: Any, name: str, told: str, do: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = acts.add_parser(name, help=told, description=told)
    add_config_option(parser)
    add_socket_option(parser)
    for action in parser._actions:
        if action.dest in ("config", "socket"):
            action.default = argparse.SUPPRESS  # what stands before the act counts too
    parser.set_defaults(do=do)
    return parser


def list_all(arguments: argparse.Namespace) -> int:
    letters = _letters(arguments)
    if arguments.json:
        print(json.dumps(letters, indent=2))
    elif not letters:
        print("no dead letters: the Central System has taken everything that was sent to it, or may still take it")
    else:
        print("\n".join(columns([HEADS, *(_cells(letter) for letter in letters)], frozenset({0}))))
    return 0


def show(arguments: argparse.Namespace) -> int:
    print(json.dumps(_find(_letters(arguments), arguments.number), indent=2))
    return 0


def export(arguments: argparse.Namespace) -> int:
    letters = _letters(arguments)
    text = json.dumps(letters, indent=2) + "\n"
    if arguments.file == "-":
        sys.stdout.write(text)
        return 0
    path = Path(arguments.file)
    try:
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError as error:
        raise CommandError(f"{path} is there already and is not overwritten; name another file") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error
    print(f"{len(letters)} dead letter{'' if len(letters) == 1 else 's'} written to {path}")
    return 0


def replay(arguments: argparse.Namespace) -> int:
    letters = _letters(arguments)
    numbers = [letter["seq"] for letter in letters] if arguments.all else [_find(letters, arguments.number)["seq"]]
    if not numbers:
        print("no dead letters: nothing to replay")
        return 0
    ask(arguments, lambda client: _replay_running(client, numbers), lambda state_dir: _replay_stopped(state_dir, numbers))
    print(f"back in the queue: {', '.join(str(number) for number in numbers)}")
    return 0


def _letters(arguments: argparse.Namespace) -> list[Row]:
    letters = ask(arguments, lambda client: rows_of(client.request("dead_letters"), "dead_letters"), _stopped)
    if len(letters) >= LIST_MAX:
        print(f"only the oldest {len(letters)} are here; replay them to come to the others", file=sys.stderr)
    return letters


def _find(letters: list[Row], number: int) -> Row:
    for letter in letters:
        if letter.get("seq") == number:
            return letter
    there = ", ".join(clean(letter.get("seq")) for letter in letters[:20])
    raise CommandError(
        f"no dead letter {number}; there are: {there}" if letters else f"no dead letter {number}; there are none"
    )


def _cells(letter: Row) -> list[str]:
    cells = ["-" if letter.get(name) is None else clean(letter[name], 30) for name in FIELDS]
    return [*cells, clean(letter.get("reason", "-"), REASON_LENGTH)]


def _stopped(state_dir: Path) -> list[Row]:
    from chargepoint.store import reading

    return reading.dead_letters(state_dir, LIST_MAX)


def _replay_running(client: ControlClient, numbers: list[int]) -> None:
    for number in numbers:
        client.request("replay_dead_letter", seq=number)


def _replay_stopped(state_dir: Path, numbers: list[int]) -> None:
    from chargepoint.cli.replaying import replay_in_store

    replay_in_store(state_dir, numbers)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of the list")
    return int(text)

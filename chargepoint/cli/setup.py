"""`chargepoint setup`: asks what a station needs and writes its file; or writes the files of many from one of answers."""

import argparse
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from chargepoint.cli.common import (
    EXIT_PROBLEM,
    EXIT_USAGE,
    LOCAL_CONFIG,
    SYSTEM_CONFIG,
    CommandError,
    Help,
    add_config_option,
    is_there,
)

DESCRIPTION = """\
Asks in a terminal what a station needs, at most five screens and eight fields, searches meters and card readers, shows the
exact address that will be dialled, and writes the file, whole or not at all. Where there is one it starts from it, and changes
in it what you change: your comments stay. The old file is kept beside it with the ending .old.

Stop the service first: while it runs, it holds the meters' line and the reader."""
EPILOG = """\
Exit status: 0 written, 1 not written, 2 wrong usage.

examples:
  sudo systemctl stop chargepoint; sudo chargepoint setup
  chargepoint setup --config station.toml
  chargepoint setup --answers-template > answers.toml
  chargepoint setup --answers answers.toml --identity CK_0001 --config station.toml
  chargepoint setup --answers answers.toml --all sdcards     one file for each station, to lay on its card
"""


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "setup",
        help="ask what a station needs, and write its file",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=Help,
    )
    add_config_option(parser)
    parser.add_argument("--force", action="store_true", help="with --answers: replace a file that is there")
    parser.add_argument("--answers", metavar="FILE", help="take the answers from a file; nothing is asked")
    parser.add_argument("--answers-template", action="store_true", help="print such a file to fill in")
    parser.add_argument("--identity", metavar="ID", help="with --answers: which of its stations")
    parser.add_argument("--all", metavar="FOLDER", help="with --answers: write FOLDER/IDENTITY.toml for each of its stations")
    parser.add_argument(
        "--requests",
        action="store_true",
        help="answer one request of the set-up's page, from standard input; see chargepoint panel",
    )
    parser.add_argument(
        "--show-code", action="store_true", help="show the code of a blank station on console, card and LED until it is set up"
    )
    parser.set_defaults(do=run)


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.setup.answers import TEMPLATE

    if arguments.answers_template:
        print(TEMPLATE, end="")
        return 0
    if arguments.requests:
        return _answer(target_of(arguments).absolute())
    if arguments.show_code:
        from chargepoint.cli.setup_code import show

        return show(target_of(arguments))
    if arguments.answers:
        return _from_file(arguments)
    if arguments.identity or arguments.all or arguments.force:
        raise CommandError("--identity, --all and --force go with --answers FILE", EXIT_USAGE)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(
            "it asks, and there is no terminal to ask in. Give the answers in a file: "
            "chargepoint setup --answers-template > answers.toml, then chargepoint setup --answers answers.toml",
            EXIT_USAGE,
        )
    return _in_terminal(target_of(arguments))


def target_of(arguments: argparse.Namespace) -> Path:
    """The file to write: as for other commands; where none is there, the system's for root, else one in this folder."""
    import os

    named = arguments.config or os.environ.get("CHARGEPOINT_CONFIG")
    if named:
        return Path(named)
    if is_there(SYSTEM_CONFIG) or (SYSTEM_CONFIG.parent.is_dir() and os.access(SYSTEM_CONFIG.parent, os.W_OK)):
        return SYSTEM_CONFIG
    return LOCAL_CONFIG


def _answer(path: Path) -> int:
    """One line in, lines out; whoever reads them may have gone meanwhile."""
    import asyncio
    import json

    from chargepoint.setup.requests import LINE_MAX, answered

    def tell(text: str) -> None:
        print(json.dumps({"progress": text}), flush=True)

    try:
        print(json.dumps(asyncio.run(answered(sys.stdin.buffer.readline(LINE_MAX), path, tell))), flush=True)
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_PROBLEM
    return 0


def _in_terminal(path: Path) -> int:
    import asyncio

    from chargepoint.settings import SettingsError, read_document
    from chargepoint.setup import searching
    from chargepoint.setup.answers import Answers
    from chargepoint.setup.dialogue import SCREENS, Dialogue, Quit
    from chargepoint.setup.editing import edited
    from chargepoint.setup.pieces import document_text
    from chargepoint.setup.present import answers_from, changes_between, same_shape

    text, document = "", {}
    if path.exists():
        try:
            document = read_document(path)
            text = path.read_text(encoding="utf-8-sig")
        except SettingsError as error:
            raise CommandError(f"{error}\ncorrect it, or move it away to begin anew") from error
        print(f"{path} is there: its values are the answers to start from.")
    given = answers_from(document) if document else {}

    def put(after: Answers) -> int:
        new = None
        if document and "identity" in given and "url" in given:
            before = Answers(**given)
            if same_shape(before, after):
                new = edited(text, changes_between(document, before, after))
        if new == text:
            print(f"nothing has changed: {path} stays as it is")
            return 0
        if new is None and document:
            print("the file is written anew: what you had changed by hand besides is in the old one")
        return _written(path, new if new is not None else document_text(after))

    dialogue = Dialogue(Terminal(), searching, given, path)
    first = 1
    loop = asyncio.new_event_loop()  # of asyncio.run the first Ctrl-C would not reach a question
    try:
        while (outcome := loop.run_until_complete(dialogue.run(first))).write:
            try:
                return put(outcome.answers)
            except Wrong as wrong:  # what was answered stays: nobody types a password twice for a pin
                print(f"{wrong}\np changes pins, < goes back to the other answers")
                first = SCREENS
    except (Quit, KeyboardInterrupt):
        print()
    finally:
        loop.close()
    print("nothing was written")
    return EXIT_PROBLEM


class Wrong(CommandError):
    """The answers are wrong together: nothing was written."""


def _written(path: Path, text: str) -> int:
    """Raises Wrong where other answers mend it, CommandError."""
    _put(path, text)
    if path == SYSTEM_CONFIG:
        print("next: sudo chargepoint doctor, then sudo systemctl restart chargepoint")
    else:
        print(f"next: chargepoint check-config --config {path}, then lay it on the station's card as chargepoint.toml")
    return 0


def _put(path: Path, text: str) -> None:
    from chargepoint.setup.writing import Refused, write

    try:
        kept = write(path, text)
    except Refused as refused:
        told = "".join(f"{problem}\n" for problem in refused.problems)
        raise (Wrong if refused.problems else CommandError)(f"{told}{refused}") from refused
    print(f"written: {path}" + (f" (the old one is {kept})" if kept else ""))


def _from_file(arguments: argparse.Namespace) -> int:
    from chargepoint.settings import SettingsError
    from chargepoint.setup.answers import answers_of, read

    try:
        many = read(Path(arguments.answers))
        stations = [answers_of(arguments.answers, many.common, one) for one in many.stations]
    except SettingsError as error:
        raise CommandError(str(error)) from error
    by_identity = {one.identity: one for one in stations}
    if len(by_identity) < len(stations):
        raise CommandError(f"{arguments.answers}: an identity stands there twice; each station needs its own")
    if arguments.all:
        targets = _targets(Path(arguments.all), by_identity)
    else:
        targets = {_chosen(arguments, by_identity): target_of(arguments)}
    old = next((path for path in targets.values() if path.exists()), None)
    if old is not None and not arguments.force:
        raise CommandError(f"{old} is there already; --force replaces it (and keeps it as {old}.old)")
    from chargepoint.setup.pieces import document_text

    if not arguments.all:
        (identity, path), *_ = targets.items()
        return _written(path, document_text(by_identity[identity]))
    texts = {path: document_text(by_identity[identity]) for identity, path in targets.items()}
    _check_all(texts)
    for path, text in texts.items():
        _put(path, text)
    print("next: lay each on the card of its station, as chargepoint.toml")
    return 0


def _chosen(arguments: argparse.Namespace, stations: Collection[str]) -> str:
    """The one station that a file is written for; raises CommandError where none is named, or another one."""
    if arguments.identity in stations:
        return str(arguments.identity)
    if arguments.identity is None and len(stations) == 1:
        return next(iter(stations))
    there = ", ".join(list(stations)[:12]) + (", ..." if len(stations) > 12 else "")
    if arguments.identity is None:
        said = f"{arguments.answers} has {len(stations)} stations; write all of them with --all FOLDER, or"
    else:
        said = f"{arguments.answers} has no station {arguments.identity};"
    raise CommandError(f"{said} name one: --identity one of {there}", EXIT_USAGE)


def _targets(folder: Path, stations: Collection[str]) -> dict[str, Path]:
    """A file for each station; raises CommandError where two would have one, also on a disk that takes capitals for small."""
    targets: dict[str, Path] = {}
    taken: dict[str, str] = {}
    for identity in stations:
        name = f"{_file_name(identity)}.toml"
        if (other := taken.setdefault(name.casefold(), identity)) != identity:
            raise CommandError(
                f"{other} and {identity} would both be written to {folder / name}; "
                f"write one of them by itself: --identity {identity} --config FILE"
            )
        targets[identity] = folder / name
    _make(folder)
    return targets


def _check_all(texts: Mapping[Path, str]) -> None:
    """All of them before any is written: a half-written batch would be refused the next time. Raises CommandError."""
    from chargepoint.setup.writing import Refused, check

    for path, text in texts.items():
        try:
            check(path, text)
        except Refused as refused:
            told = "".join(f"{problem}\n" for problem in refused.problems)
            raise CommandError(f"{told}{refused}") from refused


def _file_name(identity: str) -> str:
    """An identity as the name of a file: what no file system likes is replaced."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in identity).lstrip(".") or "station"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder} cannot be made: {error.strerror or error}; name another one with --all FOLDER") from error


class Terminal:
    """See `dialogue.Talk`."""

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def ask(self, question: str) -> str:
        from chargepoint.setup.dialogue import Quit

        try:
            return input(question)
        except EOFError as error:
            raise Quit from error

    def ask_secret(self, question: str) -> str:
        from getpass import getpass

        from chargepoint.setup.dialogue import Quit

        try:
            return getpass(question)
        except EOFError as error:
            raise Quit from error

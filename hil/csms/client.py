"""The command-line client of the control socket."""

import argparse
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

from hil.csms import show
from hil.csms.control import COMMANDS

NAMES = ("call", "books", "follow", "state", "do")

RULES_HELP = """\
what a rule may say of a station's CALL (action: its name, or * for any):
  delay_s=S              answer later; combines with the others
  drop=true              no answer
  error=CODE             a CALLERROR, with description=TEXT
  close=true             cut the connection instead of answering
  freeze=true            stop reading instead of answering (half-open)
  twice=true             the same answer two times
  payload={...}          exactly this answer; merge={...}: the regular one with these fields (null: left out)
  message_id=ID          answer under another id; raw=TEXT: send this instead of a frame
  book=false             as if the message had been lost, not its answer (with error: book=true is the other way round)
of a connection attempt (action: connect):
  http=401               refuse the handshake; close=true: accept and close at once; freeze=true: accept, never read
  subprotocol=false      choose none; delay_s=S: take time over the handshake
"""


def add_commands(parser: argparse.ArgumentParser) -> None:
    """The client's commands, as sub-commands of `python -m hil.csms`."""
    commands = parser.add_subparsers(dest="command", metavar="|".join(NAMES), required=True)
    call = commands.add_parser("call", help="send a CALL to a station and print its answer")
    call.add_argument("socket", help="the control socket")
    call.add_argument("action", help="such as RemoteStartTransaction")
    call.add_argument("payload", nargs="?", default="{}", help='JSON, such as \'{"idTag": "04A2B3C4"}\' (default {})')
    call.add_argument("--identity", help="the station; may be left out if there is one")
    call.add_argument("--timeout", type=float, default=30.0, metavar="S", help="seconds to wait for the answer (default 30)")
    call.add_argument("--no-check", action="store_true", help="send what the schemas forbid")
    books = commands.add_parser("books", help="print the transactions, complaints and violations")
    books.add_argument("socket", help="the control socket")
    books.add_argument("--json", action="store_true", help="everything, as JSON")
    follow = commands.add_parser("follow", help="print the conversation as it goes")
    follow.add_argument("socket", help="the control socket")
    follow.add_argument("--identity", help="of this station only")
    follow.add_argument("--last", type=int, default=100, metavar="N", help="frames of the past to begin with (default 100)")
    state = commands.add_parser("state", help="print stations, rules and counts as JSON")
    state.add_argument("socket", help="the control socket")
    listing = "\n".join(f"  {name:9} {text}" for name, text in COMMANDS.items())
    do = commands.add_parser(
        "do",
        help="send any request to the control socket",
        epilog=f"requests:\n{listing}\n\n{RULES_HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    do.add_argument("socket", help="the control socket")
    do.add_argument("what", choices=sorted(COMMANDS), metavar="REQUEST", help="see below")
    do.add_argument("arguments", nargs="?", default="{}", help="JSON, such as '{\"seconds\": 10}' (default {})")


def run(options: argparse.Namespace) -> int:
    """Carries out one command; 0, or 1 with the error on stderr."""
    try:
        match options.command:
            case "call":
                request = {"do": "call", "action": options.action, "payload": _object(options.payload, "payload")}
                request |= {"timeout_s": options.timeout, "check": not options.no_check}
                if options.identity:
                    request["identity"] = options.identity
                print(json.dumps(ask(options.socket, request)["answer"], ensure_ascii=False))
            case "books":
                _print_books(ask(options.socket, {"do": "books", "brief": not options.json})["books"], as_json=options.json)
            case "follow":
                request = {"do": "messages", "last": options.last, "follow": True}
                if options.identity:
                    request["identity"] = options.identity
                for message in talk(options.socket, request):
                    for frame in message.get("frames", [message.get("frame")]):
                        print(show.line_of(frame), flush=True)
            case "state":
                print(json.dumps(ask(options.socket, {"do": "state"}), ensure_ascii=False, indent=2))
            case _:
                answer = ask(options.socket, {**_object(options.arguments, "arguments"), "do": options.what})
                print(json.dumps(answer, ensure_ascii=False))
    except (OSError, ValueError) as error:
        print(f"{options.socket}: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def ask(path: str, request: dict[str, Any]) -> dict[str, Any]:
    """One request, its answer. Raises OSError, and ValueError where the answer is not ok."""
    return next(talk(path, request))


def talk(path: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A request, its answer, and what follows until the end of the connection. Raises as `ask` does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("r", encoding="utf-8") as lines:
            first = True
            for text in lines:
                answer = json.loads(text)
                if first and not answer.get("ok"):
                    raise ValueError(answer.get("error", "refused without a reason"))
                first = False
                yield answer
            if first:
                raise ConnectionError("the Central System ended before it answered")


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: no JSON: {error}; found {text!r}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name}: a JSON object is expected, found {text!r}")
    return value


def _print_books(books: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(books, ensure_ascii=False, indent=2))
        return
    print(show.table(books["transactions"]))
    for name in ("complaints", "violations"):
        print(f"{name}: {len(books[name]) or 'none'}")
        for note in books[name]:
            print(f"  {note['identity']}: {note['text']}")

"""`python -m hil.csms`: the test Central System as a process of its own, and the client of its control socket."""

import argparse
import asyncio
import json
import signal
import ssl
import sys
from pathlib import Path
from typing import TextIO

from hil.csms import client, show
from hil.csms.control import Control
from hil.csms.desk import BOOT_STATUSES, Settings, read_id, read_password
from hil.csms.frames import Frame
from hil.csms.schemas import AVAILABLE
from hil.csms.server import TLS_VERSIONS, CentralSystem, server_tls

DESCRIPTION = """\
A Central System for OCPP 1.6J to test a charge point against. It answers like a real one, keeps books and checks every
message against the official JSON schemas (if the package `ocpp` is installed). When it listens it prints one line of JSON
on stdout: {"ready": true, "url": ..., "control": ...}; the conversation goes to stderr. It ends on SIGTERM.

A station connects to URL/IDENTITY. The control socket (--control) takes requests while it runs:
  python -m hil.csms call SOCKET RemoteStartTransaction '{"idTag": "04A2B3C4", "connectorId": 1}'
  python -m hil.csms books SOCKET
  python -m hil.csms follow SOCKET
  python -m hil.csms do SOCKET rules '{"action": "StartTransaction", "times": 2, "what": {"drop": true}}'
  python -m hil.csms do --help
"""


def _serve_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m hil.csms", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--books", type=Path, metavar="FILE", help="write the books to this JSON file at every change")
    parser.add_argument("--control", type=Path, metavar="SOCKET", help="open a control socket here")
    parser.add_argument(
        "--interval", type=int, default=300, metavar="S", help="of BootNotification.conf, seconds (default 300)"
    )
    parser.add_argument("--boot", choices=BOOT_STATUSES, default="Accepted", help="status of BootNotification.conf")
    parser.add_argument("--clock-offset", type=float, default=0.0, metavar="S", help="lie about the time by so many seconds")
    parser.add_argument(
        "--id",
        action="append",
        default=[],
        metavar="TAG=STATUS[,parent=TAG][,expiry=TIME]",
        help="an id tag that is not simply Accepted; '*=Invalid' is every other. May be repeated",
    )
    parser.add_argument("--concurrent-tx", action="store_true", help="answer ConcurrentTx for an id tag that already charges")
    parser.add_argument(
        "--password", help="Basic authentication: hex:..., text:..., or 32 to 40 hexadecimal digits, or any other text"
    )
    parser.add_argument("--identity", action="append", metavar="ID", help="admit only this station; may be repeated")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate chain (PEM): makes it wss")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--client-ca", type=Path, metavar="FILE", help="clients must show a certificate of this CA (PEM)")
    parser.add_argument("--tls-version", choices=sorted(TLS_VERSIONS), help="speak this version only (default: 1.2 and newer)")
    parser.add_argument("--tls-ciphers", metavar="LIST", help="suites of TLS 1.2, as OpenSSL names them")
    parser.add_argument("--log", action="store_true", help="the conversation goes to stdout instead of stderr")
    parser.add_argument("--quiet", action="store_true", help="no conversation")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    settings = Settings(interval_s=options.interval, boot_status=options.boot, concurrent_tx=options.concurrent_tx)
    if options.password is not None:
        settings.password = read_password(options.password)
    if options.identity:
        settings.identities = frozenset(options.identity)
    for text in options.id:
        settings.set_id(**read_id(text))
    return settings


def _system(parser: argparse.ArgumentParser, options: argparse.Namespace) -> CentralSystem:
    if not 0 <= options.port <= 65535:
        parser.error(f"--port: 0 to 65535 is expected, found {options.port}")
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    for name in ("client_ca", "tls_version", "tls_ciphers"):
        if getattr(options, name) is not None and options.tls_cert is None:
            parser.error(f"--{name.replace('_', '-')} needs --tls-cert and --tls-key")
    try:
        settings = _settings(options)
    except ValueError as error:
        parser.error(f"--{error}")
    try:
        tls = None if options.tls_cert is None else _tls(options)
    except OSError as error:
        parser.error(f"the TLS files cannot be used: {error}")
    system = CentralSystem(options.host, options.port, tls=tls, settings=settings, books_file=options.books)
    system.clock.set_offset(options.clock_offset)
    return system


def _tls(options: argparse.Namespace) -> ssl.SSLContext:
    files = options.tls_cert, options.tls_key, options.client_ca
    return server_tls(*files, version=options.tls_version, ciphers=options.tls_ciphers)


async def _serve(system: CentralSystem, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    control = None if options.control is None else Control(system, options.control)
    if not options.quiet:
        out: TextIO = sys.stdout if options.log else sys.stderr
        _show(system, out)
    async with system:
        if control is not None:
            await control.start()
            control.ended = ended
        ready = {"ready": True, "url": system.url, "control": None if control is None else str(options.control.absolute())}
        print(json.dumps(ready | {"schemas": AVAILABLE}), flush=True)
        try:
            await ended.wait()
        finally:
            if control is not None:
                await control.stop()


def _show(system: CentralSystem, out: TextIO) -> None:
    """Prints the conversation until nobody reads it any more: a closed pipe must not end the stations' connections."""

    def see(frame: Frame) -> None:
        try:
            print(show.line(frame), file=out, flush=True)
        except (OSError, ValueError):
            system.office.listeners.remove(see)

    system.office.listeners.append(see)


def main(arguments: list[str] | None = None) -> int:
    """Serves, or is a client. Returns the exit status: 0, 1 (cannot be done), 2 (wrong arguments)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in client.NAMES:
        parser = argparse.ArgumentParser("python -m hil.csms", description="Client of a running test Central System.")
        client.add_commands(parser)
        return client.run(parser.parse_args(arguments))
    parser = _serve_parser()
    options = parser.parse_args(arguments)
    system = _system(parser, options)
    try:
        asyncio.run(_serve(system, options))
    except OSError as error:
        print(f"cannot serve {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m hil.bench`: the bench as a process of its own."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

from hil.bench.bench import Options, running
from hil.bench.config import CENTRAL_SYSTEM, IDENTITY, ConfigError
from hil.bench.world import MAX_CONNECTORS


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, as every other error of the command line."""
        self.exit(2, f"bench: {message}; see --help\n")


def _connectors(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MAX_CONNECTORS):
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MAX_CONNECTORS}, not {text!r}")
    return int(text)


def _options(arguments: list[str] | None) -> Options:
    parser = _Parser(
        prog="python -m hil.bench",
        allow_abbrev=False,
        description="The world outside a charging station's box: cars, cables, meters, cards, faults, mains. Prints one line"
        " of JSON when it is ready; obeys one JSON object a line on DIR/bench.sock; ends on SIGTERM, or on quit.",
    )
    parser.add_argument(
        "--dir", required=True, type=Path, metavar="DIR", help="where sockets, station.toml and the station's state lie"
    )
    parser.add_argument("--connectors", type=_connectors, default=1, metavar="N", help=f"1 to {MAX_CONNECTORS}, default 1")
    parser.add_argument("--identity", default=IDENTITY, metavar="ID", help=f"the station's identity, default {IDENTITY}")
    parser.add_argument("--central-system", default=CENTRAL_SYSTEM, metavar="URL", help=f"default {CENTRAL_SYSTEM}")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="first value of an OCPP configuration key; repeatable"
    )
    parser.add_argument(
        "--config-set",
        action="append",
        default=[],
        metavar="dotted.key=VALUE",
        help="any other setting of station.toml; repeatable",
    )
    parser.add_argument("--meter", choices=("tcp", "rtu"), default="tcp", help="how the meters are reached, default tcp")
    parser.add_argument("--tethered", action="store_true", help="fixed cables without a lock instead of sockets")
    parser.add_argument(
        "--readers", choices=("shared", "each"), default="shared", help="one card reader for all, or one a connector"
    )
    given = parser.parse_args(arguments)
    return Options(
        directory=given.dir,
        connectors=given.connectors,
        identity=given.identity,
        central_system=given.central_system,
        settings=given.set,
        config_settings=given.config_set,
        meter=given.meter,
        tethered=given.tethered,
        readers=given.readers,
    )


async def _run(options: Options) -> None:
    async with running(options) as bench:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, bench.quit)
        try:
            print(json.dumps({"ready": True, "control": str(bench.control), "config": str(bench.config)}), flush=True)
        except OSError as error:
            raise ConfigError(f"nobody reads the line that says the bench is ready: {error}") from error
        await bench.stopped()


def main(arguments: list[str] | None = None) -> int:
    try:
        asyncio.run(_run(_options(arguments)))
    except ConfigError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

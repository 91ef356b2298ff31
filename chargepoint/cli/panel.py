"""`chargepoint panel`: the station's page for a browser, and its passwords."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.cli.common import SYSTEM_CONFIG, CommandError, Help, add_config_option, add_socket_option
from chargepoint.cli.setup import target_of

if TYPE_CHECKING:
    from chargepoint.settings_panel import Panel

DESCRIPTION = """\
Serves the station's page: what it does, its sessions, its messages, its settings. A process of its own beside the service,
which it asks through the control socket. [panel] of the settings says where it listens; left out: on this machine alone.
Where there is no settings file yet, the page sets the station up, for whoever knows the code that the station shows."""
EPILOG = """\
Exit status: 0 well, 1 it could not listen.

examples:
  chargepoint panel                                   serve it; prints the address
  sudo chargepoint panel --password                   the first password, as long as nobody has logged in with it
  sudo chargepoint panel --reset-password             a new one; whoever is logged in is not any more
  chargepoint panel --qr-svg station.svg              the way to the page for drivers, to stick on the station
  sudo chargepoint panel --reset-password --role viewer   one for people who may look and change nothing
"""
SYSTEM_STATE = Path("/var/lib/chargepoint-panel")
PRIVATE_STATE = Path("/var/lib/private/chargepoint-panel")  # where its unit keeps it, and makes the other one a link to it


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "panel", help="the station's page for a browser", description=DESCRIPTION, epilog=EPILOG, formatter_class=Help
    )
    add_config_option(parser)
    add_socket_option(parser)
    parser.add_argument("--listen", type=_place, metavar="ADDRESS:PORT", help="listen here, whatever the settings say")
    parser.add_argument(
        "--setup-socket", metavar="PATH", help="where a set-up is carried out (default: by a process of this one's own)"
    )
    parser.add_argument("--state-dir", metavar="DIR", type=Path, help="where passwords are kept (default: as the settings say)")
    parser.add_argument(
        "--idle-s", metavar="S", type=float, default=60.0, help="end after S seconds without a reader (default 60)"
    )
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--password", action="store_true", help="show the installer's first password, or the code of the set-up")
    one.add_argument(
        "--socket-conf", action="store_true", help="print [panel] listen as a drop-in for chargepoint-panel.socket"
    )
    one.add_argument("--qr", action="store_true", help="show the QR code of the page for drivers, and its address")
    one.add_argument("--qr-svg", metavar="FILE", type=Path, help="write it as a picture, to print; - writes to standard output")
    one.add_argument("--reset-password", action="store_true", help="make a new password and show it")
    parser.add_argument(
        "--address", metavar="URL", help="with --qr: how drivers reach the station, https://station.example.org"
    )
    parser.add_argument("--role", choices=("installer", "viewer"), default="installer", help="whose (default: installer)")
    parser.set_defaults(do=run)


def _place(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65_535):
        raise argparse.ArgumentTypeError(f"{text!r} is no address with a port; write 127.0.0.1:8080")
    return text


def run(arguments: argparse.Namespace) -> int:
    from chargepoint.blank import EVERYWHERE
    from chargepoint.panel.config import PanelFileError, nothing, read
    from chargepoint.panel.draft import is_blank

    path = target_of(arguments)
    empty = nothing(path)
    state_dir = _state_dir(arguments, empty.settings, empty.state_dir, path)
    blank = is_blank(path, state_dir)
    try:
        told = empty if blank else read(path)
    except PanelFileError as error:
        raise CommandError(str(error)) from error
    state_dir = _state_dir(arguments, told.settings, told.state_dir, path)
    if blank and arguments.password:
        return _code(path)
    if arguments.password or arguments.reset_password:
        return _password(arguments, state_dir)
    if arguments.socket_conf:
        wants = "[Unit]\nWants=chargepoint-setup-code.service\n" if blank else ""
        print(f"{wants}[Socket]\nListenStream=\nListenStream={EVERYWHERE if blank else told.settings.listen}")
        return 0
    if arguments.qr or arguments.qr_svg:
        return _qr(arguments, told.settings)
    if told.settings.certificate is None and not (blank and arguments.setup_socket is None):
        # asyncio takes ssl along where there is one, as it does without on a Python that has none: 4 MB for nobody.
        sys.modules.setdefault("ssl", None)  # type: ignore[arg-type]
    from msgspec import structs

    from chargepoint.panel.server import Options
    from chargepoint.panel.server import run as serve

    settings = structs.replace(told.settings, listen=arguments.listen) if arguments.listen else told.settings
    return serve(
        Options(
            settings=settings,
            control_socket=arguments.socket or told.control_socket,
            state_dir=state_dir,
            idle_s=arguments.idle_s,
            bench=told.bench,
            config=str(path.absolute()),
            blank=blank,
            setup_socket=arguments.setup_socket,
        )
    )


def _code(config: Path) -> int:
    """The code of a station that is not set up yet."""
    from chargepoint.blank import make_code, shown

    try:
        print(shown(make_code(config.absolute().parent)))
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}; run it as root: sudo chargepoint panel --password") from error
    return 0


def _state_dir(arguments: argparse.Namespace, settings: "Panel", station_dir: str, config: Path) -> Path:
    """Where the page keeps passwords: told, or the service manager's, or beside the station's own."""
    if arguments.state_dir:
        return Path(arguments.state_dir)
    if settings.state_dir:
        return config.absolute().parent / settings.state_dir
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.partition(":")[0])
    if config == SYSTEM_CONFIG:  # also where the page has never been asked for: its unit takes over what is there
        return next((place for place in (SYSTEM_STATE, PRIVATE_STATE) if os.path.exists(place)), SYSTEM_STATE)
    return Path(station_dir) / "panel"


def _qr(arguments: argparse.Namespace, settings: "Panel") -> int:
    """segno draws it; the address is the one by which this machine is seen in its network."""
    try:
        import segno
    except ImportError as error:
        raise CommandError("the package segno is missing: pip install 'chargepoint[panel]'") from error
    from chargepoint.panel.config import seen_address

    if not settings.driver_page:
        raise CommandError("there is no page for drivers: set driver_page = true in [panel] of the settings")
    place = arguments.address.rstrip("/") if arguments.address else seen_address(settings)
    if place is None:
        raise CommandError(
            f"nobody but this machine sees the page (listen = {settings.listen}); set listen in [panel], or name --address"
        )
    code = segno.make(f"{place}/driver", error="m")
    if arguments.qr_svg == Path("-"):
        code.save(sys.stdout.buffer, kind="svg", scale=8, border=4, xmldecl=False)
        return 0
    if arguments.qr_svg:
        try:
            code.save(str(arguments.qr_svg), kind="svg", scale=8, border=4)
        except OSError as error:
            raise CommandError(f"{arguments.qr_svg}: {error.strerror}") from error
    else:
        code.terminal(compact=True)
    print(f"{place}/driver")
    return 0


def _password(arguments: argparse.Namespace, state_dir: Path) -> int:
    from chargepoint.panel.guard import Access

    access = Access(state_dir)
    try:
        if arguments.reset_password:
            print(access.reset(arguments.role))
            return 0
        access.prepare()
        password = access.first_password()
    except (OSError, ValueError) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        again = "--reset-password" if arguments.reset_password else "--password"
        raise CommandError(f"{said}; run it as root: sudo chargepoint panel {again}") from error
    if password is None:
        raise CommandError(
            "somebody has logged in with it already, and nobody can read it any more; "
            "make a new one: sudo chargepoint panel --reset-password"
        )
    print(password)
    return 0

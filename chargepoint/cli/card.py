"""What `chargepoint commission` does with the card: what came of its file, in words, at the lights, and in files on it."""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint import blank
from chargepoint.cli.common import EXIT_PROBLEM, CommandError, clean
from chargepoint.commissioning import ERROR, NAME, STATUS, Outcome, replace, take_over, unrenamed

if TYPE_CHECKING:
    from chargepoint.ports import Indicator

FLASH_S = 6.0  # where there is a configuration to go on with
OPEN_S = 5.0
LOOK_S = 1.0
TAKEN = "taken"  # in the unit's RuntimeDirectory


def commission(card: Path, config: Path, *, light: bool) -> int:
    """Takes the card's file over where it is new and right; the exit status. Raises CommandError where it cannot be done."""
    try:
        outcome = take_over(card, config.parent)
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{card / NAME} cannot be taken over: {named}{error.strerror or error}; run it as root") from error
    if outcome.kind == "refused":
        return _refused(outcome, card, config, light=light)
    for line in _told(outcome, card, config):
        print(line)
    with contextlib.suppress(OSError):
        if outcome.beside is None:
            (card / ERROR).unlink(missing_ok=True)
        else:
            replace(card / ERROR, _text([_beside(outcome.beside)]))
        if outcome.kind == "taken":
            _tell_the_unit()
    return 0


def _beside(other: Path) -> str:
    return f"{other.name} lies beside {NAME} and is not looked at. If it is the newer one, rename it to {NAME}; else delete it."


def _tell_the_unit() -> None:
    """Leaves word for the unit's ExecStartPost: the page has to listen somewhere else now."""
    if folder := os.environ.get("RUNTIME_DIRECTORY"):
        (Path(folder.partition(":")[0]) / TAKEN).touch()


def _told(outcome: Outcome, card: Path, config: Path) -> list[str]:
    source = card / NAME
    if outcome.kind == "absent":
        return [f"no {source}: nothing to take over"]
    beside = [] if outcome.beside is None else [_beside(outcome.beside)]
    if outcome.kind == "unchanged" or outcome.checked is None or outcome.checked.settings is None:
        return [f"{source} was taken over before and has not changed", *beside]
    from chargepoint.remarks import address

    settings = outcome.checked.settings
    lines = [*beside, f"{source} is taken over into {config}: station {settings.station.identity}"]
    lines += [f"remark: {remark}" for remark in outcome.checked.remarks]
    lines += [f"A SECRET IS STILL ON THE CARD, delete it there: {left}" for left in outcome.left]
    return [*lines, f"would connect to {address(settings)}"]


def _refused(outcome: Outcome, card: Path, config: Path, *, light: bool) -> int:
    from chargepoint.cli.check_config import as_lines

    assert outcome.checked is not None
    lines = as_lines(card / NAME, outcome.checked)
    in_force = config.exists()
    goes_on = f"The station goes on with {config}." if in_force else "The station does not start before there is a right one."
    for line in (*lines, goes_on):
        print(line, file=sys.stderr)
    head = f"{NAME} on this card was not taken over. Mend it with any text editor, and switch the station on again."
    try:
        replace(card / ERROR, _text([head, goes_on, "", *lines]))
    except OSError as error:
        print(f"{card / ERROR} cannot be written: {error.strerror or error}", file=sys.stderr)
    if light:
        with asyncio.Runner() as runner:
            _flash(runner, card / NAME, config, until_there=not in_force)
    return EXIT_PROBLEM


def _flash(runner: asyncio.Runner, source: Path, config: Path, *, until_there: bool) -> None:
    """Shows the pattern of being set up at every light that can be found, for a while or until there is a configuration."""
    from chargepoint.facts import Pattern
    from chargepoint.shell.notify import ServiceManager

    lights = runner.run(_lights(source)) or runner.run(_lights(config))

    async def show() -> None:
        for light in lights:
            light.show(Pattern.SETTING_UP)

    async def close() -> None:
        for light in lights:
            await light.close()

    runner.run(show())
    if until_there:
        ServiceManager().ready()  # whoever waits for this does not wait for a person
    elif lights:
        runner.run(asyncio.sleep(FLASH_S))
    while lights and until_there and not config.exists():
        runner.run(asyncio.sleep(LOOK_S))
    runner.run(close())


async def _lights(path: Path) -> "list[Indicator]":
    """The lights that a file names, as far as it can be read and they can be opened."""
    from chargepoint.failsafe import read
    from chargepoint.ports import DriverError
    from chargepoint.registry import Kind, config_of, places
    from chargepoint.settings import SettingsError

    try:
        document = read(path).document
    except OSError:
        return []
    lights = []
    for place in places(document):
        if place.kind is not Kind.INDICATOR:
            continue
        try:
            driver = config_of(place.kind, place.part, section=place.section)
            async with asyncio.timeout(OPEN_S):
                lights.append(await driver.module.open(driver.config, {}))
        except (SettingsError, DriverError, TimeoutError) as error:
            print(f"{place.section}: cannot be shown there: {error}", file=sys.stderr)
    return lights


def write_status(card: Path, config: Path) -> int:
    """Writes STATUS where something in it has changed: the card wears, and somebody may be about to pull it."""
    lines = status_lines(card, config)
    path = card / STATUS
    try:
        before = path.read_text(encoding="utf-8").splitlines()[:-1]
    except (OSError, UnicodeDecodeError):
        before = []
    if before == lines:
        return 0
    try:
        replace(
            path,
            _text(
                [*lines, f"Written      {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}, by the station's own clock"]
            ),
        )
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}; run it as root") from error
    return 0


def status_lines(card: Path, config: Path) -> list[str]:
    """Who the station is, where it can be reached, and how it stands; nothing that changes by itself all the time."""
    status, trouble = _asked(config)
    station = _mapping(status.get("station")) or status
    link = _mapping(status.get("link"))
    state = f"{clean(link.get('state', '-'), 40)}, {clean(link.get('url', '-'))}" if status else trouble
    reason = f" ({clean(link['reason'], 300)})" if link.get("reason") else ""
    taken = f"{config} on the station" if config.exists() else "none yet"
    if (other := unrenamed(card)) is not None:  # its secrets stay where any laptop reads them
        taken += f"; {other} on this card is not looked at: rename it to {NAME}" + (", or delete it" if config.exists() else "")
    facts = [
        ("Station", f"{clean(station.get('identity') or _identity(config), 50)}"),
        ("Software", clean(_mapping(status.get("process")).get("version", "-"), 40)),
        ("Machine", f"{socket.gethostname()}  {'  '.join(addresses()) or 'no network address'}"),
        ("Link", state + reason),
        ("Settings", taken + (f"; not all that lies on this card is in force, see {ERROR}" if (card / ERROR).exists() else "")),
    ]
    if blank.is_blank(config) and (code := blank.code_of(config.absolute().parent)) is not None:
        port = blank.EVERYWHERE.rpartition(":")[2]
        facts += [("Set-up", f"from a phone: http://ADDRESS:{port} with one of the addresses above, code {blank.shown(code)}")]
    faults = status.get("faults")
    facts += [("Faults", ", ".join(clean(fault, 60) for fault in faults))] if isinstance(faults, list) and faults else []
    return [f"{name:<12} {text}" for name, text in facts]


def _asked(config: Path) -> tuple[dict[str, Any], str]:
    """The running station's status, or why there is none."""
    from chargepoint.cli.control_client import ControlClient
    from chargepoint.settings import SettingsError, control_socket_of

    try:
        with ControlClient(control_socket_of(config)) as client:
            return client.request("status"), ""
    except (SettingsError, CommandError, OSError):
        return {}, "the station does not run"


def _identity(config: Path) -> str:
    from chargepoint.settings import SettingsError, read_document

    try:
        return str(_mapping(read_document(config).get("station")).get("identity", "-"))
    except SettingsError:
        return "-"


def addresses() -> list[str]:
    """The machine's own addresses towards the world; nothing is sent."""
    found = []
    for family, there in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((there, 9))
            found.append(str(probe.getsockname()[0]))
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(lines: list[str]) -> bytes:
    """As every laptop's editor shows it."""
    return ("\r\n".join(lines) + "\r\n").encode()

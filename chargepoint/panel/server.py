"""The page's process: listens, or takes over the sockets of the service manager, and ends when nobody looks any more.

A socket of systemd's (LISTEN_FDS) means that somebody starts this process again when it is wanted: after `idle_s` without an
open page and a request it ends. Started by hand it stays.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from chargepoint.blank import shown
from chargepoint.panel import begin, begin_parts, bench, checks, driver, messages, now, pages, sessions, setup, support
from chargepoint.panel.door import HEAD_MAX, Door, own_names
from chargepoint.panel.draft import Draft, remember
from chargepoint.panel.guard import Access, Guard
from chargepoint.panel.hands import Hands
from chargepoint.panel.live import Live, View
from chargepoint.panel.panel import Panel
from chargepoint.panel.station import Away, Refused, Station
from chargepoint.panel.words import Languages
from chargepoint.settings_panel import Panel as PanelSettings

log = logging.getLogger(__name__)

FIRST_FD = 3
IDLE_S = 60.0
LEAVE_S = 10.0
LOOK_S = 0.5
POWER_EVERY_S = 2.0
POWER_POINTS = 240
BACKLOG = 128


class CannotListen(Exception):
    """Why there can be no page; a sentence for the operator."""


class Options(Struct, frozen=True, kw_only=True):
    """settings: the table [panel], its paths absolute. control_socket: of the station. idle_s: see above. bench: where the
    virtual hardware is asked for changes, None without such. config: of the station, for commands that want it. blank: there is
    none yet, and it is to be made. setup_socket: who does what a set-up needs, None: a process of this one's.
    """

    settings: PanelSettings
    control_socket: str
    state_dir: Path
    idle_s: float = IDLE_S
    bench: str | None = None
    config: str | None = None
    blank: bool = False
    setup_socket: str | None = None


def run(options: Options) -> int:
    """Serves until a signal, or until nobody looks; the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        return asyncio.run(serve(options))
    except CannotListen as error:
        log.error("%s", error)
        return 1


async def serve(options: Options) -> int:
    access = Access(options.state_dir)
    given = _inherited()
    try:
        draft = _draft(options, access, told=not given)
        access.prepare()
        if draft is None:
            remember(access)
        languages = Languages(options.state_dir / "languages", options.settings.language)
    except (OSError, ValueError) as error:
        raise CannotListen(f"the page's state: {error}") from error
    panel = make(options, access, languages, draft)
    names = own_names(options.settings.names)
    door = Door(panel.app.handle_request, names, _place(options.settings) if given and draft is None else None)
    servers = await _listen(options, door, given)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(" ".join(_address(one, secure=panel.secure) for one in servers), flush=True)
    if draft is None and access.first_password() is not None:
        log.info("nobody has logged in yet; the password: chargepoint panel --password")
    gc.collect()
    gc.freeze()
    await _until_unwanted(panel, door, stop, options.idle_s if given else None)
    for server in servers:
        server.close()
    await door.close()
    await panel.station.leave()
    if draft is not None:
        await draft.leave()
    return 0


def _draft(options: Options, access: Access, *, told: bool) -> Draft | None:
    """The set-up of a blank station. told: there is somebody at a terminal who started this and may read the code."""
    if not options.blank or options.config is None:
        return None
    draft = Draft(Path(options.config), access, Hands(options.setup_socket, options.config))
    code = draft.open()
    if told and code is not None:
        log.info("%s is not there: this is the set-up; the code: %s", options.config, shown(code))
    return draft


def _place(settings: PanelSettings) -> str | None:
    """The one address that the settings give, None where they give all."""
    host = settings.listen.rpartition(":")[0].strip("[]")
    return None if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound


def make(options: Options, access: Access, languages: Languages, draft: Draft | None = None) -> Panel:
    """Every page, in one application."""
    live = Live(
        {
            "done": begin.done_parts,
            "search": partial(begin_parts.search_parts, draft),
            "now": now.parts,
            "messages": messages.parts,
            "tests": checks.parts,
            "bench": bench.parts,
            "driver": driver.parts,
        },
        messages.line,
        messages.Asked(),
    )
    station = Station(options.control_socket, live.hear)
    live.before = _Power(station).fetch
    panel = Panel(
        Guard(access),
        languages,
        station,
        live,
        secure=options.settings.certificate is not None,
        bench=options.bench,
        driver_page=options.settings.driver_page,
        config=options.config,
        draft=draft,
    )
    if draft is not None:
        draft.changed = live.changed
    for part in (begin, begin_parts, pages, sessions, messages, setup, checks, support, bench, driver):
        part.add_to(panel)
    return panel


class _Power:
    """What the meters of running sessions have shown, fetched no more often than a plot needs it."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._next_s = 0.0

    async def fetch(self, view: View) -> bool:
        """True where there is something new to draw."""
        now_s = time.monotonic()
        if now_s < self._next_s or view.status is None or view.away is not None:
            return False
        self._next_s = now_s + POWER_EVERY_S
        try:
            for name, one in view.status.get("connectors", {}).items():
                session = one.get("session")
                if session and isinstance(session.get("seconds"), int):
                    asked = {"connector": int(name), "seconds": min(session["seconds"] + 2, 86_400), "points": POWER_POINTS}
                    view.power[name] = (await self._station.ask("readings", **asked))["readings"]
        except (Away, Refused) as error:
            log.debug("no readings for a plot: %s", error)
        return True


async def _until_unwanted(panel: Panel, door: Door, stop: asyncio.Event, idle_s: float | None) -> None:
    """Until a signal, or until nobody has looked for idle_s. The station is left alone before that."""
    while not stop.is_set():
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait({waiting}, timeout=LOOK_S)
        waiting.cancel()
        if panel.live.pages or door.clients:
            panel.asked_s = time.monotonic()
        await bench.refresh(panel)
        if panel.draft is not None and panel.draft.overtaken:
            log.info("there is a configuration now; the page begins anew with it")
            return
        if panel.draft is not None and panel.draft.searching:
            panel.asked_s = time.monotonic()
        quiet_s = time.monotonic() - panel.asked_s
        if quiet_s > LEAVE_S:
            await panel.station.leave()
        if idle_s is not None and quiet_s > idle_s:
            log.info("nobody looks any more")
            return


# Listening


async def _listen(options: Options, door: Door, given: list[socket.socket]) -> list[asyncio.Server]:
    tls = _tls(options.settings)
    extra: dict[str, Any] = {"limit": HEAD_MAX, "ssl": tls, **({"ssl_handshake_timeout": 8.0} if tls else {})}
    if given:
        return [await asyncio.start_server(door.enter, sock=one, **extra) for one in given]
    host, _, port = options.settings.listen.rpartition(":")
    try:
        return [await asyncio.start_server(door.enter, host.strip("[]"), int(port), backlog=BACKLOG, **extra)]
    except (OSError, OverflowError) as error:
        raise CannotListen(
            f"cannot listen on {options.settings.listen}: {error}; choose another one: listen in [panel]"
        ) from error


def _tls(settings: PanelSettings) -> Any:
    if settings.certificate is None:
        return None
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:
        raise CannotListen(f"[panel] certificate {settings.certificate}: {error}") from error
    return context


def _inherited() -> list[socket.socket]:
    """The sockets that the service manager opened (sd_listen_fds(3))."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return []
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    os.environ.pop("LISTEN_FDNAMES", None)
    found = [socket.socket(fileno=number) for number in range(FIRST_FD, FIRST_FD + count)]
    for one in found:
        one.setblocking(False)
        os.set_inheritable(one.fileno(), False)
    return found


def _address(server: asyncio.Server, *, secure: bool) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  what is bound, said as what is dialled
    return f"{'https' if secure else 'http'}://{f'[{shown}]' if ':' in shown else shown}:{port}/"

"""The service: one station as one process, from its start to its exit status.

Owns the order of starting and stopping, signals, and what the service manager is told. Refuses to start anything anew: after a
reset or a failure the process ends, and the service manager starts it.

Exit status: 0 stopped as asked; 75 to be started again (OCPP Reset, or the store can be opened again); 74 the store failed;
70 an impossible state; 1 it could not start, or could not stop in time.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chargepoint.core.events import Started, StopAsked
from chargepoint.core.records import Snapshot
from chargepoint.core.site import Site
from chargepoint.core.station import Station
from chargepoint.journal import Recorder
from chargepoint.machine import written_bytes_of_process
from chargepoint.ports import Installer
from chargepoint.settings import Settings
from chargepoint.settings_secrets import tighten
from chargepoint.shell import log as logs
from chargepoint.shell.address import address_of
from chargepoint.shell.archivist import Archivist
from chargepoint.shell.beginning import CannotBegin, begin
from chargepoint.shell.clock import SystemClock, kernel_boot_id
from chargepoint.shell.compose import site_of
from chargepoint.shell.control import Control, SocketInUse, count
from chargepoint.shell.hardware import Hardware, refusing
from chargepoint.shell.housekeeping import REOPEN_EVERY_S, keep_house, reopen, tell_findings
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.installing import open_installer
from chargepoint.shell.journals import Journals
from chargepoint.shell.last_resort import LastResort
from chargepoint.shell.link import Link
from chargepoint.shell.maintenance import Maintenance, Places, protocols
from chargepoint.shell.moment import Moment, moment
from chargepoint.shell.notify import ServiceManager
from chargepoint.shell.recent import Recent
from chargepoint.shell.reflex import Reflex
from chargepoint.shell.runtime import IMPOSSIBLE_EXIT_STATUS, JournalLike, Runtime
from chargepoint.shell.settings_file import SettingsFile
from chargepoint.shell.standstill import Standstill
from chargepoint.shell.storeroom import NoStore, StoreLike, Storeroom
from chargepoint.shell.tls import Trust
from chargepoint.shell.vault.places import places_of
from chargepoint.shell.vault.vault import Vault
from chargepoint.store import StoreError, open_store, reading

if TYPE_CHECKING:
    from chargepoint.shell.metrics import Metrics

log = logging.getLogger(__name__)

STOP_S = 4.8  # from the signal to the end of the process, whatever hangs
FIRST_WORDS_S = 1.0  # meters wait so long for the link: what they need takes long to load, and BootNotification goes first
LEAVE_S = 0.5  # for the interpreter to end by itself
CORE_STOP_S = 2.8  # of these, for the core to end by itself: more than it waits for last readings
SWITCH_S = 0.0005  # the longest that another thread keeps the interpreter while the loop wants it; a fault may have come in
START_FAILED = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(
    settings: Settings,
    started: Callable[[], None] = lambda: None,
    config: Path | None = None,
    refused: Mapping[str, str] | None = None,
) -> int:
    """Runs the station to its end; the exit status. The process must end with it: see `last_resort`.

    config: the file that they are in. started: is called when all that a station loads is loaded, but for its meters' drivers.
    refused: sections of parts that are not to be opened, and why.
    """
    handler = logs.start(settings.station.log_level)
    sys.setswitchinterval(SWITCH_S)
    loop = asyncio.new_event_loop()
    status = IMPOSSIBLE_EXIT_STATUS
    try:
        status = loop.run_until_complete(_serve(settings, started, config, refused))
    except Exception:
        log.critical("the station could not run, every contactor is open: send these lines to its makers", exc_info=True)
    finally:
        loop.close()
        handler.close()
        LastResort(lambda: None).arm(LEAVE_S, status)  # the interpreter waits for threads, and a name server may hang one
    return status


class Service:
    """Everything of one station, put together. Made within the event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        reopen_every_s: float = REOPEN_EVERY_S,
        started: Callable[[], None] = lambda: None,
        config: Path | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings
        file = SettingsFile(config)
        self._started = started
        self._reopen_every_s = reopen_every_s
        self._began_s = time.monotonic()
        self._clock = SystemClock()
        self._manager = ServiceManager()
        self._reflex = Reflex(
            (int(name) for name in settings.connectors),
            (int(name) for name, connector in settings.connectors.items() if connector.ventilation),
            (int(name) for name, one in settings.connectors.items() if one.lock is not None and one.cable != "tethered"),
            inputs=settings.inputs is not None,
        )
        # What comes before the runtime is there must be known to the reflex all the same.
        self._inbox = Inbox(self._reflex.see)
        self._hardware = Hardware(settings, self._inbox.put_fact, refusing(refused or {}))
        self._last_resort = LastResort(self._hardware.make_safe)
        self._standstill = Standstill(
            self._reflex.any_closed,
            self._hardware.open_contactors,
            lambda stood_s: self._hardware.lose_contactors(f"it was opened, for the station stood still for {stood_s:.1f} s"),
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._storeroom = Storeroom(self._thread, NoStore(kernel_boot_id(), self._clock.mono_s()))
        self._store_fault: str | None = None
        self._recorder = Recorder()
        self._journals = Journals(
            Path(settings.station.state_dir), settings.station.identity, self._recorder, self._clock.now, version_of_program
        )
        self._control = Control(
            settings.station.control_socket,
            self._inbox,
            self._facts,
            self._storeroom.ledger,
            self._storeroom.dead_letters,
            self._storeroom.security_log,
            self._journals.asked,
            {"health": self._health, "log": self._log, "merges": self._merges, "session": self._session, **file.requests},
        )
        self._recent = Recent()
        self._maintenance: Maintenance | None = None
        self._metrics: Metrics | None = None
        self._link: Link | None = None
        self._vault: Vault | None = None
        self._runtime: Runtime | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self) -> int:
        """Starts, runs, stops; the exit status."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop_asked)
        logging.getLogger().addHandler(self._recent)
        try:
            await self._control.open()
        except SocketInUse as error:
            log.critical("not started: %s", error)
            return START_FAILED
        except OSError as error:
            log.error("no control socket (%s): status and the other commands will find no station; it runs nevertheless", error)
        if reading.in_use(Path(self._settings.station.state_dir)):
            await self._control.close()
            log.critical("not started: another station uses %s; stop it first", self._settings.station.state_dir)
            return START_FAILED
        self._hardware.start(hold_meters=True)
        try:
            runtime = await self._start()
            status = await runtime.run()
            if status == IMPOSSIBLE_EXIT_STATUS:
                self._journals.keep_after_failure()
        finally:
            self._manager.stopping()
            await self._stop()
            self._last_resort.disarm()
            logging.getLogger().removeHandler(self._recent)
            for number in STOP_SIGNALS:
                loop.remove_signal_handler(number)
        return status

    async def _start(self) -> Runtime:
        installer, version = await open_installer(self._settings)
        site = site_of(
            self._settings,
            firmware_version=version,
            can_install=installer is not None,
            file_transfer_protocols=protocols(),
        )
        snapshot = await self._open_store(site)
        given = snapshot.security.key_in_force(snapshot.keys.get("AuthorizationKey", ""), site.key_mark)
        key = given or self._settings.central_system.authorization_key
        station = Station(snapshot, site)
        self._recorder.begin(station, site)
        journal = self._with_metrics(station)
        self._maintenance = self._maintenance_with(installer, site.firmware_version)
        vault = self._vault = self._vault_with(station)
        trust = Trust(vault.places, lambda: self._moment(station), vault.look)
        link = self._link = Link(address_of(self._settings), key, trust, self._inbox)
        runtime = self._runtime = Runtime(
            station=station,
            inbox=self._inbox,
            reflex=self._reflex,
            storeroom=self._storeroom,
            hardware=self._hardware,
            link=link,
            maintenance=self._maintenance,
            vault=self._vault,
            audience=self._control,
            clock=self._clock,
            journal=journal,
            alive=self._manager.alive,
            alive_every_s=self._manager.watchdog_s,
        )
        await runtime.step(Started(self._store_fault, self._storeroom.store.set_aside))
        for sentence in tighten((self._settings.central_system.authorization_key_file, self._settings.security.client_key)):
            log.warning("%s", sentence)
        self._vault.start()
        link.start(vault.looked)
        self._begin(self._let_meters_follow(link), "opening meters")
        self._begin(self._standstill.watch(), "standstill")
        if self._store_fault is None:
            self._begin(keep_house(self._storeroom, self._inbox, runtime, station.idle), "housekeeping")
        else:
            begun = partial(self._begun, site)
            again = reopen(self._storeroom, self._opened_store, begun, runtime, station.idle, self._reopen_every_s)
            self._begin(again, "reopening")
        for task in (*self._tasks, *self._hardware.tasks(), *([link.task] if link.task else [])):
            task.add_done_callback(self._task_ended)
        self._manager.ready()
        log.info("station %s runs", self._settings.station.identity)
        return runtime

    def _with_metrics(self, station: Station) -> JournalLike:
        """What is told of every step: the recorder, and where metrics are wanted, who counts for them."""
        wanted = self._settings.metrics
        if wanted is None:
            return self._recorder
        from chargepoint.shell.metrics import Counters, Metrics  # costs nothing where nobody asks

        counters = Counters(self._recorder, station.faults)
        self._metrics = Metrics(
            counters,
            self._control.status,
            lambda: self._storeroom.call(self._storeroom.store.unconfirmed_wh),
            self._hardware.meter_errors,
            lambda: self._clock.now().wall_s is not None,
        )
        self._begin(self._metrics.serve(wanted.listen), "metrics")
        return counters

    async def _let_meters_follow(self, link: Link) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WORDS_S):
                await link.tried.wait()
        self._started()
        self._hardware.open_meters()

    def _maintenance_with(self, installer: Installer | None, firmware_version: str) -> Maintenance:
        """What moves files and installs them. firmware_version: the one that runs."""
        settings = self._settings
        archivist = Archivist(
            settings,
            firmware_version,
            self._control,
            self._hardware.health,
            self._recent,
            self._storeroom.ledger,
            self._storeroom.dead_letters,
            self._storeroom.security_log,
            lambda: self._link.authorization_key if self._link else "",
        )
        places = Places(state_dir=Path(settings.station.state_dir), certificates=places_of(settings))
        return Maintenance(places, settings.transfers, installer, archivist.archive, self._inbox.put)

    def _vault_with(self, station: Station) -> Vault:
        """Certificates and keys, and the process that works on them."""
        image = Places(state_dir=Path(self._settings.station.state_dir)).image
        return Vault(places_of(self._settings), image, lambda: self._moment(station).at_s, self._inbox.put)

    def _moment(self, station: Station) -> Moment:
        """The best time that is known now. Asked from threads too: it only reads what never changes in place."""
        now = self._clock.now()
        return moment(now, *station.known_s(now.mono_s))

    async def _open_store(self, site: Site) -> Snapshot:
        """The snapshot to go on from. Without a store the station runs empty, says so, and begins no session."""
        try:
            self._storeroom.store = await self._storeroom.call(self._opened_store)
            tell_findings(self._storeroom.store)
            return await self._storeroom.call(self._begun, site, self._storeroom.store)
        except StoreError as error:
            trace = error.__cause__ if isinstance(error, CannotBegin) else None
            log.critical("nothing can be stored, so no session begins: %s", error, exc_info=trace)
            self._store_fault = str(error)
            await _in_order(lambda: self._storeroom.call(self._storeroom.store.close), "the store")
            self._storeroom.store = NoStore(kernel_boot_id(), self._clock.mono_s())
            return self._storeroom.store.snapshot()

    def _begun(self, site: Site, store: StoreLike) -> Snapshot:
        return begin(store, site, self._clock.now(), self._settings.station.state_dir)

    def _opened_store(self) -> StoreLike:
        return open_store(Path(self._settings.station.state_dir), kernel_boot_id(), self._clock.mono_s())

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work, name=name))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        """A part of the shell that breaks must not leave a station without it running on."""
        if task.cancelled() or (error := task.exception()) is None or self._runtime is None:
            return
        self._hardware.make_safe()
        log.critical("%s broke: every contactor is open, the station starts again", task.get_name(), exc_info=error)
        self._runtime.end(IMPOSSIBLE_EXIT_STATUS)

    def _stop_asked(self) -> None:
        log.info("asked to stop")
        self._last_resort.arm(STOP_S, START_FAILED)
        self._inbox.put(StopAsked())
        asyncio.get_running_loop().call_later(CORE_STOP_S, self._stop_late)

    def _stop_late(self) -> None:
        if self._runtime is not None:
            self._runtime.end(START_FAILED)

    async def _stop(self) -> None:
        """Everything into its safe state, within the time that `last_resort` gives."""
        self._last_resort.arm(STOP_S, START_FAILED)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(
            self._hardware.stop(),
            self._link.stop() if self._link is not None else _nothing(),
            self._maintenance.stop() if self._maintenance is not None else _nothing(),
            self._vault.stop() if self._vault is not None else _nothing(),
        )
        await self._control.close()
        await _in_order(lambda: self._storeroom.call(self._storeroom.store.close), "the store")
        self._thread.shutdown(wait=False)

    async def _session(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"session": await self._storeroom.session(count(arguments, "key", 0, 2**53))}

    def _facts(self) -> dict[str, Any]:
        """What the shell adds to the status."""
        return {
            "link": self._link.view() if self._link is not None else {"state": "starting"},
            "store": {"directory": self._settings.station.state_dir, "fault": self._store_fault},
            "process": {
                "uptime_s": round(time.monotonic() - self._began_s, 1),
                "version": version_of_program(),
                "written_bytes": written_bytes_of_process(),
            },
        }

    async def _health(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"parts": self._hardware.health()}

    async def _log(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"lines": self._recent.newest(arguments.get("since_s"), arguments.get("limit"))}

    async def _merges(self, _: dict[str, Any]) -> dict[str, Any]:
        """Asked through the store's thread: whoever has the same answer twice knows that no merge was under way between."""
        merges = await self._storeroom.call(lambda: self._storeroom.store.merges)
        return {"merges": merges, "directory": self._settings.station.state_dir, "process": os.getpid()}


async def _serve(
    settings: Settings, started: Callable[[], None], config: Path | None, refused: Mapping[str, str] | None
) -> int:
    return await Service(settings, started=started, config=config, refused=refused).serve()


@cache
def version_of_program() -> str:
    """By the folder that every way to install leaves beside it. importlib.metadata knows no more, and takes 10 ms and 2 MB."""
    for folder in sys.path:
        with contextlib.suppress(OSError):  # another user's folder, say: Python passes it over as well
            for info in Path(folder).glob("chargepoint-*.dist-info"):
                return info.stem.removeprefix("chargepoint-")
    return "not installed"


async def _nothing() -> None:
    """Nothing was started, so nothing is to be stopped."""


async def _in_order(close: Callable[[], Awaitable[None]], what: str) -> None:
    try:
        await close()
    except StoreError as error:
        log.error("%s did not close in order: %s", what, error)

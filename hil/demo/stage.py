"""The stage: a folder, three processes and the connections to them; whatever happens, all of it is gone afterwards.

Ports are the kernel's choice and the folder is the demo's own, so that any number of demos run side by side.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chargepoint.panel.guard import Access
from chargepoint.settings import control_socket_of
from hil.bench.client import BenchClient, BenchError
from hil.demo.processes import Child, DemoError
from hil.demo.scene import Body, Scene
from hil.demo.service import Service
from hil.demo.sockets import LineClient, Refused, SocketError

SOCKET_PATH_MAX = 107
LONGEST_SOCKET = "hardware.sock"
NEWS_S = 0.1
STATUS_S = 2.0
SETTINGS = (
    "MeterValueSampleInterval=2",
    "MeterValuesSampledData=Energy.Active.Import.Register,Power.Active.Import,Current.Offered",
    "ClockAlignedDataInterval=0",
)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says. station: the command that is the station, without `--config FILE`; None: this project's."""

    connectors: int = 2
    speed: float = 60.0
    meter: str = "tcp"
    tethered: bool = False
    directory: Path | None = None
    keep: bool = False
    station: tuple[str, ...] | None = None


class WaitedInVain(Exception):
    """What was waited for did not come; `seen` is what was there instead."""

    def __init__(self, what: str, why: str, seen: Scene) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why
        self.seen = seen


class Stage:
    """Everything that runs. Made by `staged`; the station has no power at first."""

    def __init__(self, options: Options, directory: Path) -> None:
        self.options = options
        self.directory = directory
        self.listeners: list[Callable[[Body], None]] = []
        self.reported: dict[int, str] = {}
        self.bench = BenchClient(directory / "bench.sock")
        self.system = LineClient(directory / "csms.sock", "the Central System", self._heard)
        self.service = Service(options.station, directory / "station.log", self._changed)
        self._config = directory / "station.toml"
        self._control: LineClient | None = None
        self._page: Child | None = None
        self._news = asyncio.Event()

    async def power(self) -> None:
        """The station gets power: its process starts."""
        await self.service.power(self._config)

    async def open_page(self) -> tuple[str, str]:
        """The station's page: its address, and the password of whoever may click. Raises DemoError."""
        command = [sys.executable, "-m", "chargepoint", "panel", "--config", str(self._config), "--listen", "127.0.0.1:0"]
        self._page = await Child.start("the page", command, self.directory / "panel.log", tells_ready=True)
        address = (await self._page.said()).decode().strip()
        return address, Access(self.directory / "state" / "panel").first_password() or ""

    async def _close_page(self) -> None:
        if self._page is not None:
            await self._page.end()

    async def look(self, *, books: bool = False) -> Scene:
        """Everything at this moment. Raises DemoError where bench or Central System are gone."""
        try:
            bench = await self.bench.state()
            system = await self.system.ask("state")
            booked = (await self.system.ask("books", brief=True))["books"] if books else {}
        except (BenchError, SocketError) as error:
            raise DemoError(f"{error}; look into the logs in {self.directory} (keep them with --keep)") from error
        return Scene(
            bench=bench,
            station=await self._status(),
            system=system,
            books=booked,
            reported=dict(self.reported),
            running=self.service.running,
            ended=self.service.ended,
        )

    async def until(self, what: str, holds: Callable[[Scene], bool], timeout_s: float) -> Scene:
        """The first scene in which the condition holds; raises WaitedInVain after `timeout_s` or when the station has ended."""
        clock = asyncio.get_running_loop().time
        late_s = clock() + timeout_s
        while True:
            self._news.clear()
            scene = await self.look(books=True)
            if holds(scene):
                return scene
            if scene.ended:
                raise WaitedInVain(what, f"the station {scene.ended}", scene)
            if clock() >= late_s:
                raise WaitedInVain(what, f"not within {timeout_s:g} s", scene)
            await self.news(NEWS_S)

    async def news(self, timeout_s: float) -> None:
        """Returns when a frame has passed or a process came or went, at the latest after `timeout_s`."""
        waiting = asyncio.create_task(self._news.wait())
        await asyncio.wait({waiting}, timeout=timeout_s)
        waiting.cancel()

    def _changed(self) -> None:
        self._news.set()

    def _heard(self, message: Body) -> None:
        """A frame of the conversation, as the Central System saw it."""
        frame = message.get("frame")
        if not isinstance(frame, dict):
            return
        payload = frame.get("payload", {})
        if frame.get("kind") == "call" and frame.get("action") == "StatusNotification" and frame["direction"] == "in":
            self.reported[payload.get("connectorId", 0)] = str(payload.get("status"))
        for listener in self.listeners:
            listener(frame)
        self._news.set()

    async def _status(self) -> Body:
        """What the station tells of itself; empty while it cannot be asked."""
        if not self.service.running:
            return {}
        try:
            if self._control is None or not self._control.connected:
                await self._hang_up()
                self._control = LineClient(Path(control_socket_of(self._config)), "the station")
                await self._control.open()
            return await self._control.ask("status", answer_s=STATUS_S)
        except (SocketError, Refused):
            return {}

    async def _hang_up(self) -> None:
        if self._control is not None:
            await self._control.close()
            self._control = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Starts Central System and bench and connects to both; the stack gets what undoes it."""
        options, directory = self.options, self.directory
        csms = [sys.executable, "-m", "hil.csms", "--control", str(directory / "csms.sock"), "--interval", "30"]
        url = str((await self._ready("Central System", csms, "csms.log", stack))["url"])
        bench = [sys.executable, "-m", "hil.bench", "--dir", str(directory), "--central-system", url]
        bench += ["--connectors", str(options.connectors), "--meter", options.meter, "--readers", "each"]
        bench += ["--config-set", "central_system.reconnect_max_s=1.0"]
        bench += [part for setting in SETTINGS for part in ("--set", setting)]
        bench += ["--tethered"] if options.tethered else []
        self._config = Path((await self._ready("bench", bench, "bench.log", stack))["config"])
        stack.push_async_callback(self.service.stop)
        stack.push_async_callback(self._hang_up)
        stack.push_async_callback(self._close_page)
        await self.system.open()
        stack.push_async_callback(self.system.close)
        await stack.enter_async_context(self.bench)
        await self.system.ask("messages", last=0, follow=True)
        await self.bench.do("speed", factor=options.speed)

    async def _ready(self, name: str, command: list[str], log: str, stack: AsyncExitStack) -> Body:
        child = await Child.start(f"the {name}", command, self.directory / log, tells_ready=True)
        stack.push_async_callback(child.end)
        return await child.ready()


@asynccontextmanager
async def staged(options: Options) -> AsyncIterator[Stage]:
    """A stage that is set. Raises DemoError where it cannot be; ends every process and removes its folder on every way out."""
    directory = own_folder(options.directory)
    try:
        async with AsyncExitStack() as stack:
            stage = Stage(options, directory)
            try:
                await stage.open(stack)
            except (BenchError, SocketError, Refused) as error:
                raise DemoError(str(error)) from error
            yield stage
    finally:
        if options.keep or options.directory is not None:
            print(f"demo: logs and database are in {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory)


def own_folder(wanted: Path | None) -> Path:
    """A folder for this demo alone, its path short enough for Unix sockets; raises DemoError."""
    if wanted is None:
        base = Path(tempfile.gettempdir()).resolve()
        if _too_long(base / "demo-12345678"):
            base = Path("/tmp")
        return Path(tempfile.mkdtemp(prefix="demo-", dir=base))
    directory = wanted.absolute()
    if _too_long(directory):
        longest = SOCKET_PATH_MAX - len(LONGEST_SOCKET) - 1
        raise DemoError(f"--dir {wanted}: the path is too long for Unix sockets; at most {longest} bytes, such as /tmp/demo")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        held = next(directory.iterdir(), None)
    except OSError as error:
        raise DemoError(f"--dir {wanted}: {error.strerror}") from error
    if held is not None:
        raise DemoError(f"--dir {wanted}: holds {held.name} already; a demo begins in a folder that is empty or not there yet")
    return directory


def _too_long(directory: Path) -> bool:
    return len(os.fsencode(directory / LONGEST_SOCKET)) > SOCKET_PATH_MAX

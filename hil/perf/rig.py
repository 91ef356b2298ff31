"""The rig: a bench and a station as processes, the station's database on a real disk, and who hears of what they do.

Sockets lie in a directory of their own, since their paths must be short; the database lies where it is asked for.
"""

import asyncio
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from hil.bench.client import BenchClient, BenchError, Change
from hil.demo.processes import Child
from hil.demo.sockets import LineClient
from hil.perf.central import Central
from hil.perf.process import CannotMeasure

ROOT = Path(__file__).resolve().parents[2]
STATION = (sys.executable, "-m", "chargepoint", "run", "--config")
CARD = "04A1B2C3D4E5"
ANSWERS = ("asking", "accepted")
LATE_S = 30.0
TOLD_KEPT = 16
ATTEND_S = 0.05


class Told:
    """What was told under a name, with the instant at which it was: the newest few, for somebody who waits for one of them."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told: dict[tuple[int, str], deque[tuple[Any, float]]] = {}
        self._waiting: set[asyncio.Future[None]] = set()
        self._loop = asyncio.get_running_loop()

    def tell(self, connector: int, name: str, value: Any, at_s: float) -> None:
        """From the loop's own thread."""
        self._told.setdefault((connector, name), deque(maxlen=TOLD_KEPT)).append((value, at_s))
        for news in self._waiting:
            if not news.done():
                news.set_result(None)
        self._waiting.clear()

    async def until(self, connector: int, name: str, values: Collection[Any], since_s: float) -> float:
        """When one of the values was first told since then. Raises CannotMeasure where that does not happen."""
        try:
            async with asyncio.timeout(LATE_S):
                while True:
                    for value, at_s in self._told.get((connector, name), ()):
                        if at_s >= since_s and value in values:
                            return at_s
                    news = self._loop.create_future()
                    self._waiting.add(news)
                    await news
        except TimeoutError:
            last = list(self._told.get((connector, name), ()))[-3:]
            wanted = " or ".join(map(str, values))
            raise CannotMeasure(f"{self._what}: {name} of {connector} did not become {wanted}; the last were {last}") from None


class Reports(Told):
    """StatusNotifications, as the Central System hears them, by its clock."""

    def __init__(self) -> None:
        super().__init__("the Central System")

    def heard(self, action: str, payload: dict[str, Any]) -> None:
        """A CALL of the station; from any thread."""
        if action == "StatusNotification":
            at_s = monotonic()
            self._loop.call_soon_threadsafe(self.tell, payload["connectorId"], "status", payload["status"], at_s)


class Hardware(Told):
    """What happens at the bench's hardware socket, by the bench's clock: when a command of the station came in there, and when
    the world was told to change. The clock is the machine's monotonic one.
    """

    def __init__(self) -> None:
        super().__init__("the bench")

    async def follow(self, lines: AsyncIterator[Change]) -> None:
        """To the end of the bench."""
        async for line in lines:
            number = line.get("reader") or line["connector"]
            for name, value in line.items():
                if name not in ("at", "connector", "reader"):
                    self.tell(number, name, tuple(value) if isinstance(value, list) else value, line["at"])


class Rig:
    """A running bench; its station is started and ended at will. hardware: what happens at the hardware socket."""

    def __init__(self, bench: BenchClient, hardware: Hardware, config: Path, folder: Path) -> None:
        self.bench = bench
        self.hardware = hardware
        self.config = config
        self.folder = folder

    @asynccontextmanager
    async def station(self) -> AsyncIterator[Child]:
        """The station as `chargepoint run`. What goes wrong meanwhile is told with the end of its log."""
        child = await Child.start("the station", [*STATION, str(self.config)], self.folder / "station.log")
        try:
            yield child
        except (CannotMeasure, BenchError) as error:
            raise CannotMeasure(f"{error}. The station's last words: {child.tail(3)}") from error
        finally:
            await child.end()

    async def waiting(self, connector: int, reports: Reports) -> None:
        """A car is plugged, ready, and the station waits for a card."""
        since_s = monotonic()
        await self.bench.do("plug", connector=connector, delay_s=0)
        await reports.until(connector, "status", ["Preparing"], since_s)

    async def tap(self, connector: int) -> tuple[float, float]:
        """Milliseconds from the card's arrival at the reader to the command that closes the contactor, and to the light that
        answers the card.
        """
        since_s = monotonic()
        await self.bench.do("tap", id_tag=card(connector), reader=connector, hold_s=0.02)
        tapped_s = await self.hardware.until(connector, "card", [card(connector)], since_s)
        closed_s = await self.hardware.until(connector, "contactor", ["closed"], since_s)
        light_s = await self.hardware.until(connector, "indicator", ANSWERS, tapped_s)
        await self.hardware.until(connector, "card", [None], since_s)
        return 1_000 * (closed_s - tapped_s), 1_000 * (light_s - tapped_s)

    async def unplug(self, connector: int, reports: Reports) -> None:
        """The car is pulled away; that ends its session, and the connector is Available."""
        since_s = monotonic()
        await self.bench.do("unplug", connector=connector)
        await reports.until(connector, "status", ["Available"], since_s)


def card(connector: int) -> str:
    """Every connector has a card of its own."""
    return f"{CARD}{connector:02}"


@asynccontextmanager
async def rig(
    disk: Path, url: str, connectors: int = 2, keys: dict[str, str] | None = None, setup: Callable[[Path], None] | None = None
) -> AsyncIterator[Rig]:
    """A bench with fixed cables, a reader for each connector, and meters that are read every second.

    disk: where the database lies, in a folder of its own. keys: first values of OCPP configuration keys. setup: fills the
    folder of the database before a station sees it.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_own_folder())
        state = stack.enter_context(_own_folder(disk))
        if setup is not None:
            await asyncio.to_thread(setup, state)
        command = _bench(folder, state, url, connectors, keys or {})
        child = await Child.start("the bench", command, folder / "bench.log", tells_ready=True)
        stack.push_async_callback(child.end)
        ready = await child.ready()
        bench = await stack.enter_async_context(BenchClient(str(ready["control"])))
        hardware = Hardware()
        task = asyncio.create_task(hardware.follow(await bench.watch()))
        try:
            yield Rig(bench, hardware, Path(ready["config"]), folder)
        finally:
            task.cancel()
            await asyncio.wait({task})


@contextmanager
def _own_folder(base: Path | None = None) -> Iterator[Path]:
    """A folder that is gone afterwards; without a base one whose path is short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="perf-", dir=base or "/tmp")).absolute()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _bench(folder: Path, state: Path, url: str, connectors: int, keys: dict[str, str]) -> list[str]:
    command = [sys.executable, "-m", "hil.bench", "--dir", str(folder), "--connectors", str(connectors), "--tethered"]
    command += ["--central-system", url, "--readers", "each", "--identity", "CK_PERF_0001"]
    settings: dict[str, object] = {
        "station.state_dir": state,
        "installer.state_dir": state,
        "station.control_socket": folder / "control.sock",
    }
    settings |= {f"connectors.{number}.meter_poll_s": "1.0" for number in range(1, connectors + 1)}
    command += [part for name, value in settings.items() for part in ("--config-set", f"{name}={value}")]
    keys = {"LocalPreAuthorize": "true", **keys}
    return command + [part for name, value in keys.items() for part in ("--set", f"{name}={value}")]


@asynccontextmanager
async def attended(central: Central) -> AsyncIterator[Reports]:
    """The thin Central System answers in a thread of its own while the block runs."""
    reports = Reports()
    ended = threading.Event()
    central.heard = reports.heard

    def attend() -> None:
        while not ended.is_set():
            central.attend(ATTEND_S)

    task = asyncio.create_task(asyncio.to_thread(attend))
    try:
        yield reports
    finally:
        ended.set()
        central.heard = lambda action, payload: None
        await task


@asynccontextmanager
async def central_system() -> AsyncIterator[tuple[str, Reports]]:
    """The test Central System as a process of its own: its URL, and what it hears.

    Raises CannotMeasure at the end where a station broke a rule of the protocol meanwhile.
    """
    reports = Reports()

    def heard(message: dict[str, Any]) -> None:
        frame = message.get("frame", {})
        if frame.get("kind") == "call" and frame.get("direction") == "in":
            reports.heard(frame["action"], frame["payload"])

    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_own_folder())
        control = folder / "csms.sock"
        command = [sys.executable, "-m", "hil.csms", "--control", str(control), "--quiet"]
        child = await Child.start("the Central System", command, folder / "csms.log", tells_ready=True)
        stack.push_async_callback(child.end)
        url = str((await child.ready())["url"])
        client = LineClient(control, "the Central System", heard)
        await client.open()
        stack.push_async_callback(client.close)
        await client.ask("messages", last=0, follow=True)
        yield url, reports
        violations = (await client.ask("books", brief=True))["books"]["violations"]
        if violations:
            raise CannotMeasure(f"the station broke a rule while it was measured: {violations[0]['text']}")

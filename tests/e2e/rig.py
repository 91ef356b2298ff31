"""The rig: a bench, a test Central System and a station, each as real as a test can have it.

Bench and station are processes of their own in a short folder, the Central System runs in the test's loop. Everything that was
started is ended by its process id when the rig is left, whatever happened; `logs()` is what the processes said.

    async with rig(connectors=2, keys={"MeterValueSampleInterval": 1}) as r:
        await r.boot()
        await r.bench.do("plug", connector=1)
        await r.bench.do("tap", id_tag="04A2B3C4")
        start = await r.expect("StartTransaction", connectorId=1)
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from hil.bench.client import BenchClient, BenchError
from hil.csms import CentralSystem, Frame, Row, Settings, Station

ROOT = Path(__file__).parents[2]
IDENTITY = "CK_XXX_0001"
CARD = "04A2B3C4"
READY_S = 20.0
WAIT_S = 8.0
END_S = 6.0  # a station has 5 s after SIGTERM
LINE_MAX = 16 << 20

Body = dict[str, Any]


class Process:
    """One start of a station. `log` grows with every start in the same folder."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    async def exited(self, *, within_s: float = END_S) -> int:
        """The exit status (below 0: the signal that ended it). Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    async def kill(self) -> None:
        """Ends it as a power cut would."""
        if self.running:
            self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def terminate(self, *, within_s: float = END_S) -> tuple[int, float]:
        """SIGTERM; exit status and seconds it took. Raises TimeoutError."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return await self.exited(within_s=within_s), time.monotonic() - began


class Rig:
    """Everything a story needs; made by `rig`."""

    def __init__(self, directory: Path, cs: CentralSystem, identity: str = IDENTITY) -> None:
        self.directory = directory
        self.cs = cs
        self.identity = identity
        self.config = directory / "station.toml"
        self.log = directory / "station.log"
        self.bench = BenchClient(directory / "bench.sock")
        self.process: Process | None = None

    # The station's process

    async def start(self) -> Process:
        """Starts the station; returns at once."""
        with self.log.open("ab") as log:
            started = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "chargepoint", "run", "--config", str(self.config)),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.process = Process(started)
        return self.process

    async def boot(self, *, connectors: int = 1) -> Station:
        """Starts the station and waits until it is accepted and has told the status of everything it has."""
        await self.start()
        station = self.station
        await station.expect("BootNotification", timeout_s=READY_S)
        for number in range(connectors + 1):
            await station.expect("StatusNotification", connectorId=number)
        return station

    async def kill(self) -> None:
        """The dark: the station's process is gone at once."""
        assert self.process is not None
        await self.process.kill()

    # What the Central System hears and says

    @property
    def station(self) -> Station:
        return self.cs.known(self.identity)

    async def expect(self, action: str, /, *, timeout_s: float = WAIT_S, **fields: Any) -> Frame:
        return await self.station.expect(action, timeout_s=timeout_s, **fields)

    async def status(self, connector: int, status: str, *, timeout_s: float = WAIT_S, **fields: Any) -> Frame:
        """Waits for this StatusNotification."""
        return await self.expect("StatusNotification", timeout_s=timeout_s, connectorId=connector, status=status, **fields)

    async def call(self, action: str, /, **payload: Any) -> Body:
        """A CALL of the Central System and the payload of its answer."""
        return await self.station.call(action, payload, timeout_s=WAIT_S)

    async def set_key(self, key: str, value: object) -> str:
        """ChangeConfiguration; the status of its answer."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return str((await self.call("ChangeConfiguration", key=key, value=text))["status"])

    async def key(self, key: str) -> str:
        """The value of one configuration key."""
        return str((await self.call("GetConfiguration", key=[key]))["configurationKey"][0].get("value"))

    def sent(self, *actions: str, after: int = 0) -> list[Frame]:
        """CALLs of the station so far, those of the named actions; after: with a number above this one."""
        calls = (frame for frame in self.station.messages if frame.direction == "in" and frame.kind == "call")
        return [frame for frame in calls if frame.seq > after and (not actions or frame.action in actions)]

    def statuses(self, connector: int, after: int = 0) -> list[str]:
        """Every status that the connector reported, in order."""
        told = self.sent("StatusNotification", after=after)
        return [str(frame["status"]) for frame in told if frame["connectorId"] == connector]

    @property
    def rows(self) -> list[Row]:
        """The transactions that the Central System booked."""
        return self.cs.books.rows

    async def delivered(self, count: int = 1) -> list[Row]:
        """Waits until so many transactions are booked and closed; all that are booked."""

        def closed() -> bool | None:
            return True if len(self.rows) >= count and not self.cs.books.open_rows() else None

        await self.station.until(closed, READY_S)
        return self.rows

    def clean(self) -> None:
        """Fails where the Central System has anything against the station."""
        notes = [str(note) for note in (*self.cs.violations, *self.cs.complaints)]
        assert not notes, "\n".join(notes)

    # The world

    async def connector(self, number: int = 1) -> Body:
        """What the bench says of a connector now."""
        state: Body = (await self.bench.state())["connectors"][str(number)]
        return state

    async def until(self, holds: Callable[[Body], bool], number: int = 1, *, timeout_s: float = WAIT_S) -> Body:
        """The first state of a connector at the bench in which the condition holds."""
        state = await self.bench.wait_for(lambda whole: holds(whole["connectors"][str(number)]), timeout_s)
        connector: Body = state["connectors"][str(number)]
        return connector

    async def contactor(self, position: str, number: int = 1, *, timeout_s: float = WAIT_S) -> Body:
        return await self.until(lambda connector: bool(connector["contactor"] == position), number, timeout_s=timeout_s)

    async def lamp(self, pattern: str, number: int = 1, *, timeout_s: float = WAIT_S) -> Body:
        return await self.until(lambda connector: bool(connector["indicator"] == pattern), number, timeout_s=timeout_s)

    async def grows(self, energy_wh: float, number: int = 1) -> Body:
        """Waits until the register has risen by this much."""
        goal_wh = (await self.connector(number))["energy_wh"] + energy_wh
        return await self.until(lambda connector: bool(connector["energy_wh"] >= goal_wh), number)

    async def knows(self, number: int, status: str) -> None:
        """Waits until the station itself says that a connector has this status, linked or not."""
        await self._says(number, lambda told: told.get("status") == status, status)

    async def metered(self, number: int) -> None:
        """Waits until the station has read a connector's meter."""
        await self._says(number, lambda told: told.get("energy_wh") is not None, "metered")

    async def _says(self, number: int, holds: Callable[[Body], bool], what: str) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self.control_socket), limit=LINE_MAX)
        try:
            writer.write(b'{"do": "watch"}\n')
            async with asyncio.timeout(WAIT_S):
                while line := await reader.readline():
                    told = json.loads(line).get("connectors", {}).get(str(number), {})
                    if holds(told):
                        return
            raise AssertionError(f"the station closed its control socket before connector {number} was {what}")
        finally:
            writer.close()

    async def awake(self) -> None:
        """Waits until the station has all its parts at the bench, whether or not it has a Central System."""
        numbers = (await self.bench.state())["connectors"]
        for number in numbers:
            await self.until(lambda connector: bool(connector["indicator"] != "off"), int(number), timeout_s=READY_S)

    async def charging(self, number: int = 1, id_tag: str = CARD, **plug: Any) -> Frame:
        """Plugs, taps and waits until energy flows and the Central System knows; the StartTransaction."""
        await self.bench.do("plug", connector=number, **plug)
        await self.status(number, "Preparing")
        await self.bench.do("tap", id_tag=id_tag)
        start = await self.expect("StartTransaction", connectorId=number)
        await self.status(number, "Charging")
        await self.contactor("closed", number)
        return start

    # The installer

    async def ask(self, do: str, /, **arguments: Any) -> Body:
        """A request on the station's control socket; its answer, whether ok or not."""
        reader, writer = await asyncio.open_unix_connection(str(self.control_socket), limit=LINE_MAX)
        try:
            writer.write(json.dumps({"id": 1, "do": do, **arguments}).encode() + b"\n")
            async with asyncio.timeout(WAIT_S):
                answer: Body = json.loads(await reader.readline())
            return answer
        finally:
            writer.close()

    @property
    def control_socket(self) -> Path:
        return self.directory / "state" / "control.sock"

    async def command(self, *arguments: str, timeout_s: float = READY_S) -> tuple[int, str, str]:
        """`chargepoint ARGUMENTS`: exit status, stdout, stderr."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chargepoint", *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout_s):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def logged(self, *texts: str, times: int = 1) -> str:
        """Waits until the station's log has these: a thread of its own writes it, some time after what it tells of. The log."""
        async with asyncio.timeout(WAIT_S):
            while any((log := self.log.read_text()).count(text) < times for text in texts):  # noqa: ASYNC110  another process's
                await asyncio.sleep(0.02)
        return log

    def logs(self) -> str:
        """What station and bench said, and the conversation as the Central System saw it."""
        parts = []
        for name in ("station.log", "bench.log"):
            if (file := self.directory / name).exists():
                parts.append(f"--- {name}\n{file.read_text(errors='replace')}")
        lines = [
            f"{frame.at % 1000:8.3f} {frame.direction:3} {frame.kind:6} {frame.action} {json.dumps(frame.payload)}"
            f" {frame.code} {frame.description}".rstrip()
            for frame in self.station.messages
        ]
        return "\n".join([*parts, "--- conversation", *lines])


@asynccontextmanager
async def rig(
    *,
    connectors: int = 1,
    keys: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    options: Sequence[str] = (),
    speed: float = 1.0,
    identity: str = IDENTITY,
    settings: Settings | None = None,
) -> AsyncIterator[Rig]:
    """A bench and a Central System that run, and a station that does not yet.

    keys: first values of OCPP keys. config: other settings of station.toml by their dotted names. options: more arguments of
    the bench. settings: of the Central System.
    """
    keys = {"MeterValueSampleInterval": 0, "TransactionMessageRetryInterval": 0, **(keys or {})}
    # A lost link is tried again soon: stories wait for conditions, not for pauses.
    config = {"central_system.reconnect_min_s": 0.1, "central_system.reconnect_max_s": 0.3, **(config or {})}
    with tempfile.TemporaryDirectory(prefix="e2e-", dir="/tmp", ignore_cleanup_errors=True) as name:
        async with AsyncExitStack() as stack:
            cs = await stack.enter_async_context(CentralSystem(settings=settings))
            made = Rig(Path(name), cs, identity)
            command = [sys.executable, "-m", "hil.bench", "--dir", name, "--connectors", str(connectors)]
            command += ["--identity", identity, "--central-system", cs.url, *options]
            command += [part for key, value in keys.items() for part in ("--set", f"{key}={_text(value)}")]
            command += [part for key, value in config.items() for part in ("--config-set", f"{key}={_text(value)}")]
            await _bench(command, made.directory / "bench.log", stack)
            stack.push_async_callback(_gone, made)
            await stack.enter_async_context(made.bench)
            if speed != 1.0:
                await made.bench.do("speed", factor=speed)
            yield made


async def _bench(command: list[str], log: Path, stack: AsyncExitStack) -> None:
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file
        )
    stack.push_async_callback(_end, process)
    assert process.stdout is not None
    async with asyncio.timeout(READY_S):
        line = await process.stdout.readline()
    if not line:
        raise BenchError("the bench did not start:\n" + await asyncio.to_thread(log.read_text))


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _gone(made: Rig) -> None:
    if made.process is not None:
        await made.process.kill()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def alive(pid: int) -> bool:
    """Whether a process with this id is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

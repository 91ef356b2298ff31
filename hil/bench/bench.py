"""A running bench: its directory, sockets, meters and the station's file.

`python -m hil.bench` runs one as a process; a test may run one in its own.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hil.bench import config, meter
from hil.bench.config import ConfigError
from hil.bench.control import ControlClient
from hil.bench.hardware import Hardware, HardwareConnection
from hil.bench.lines import FAREWELL_S, LineProtocol
from hil.bench.rig import Rig
from hil.bench.world import MAX_CONNECTORS, World
from hil.modbus_slave import RtuSlave, TcpSlave

BAUD = 9_600


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a bench is to be; `settings` are --set and `config_settings` are --config-set, each KEY=VALUE."""

    directory: Path
    connectors: int = 1
    identity: str = config.IDENTITY
    central_system: str = config.CENTRAL_SYSTEM
    settings: list[str] = field(default_factory=list)
    config_settings: list[str] = field(default_factory=list)
    meter: Literal["tcp", "rtu"] = "tcp"
    tethered: bool = False
    readers: Literal["shared", "each"] = "shared"


class Bench:
    """What a running bench shows: `control`, `hardware` and `config` are paths."""

    def __init__(self, options: Options) -> None:
        self.directory = Path(os.path.abspath(options.directory))
        self.control = self.directory / "bench.sock"
        self.hardware = self.directory / "hardware.sock"
        self.config = self.directory / "station.toml"
        self.world = World(
            options.connectors,
            tethered=options.tethered,
            reader_each=options.readers == "each",
            now=asyncio.get_running_loop().time(),
        )
        self.rig = Rig(self.world)

    def quit(self) -> None:
        self.rig.stop.set()

    async def stopped(self) -> None:
        await self.rig.stop.wait()


def _document(bench: Bench, options: Options) -> config.Document:
    document = config.station(
        bench.directory,
        connectors=options.connectors,
        identity=config.readable(options.identity, "--identity"),
        central_system=config.readable(options.central_system, "--central-system"),
        tethered=options.tethered,
        reader_each=options.readers == "each",
    )
    for argument in options.settings:
        key, text = config.split(argument, "--set")
        document["configuration"][key] = text
    return document


def _claim(bench: Bench) -> int:
    """Makes the directory this bench's own and gives the lock's descriptor; the kernel frees it with the process."""
    size = len(os.fsencode(bench.hardware))  # the longer of the two names
    if size > config.SOCKET_PATH_MAX:
        allowed = f"the path of a Unix socket may have {config.SOCKET_PATH_MAX}"
        raise ConfigError(f"--dir is too long: {bench.hardware} has {size} bytes, {allowed}; choose a shorter one")
    try:
        (bench.directory / "state").mkdir(parents=True, exist_ok=True)
        lock = os.open(bench.directory / ".bench.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"--dir {bench.directory} cannot be used: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise ConfigError(
            f'a bench already runs in {bench.directory}; end it ("quit" on {bench.control}) or choose another --dir'
        ) from error
    return lock


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


@contextlib.asynccontextmanager
async def _socket(path: Path, protocol: Any) -> AsyncIterator[None]:
    """Listens at `path`. The directory is ours by its lock, so what lies there is a dead bench's."""
    loop = asyncio.get_running_loop()
    _remove(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    server = await loop.create_unix_server(protocol, sock=listener, backlog=256)
    try:
        yield
    finally:
        server.close()
        _remove(path)


@contextlib.asynccontextmanager
async def _meters(bench: Bench, kind: Literal["tcp", "rtu"]) -> AsyncIterator[dict[str, Any]]:
    """The meters' bus, as its table of the station's file."""
    read = meter.registers(bench.world, bench.rig.catch_up)
    if kind == "tcp":
        async with TcpSlave(read) as tcp:
            yield config.tcp_bus(tcp.port)
    else:
        async with RtuSlave(read, baud=BAUD, link=bench.directory / "meters.tty") as rtu:
            yield config.rtu_bus(str(rtu.port), BAUD)


async def _goodbye(connections: list[LineProtocol]) -> None:
    """Closes connections and waits, bounded, until what was answered is fetched."""
    for connection in connections:
        connection.end()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_S):
            await asyncio.gather(*(connection.gone.wait() for connection in connections))


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Bench]:
    """A bench that runs while the block does; raises ConfigError before anything is opened or written."""
    if not 1 <= options.connectors <= MAX_CONNECTORS:
        raise ConfigError(f"--connectors must be 1 to {MAX_CONNECTORS}, not {options.connectors}")
    bench = Bench(options)
    document = _document(bench, options)
    for argument in options.config_settings:
        config.apply(document, argument)
    config.settle_reconnect(document, options.config_settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(os.close, _claim(bench))
        hardware = Hardware(bench.rig)
        stack.callback(bench.rig.close)
        stack.push_async_callback(lambda: _goodbye([*bench.rig.clients, *hardware.connections]))
        try:
            bus = await stack.enter_async_context(_meters(bench, options.meter))
            document["buses"]["meters"] = {**bus, **document["buses"].get("meters", {})}
            config.write(bench.config, document)
            await stack.enter_async_context(_socket(bench.hardware, lambda: HardwareConnection(hardware)))
            await stack.enter_async_context(_socket(bench.control, lambda: ControlClient(bench.rig)))
        except OSError as error:
            raise ConfigError(f"--dir {bench.directory} cannot be used: {error}") from error
        yield bench

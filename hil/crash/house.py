"""The house: bench, Central System, network and station in one folder, and the connections between them."""

import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hil.bench.client import BenchClient
from hil.crash.mischief import ATTEMPTS
from hil.crash.station import StationProcess
from hil.csms import CentralSystem, Station
from hil.demo.processes import Child
from hil.proxy import Proxy

IDENTITY = "CK_XXX_0001"
CONNECTORS = 2
SPEED = 300.0  # 22 kW are 1.8 kWh a second
KEYS = {
    "ClockAlignedDataInterval": 5,
    "ConnectionTimeOut": 10,
    "MeterValueSampleInterval": 1,
    "MeterValuesSampledData": "Energy.Active.Import.Register,Power.Active.Import",
    "StopTxnSampledData": "Energy.Active.Import.Register",
    "TransactionMessageAttempts": ATTEMPTS,
    "TransactionMessageRetryInterval": 0,
    "WebSocketPingInterval": 1,
}
SETTINGS = {
    "station.offline_behaviour": "accept_all",
    "central_system.reconnect_min_s": 0.1,
    "central_system.reconnect_max_s": 0.5,
    "central_system.connect_timeout_s": 2.0,
    "central_system.call_timeout_s": 2.5,  # longer than any answer takes that comes at all
    **{f"connectors.{number}.meter_poll_s": 0.3 for number in range(1, CONNECTORS + 1)},
}


@dataclass
class House:
    """Everything that runs. The station does not yet."""

    folder: Path
    cs: CentralSystem
    proxy: Proxy
    bench: BenchClient
    station: StationProcess

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def known(self) -> Station:
        """The station, as the Central System knows it."""
        return self.cs.known(IDENTITY)


@asynccontextmanager
async def open_house(
    folder: Path, command: tuple[str, ...], after_power_loss: str, trouble: Callable[[str], None]
) -> AsyncIterator[House]:
    """In an empty folder. Whatever happens, nothing of it runs afterwards."""
    async with CentralSystem() as cs, Proxy(cs.host, cs.port) as proxy:
        settings = {**SETTINGS, "station.after_power_loss": after_power_loss}
        arguments = [f"--dir={folder}", f"--connectors={CONNECTORS}", f"--identity={IDENTITY}", "--readers=each"]
        arguments.append(f"--central-system=ws://127.0.0.1:{proxy.port}/ocpp")
        arguments += [part for key, value in KEYS.items() for part in ("--set", f"{key}={value}")]
        arguments += [part for key, value in settings.items() for part in ("--config-set", f"{key}={value}")]
        command_line = [sys.executable, "-m", "hil.bench", *arguments]
        bench = await Child.start("the bench", command_line, folder / "bench.log", tells_ready=True)
        try:
            ready = await bench.ready()
            async with BenchClient(ready["control"]) as client:
                await client.do("speed", factor=SPEED)
                station = StationProcess(command, Path(ready["config"]), folder / "logs", trouble)
                try:
                    yield House(folder, cs, proxy, client, station)
                finally:
                    if station.starts:
                        await station.kill()
        finally:
            await bench.end()


def new_folder() -> Path:
    """A short path: sockets lie in it."""
    return Path(tempfile.mkdtemp(prefix="crash-", dir="/tmp"))

"""The stage: one layer brought up, with the bench's world behind it, a Central System before it and a station to start.

Owns the two station files. Both begin as the bench's own; on the real stack its parts are those of config/raspberry-pi.toml,
pin by pin, on an emulated kernel that keeps its outputs as Raspberry Pi OS does. What differs from that file: the folder of the
PWM, lamps that are on or off, which an eye reads better, and no buzzer. Ends every process that it has started, by its id.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from hil.bench import config as bench_config
from hil.bench.bench import Bench, Options, running
from hil.bench.client import BenchClient
from hil.chips.pilot_circuit import PwmFolder
from hil.csms import CentralSystem, Settings, Station
from hil.kernel import Change, Kernel
from hil.layers import eye
from hil.layers.account import Account, Life, heard
from hil.layers.eye import LampChange, Meant
from hil.layers.harness import Harness

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "raspberry-pi.toml"
LAMP_PINS = {"red": 22, "green": 4, "blue": 13, "white": 2, "amber": 3, "yellow": 14}
END_S = 8.0
KEYS = ("MeterValueSampleInterval=0", "TransactionMessageRetryInterval=0", "ClockAlignedDataInterval=0")


class Layer(StrEnum):
    VIRTUAL = "virtual"
    REAL = "real"


class Stage:
    """Made by `stage`. harness: on the real stack only. started: when the station was started last, CLOCK_MONOTONIC."""

    def __init__(self, layer: Layer, bench: Bench, system: CentralSystem, harness: Harness | None, module: str) -> None:
        self.layer, self.bench, self.system, self.harness = layer, bench, system, harness
        self._module = module
        self.client = BenchClient(bench.control)
        self.process: asyncio.subprocess.Process | None = None
        self.log = bench.directory / "station.log"
        self.account = Account()
        self._lamps = _Lamps(harness) if harness is not None else None
        self._meant: list[Meant] = []
        self._began_s = 0.0
        self._last: dict[str, Any] = {}
        bench.rig.on_change(self._look)

    @property
    def station(self) -> Station:
        return self.system.known(bench_config.IDENTITY)

    async def start(self) -> None:
        """Starts the station; returns at once."""
        self._began_s, self._meant = time.monotonic(), self._meant[-1:]
        self.process = await self._run("run")

    async def end(self, number: signal.Signals) -> int:
        """Sends a signal to the station and waits for its end; its status."""
        assert self.process is not None
        if self.process.returncode is None:
            self._live(time.monotonic())
            self.process.send_signal(number)
        async with asyncio.timeout(END_S):
            return await self.process.wait()

    async def safe_state(self) -> tuple[int, float]:
        """`chargepoint safe-state`: its status, and the seconds it took."""
        began_s = time.monotonic()
        command = await self._run("safe-state")
        try:
            async with asyncio.timeout(END_S):
                return await command.wait(), time.monotonic() - began_s
        finally:
            await _gone(command)

    def shows_s(self, colour: str) -> float:
        """For how long the lamps have shown this colour and no other; 0 where they do not."""
        if self._lamps is not None:
            shown, since_s = self._lamps.newest
        else:
            shown, since_s = None, 0.0
            for one in self._meant:
                if (now := eye.colour_of(one.what)) != shown:
                    shown, since_s = now, one.at_s
        return time.monotonic() - since_s if shown == colour else 0.0

    def red_flashes(self) -> list[int]:
        """How many red flashes each group had since the start."""
        if self._lamps is not None:
            return eye.flashes(eye.runs(self._lamps.changes, self._began_s, time.monotonic()), "red")
        return [one.what.count for one in self._meant if one.what is not None and eye.colour_of(one.what) == "red"]

    def closing(self) -> Account:
        """The account, with what the Central System has heard so far."""
        self.account.heard = heard(self.station.messages)
        return self.account

    async def _run(self, command: str) -> asyncio.subprocess.Process:
        environment: Mapping[str, str] = os.environ
        if self.harness is not None:
            environment = {**self.harness.kernel.environment(), "GPIOZERO_PIN_FACTORY": "lgpio"}
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self._module, command, "--config", str(self.bench.config)),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _live(self, end_s: float) -> None:
        """A life of the station is over."""
        seen = eye.runs(self._lamps.changes, self._began_s, end_s) if self._lamps is not None else []
        self.account.lives.append(Life(list(self._meant), seen))

    def _look(self) -> None:
        """Takes note of what has changed in the world."""
        outlet, at_s = self.bench.world.outlets[1], self.bench.world.now
        now = {
            "contactor": "closed" if outlet.contacts else "open",
            "lock": "locked" if outlet.locked else "unlocked",
            "offer": "nothing" if outlet.offer_a is None else f"{outlet.offer_a:.1f} A",
            "lamp": (outlet.lamp, outlet.lamp_reason, outlet.lamp_shows),
        }
        last, self._last = self._last, now
        for name in ("contactor", "lock"):
            if last and now[name] != last[name]:
                self.account.moved.append(f"{name} {now[name]}")
        if last and now["offer"] != last["offer"]:
            self.account.offered.append(str(now["offer"]))
        if not last or now["lamp"] != last["lamp"]:
            self._meant.append(eye.meant(at_s, outlet.lamp, outlet.lamp_reason))


class _Lamps:
    """The lamps' lines; written by the kernel's thread. newest: the lamp that was lit last, and since when no other was."""

    def __init__(self, harness: Harness) -> None:
        self.changes: list[LampChange] = []
        self.newest: tuple[str | None, float] = None, 0.0
        for lamp, pin in harness.lamps.items():
            harness.kernel.watch(pin, partial(self._changed, lamp))

    def _changed(self, lamp: str, change: Change) -> None:
        self.changes.append(LampChange(change.at_s, lamp, change.level))
        if change.level and lamp != self.newest[0]:
            self.newest = lamp, change.at_s


@asynccontextmanager
async def stage(layer: Layer, *, settings: Settings | None = None, module: str = "chargepoint") -> AsyncIterator[Stage]:
    """A bench and a Central System that run, and a station that does not yet. module: the program that is the station."""
    async with AsyncExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="layer-", dir="/tmp", ignore_cleanup_errors=True))
        system = await stack.enter_async_context(CentralSystem(settings=settings))
        options = Options(
            directory=Path(name),
            central_system=system.url,
            meter="rtu",
            settings=list(KEYS),
            config_settings=["central_system.reconnect_min_s=0.1", "central_system.reconnect_max_s=0.3"],
        )
        bench = await stack.enter_async_context(running(options))
        harness = stack.enter_context(_real(bench)) if layer is Layer.REAL else None
        made = Stage(layer, bench, system, harness, module)
        await stack.enter_async_context(made.client)
        stack.push_async_callback(_end, made)
        yield made


@contextmanager
def _real(bench: Bench) -> Iterator[Harness]:
    """Puts the parts of the example into the bench's file, and the world behind them."""
    document = tomllib.loads(bench.config.read_text(encoding="utf-8"))
    example = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    pwm = PwmFolder(bench.directory / "pwmchip0")
    ours, theirs = document["connectors"]["1"], example["connectors"]["1"]
    for name in ("contactor", "pilot", "lock"):
        ours[name] = theirs[name]
    ours["pilot"]["pwm_chip"] = str(pwm.chip)
    ours["closing_s"], ours["opening_s"] = theirs["closing_s"], theirs["opening_s"]
    buzzer = {"pin": theirs["indicator"]["buzzer"]["pin"], "kind": "active"}
    ours["indicator"] = {"driver": "lights", "profile": "default", "lamps": {**LAMP_PINS, "dim": False}, "buzzer": buzzer}
    document["readers"], document["inputs"] = example["readers"], example["inputs"]
    bench_config.write(bench.config, document)
    with Kernel() as kernel:
        harness = Harness(bench, kernel, document, pwm)
        harness.start()
        try:
            yield harness
        finally:
            harness.stop()


async def _end(made: Stage) -> None:
    if made.process is not None:
        await _gone(made.process)


async def _gone(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()

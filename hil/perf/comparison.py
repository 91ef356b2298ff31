"""Station and peer side by side: process start to BootNotification, round trips a second; and what the station's memory does.

Both stand before a Central System of the same kind (`central`), in turns, on one machine. The station is the whole one: it
opens the drivers of two connectors and its database. The peer is `hil.peers.ocpp_charge_point`.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from time import monotonic

from hil.perf.arithmetic import median
from hil.perf.central import Central
from hil.perf.process import cpu_s, rss_mb
from hil.perf.rig import ROOT, STATION, rig
from hil.perf.row import Figures, Plan

PEER = (sys.executable, "-m", "hil.peers.ocpp_charge_point", "--url")
SETTLE_S = 4.0
END_S = 10.0
KEY = {"key": ["HeartbeatInterval"]}


@contextmanager
def _running(command: tuple[str, ...], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process without anything between us and it, since its start is measured."""
    with log.open("ab") as file, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file, cwd=ROOT) as child:
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(END_S)
            except subprocess.TimeoutExpired:
                child.kill()


async def boot(plan: Plan) -> Figures:
    """Milliseconds from the start of the process until BootNotification is at the Central System. The first start, which finds
    nothing in the machine's memory, is not counted.
    """
    with Central() as central:
        async with rig(plan.disk, central.url) as bench:
            commands = {"station": (*STATION, str(bench.config)), "peer": (*PEER, central.url)}
            took = await asyncio.to_thread(_boots, central, commands, bench.folder, 3 if plan.quick else 11)
    station_ms, peer_ms = median(took["station"]), median(took["peer"])
    return {"boot_ratio": station_ms / peer_ms, "boot_ms": station_ms, "peer_boot_ms": peer_ms}


def _boots(central: Central, commands: dict[str, tuple[str, ...]], folder: Path, rounds: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            began_s = monotonic()
            with _running(command, folder / f"{name}.log"):
                booted_s = central.booted()
                central.attend(0.2)
                if number:
                    took[name].append(1_000 * (booted_s - began_s))
    return took


async def rates(plan: Plan) -> Figures:
    """Sequential round trips a second, in rounds that take turns; and the processor time of each side a round trip."""
    with Central() as central, Central() as peers_central:
        async with rig(plan.disk, central.url) as bench, bench.station() as station:
            rounds = 3 if plan.quick else 11
            return await asyncio.to_thread(_rates, central, peers_central, station.pid, bench.folder, rounds)


def _rates(central: Central, peers_central: Central, pid: int, folder: Path, rounds: int) -> Figures:
    central.booted()
    with _running((*PEER, peers_central.url), folder / "peer.log") as peer:
        peers_central.booted()
        sides = {"": (central, pid), "peer_": (peers_central, peer.pid)}
        trips: dict[str, list[tuple[float, ...]]] = {name: [] for name in sides}
        for number in range(rounds + 1):
            for name, (system, of) in sides.items():
                system.attend(0.2)
                trip = _round(system, of)
                if number:
                    trips[name].append(trip)
    kinds = ("getconfiguration_s", "trigger_s", "getconfiguration_cpu_us", "trigger_cpu_us")
    found = {
        name + kind: (median if kind.endswith("_s") else fmean)(values)
        for name in sides
        for kind, values in zip(kinds, zip(*trips[name], strict=True), strict=True)
    }
    ratios = {f"{kind}_ratio": found[f"{kind}_s"] / found[f"peer_{kind}_s"] for kind in ("getconfiguration", "trigger")}
    return ratios | found


def _round(central: Central, pid: int, trips: int = 300) -> tuple[float, float, float, float]:
    """GetConfigurations and triggers a second, and processor microseconds of each."""

    def times(work: Callable[[], object]) -> tuple[float, float]:
        began_s, spent_s = monotonic(), cpu_s(pid)
        for _ in range(trips):
            work()
        return trips / (monotonic() - began_s), 1e6 * (cpu_s(pid) - spent_s) / trips

    get_s, get_us = times(lambda: central.call("GetConfiguration", KEY))
    trigger_s, trigger_us = times(lambda: central.trigger("Heartbeat"))
    return get_s, trigger_s, get_us, trigger_us


async def memory(plan: Plan) -> Figures:
    """VmRSS of the station with two connectors that nobody uses, and what 10,000 CALLs in both directions leave of growth."""
    messages = 1_000 if plan.quick else 10_000
    with Central() as central:
        async with rig(plan.disk, central.url) as bench, bench.station() as station:
            return await asyncio.to_thread(_memory, central, station.pid, messages)


def _memory(central: Central, pid: int, messages: int) -> Figures:
    central.booted()
    central.attend(SETTLE_S)
    idle_mb = rss_mb(pid)
    for _ in range(messages // 3):  # one CALL to the station, then one to it and one from it
        central.call("GetConfiguration", KEY)
        central.trigger("Heartbeat")
    central.attend(SETTLE_S)
    return {"rss_mb": idle_mb, "rss_growth_mb": rss_mb(pid) - idle_mb}

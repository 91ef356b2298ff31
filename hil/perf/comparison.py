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
PAUSE_S = 0.05
TRIPS = 300
END_S = 10.0
KEY = {"key": ["HeartbeatInterval"]}
TRIP: dict[str, Callable[[Central], object]] = {
    "getconfiguration": lambda central: central.call("GetConfiguration", KEY),
    "trigger": lambda central: central.trigger("Heartbeat"),
}


@contextmanager
def _running(command: tuple[str, ...], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process without anything between us and it, since its start is measured."""
    with (
        log.open("ab") as file,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=file, stderr=file, cwd=ROOT, start_new_session=True
        ) as child,  # of a session of its own: a Ctrl-C is the bench's to handle
    ):
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
    """Sequential round trips a second, and the processor time of each. Station and peer take turns every few tenths of a
    second, so that whatever else the machine does meets both; the median of the ratios of so many turns counts.
    """
    with Central() as central, Central() as peers_central:
        async with rig(plan.disk, central.url) as bench, bench.station() as station:
            rounds = 3 if plan.quick else 21
            return await asyncio.to_thread(_rates, central, peers_central, station.pid, bench.folder, rounds)


def _rates(central: Central, peers_central: Central, pid: int, folder: Path, rounds: int) -> Figures:
    central.booted()
    with _running((*PEER, peers_central.url), folder / "peer.log") as peer:
        peers_central.booted()
        sides = {"": (central, pid), "peer_": (peers_central, peer.pid)}
        trips: dict[str, list[tuple[float, float]]] = {side + kind: [] for side in sides for kind in TRIP}
        for number in range(rounds + 1):
            for kind in TRIP:
                for side, (system, of) in sides.items():
                    system.attend(PAUSE_S)
                    trip = _round(system, of, TRIP[kind])
                    if number:
                        trips[side + kind].append(trip)
    found = {f"{name}_s": median([a_second for a_second, _ in some]) for name, some in trips.items()}
    found |= {f"{name}_cpu_us": fmean(cpu_us for _, cpu_us in some) for name, some in trips.items()}
    for kind in TRIP:
        pairs = zip(trips[kind], trips[f"peer_{kind}"], strict=True)
        found[f"{kind}_ratio"] = median([own[0] / peers[0] for own, peers in pairs])
    return found


def _round(central: Central, pid: int, trip: Callable[[Central], object]) -> tuple[float, float]:
    """Round trips a second, and processor microseconds of each."""
    began_s, spent_s = monotonic(), cpu_s(pid)
    for _ in range(TRIPS):
        trip(central)
    return TRIPS / (monotonic() - began_s), 1e6 * (cpu_s(pid) - spent_s) / TRIPS


async def memory(plan: Plan) -> Figures:
    """VmRSS of the station with two connectors that nobody uses, and what 10,000 CALLs in both directions leave of growth: the
    medians of three stations.
    """
    found = [await _memory(plan.disk, 1_000 if plan.quick else 10_000) for _ in range(1 if plan.quick else 3)]
    idle_mb, grown_mb = zip(*found, strict=True)
    return {"rss_mb": median(idle_mb), "rss_growth_mb": median(grown_mb)}


async def _memory(disk: Path, messages: int) -> tuple[float, float]:
    with Central() as central:
        async with rig(disk, central.url) as bench, bench.station() as station:
            return await asyncio.to_thread(_grown, central, station.pid, messages)


def _grown(central: Central, pid: int, messages: int) -> tuple[float, float]:
    """Megabytes when idle, and how many more afterwards."""
    central.booted()
    central.attend(SETTLE_S)
    idle_mb = rss_mb(pid)
    for _ in range(messages // 3):  # one CALL to the station, then one to it and one from it
        for trip in TRIP.values():
            trip(central)
    central.attend(SETTLE_S)
    return idle_mb, rss_mb(pid) - idle_mb

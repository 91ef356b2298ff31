"""A run: lives and deaths of one station, then peace, then the books.

Owns the order of things in one cycle: weather, disk and mischief; start; the moment; SIGKILL; what is true of a dead
station; the autopsy; sometimes a cut log. The plan is drawn from the seed; what real processes do with it differs a little
from run to run.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.bench.client import BenchError
from hil.crash import moments
from hil.crash.actor import Actor
from hil.crash.autopsy import LOG, cut_log, examine
from hil.crash.disk import SmallDisk
from hil.crash.excuses import Excuses
from hil.crash.house import CONNECTORS, IDENTITY, House, open_house
from hil.crash.judge import Evidence, Verdict, judge
from hil.crash.mischief import Mischief
from hil.crash.operator import Operator
from hil.crash.people import People
from hil.crash.plan import Cycle, cycles
from hil.crash.weather import Weather
from hil.crash.witness import Frames, Meters
from hil.demo.processes import DemoError
from hil.demo.sockets import LineClient, Refused, SocketError

FALL_S = 1.0  # for a contactor to fall open when nobody holds its coil
QUIET_S = 3.0
PEACE_S = 60.0  # for everything to be delivered once all is well
LOOK_S = 0.1
QUOTA_MORE_BYTES = 1 << 16
TROUBLE_MAX = 200
TRIES = 20

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """command: what is the station. disks: which trouble with the disk can be had. cuts: whether logs are cut."""

    kills: int
    seed: int
    folder: Path
    command: tuple[str, ...]
    disks: tuple[Any, ...] = ("small", "quota")
    cuts: bool = True
    after_power_loss: str = "stop"


@dataclass
class Tally:
    """What happened. trouble: what must not have, in words."""

    kills: int = 0
    torn_commits: int = 0
    log_cuts: int = 0
    commits_cut: int = 0
    full_disks: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    dead_letters: int = 0
    closings: int = 0
    seconds: float = 0.0

    def note(self, text: str) -> None:
        if len(self.trouble) < TROUBLE_MAX:
            self.trouble.append(text)


class Run:
    """One run in an open house."""

    def __init__(self, options: Options, house: House, tally: Tally, tell: Tell) -> None:
        self._options = options
        self._house = house
        self._tally = tally
        self._tell = tell
        seed = options.seed
        self._rng = random.Random(f"{seed} run")
        self._frames = Frames(house.cs)
        self._meters = Meters(house.bench)
        self._weather = Weather(house.proxy, random.Random(f"{seed} weather"))
        self._mischief = Mischief(house.cs, random.Random(f"{seed} mischief"))
        self._people = [
            People(number, house.bench, house.cs, IDENTITY, random.Random(f"{seed} people {number}"))
            for number in range(1, CONNECTORS + 1)
        ]
        self._operator = Operator(house.cs, IDENTITY, random.Random(f"{seed} operator"))
        self._begun = False
        self._disk = SmallDisk(house.state)
        self._excuses = Excuses(goes_on=options.after_power_loss == "resume")
        self._began_s = time.monotonic()

    async def play(self) -> Verdict:
        """Everything, to the verdict."""
        first_wh = await self._meters.start()
        plan = cycles(self._options.kills, self._options.seed, self._options.disks)
        try:
            for number, cycle in enumerate(plan):
                if not cycle.birth:
                    self._begin()
                await self._killed(number, cycle)
            await self._peace()
        finally:
            with suppress(OSError):
                self._disk.unmount()
        last_wh = await self._registers()
        await self._meters.stop()
        self._tally.closings = self._meters.closings
        self._tally.seconds = round(time.monotonic() - self._began_s, 1)
        books = self._house.cs.books
        return judge(
            Evidence(
                rows=books.rows,
                messages=self._frames.messages,
                complaints=self._frames.complaints,
                violations=books.violations,
                strays=books.strays,
                draws=self._meters.draws,
                registers_wh={number: (first_wh[number], last_wh[number]) for number in first_wh},
                excuses=self._excuses,
            )
        )

    def figures(self, verdict: Verdict) -> dict[str, Any]:
        """The last line."""
        tally, excuses = self._tally, self._excuses
        return {
            "kills": tally.kills,
            "sessions": verdict.sessions,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "energy_difference_wh": verdict.energy_difference_wh,
            "energy_wh": verdict.energy_wh,
            "repeats": verdict.repeats,
            "lost_answers": self._mischief.unanswered(),
            "call_errors": self._mischief.errors,
            "torn_commits": tally.torn_commits,
            "log_cuts": tally.log_cuts,
            "commits_cut": tally.commits_cut,
            "excused": len(excuses.reasons),
            "excused_wh": verdict.excused_wh,
            "full_disks": tally.full_disks,
            "dead_letters": tally.dead_letters,
            "problems": len(verdict.problems) + len(tally.trouble),
            "seed": self._options.seed,
            "seconds": tally.seconds,
        }

    def reasons(self) -> list[str]:
        return self._excuses.reasons

    def weather_seen(self) -> dict[str, int]:
        return self._weather.seen

    def _begin(self) -> None:
        """People, operator and weather: once, when the station has a past that must not be lost."""
        if not self._begun:
            self._begun = True
            actors: tuple[Actor, ...] = (*self._people, self._operator, self._weather)
            for one in actors:
                one.start()

    # One life

    async def _killed(self, number: int, cycle: Cycle) -> None:
        """Lives until a kill met the process. Raises DemoError where none ever does."""
        for _ in range(TRIES):
            if await self._live(number, cycle):
                return
            self._tell("  no process was there to be killed: once more")
        raise DemoError(f"the station never lives until it is killed; {TRIES} tries:\n{self._house.station.tail()}")

    async def _live(self, number: int, cycle: Cycle) -> bool:
        """From start to death; False where the kill met no process."""
        house = self._house
        self._mischief.brew() if cycle.mischief else self._mischief.end()
        await self._prepare_disk(cycle)
        if cycle.birth:
            for file in house.state.iterdir():
                file.unlink()
        if cycle.moment in moments.NEED_NETWORK:
            self._weather.hold("fair")
        await house.station.start()
        disk = asyncio.create_task(self._disk_trouble(cycle))
        scene = moments.Scene(
            station=house.station,
            frames=self._frames,
            bench=house.bench,
            cs=house.cs,
            identity=IDENTITY,
            weather=self._weather,
            wal=house.state / LOG,
            rng=self._rng,
        )
        came = await moments.wait(cycle.moment, scene)
        weather = self._weather.now
        killed = await house.station.kill()
        disk.cancel()
        await asyncio.wait({disk})
        self._weather.release()
        if not disk.cancelled() and (error := disk.exception()) is not None:
            raise error
        if killed:
            self._tally.kills += 1
            self._tally.moments[came] += 1
            await self._dead(number, cycle, f"{came}, {weather}")
        return killed

    async def _dead(self, number: int, cycle: Cycle, how: str) -> None:
        """What is true of a station that is dead, and what is done to its disk."""
        await self._fallen_open()
        rest_wh = await self._registers()
        scratch = self._house.folder / "autopsy"
        examination = await asyncio.to_thread(examine, self._house.state, scratch)
        self._tally.torn_commits += examination.torn
        if examination.problem is not None:
            self._tally.note(f"kill {number + 1}: {examination.problem}")
        if cycle.cut and self._options.cuts:
            how += await self._cut(number, rest_wh)
        await asyncio.sleep(cycle.dark_s)
        await self._still_open(number, rest_wh)
        done, rows = number + 1, len(self._house.cs.books.rows)
        at_s = time.monotonic() - self._began_s
        extra = f", disk {cycle.disk}" if cycle.disk else ""
        self._tell(f"kill {done:>3}/{self._options.kills}  {at_s:5.0f} s  {rows:>4} sessions  {how}{extra}")

    async def _fallen_open(self) -> None:
        def all_open(state: dict[str, Any]) -> bool:
            return all(one["contactor"] == "open" for one in state["connectors"].values())

        try:
            await self._house.bench.wait_for(all_open, FALL_S, "every contactor open when the station is dead")
        except BenchError as error:
            self._tally.note(str(error))

    async def _still_open(self, number: int, rest_wh: dict[int, int]) -> None:
        state = await self._house.bench.state()
        closed = [name for name, one in state["connectors"].items() if one["contactor"] != "open"]
        if closed:
            self._tally.note(f"kill {number + 1}: contactors {', '.join(closed)} are closed though the station is dead")
        if {int(name): one["energy_wh"] for name, one in state["connectors"].items()} != rest_wh:
            self._tally.note(f"kill {number + 1}: energy flowed while the station was dead")

    async def _cut(self, number: int, rest_wh: dict[int, int]) -> str:
        """The modem goes dark with the station, so nothing of what it sent is still under way."""
        self._house.proxy.cut()
        await self._house.known.wait_disconnected(timeout_s=QUIET_S)
        cut = await asyncio.to_thread(cut_log, self._house.state, self._house.folder / "autopsy", self._rng)
        if cut is None:
            return ", no log to cut"
        self._tally.log_cuts += 1
        self._tally.commits_cut += cut.commits_lost
        if cut.problem is not None:
            self._tally.note(f"kill {number + 1}, log cut by {cut.bytes_lost} bytes: {cut.problem}")
        before = len(self._excuses.reasons)
        heard = {one.payload.get("transactionId", -1) for one in self._frames.messages if one.action == "StopTransaction"}
        self._excuses.add(cut, self._house.cs.books.rows, rest_wh, heard)
        for reason in self._excuses.reasons[before:]:
            self._tell(f"  excused: {reason}")
        return f", log cut by {cut.commits_lost} commits"

    async def _registers(self) -> dict[int, int]:
        state = await self._house.bench.state()
        return {int(name): one["energy_wh"] for name, one in state["connectors"].items()}

    # The disk

    async def _prepare_disk(self, cycle: Cycle) -> None:
        """While the station is dead."""
        self._house.station.limit(None)
        self._house.station.disk_failing = bool(cycle.disk)
        small = cycle.disk in ("small", "full")
        if small and not self._disk.mounted:
            await asyncio.to_thread(self._disk.mount)
        if not small:
            await asyncio.to_thread(self._disk.unmount)
        elif cycle.disk == "small":
            self._disk.heal()

    async def _disk_trouble(self, cycle: Cycle) -> None:
        if not cycle.disk:
            return
        self._tally.full_disks += 1
        await asyncio.sleep(cycle.after_s)
        if cycle.disk == "small":
            await asyncio.to_thread(self._disk.fill, cycle.left_bytes)
        elif cycle.disk == "full":
            self._disk.heal()
        else:
            log = self._house.state / LOG
            size = log.stat().st_size if log.exists() else 0
            self._house.station.limit(size + cycle.left_bytes % QUOTA_MORE_BYTES)

    # Peace

    async def _peace(self) -> None:
        """Everything heals, the cars leave, the backlog is delivered, dead letters are sent again, the station stops."""
        await self._prepare_disk(Cycle(**_PEACE))
        self._mischief.end()
        await self._weather.leave()
        self._tell("  all is well again: the backlog is delivered")
        await self._house.station.start()
        actors: tuple[Actor, ...] = (*self._people, self._operator)
        for one in actors:
            await one.leave()
        try:
            async with asyncio.timeout(PEACE_S):
                while not await self._settled():  # noqa: ASYNC110 - what another process does is no event of this one
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            self._tally.note(f"not everything was delivered within {PEACE_S:g} s: {await self._status()}")
        status = await self._house.station.stop()
        if status != 0:
            self._tally.note(f"the station ended with status {status} when asked to stop: {self._house.station.tail()}")
        if (broken := self._meters.broken()) is not None:
            self._tally.note(f"the bench was not followed to the end: {broken}")

    async def _settled(self) -> bool:
        status = await self._status()
        queue = status.get("queue", {"messages": 1, "dead_letters": 0})
        if queue["dead_letters"]:
            self._tally.dead_letters += await self._replay()
            return False
        there = status.get("connectors", {}).values()
        idle = bool(there) and all(one["session"] is None and one["status"] == "Available" for one in there)
        return idle and queue["messages"] == 0

    async def _status(self) -> dict[str, Any]:
        return await self._ask("status")

    async def _replay(self) -> int:
        letters = (await self._ask("dead_letters")).get("dead_letters", [])
        for letter in letters:
            await self._ask("replay_dead_letter", seq=letter["seq"])
        return len(letters)

    async def _ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """The station's answer on its control socket; empty where there is none."""
        client = LineClient(self._house.state / "control.sock", "the station")
        try:
            await client.open()
            return await client.ask(do, **arguments)
        except (SocketError, Refused):
            return {}
        finally:
            await client.close()


_PEACE: dict[str, Any] = {
    "moment": "any",
    "birth": False,
    "cut": False,
    "mischief": False,
    "disk": "",
    "after_s": 0.0,
    "left_bytes": 0,
    "dark_s": 0.0,
}


async def play(options: Options, tell: Tell) -> tuple[Verdict, Tally, Run]:
    """A whole run. Raises what keeps it from coming to its end."""
    tally = Tally()
    async with open_house(options.folder, options.command, options.after_power_loss, tally.note) as house:
        run = Run(options, house, tally, tell)
        return await run.play(), tally, run

"""Stand-ins for what the shell's rooms are given: each writes down what happened to it, in one common order."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from chargepoint.core import effects as fx
from chargepoint.core.events import Event, ListStored
from chargepoint.core.records import IdTagRecord, OutboxRow, PutKey, Stamp, TransactionRecord
from chargepoint.core.step import Now
from chargepoint.facts import Lights, Pattern, Pilot, PilotState, Reading, Refusal, Trouble
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.reflex import Reflex
from chargepoint.shell.runtime import Runtime
from chargepoint.store.errors import StoreError

PATIENCE_S = 5.0
COMMIT = fx.Commit((PutKey("HeartbeatInterval", "60"),), Stamp(1, 1.0))


async def until(true: Callable[[], Any], what: str = "") -> None:
    """Waits for a condition, at most `PATIENCE_S`."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not true():  # noqa: ASYNC110 - the conditions are those of others, who know no event for them
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"never came: {what or true}") from None


def pilot(state: str, diode_ok: bool = True) -> Pilot:
    return Pilot(state=PilotState(state), cable_at_station=state != "A", diode_ok=diode_ok)


class Diary:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def __call__(self, *line: Any) -> None:
        self.lines.append(line if len(line) > 1 else line[0])


class FakeClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.at_s = 1_000.0
        self.wall_s: float | None = None

    def mono_s(self) -> float:
        return self.at_s

    def now(self) -> Now:
        return Now(self.at_s, self.wall_s)


class ScriptedStation:
    """Answers an event with the effects written down for its type; a callable may decide by the event itself."""

    def __init__(self, **script: Any) -> None:
        self.script = script
        self.events: list[Event] = []
        self.nows: list[Now] = []
        self.deadline_s: float | None = None
        self.is_idle = True

    def handle(self, event: Event, now: Now) -> list[fx.Effect]:
        self.events.append(event)
        self.nows.append(now)
        effects = self.script.get(type(event).__name__, [])
        return list(effects(event) if callable(effects) else effects)

    def next_deadline(self) -> float | None:
        return self.deadline_s

    def idle(self) -> bool:
        return self.is_idle

    def seen(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


class FakeHardware:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.closed: set[int] = set()

    def set_contactor(self, connector: int, closed: bool) -> None:
        (self.closed.add if closed else self.closed.discard)(connector)
        self.diary("close" if closed else "open", connector)

    def offer(self, connector: int, current_a: float | None) -> None:
        self.diary("offer", connector, current_a)

    def move_lock(self, connector: int, locked: bool) -> None:
        self.diary("lock" if locked else "unlock", connector)

    def show(self, connector: int, pattern: Pattern, refusal: Refusal | None, trouble: Trouble | None) -> None:
        self.diary("show", connector, pattern.value)

    def adjust_lights(self, lights: Lights) -> None:
        self.diary("lights", lights.intensity_percent)

    def read_meter(self, connector: int) -> None:
        self.diary("read meter", connector)

    def make_safe(self) -> None:
        self.closed.clear()
        self.diary("safe")


class FakeMaintenance:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    def perform(self, effect: fx.MaintenanceEffect) -> None:
        self.diary("maintenance", effect)


class FakeVault:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    def perform(self, effect: fx.AskVault) -> None:
        self.diary("vault", effect)


class FakeLink:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary

    def admit(self) -> None:
        self.diary("admit")

    def send(self, text: str) -> None:
        self.diary("send", text)

    def proven(self) -> None:
        self.diary("proven")

    def probe(self) -> None:
        self.diary("probe")

    def close(self, reason: str) -> None:
        self.diary("close link", reason)

    def set_ping_interval(self, interval_s: int) -> None:
        self.diary("ping", interval_s)

    def set_key(self, authorization_key: str) -> None:
        self.diary("key", authorization_key)

    def set_profile(self, profile: int) -> None:
        self.diary("profile", profile)

    def allow_wildcards(self, allowed: bool) -> None:
        self.diary("wildcards", allowed)


class FakeStoreroom:
    """A store whose thread can be held up (`gate`) or that fails (`error`)."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.gate = threading.Event()
        self.gate.set()
        self.committing = False
        self.error: str | None = None

    async def commit(self, commit: fx.Commit) -> None:
        self.committing = True
        await asyncio.to_thread(self.gate.wait, PATIENCE_S)
        self.committing = False
        if self.error is not None:
            raise StoreError(self.error)
        self.diary("commit")

    async def look_up(self, id_tag: str) -> tuple[IdTagRecord | None, IdTagRecord | None]:
        self.diary("look up", id_tag)
        return None, None

    async def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[OutboxRow, ...], int]:
        self.diary("fetch", limit, without)
        return (), 7

    async def store_list(self, effect: fx.StoreList) -> ListStored:
        await asyncio.to_thread(self.gate.wait, PATIENCE_S)
        self.diary("list", effect.version)
        return ListStored(effect.version, len(effect.entries))

    async def dead_letter(self, seq: int) -> tuple[OutboxRow | None, TransactionRecord | None]:
        self.diary("dead letter", seq)
        return None, None


class FakeAudience:
    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.changes = 0

    def reply(self, ticket: int, body: dict[str, Any], error: str | None) -> None:
        self.diary("reply", ticket, body, error)

    def frame(self, direction: str, text: str | bytes) -> None:
        self.diary(direction, text)

    def reading(self, connector: int, reading: Reading) -> None:
        """Nobody draws it."""

    def changed(self) -> None:
        self.changes += 1


class Rig:
    """A runtime among fakes that share one diary."""

    def __init__(self, connectors: int = 2, **script: Any) -> None:
        self.diary = Diary()
        self.station = ScriptedStation(**script)
        self.inbox = Inbox()
        self.clock = FakeClock()
        self.hardware = FakeHardware(self.diary)
        self.store = FakeStoreroom(self.diary)
        self.audience = FakeAudience(self.diary)
        self.alive = 0
        self.runtime = self._runtime(connectors, None)

    def watched(self, every_s: float) -> None:
        """Begins anew with a watchdog to be fed."""
        self.runtime = self._runtime(2, every_s)

    def _runtime(self, connectors: int, alive_every_s: float | None) -> Runtime:
        return Runtime(
            station=self.station,
            inbox=self.inbox,
            reflex=Reflex(range(1, connectors + 1)),
            storeroom=self.store,
            hardware=self.hardware,
            link=FakeLink(self.diary),
            maintenance=FakeMaintenance(self.diary),
            vault=FakeVault(self.diary),
            audience=self.audience,
            clock=self.clock,
            alive=self._alive,
            alive_every_s=alive_every_s,
        )

    def _alive(self) -> None:
        self.alive += 1

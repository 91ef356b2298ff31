"""The runtime: the step rule as the shell keeps it."""

import asyncio
import logging

import pytest

from chargepoint.core import effects as fx
from chargepoint.core.events import (
    ControlAsked,
    DeadLetterFetched,
    FrameReceived,
    InputSeen,
    LinkAlive,
    LinkUp,
    ListStored,
    LookedUp,
    PilotSeen,
    RowsFetched,
    Started,
    StopAsked,
    Tick,
)
from chargepoint.facts import Input, InputKind, Pattern
from chargepoint.shell.runtime import IMPOSSIBLE_EXIT_STATUS, RESET_EXIT_STATUS, STORE_EXIT_STATUS
from tests.shell.fakes import COMMIT, Rig, pilot, until

STOP = [fx.Exit("stop")]


async def test_effects_are_performed_in_their_order_de_energise_commit_energise_send() -> None:
    everything: list[fx.Effect] = [
        fx.OpenContactor(2),
        COMMIT,
        fx.CloseContactor(1),
        fx.OfferCurrent(1, 16.0),
        fx.MoveLock(1, True),
        fx.Show(1, Pattern.CHARGING),
        fx.ReadMeter(1),
        fx.SendFrame("[2]"),
        fx.LinkProven(),
        fx.ProbeLink(),
        fx.SetPingInterval(54),
        fx.SetCredentials("AA55"),
        fx.SetSecurityProfile(2),
        fx.AllowWildcards(True),
        fx.CloseLink("new key"),
        fx.Reply(3, {"a": 1}),
        *STOP,
    ]
    rig = Rig(PilotSeen=everything)
    await rig.inbox.put_fact(PilotSeen(1, pilot("C")))
    assert await rig.runtime.run() == 0
    assert rig.diary.lines == [
        ("open", 2),
        "commit",
        ("close", 1),
        ("offer", 1, 16.0),
        ("lock", 1),
        ("show", 1, "charging"),
        ("read meter", 1),
        ("sent", "[2]"),
        ("send", "[2]"),
        "proven",
        "probe",
        ("ping", 54),
        ("key", "AA55"),
        ("profile", 2),
        ("wildcards", True),
        ("close link", "new key"),
        ("reply", 3, {"a": 1}, None),
        "safe",
    ]


async def test_nothing_after_a_commit_happens_before_it_is_on_the_disk() -> None:
    rig = Rig(LinkAlive=[COMMIT, fx.SendFrame("start")], StopAsked=STOP)
    rig.store.gate.clear()
    rig.inbox.put(LinkAlive())
    rig.inbox.put(StopAsked())
    running = asyncio.create_task(rig.runtime.run())
    await until(lambda: rig.store.committing)
    assert rig.diary.lines == []
    assert rig.station.seen() == ["LinkAlive"]
    rig.store.gate.set()
    assert await running == 0
    assert rig.diary.lines == ["commit", ("sent", "start"), ("send", "start"), "safe"]


async def test_answers_of_the_store_are_handled_before_any_other_event() -> None:
    rig = Rig(
        LinkAlive=[fx.LookUp(5, "CARD"), fx.FetchRows(2, (9,)), fx.FetchDeadLetter(6, 4), fx.SendFrame("x")], StopAsked=STOP
    )
    rig.inbox.put(LinkAlive())
    rig.inbox.put(StopAsked())
    await rig.runtime.run()
    assert rig.station.events == [
        LinkAlive(),
        LookedUp(5, None, None),
        RowsFetched((), 7),
        DeadLetterFetched(6, None),
        StopAsked(),
    ]
    assert ("fetch", 2, (9,)) in rig.diary.lines


@pytest.mark.parametrize(
    "fact",
    [
        PilotSeen(1, pilot("B")),
        InputSeen(Input(connector=0, kind=InputKind.EMERGENCY_STOP, active=True)),
        InputSeen(Input(connector=1, kind=InputKind.GROUND_FAULT, active=True)),
    ],
)
async def test_a_safety_fact_opens_the_contactor_while_a_commit_is_stuck(fact: PilotSeen | InputSeen) -> None:
    rig = Rig(PilotSeen=[], LinkAlive=[fx.CloseContactor(1)], Tick=[COMMIT], StopAsked=STOP)
    rig.inbox.put(PilotSeen(1, pilot("C")))
    rig.inbox.put(LinkAlive())
    running = asyncio.create_task(rig.runtime.run())
    await until(lambda: rig.hardware.closed == {1})
    rig.store.gate.clear()
    rig.inbox.put(Tick())
    await until(lambda: rig.store.committing)
    await rig.inbox.put_fact(fact)
    assert rig.hardware.closed == set()
    assert rig.store.committing, "the disk was not waited for"
    assert fact not in rig.station.events
    rig.store.gate.set()
    await until(lambda: fact in rig.station.events, "the core hears of it afterwards")
    rig.inbox.put(StopAsked())
    assert await running == 0


async def test_a_contactor_does_not_close_on_a_decision_that_a_newer_fact_overtook() -> None:
    rig = Rig(LinkAlive=[COMMIT, fx.CloseContactor(1)], StopAsked=STOP)
    rig.inbox.put(PilotSeen(1, pilot("C")))
    rig.store.gate.clear()
    rig.inbox.put(LinkAlive())
    running = asyncio.create_task(rig.runtime.run())
    await until(lambda: rig.store.committing)
    await rig.inbox.put_fact(PilotSeen(1, pilot("A")))
    rig.store.gate.set()
    rig.inbox.put(StopAsked())
    await running
    assert ("close", 1) not in rig.diary.lines


async def test_a_commit_that_fails_opens_everything_and_nothing_follows_it(caplog: pytest.LogCaptureFixture) -> None:
    rig = Rig(LinkAlive=[COMMIT, fx.CloseContactor(1), fx.SendFrame("never")], PilotSeen=[])
    rig.inbox.put(PilotSeen(1, pilot("C")))
    rig.store.error = "/var/lib/x/station.db: writing failed: the disk is full"
    rig.inbox.put(LinkAlive())
    assert await rig.runtime.run() == STORE_EXIT_STATUS
    assert set(rig.diary.lines) == {"safe"}
    assert "/var/lib/x/station.db: writing failed: the disk is full" in caplog.text


async def test_an_impossible_state_opens_everything_and_ends_with_the_event_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def impossible(event: object) -> list[fx.Effect]:
        raise AssertionError("two sessions on one connector")

    rig = Rig(FrameReceived=impossible)
    rig.inbox.put(FrameReceived('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"5EC2E7"}]'))
    rig.inbox.put(LinkAlive())
    assert await rig.runtime.run() == IMPOSSIBLE_EXIT_STATUS
    assert rig.diary.lines[-1] == "safe"
    assert rig.station.seen() == ["FrameReceived"]
    assert "two sessions on one connector" in caplog.text
    assert "ChangeConfiguration" in caplog.text
    assert "5EC2E7" not in caplog.text


@pytest.mark.parametrize(
    ("kind", "status"), [("stop", 0), ("soft_reset", RESET_EXIT_STATUS), ("hard_reset", RESET_EXIT_STATUS)]
)
async def test_the_exit_status_tells_the_service_manager_what_to_do(kind: str, status: int) -> None:
    rig = Rig(LinkAlive=[fx.Exit(kind), fx.SendFrame("answered all the same")])  # type: ignore[arg-type]
    rig.inbox.put(LinkAlive())
    rig.inbox.put(LinkAlive())
    assert await rig.runtime.run() == status
    assert rig.station.seen() == ["LinkAlive"]
    assert ("send", "answered all the same") in rig.diary.lines


async def test_a_list_is_stored_beside_everything_else() -> None:
    rig = Rig(LinkUp=[fx.StoreList(full=True, version=4, length_max=10, entries=())], ListStored=STOP)
    rig.store.gate.clear()
    rig.inbox.put(LinkUp("ws://x/y"))
    running = asyncio.create_task(rig.runtime.run())
    rig.inbox.put(LinkAlive())
    await until(lambda: LinkAlive() in rig.station.events, "other events go on")
    rig.store.gate.set()
    assert await running == 0
    assert rig.station.events[-1] == ListStored(4, 0)


async def test_the_deadline_of_the_core_brings_a_tick() -> None:
    rig = Rig(Tick=STOP)
    rig.station.deadline_s = rig.clock.at_s + 0.02
    running = asyncio.create_task(rig.runtime.run())
    await asyncio.sleep(0)
    assert rig.station.seen() == []
    rig.clock.at_s += 0.03
    assert await asyncio.wait_for(running, 2) == 0
    assert rig.station.seen() == ["Tick"]


async def test_a_deadline_that_stays_in_the_past_does_not_starve_the_events() -> None:
    rig = Rig(StopAsked=STOP)
    rig.station.deadline_s = 0.0
    for _ in range(3):
        rig.inbox.put(LinkAlive())
    rig.inbox.put(StopAsked())
    assert await asyncio.wait_for(rig.runtime.run(), 2) == 0
    assert rig.station.seen() == ["Tick", "LinkAlive", "LinkAlive", "LinkAlive", "StopAsked"]


async def test_a_deadline_comes_before_events_that_wait() -> None:
    rig = Rig(Tick=STOP)
    rig.station.deadline_s = rig.clock.at_s
    rig.inbox.put(LinkAlive())
    await rig.runtime.run()
    assert rig.station.seen() == ["Tick"]


async def test_each_event_gets_the_time_at_which_it_is_handled() -> None:
    rig = Rig(StopAsked=STOP)
    rig.clock.wall_s = 1_800_000_000.0
    await rig.runtime.step(LinkAlive())
    rig.clock.at_s += 5
    rig.clock.wall_s = None
    await rig.runtime.step(LinkAlive())
    assert [(now.mono_s, now.wall_s) for now in rig.station.nows] == [(1000.0, 1_800_000_000.0), (1005.0, None)]


async def test_the_watchdog_is_fed_by_the_loop_itself_and_starves_with_it() -> None:
    rig = Rig(LinkAlive=[COMMIT], StopAsked=STOP)
    rig.watched(10.0)
    running = asyncio.create_task(rig.runtime.run())
    await until(lambda: rig.alive == 1)
    rig.clock.at_s += 10
    rig.inbox.put(Started())
    await until(lambda: rig.alive == 2)
    rig.store.gate.clear()
    rig.inbox.put(LinkAlive())
    await until(lambda: rig.store.committing)
    rig.clock.at_s += 100
    await asyncio.sleep(0.01)
    assert rig.alive == 2, "a loop that hangs in the store does not claim to live"
    rig.store.gate.set()
    rig.inbox.put(StopAsked())
    await running
    assert rig.alive == 3


async def test_a_new_connection_is_admitted_before_the_core_can_send_on_it() -> None:
    rig = Rig(LinkUp=[fx.SendFrame("boot")], StopAsked=STOP)
    rig.inbox.put(LinkUp("ws://x/y"))
    rig.inbox.put(StopAsked())
    await rig.runtime.run()
    assert rig.diary.lines == ["admit", ("sent", "boot"), ("send", "boot"), "safe"]


async def test_watchers_hear_of_every_change_but_not_of_their_own_asking() -> None:
    rig = Rig()
    await rig.runtime.step(LinkAlive())
    await rig.runtime.step(ControlAsked(1, "status", {}))
    await rig.runtime.step(ControlAsked(2, "set_setting", {}))
    assert rig.audience.changes == 2


async def test_end_wakes_a_runtime_that_waits_for_an_event() -> None:
    rig = Rig()
    running = asyncio.create_task(rig.runtime.run())
    await asyncio.sleep(0)
    rig.runtime.restart("the store can be opened again")
    assert await asyncio.wait_for(running, 2) == RESET_EXIT_STATUS
    assert rig.station.seen() == []


async def test_the_cores_log_names_connector_and_transaction(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rig = Rig(LinkAlive=[fx.Log("warning", "odd", 2, 17)])
    await rig.runtime.step(LinkAlive())
    assert caplog.record_tuples[-1][1:] == (logging.WARNING, "connector 2: transaction 17: odd")

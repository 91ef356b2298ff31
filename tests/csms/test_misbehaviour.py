"""Each way in which the Central System goes wrong on purpose, seen from the station's side of the wire."""

import asyncio
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from hil.csms import CentralSystem
from hil.csms.times import from_iso
from tests.csms.fake_station import BOOT, IDENTITY, FakeStation, fake_station, start_of


async def test_a_delayed_answer_holds_up_nothing_else(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.next("Authorize", delay_s=0.3)
    began = time.monotonic()
    first = await station.post("Authorize", {"idTag": "A"})
    second = await station.post("Heartbeat")
    answers = [await station.next(), await station.next()]
    assert [frame[1] for frame in answers if frame is not None] == [second, first]
    assert time.monotonic() - began >= 0.3


async def test_a_lost_answer_is_booked_and_a_lost_message_is_not(cs: CentralSystem, station: FakeStation) -> None:
    cs.settings.patience_s = 0
    cs.rules.next("StartTransaction", drop=True, book=False)
    cs.rules.next("StartTransaction", drop=True)
    message = start_of()
    await station.post("StartTransaction", message)
    await station.ask("Heartbeat")
    assert cs.books.rows == []
    await station.post("StartTransaction", message)
    await station.ask("Heartbeat")
    assert len(cs.books.rows) == 1
    answer = await station.ask("StartTransaction", message)
    (row,) = cs.books.rows
    assert (answer["transactionId"], row.repeats, row.doubled) == (row.transaction_id, 1, False)
    assert cs.violations == []


async def test_rules_for_the_next_count_down_and_rules_for_all_stay(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.always("Heartbeat", merge={"currentTime": "always"})
    cs.rules.next("Heartbeat", times=2, merge={"currentTime": "next"})
    cs.rules.next("Heartbeat", identity="CK_OTHER", merge={"currentTime": "other"})
    times = [(await station.ask("Heartbeat"))["currentTime"] for _ in range(4)]
    assert times == ["next", "next", "always", "always"]
    cs.rules.clear("Heartbeat")
    assert from_iso((await station.ask("Heartbeat"))["currentTime"]) is not None
    assert cs.rules.listing() == []


async def test_a_rule_for_everything(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.always("*", error="GenericError", description="not today")
    for action, payload in (("Heartbeat", {}), ("StartTransaction", start_of())):
        message_id = await station.post(action, payload)
        assert await station.next() == [4, message_id, "GenericError", "not today", {}]
    assert cs.books.rows == []


WRONG: dict[str, tuple[dict[str, Any], Any]] = {
    "an invalid id": ({"merge": {"transactionId": -1}}, {"transactionId": -1, "idTagInfo": {"status": "Accepted"}}),
    "an id as text": ({"merge": {"transactionId": "7"}}, {"transactionId": "7", "idTagInfo": {"status": "Accepted"}}),
    "a field left out": ({"merge": {"idTagInfo": None}}, {"transactionId": 1}),
    "any payload": ({"payload": {"hello": 1}}, {"hello": 1}),
    "a list as payload": ({"payload": [1]}, [1]),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_payload(cs: CentralSystem, station: FakeStation, name: str) -> None:
    what, wanted = WRONG[name]
    cs.rules.next("StartTransaction", **what)
    assert await station.ask("StartTransaction", start_of()) == wanted


async def test_the_same_answer_twice_and_one_under_a_foreign_id(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.next("Heartbeat", twice=True)
    message_id = await station.post("Heartbeat")
    first, second = await station.next(), await station.next()
    assert first == second
    assert first is not None
    assert first[1] == message_id
    cs.rules.next("Heartbeat", message_id="foreign")
    await station.post("Heartbeat")
    frame = await station.next()
    assert frame is not None
    assert frame[1] == "foreign"
    cs.rules.next("Heartbeat", raw='{"no": "frame"}')
    await station.post("Heartbeat")
    assert await station.next() == {"no": "frame"}  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("book", [True, False])
async def test_a_connection_that_closes_instead_of_answering(cs: CentralSystem, station: FakeStation, book: bool) -> None:
    cs.rules.next("StartTransaction", close=True, book=book)
    await station.post("StartTransaction", start_of())
    assert await station.next() is None
    assert len(cs.books.rows) == int(book)


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_a_boot_that_is_not_accepted(cs: CentralSystem, station: FakeStation, status: str) -> None:
    cs.settings.boot_status, cs.settings.interval_s = status, 7
    answer = await station.ask("BootNotification", BOOT)
    assert (answer["status"], answer["interval"]) == (status, 7)


async def test_a_wrong_clock(cs: CentralSystem, station: FakeStation) -> None:
    cs.clock.set_offset(3600)
    told = from_iso((await station.ask("Heartbeat"))["currentTime"])
    assert told == pytest.approx(time.time() + 3600, abs=2)
    await station.ask("StartTransaction", start_of(at=(await station.ask("Heartbeat"))["currentTime"]))
    assert cs.complaints == []


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_an_http_error_at_the_handshake(cs: CentralSystem, status: int) -> None:
    cs.rules.next("connect", http=status)
    with pytest.raises(InvalidStatus) as caught:
        async with fake_station(cs.url):
            pytest.fail("it was let in")
    assert caught.value.response.status_code == status
    assert cs.refusals == 1
    async with fake_station(cs.url) as station:
        assert "currentTime" in await station.ask("Heartbeat")


async def test_a_connection_that_is_accepted_and_closed(cs: CentralSystem) -> None:
    cs.rules.next("connect", close=True)
    async with fake_station(cs.url) as station:
        assert await station.next() is None


async def test_no_subprotocol_is_chosen(cs: CentralSystem) -> None:
    async with fake_station(cs.url) as station:
        assert station.socket.subprotocol == "ocpp1.6"
    cs.rules.next("connect", subprotocol=False)
    async with fake_station(cs.url) as station:
        assert station.socket.subprotocol is None
    assert cs.violations == []
    async with fake_station(cs.url, subprotocols=None) as station:
        await station.ask("Heartbeat")
    assert "offers the subprotocols []" in str(cs.violations[0])


async def test_a_slow_handshake(cs: CentralSystem) -> None:
    cs.rules.next("connect", delay_s=0.2)
    began = time.monotonic()
    async with fake_station(cs.url):
        assert time.monotonic() - began >= 0.2
    cs.rules.next("connect", delay_s=60)
    with pytest.raises(TimeoutError):
        async with fake_station(cs.url, open_timeout=0.1):
            pytest.fail("it was let in")


async def test_connections_are_refused_for_a_while(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    url = cs.url
    await cs.go_offline(0.3)
    assert not cs.online
    assert await station.next() is None
    await there.wait_disconnected()
    with pytest.raises(ConnectionRefusedError):
        async with fake_station(url):
            pytest.fail("it was let in")
    await asyncio.wait_for(cs.wait_online(), 3)
    assert cs.url == url
    async with fake_station(url) as back:
        await back.ask("Heartbeat")
    assert there.connections == 2


async def test_offline_until_told_otherwise_and_a_cut(cs: CentralSystem) -> None:
    await cs.go_offline()
    await cs.go_offline()
    await cs.go_online()
    await cs.go_online()
    async with fake_station(cs.url) as station:
        await cs.station(IDENTITY)
        assert cs.cut("nobody") == 0
        assert cs.cut() == 1
        assert await station.next() is None
        async with fake_station(cs.url) as back:
            await back.ask("Heartbeat")


async def test_a_half_open_connection_answers_nothing_not_even_pings(cs: CentralSystem, station: FakeStation) -> None:
    there = await cs.station(IDENTITY)
    await asyncio.wait_for(await station.socket.ping(), 2)
    assert there.pings == 1
    there.freeze()
    pong = asyncio.ensure_future(await station.socket.ping())
    await station.post("Heartbeat")
    with pytest.raises(TimeoutError):
        await station.next(0.2)
    assert not pong.done()
    there.thaw()
    frame = await station.next()
    assert frame is not None
    assert "currentTime" in frame[2]
    await asyncio.wait_for(pong, 2)


async def test_a_connection_that_freezes_upon_a_message_or_at_once(cs: CentralSystem, station: FakeStation) -> None:
    cs.rules.next("StartTransaction", freeze=True)
    await station.post("StartTransaction", start_of())
    there = await cs.station(IDENTITY)
    await there.expect("StartTransaction")
    assert there.line is not None
    assert there.line.frozen
    assert len(cs.books.rows) == 1
    there.cut()
    assert await station.next() is None
    cs.rules.next("connect", freeze=True)
    async with fake_station(cs.url) as second:
        await second.post("Heartbeat")
        with pytest.raises(TimeoutError):
            await second.next(0.1)
        cs.cut()
        await asyncio.wait_for(second.socket.wait_closed(), 3)
        assert second.frames.get_nowait() is None


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "an action of ours": ("Reset", {"drop": True}, "'Reset' is none that a station sends"),
    "a slip in the action": ("StartTransactoin", {"drop": True}, "did you mean StartTransaction?"),
    "a slip in the name": ("Heartbeat", {"dorp": True}, "did you mean drop?"),
    "a wrong type": ("Heartbeat", {"drop": 1}, "drop: true or false is expected, found 1"),
    "two ends": ("Heartbeat", {"drop": True, "close": True}, "drop and close exclude each other"),
    "a long delay": ("Heartbeat", {"delay_s": 1e9}, "seconds from 0 to 86400"),
    "a status that is none": ("connect", {"http": 42}, "300 to 599"),
    "a field of the other kind": ("connect", {"drop": True}, "drop: unknown for connect"),
    "no times": ("Heartbeat", {"times": 0}, "times: a whole number"),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_rule_that_makes_no_sense_is_refused(cs: CentralSystem, name: str) -> None:
    action, what, text = BAD[name]
    with pytest.raises(ValueError, match=text.replace("?", r"\?")):
        cs.rules.next(action, **what)
    assert cs.rules.listing() == []

"""What comes through the door, and what is bounded there before anything else sees it."""

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chargepoint.panel import door
from tests.panel.house import House, until

GET = b"GET /login HTTP/1.1\r\n"


async def test_a_request_is_answered(here: House) -> None:
    answer = await here.get("/login")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9\r\n\r\n", 400),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (GET + b"Host\r\n\r\n", 400),
        (GET + b"Host : 127.0.0.1\r\n\r\n", 400),
        (GET + b"Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (GET + b"Host: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400),
        (GET + b"Host: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (GET + b"Host: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (GET + b"Host: 127.0.0.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (GET + b"Host: 127.0.0.1\r\n" + b"X: a\r\n" * 100 + b"\r\n", 431),
        (b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (GET + b"Host: evil.example\r\n\r\n", 421),
        (GET + b"Host: 127.0.0.1.evil.example\r\n\r\n", 421),
        (GET + b"\r\n", 421),
    ],
)
async def test_what_is_no_request_of_ours_is_refused_in_words(here: House, raw: bytes, status: int) -> None:
    answer = await here.say(raw)
    assert answer.status == status
    assert answer.text.endswith(".\n")
    assert here.station.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8080", "192.168.1.7:8080", "[::1]:8080", "[fe80::1]"])
async def test_addresses_and_own_names_are_ours(here: House, host: str) -> None:
    assert (await here.say(GET + f"Host: {host}\r\n\r\n".encode())).status == 200


async def test_a_slow_teller_is_told_so(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "READ_S", 0.05)
    monkeypatch.setattr(door, "BODY_S", 0.05)
    assert (await here.say(GET + b"Host: 127.0.0.1\r\n")).status == 408
    assert (await here.say(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nabc")).status == 408


async def test_slow_tellers_make_room_for_those_who_come(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CLIENTS_MAX", 8)
    slow = [await asyncio.open_connection("127.0.0.1", here.port) for _ in range(20)]
    try:
        for _, writer in slow:
            writer.write(b"GET / HT")
        assert (await here.get("/login")).status == 200
        assert here.door.clients <= 8
    finally:
        for _, writer in slow:
            writer.close()


async def test_a_reader_that_takes_nothing_is_closed(here: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WRITE_S", 0.05)
    await here.log_in()
    here.station.answers["frames"] = {"frames": [{"seq": 1, "at_s": 1.0, "direction": "sent", "text": "x" * 12_000_000}]}
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port, limit=1024)
    writer.write(f"GET /messages.jsonl HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {here.cookie}\r\n\r\n".encode())
    await until(lambda: here.door.clients > 0)
    await until(lambda: here.door.clients == 0)
    with contextlib.suppress(OSError):
        assert len(await reader.read()) < 12_000_000
    writer.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
async def test_no_bytes_break_it(here: House, raw: bytes) -> None:
    answer = await here.say(b"POST /login HTTP/1.1\r\n" + raw + b"\r\n\r\n")
    assert answer.status in (200, 303, 400, 401, 403, 411, 413, 421, 429, 431)

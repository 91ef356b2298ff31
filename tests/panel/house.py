"""A page in this process beside a station that is a script, and a client that says exactly what it is told to."""

import asyncio
import contextlib
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chargepoint.panel import server
from chargepoint.panel.door import HEAD_MAX, Door, own_names
from chargepoint.panel.draft import Draft
from chargepoint.panel.guard import Access
from chargepoint.panel.hands import Body, Hands, NoHands
from chargepoint.panel.panel import Panel
from chargepoint.panel.server import Options
from chargepoint.panel.words import Languages
from chargepoint.settings_panel import Panel as PanelSettings
from chargepoint.setup import requests

WAIT_S = 5.0
CARD = "04A2B3C4D5E6F7"

CONNECTOR: dict[str, Any] = {
    "status": "Available",
    "light": "available",
    "faults": [],
    "latched": [],
    "lost": {},
    "wiring": [],
    "cycles": 3,
    "operative": True,
    "plugged": False,
    "pilot": "A",
    "contactor": "open",
    "lock": "unlocked",
    "offered_current_a": 0.0,
    "current_a": [0.0, 0.0, 0.0],
    "power_w": 0.0,
    "energy_wh": 12_345,
    "session": None,
    "refused": None,
    "trial": None,
}
STATUS: dict[str, Any] = {
    "identity": "CK_1",
    "vendor": "V",
    "model": "M",
    "registration": "Accepted",
    "clock": {"known": True, "time": "2026-11-22T12:00:00+00:00"},
    "queue": {"messages": 0, "oldest_s": None, "dead_letters": 0},
    "faults": [],
    "lost": {},
    "waiting_for": "a car or a card",
    "link": {"state": "connected", "url": "ws://cs.example.org/ocpp/CK_1", "since_s": 5.0},
    "connectors": {"1": CONNECTOR},
}
SESSION = {
    "transaction": 1,
    "transaction_id": 77,
    "id_tag": "••••••••••E6F7",
    "energy_wh": 500,
    "since": "2026-11-22T11:59:00+00:00",
    "seconds": 60,
}


def connector(**more: Any) -> dict[str, Any]:
    return {**CONNECTOR, **more}


class FakeStation:
    """Answers requests of a control socket from a table; `refuse` names those that it says no to."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.status: dict[str, Any] = json.loads(json.dumps(STATUS))
        self.answers: dict[str, dict[str, Any]] = {
            "frames": {"frames": []},
            "readings": {"readings": []},
            "ledger": {"sessions": []},
        }
        self.refuse: dict[str, str] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.connections = 0
        self._watchers: set[asyncio.StreamWriter] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=1 << 20)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    def tell(self, event: dict[str, Any]) -> None:
        for writer in self._watchers:
            writer.write(json.dumps(event).encode() + b"\n")

    def tell_status(self, **connector_1: Any) -> None:
        self.status["connectors"]["1"].update(connector_1)
        self.tell({"event": "status", **self.status})

    def did(self, name: str) -> list[dict[str, Any]]:
        return [arguments for do, arguments in self.asked if do == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                request = json.loads(line)
                number, do = request.pop("id"), request.pop("do")
                self.asked.append((do, request))
                writer.write(json.dumps({"id": number, **self._answer(do)}).encode() + b"\n")
                if do == "watch":
                    self._watchers.add(writer)
                    writer.write(json.dumps({"event": "status", **self.status}).encode() + b"\n")
                await writer.drain()
        except OSError:
            return
        finally:
            self._writers.discard(writer)
            self._watchers.discard(writer)
            writer.close()

    def _answer(self, do: str) -> dict[str, Any]:
        if do in self.refuse:
            return {"ok": False, "error": self.refuse[do]}
        return {"ok": True, **(self.status if do == "status" else self.answers.get(do, {}))}


async def until(holds: Callable[[], bool]) -> None:
    """Returns when it holds; TimeoutError where it does not in time."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110  what is waited for is the page's own, and has no event for a story
            await asyncio.sleep(0.01)


class Answer:
    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        self.headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value

    @property
    def text(self) -> str:
        return self.body.decode()


class House:
    """One page, one station, one door."""

    def __init__(self, panel: Panel, door: Door, access: Access, station: FakeStation, port: int) -> None:
        self.panel = panel
        self.door = door
        self.access = access
        self.station = station
        self.port = port
        self.cookie = ""

    async def say(self, raw: bytes, *, wait_s: float = WAIT_S) -> Answer:
        """What comes back to these bytes, until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            async with asyncio.timeout(wait_s):
                return Answer(await reader.read())
        finally:
            writer.close()

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.say(self._head("GET", path, headers) + b"\r\n")

    async def post(self, path: str, fields: dict[str, str] | bytes, *, token: bool = True, **headers: str) -> Answer:
        if isinstance(fields, dict):
            if token and self.cookie:
                fields = {**fields, "token": await self.token()}
            fields = urlencode(fields).encode()
        return await self.send(path, fields, headers)

    async def send(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """A form as it is."""
        told = {"Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body)), **headers}
        return await self.say(self._head("POST", path, told) + b"\r\n" + body)

    async def token(self) -> str:
        found = re.search(r'name="token" content="([0-9a-f]{64})"', (await self.get("/")).text)
        assert found
        return found[1]

    async def log_in(self, password: str | None = None) -> Answer:
        password = password or self.access.first_password() or ""
        answer = await self.post("/login", {"password": password}, token=False)
        told = answer.headers.get("set-cookie", "")
        if answer.status == 303 and told:
            self.cookie = told.partition(";")[0]
        return answer

    @asynccontextmanager
    async def listening(self, path: str = "/events?topic=now") -> AsyncIterator["Stream"]:
        """An open page."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        try:
            writer.write(self._head("GET", path, {}) + b"\r\n")
            async with asyncio.timeout(WAIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            yield Stream(reader)
        finally:
            writer.close()

    def _head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        told = {"Host": f"127.0.0.1:{self.port}", **({"Cookie": self.cookie} if self.cookie else {}), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in told.items())]
        return "\r\n".join(lines).encode() + b"\r\n"


class Stream:
    """Server-sent events, one after the other."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def event(self, name: str) -> Any:
        """The data of the next event with this name."""
        async with asyncio.timeout(WAIT_S):
            while True:
                block = (await self._reader.readuntil(b"\n\n")).decode()
                if f"event: {name}\n" in block:
                    return json.loads(block.partition("data: ")[2])

    async def until(self, words: str) -> Any:
        """The first parts with these words in them."""
        while words not in json.dumps(parts := await self.event("parts"), ensure_ascii=False):
            pass
        return parts


class NearHands(Hands):
    """Does what it is asked in this process, with the true words."""

    async def ask(self, do: str, answers: Body, progress: Callable[[str], None] = lambda text: None) -> Body:
        line = json.dumps({"do": do, "answers": answers}).encode()
        told = await requests.answered(line, Path(self._config), progress)
        if told.get("ok") is not True:
            raise NoHands(str(told["error"]))
        return told


@asynccontextmanager
async def house(
    directory: Path, *, bench: str | None = None, blank: Path | None = None, **settings: Any
) -> AsyncIterator[House]:
    """blank: the settings file that a set-up is to write."""
    station = FakeStation(directory / "control.sock")
    await station.open()
    access = Access(directory / "panel")
    draft = None
    if blank is not None:
        draft = Draft(blank, access, NearHands(None, str(blank)))
        draft.open()
    access.prepare()
    told = PanelSettings(listen="127.0.0.1:0", **settings)
    options = Options(settings=told, control_socket=station.path, state_dir=directory / "panel", bench=bench)
    panel = server.make(options, access, Languages(preferred=told.language), draft)
    door = Door(panel.app.handle_request, own_names(told.names))
    served = await asyncio.start_server(door.enter, "127.0.0.1", 0, limit=HEAD_MAX)
    try:
        yield House(panel, door, access, station, served.sockets[0].getsockname()[1])
    finally:
        served.close()
        if draft is not None:
            await draft.leave()
        await door.close()
        await panel.station.leave()
        await station.close()

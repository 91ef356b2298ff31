"""The control socket: JSON, one object a line, over a Unix socket; every request gets one answer with its `id`.

    {"id": 1, "do": "call", "action": "Reset", "payload": {"type": "Soft"}}  →  {"id": 1, "ok": true, "answer": {...}}
    {"id": 2, "do": "cut", "identity": "nobody"}                             →  {"id": 2, "ok": false, "error": "..."}

`COMMANDS` lists what can be done. Where one station is meant, `identity` may be left out if there is only one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from hil.csms.desk import BOOT_STATUSES, read_password
from hil.csms.frames import Frame
from hil.csms.schemas import AVAILABLE
from hil.csms.server import CentralSystem
from hil.csms.station import CallError, NoAnswer, NotConnected, Station

LINE_BYTES_MAX = 4 * 2**20  # a local list of 10,000 entries is about 1.5 MB
BACKLOG_BYTES_MAX = 4 * 2**20
CLIENTS_MAX = 32
REQUESTS_OPEN_MAX = 64
LAST_MAX = 50_000

COMMANDS = {
    "call": "action, payload={}, identity, timeout_s=30, check=true: sends a CALL, answers its `answer`",
    "expect": "action, fields={}, identity, timeout_s=5: waits for the station's next matching CALL, answers its `frame`",
    "forget": "identity: later expectations look at later messages only",
    "rules": "action, what={...}, times=1 or always=true, identity; clear=true or an action; nothing of these: lists them",
    "id": "tag, status=Accepted, parent, expiry: what is known of an id tag (* is every other)",
    "set": "interval_s, boot_status, clock_offset_s, password, concurrent_tx, patience_s: settings",
    "offline": "seconds: stops listening and cuts; without seconds until `online`",
    "online": "listens again",
    "cut": "identity: closes the connections now, goes on listening",
    "freeze": "identity: stops reading from the station (half-open)",
    "thaw": "identity: reads again",
    "books": "transactions, complaints, violations; brief=true: without meter values",
    "messages": 'identity, last=100, follow=false: frames so far; follow: then one line {"frame": {...}} each',
    "state": "stations, rules, settings, counts",
    "quit": "the Central System ends",
}


class BadRequest(ValueError):
    """The request cannot be carried out; the text says what is wrong and what is expected."""


class _Client:
    """One connection to the control socket."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.tasks: set[asyncio.Task[None]] = set()
        self.follows = False
        self.only: str | None = None  # follows this station only

    def send(self, message: dict[str, Any]) -> None:
        """Queues a line; a client that does not read is dropped."""
        transport = self.writer.transport
        if transport.is_closing():
            return
        transport.write(json.dumps(message, ensure_ascii=False, default=str).encode() + b"\n")
        if transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            transport.abort()

    def see(self, frame: Frame) -> None:
        """A frame for those who follow."""
        if self.follows and self.only in (None, frame.identity):
            self.send({"frame": frame.as_dict()})


class Control:
    """Serves the control socket of one Central System. `ended` is set by `quit`."""

    def __init__(self, system: CentralSystem, path: Path) -> None:
        self.system = system
        self.path = path
        self.ended = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self._do: dict[str, Callable[[dict[str, Any], _Client], Awaitable[dict[str, Any]]]] = {
            "call": self._call,
            "expect": self._expect,
            "forget": self._forget,
            "rules": self._rules,
            "id": self._id,
            "set": self._set,
            "offline": self._offline,
            "online": self._online,
            "cut": self._cut,
            "freeze": self._freeze,
            "thaw": self._thaw,
            "books": self._books,
            "messages": self._messages,
            "state": self._state,
            "quit": self._quit,
        }

    async def start(self) -> None:
        """Opens the socket, readable by this user only. Raises OSError."""
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path, limit=LINE_BYTES_MAX)
        self.path.chmod(0o600)
        self.system.office.listeners.append(self._see)

    async def stop(self) -> None:
        """Closes the socket and its clients, after what they were sent has gone out or half a second."""
        if self._server is None:
            return
        self.system.office.listeners.remove(self._see)
        self._server.close()
        for client in tuple(self._clients):
            for task in tuple(client.tasks):
                task.cancel()
            client.writer.close()
            with suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(client.writer.wait_closed(), 0.5)
        await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    def _see(self, frame: Frame) -> None:
        for client in tuple(self._clients):
            client.see(frame)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(writer)
        if len(self._clients) >= CLIENTS_MAX:
            client.send({"ok": False, "error": f"{CLIENTS_MAX} control clients are the most"})
            writer.close()
            return
        self._clients.add(client)
        try:
            while line := await reader.readline():
                if len(client.tasks) >= REQUESTS_OPEN_MAX:
                    client.send({"ok": False, "error": f"{REQUESTS_OPEN_MAX} requests are open; wait for answers"})
                    continue
                task = asyncio.create_task(self._request(line, client))
                client.tasks.add(task)
                task.add_done_callback(client.tasks.discard)
            while client.tasks:
                await asyncio.wait(tuple(client.tasks))
        except ValueError:
            client.send({"ok": False, "error": f"a line of more than {LINE_BYTES_MAX} bytes"})
        except ConnectionError:
            client.follows = False
        finally:
            self._clients.discard(client)
            for task in tuple(client.tasks):
                task.cancel()
            writer.close()

    async def _request(self, line: bytes, client: _Client) -> None:
        answer: dict[str, Any] = {}
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise BadRequest("one JSON object a line is expected")
            if "id" in request:
                answer["id"] = request.pop("id")
            what = request.pop("do", None)
            if what not in self._do:
                raise BadRequest(f"do: {what!r} is unknown; known: {', '.join(self._do)}")
            result = await self._do[what](request, client)
            answer |= {"ok": True, **result}
        except CallError as error:
            answer |= {"ok": False, "error": str(error), "code": error.code, "details": error.details}
        except (ValueError, NoAnswer, NotConnected, AssertionError, OSError, RecursionError) as error:
            answer |= {"ok": False, "error": str(error) or type(error).__name__}
        client.send(answer)

    def _station(self, request: dict[str, Any]) -> Station:
        identity = request.get("identity")
        stations = self.system.stations
        if identity is None:
            connected = [station for station in stations.values() if station.connected] or list(stations.values())
            if len(connected) != 1:
                raise BadRequest(
                    f"identity: needed, since there are {len(connected)} stations: {', '.join(stations) or 'none'}"
                )
            return connected[0]
        if identity not in stations:
            raise BadRequest(f"identity: {identity!r} was never here; known: {', '.join(stations) or 'none'}")
        return stations[identity]

    async def _call(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        payload = _get(request, "payload", dict, {})
        answer = await self._station(request).call(
            _get(request, "action", str),
            payload,
            timeout_s=_seconds(request, "timeout_s", 30.0),
            check_it=_get(request, "check", bool, True),
        )
        return {"answer": answer}

    async def _expect(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        fields = _get(request, "fields", dict, {})
        if bad := {"timeout_s", "where"} & set(fields):
            raise BadRequest(f"fields: {', '.join(bad)} is no field of OCPP")
        frame = await self._station(request).expect(
            _get(request, "action", str), timeout_s=_seconds(request, "timeout_s", 5.0), **fields
        )
        return {"frame": frame.as_dict(), "reply": frame.reply}

    async def _forget(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        self._station(request).forget()
        return {}

    async def _rules(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        rules = self.system.rules
        clear = request.get("clear")
        if clear:
            rules.clear(None if clear is True else str(clear))
        if "action" in request:
            action, what = _get(request, "action", str), _get(request, "what", dict)
            identity = request.get("identity")
            if _get(request, "always", bool, False):
                rules.always(action, identity=identity, **what)
            else:
                rules.next(action, times=_get(request, "times", int, 1), identity=identity, **what)
        return {"rules": rules.listing()}

    async def _id(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        known = {"expiry_date": request.get("expiry"), "parent_id_tag": request.get("parent")}
        self.system.settings.set_id(_get(request, "tag", str), _get(request, "status", str, "Accepted"), **known)
        return {}

    async def _set(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        settings = self.system.settings
        known = ("interval_s", "boot_status", "clock_offset_s", "password", "concurrent_tx", "patience_s")
        if unknown := [name for name in request if name not in known]:
            raise BadRequest(f"{unknown[0]}: unknown; known: {', '.join(known)}")
        status = _get(request, "boot_status", str, settings.boot_status)
        if status not in BOOT_STATUSES:
            raise BadRequest(f"boot_status: {status!r} is none of {', '.join(BOOT_STATUSES)}")
        interval_s = _get(request, "interval_s", int, settings.interval_s)
        patience_s = _seconds(request, "patience_s", settings.patience_s)
        concurrent_tx = _get(request, "concurrent_tx", bool, settings.concurrent_tx)
        offset_s = float(_get(request, "clock_offset_s", (int, float), self.system.clock.offset_s))
        if "password" in request:
            text = request["password"]
            settings.password = None if text is None else read_password(str(text))
        settings.boot_status, settings.interval_s, settings.concurrent_tx = status, interval_s, concurrent_tx
        settings.patience_s = patience_s
        self.system.clock.set_offset(offset_s)
        return {}

    async def _offline(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        await self.system.go_offline(_seconds(request, "seconds", 0.0) if "seconds" in request else None)
        return {}

    async def _online(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        await self.system.go_online()
        return {}

    async def _cut(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        identity = None if request.get("identity") is None else self._station(request).identity
        return {"cut": self.system.cut(identity)}

    async def _freeze(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        self._station(request).freeze()
        return {}

    async def _thaw(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        self._station(request).thaw()
        return {}

    async def _books(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        books = self.system.books.as_dict()
        if _get(request, "brief", bool, False):
            books["transactions"] = self.system.books.table()
        return {"books": books}

    async def _messages(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        only = None if request.get("identity") is None else self._station(request)
        last = _get(request, "last", int, 100)
        if not 0 <= last <= LAST_MAX:
            raise BadRequest(f"last: a number from 0 to {LAST_MAX} is expected, found {last}")
        stations = [only] if only else self.system.stations.values()
        frames = sorted((frame for station in stations for frame in station.messages), key=lambda frame: frame.seq)
        client.only = only.identity if only else None
        client.follows = _get(request, "follow", bool, client.follows)
        return {"frames": [frame.as_dict() for frame in frames[len(frames) - min(last, len(frames)) :]]}

    async def _state(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        system = self.system
        stations = {
            station.identity: {
                "connected": station.connected,
                "connections": station.connections,
                "frozen": station.line is not None and station.line.frozen,
                "frames": len(station.messages),
                "boot": station.boot,
                "pings": station.pings,
            }
            for station in system.stations.values()
        }
        return {
            "url": system.url,
            "online": system.online,
            "schemas": AVAILABLE,
            "stations": stations,
            "rules": system.rules.listing(),
            "boot_status": system.settings.boot_status,
            "interval_s": system.settings.interval_s,
            "clock_offset_s": system.clock.offset_s,
            "transactions": len(system.books.rows),
            "open_transactions": len(system.books.open_rows()),
            "complaints": len(system.complaints),
            "violations": len(system.violations),
            "refusals": system.refusals,
        }

    async def _quit(self, request: dict[str, Any], client: _Client) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(self.ended.set)  # after the answer
        return {}


_REQUIRED = object()


def _get(request: dict[str, Any], name: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """An argument of this type. Raises BadRequest."""
    value = request.get(name, default)
    if value is _REQUIRED:
        raise BadRequest(f"{name}: missing")
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise BadRequest(f"{name}: {wanted} is expected, found {value!r}")
    return value


def _seconds(request: dict[str, Any], name: str, default: float) -> float:
    value = float(_get(request, name, (int, float), default))
    if not 0 <= value <= 86_400:
        raise BadRequest(f"{name}: 0 to 86400 seconds are expected, found {value:g}")
    return value

"""The control socket: how commands and the panel speak to the running station.

A Unix stream socket, mode 0660. JSON, one object a line, at most 64 KiB a line; every request is answered in the order of
asking:

    {"id": 1, "do": "status"}   ->   {"connectors": {...}, "link": {...}, "process": {...}, "ok": true, "id": 1}
    {"id": 2, "do": "dance"}    ->   {"ok": false, "error": "...", "id": 2}

Answered here: `status` (the core's, with link and process), `health` (every part: open or its trouble), `log` (the newest
lines; since_s, limit), `ledger` (limit, offset), `session` (key: one of the ledger, with what waits of it), `dead_letters`
(limit), `security_log` (limit, offset), `merges` (for `chargepoint backup`), `frames` (limit: the newest of the conversation),
`readings` (connector, seconds, points: what its meter showed), `settings_file`, `check_settings`, `take_settings` (see
`settings_file`), `journal` (content: true for the recording in the answer, not in a file), `watch`.
Everything else is the core's: present_card, stop_session, clear_faults (connector; who asks is added here), get_settings,
set_setting, replay_dead_letter, data_transfer, restart, test_light, test_contactor.

After `watch` the connection also carries {"event": "status", ...} when it changed, at most 5 a second; {"event": "frame",
"seq": ..., "at_s": ..., "direction": "sent" or "received", "text": ...} with secrets blanked; {"event": "log", "level": ...,
"text": ...}. A watcher that reads too slowly is dropped: the station never waits for one. Bounds: 32 clients, an idle one is
closed after 5 minutes unless it watches.
"""

import asyncio
import errno
import logging
import os
import pwd
import socket
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from chargepoint.core.events import ControlAsked
from chargepoint.facts import Reading
from chargepoint.shell.inbox import Inbox
from chargepoint.shell.talk import FRAMES_MAX, Talk, shown
from chargepoint.shell.traces import COARSE_MAX, COARSE_S, POINTS_MAX, Traces
from chargepoint.store.errors import StoreError

log = logging.getLogger(__name__)

CLIENTS_MAX = 32
LINE_MAX = 64 * 1024
ASK_S = 4.0
DRAIN_S = 5.0
IDLE_S = 300.0
CLOSE_S = 0.2
BEHIND_MAX = 256 * 1024
STATUS_EVERY_S = 0.2
LEDGER_LIMIT = 50
LIST_MAX = 1_000

Body = dict[str, Any]
StoreCall = Callable[..., Awaitable[Any]]
Answerer = Callable[[Body], Awaitable[Body]]


class SocketInUse(Exception):
    """Another station listens on the control socket; the text says what to do."""


class Refusal(Exception):
    """A request that cannot be answered; the text is the answer."""


class Control:
    """Serves one socket. facts: what the shell adds to the status. ledger, dead_letters: the store's lists. journal: see
    `journals`. more: requests that others answer, by name.
    """

    def __init__(
        self,
        path: str,
        inbox: Inbox,
        facts: Callable[[], Body],
        ledger: StoreCall,
        dead_letters: StoreCall,
        security_log: StoreCall,
        journal: Answerer | None = None,
        more: Mapping[str, Answerer] | None = None,
    ) -> None:
        self._path = path
        self._inbox = inbox
        self._facts = facts
        self._ledger = ledger
        self._dead_letters = dead_letters
        self._security_log = security_log
        self._journal = journal
        self._more = more or {}
        self._talk = Talk()
        self._traces = Traces()
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._watchers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._asked: dict[int, asyncio.Future[Body]] = {}
        self._ticket = 0
        self._changed = asyncio.Event()
        self._status_task: asyncio.Task[None] | None = None
        self._handler = _WatcherLog(self)

    async def open(self) -> None:
        """Listens. Raises SocketInUse where a living process does already, OSError where there can be no socket."""
        _remove_stale(self._path)
        listener = _listener(self._path)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LINE_MAX)
        logging.getLogger("chargepoint").addHandler(self._handler)

    async def close(self) -> None:
        """Ends every conversation and removes the socket."""
        logging.getLogger("chargepoint").removeHandler(self._handler)
        if self._status_task is not None:
            self._status_task.cancel()
        if self._server is None:
            return
        self._server.close()
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(Refusal("the station ends"))
        for client in list(self._clients):
            client.close()
        # A task that is left to the closing loop is complained of in the log when nobody writes it any more.
        if self._serving:
            await asyncio.wait(self._serving, timeout=CLOSE_S)
        for client in list(self._clients):
            client.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=CLOSE_S)
        try:
            os.unlink(self._path)
        except OSError as error:
            log.debug("the control socket %s was gone already: %s", self._path, error)

    # For the runtime: calls that return at once

    def reply(self, ticket: int, body: Body, error: str | None) -> None:
        """The core's answer. One that nobody waits for any more is dropped."""
        waiting = self._asked.pop(ticket, None)
        if waiting is None or waiting.done():
            return
        if error is None:
            waiting.set_result(body)
        else:
            waiting.set_exception(Refusal(error))

    def frame(self, direction: str, text: str | bytes) -> None:
        kept = self._talk.add(direction, text)
        if self._watchers:
            self.broadcast({"event": "frame", **shown(kept)})

    def reading(self, connector: int, reading: Reading) -> None:
        self._traces.add(connector, reading, time.monotonic())

    def changed(self) -> None:
        """The status may be another one now."""
        if self._watchers:
            self._changed.set()

    def broadcast(self, event: Body) -> None:
        """One line to every watcher; one that is far behind is dropped."""
        line = _line(event)
        for watcher in list(self._watchers):
            transport = watcher.transport
            if transport.is_closing() or transport.get_write_buffer_size() > BEHIND_MAX:
                self._watchers.discard(watcher)
                transport.abort()
            else:
                watcher.write(line)

    @property
    def watched(self) -> bool:
        return bool(self._watchers)

    # One client

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        if len(self._clients) >= CLIENTS_MAX:
            writer.write(_line(_error(f"there are {CLIENTS_MAX} clients already; close one")))
            writer.close()
            return
        self._clients.add(writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError) as error:
            log.debug("a client of the control socket is gone: %s", error)
        finally:
            self._clients.discard(writer)
            self._watchers.discard(writer)
            writer.transport.abort() if writer.transport.get_write_buffer_size() > BEHIND_MAX else writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                async with asyncio.timeout(None if writer in self._watchers else IDLE_S):
                    line = await reader.readline()
            except ValueError:
                await _tell(writer, _error(f"a line of more than {LINE_MAX} bytes; the connection is closed"))
                return
            if not line:
                return
            await _tell(writer, await self._answer(line, writer))

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> Body:
        number: Any = None
        try:
            number, do, arguments = _request(line)
            body = await self._do(do, arguments, writer)
        except (Refusal, StoreError) as error:
            return {**_error(str(error)), "id": number}
        return {**body, "ok": True, "id": number}

    async def _do(self, do: str, arguments: Body, writer: asyncio.StreamWriter) -> Body:
        match do:
            case "status":
                return await self.status()
            case "ledger":
                limit = count(arguments, "limit", LEDGER_LIMIT, LIST_MAX)
                return {"sessions": await self._ledger(limit, count(arguments, "offset", 0, 2**31))}
            case "dead_letters":
                return {"dead_letters": await self._dead_letters(count(arguments, "limit", LIST_MAX, LIST_MAX))}
            case "security_log":
                limit = count(arguments, "limit", LIST_MAX, LIST_MAX)
                return {"events": await self._security_log(limit, count(arguments, "offset", 0, 2**31))}
            case "frames":
                return {"frames": self._talk.newest(count(arguments, "limit", FRAMES_MAX, FRAMES_MAX))}
            case "readings":
                return {"readings": self._readings(arguments)}
            case "journal" if self._journal is not None:
                return await _answered(self._journal, do, arguments)
            case _ if do in self._more:
                return await _answered(self._more[do], do, arguments)
            case "watch":
                self._watch(writer)
                return {}
            case "clear_faults":
                return await self.ask(do, {**arguments, "by": _who(writer, arguments.get("by"))})
            case _:
                return await self.ask(do, arguments)

    async def ask(self, do: str, arguments: Body) -> Body:
        """What the core replies; Refusal where it refuses or is silent."""
        self._ticket += 1
        ticket = self._ticket
        self._asked[ticket] = asyncio.get_running_loop().create_future()
        self._inbox.put(ControlAsked(ticket, do, arguments))
        try:
            async with asyncio.timeout(ASK_S):
                return await self._asked[ticket]
        except TimeoutError:
            raise Refusal(f"the station gave no answer to {do!r} within {ASK_S:g} s; look at its log") from None
        finally:
            self._asked.pop(ticket, None)

    async def status(self) -> Body:
        return {**await self.ask("status", {}), **self._facts()}

    def _readings(self, arguments: Body) -> list[list[float]]:
        seconds = count(arguments, "seconds", int(COARSE_MAX * COARSE_S), int(COARSE_MAX * COARSE_S))
        points = count(arguments, "points", POINTS_MAX, POINTS_MAX)
        return self._traces.newest(count(arguments, "connector", 0, 1_000), seconds, points)

    def _watch(self, writer: asyncio.StreamWriter) -> None:
        self._watchers.add(writer)
        self._changed.set()
        if self._status_task is None or self._status_task.done():
            self._status_task = asyncio.create_task(self._tell_status())

    async def _tell_status(self) -> None:
        """The status to every watcher whenever it changed, until nobody watches."""
        last: Body | None = None
        known: set[asyncio.StreamWriter] = set()
        while self._watchers:
            await self._changed.wait()
            self._changed.clear()
            try:
                status = await self.status()
            except Refusal as error:
                log.debug("no status for the watchers: %s", error)
            else:
                newcomers = self._watchers - known
                if _lasting(status) != last or newcomers:
                    last = _lasting(status)
                    known = set(self._watchers)
                    self.broadcast({"event": "status", **status})
            await asyncio.sleep(STATUS_EVERY_S)


class _WatcherLog(logging.Handler):
    """Log lines for the watchers, from whatever thread they come."""

    def __init__(self, control: Control) -> None:
        super().__init__(logging.INFO)
        self._control = control
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if self._control.watched and not self._loop.is_closed():
            event = {"event": "log", "level": record.levelname.lower(), "text": record.getMessage()}
            self._loop.call_soon_threadsafe(self._control.broadcast, event)


def _request(line: bytes) -> tuple[Any, str, Body]:
    """id, do and arguments of a line; Refusal where it is no request."""
    try:
        request = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(f"this line is no JSON ({error})") from None
    if not isinstance(request, dict):
        raise Refusal('a request is an object: {"id": 1, "do": "status"}')
    number, do = request.pop("id", None), request.pop("do", None)
    if not isinstance(number, str | int | float | None) or len(str(number)) > 100:
        raise Refusal("id must be a number or a short text")
    if not isinstance(do, str) or not 0 < len(do) <= 100:
        raise Refusal('do must say what to do, for example "status"')
    return number, do, request


async def _answered(answerer: Answerer, do: str, arguments: Body) -> Body:
    try:
        return await answerer(arguments)
    except OSError as error:
        raise Refusal(f"{do.replace('_', ' ')}: {error}") from error


def count(arguments: Body, name: str, default: int, most: int) -> int:
    value = arguments.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Refusal(f"{name} must be a whole number from 0 to {most}, not {str(value)[:100]!r}")
    return value


def _who(writer: asyncio.StreamWriter, told: object) -> str:
    """The user at the other end, as the kernel knows them; told: what they call themselves, where that is another name."""
    credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid = struct.unpack("3i", credentials)[1]
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"user {uid}"
    return f"{told[:30]}, as {name[:15]}" if isinstance(told, str) and told not in ("", name) else name[:50]


def _error(text: str) -> Body:
    return {"ok": False, "error": text}


def _line(body: Body) -> bytes:
    return msgspec.json.encode(body) + b"\n"


async def _tell(writer: asyncio.StreamWriter, answer: Body) -> None:
    writer.write(_line(answer))
    async with asyncio.timeout(DRAIN_S):
        await writer.drain()


def _lasting(status: Body) -> Body:
    """A status without what changes by the mere passing of time."""
    link = {key: value for key, value in status.get("link", {}).items() if key != "since_s"}
    return {**{key: value for key, value in status.items() if key != "process"}, "link": link}


def _remove_stale(path: str) -> None:
    """Removes the socket that a dead process left behind."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "this is not a socket; move it away or set [station] control_socket", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except (TimeoutError, BlockingIOError):
            pass  # somebody holds it and is busy
    raise SocketInUse(f"another station listens on {path} already; stop it first, or give this one its own state_dir")


def _listener(path: str) -> socket.socket:
    os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o117)
    try:
        listener.bind(path)
        os.chmod(path, 0o660)
        return listener
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)

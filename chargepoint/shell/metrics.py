"""Metrics for Prometheus: what the station counts, on an address of its own, in its text format 0.0.4.

Owns the names, the counting of what the status does not tell, and a small HTTP server. Loaded only where [metrics] stands in
the file. Bounds: CLIENTS_MAX clients that are answered, a request of at most HEAD_MAX bytes within REQUEST_S, one answer a
connection. No label takes what a person or a peer wrote: never an id tag.

Counters begin anew with the process, as Prometheus expects; registers and contactor cycles do not.
"""

import asyncio
import contextlib
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

from chargepoint.core import effects as fx
from chargepoint.core.events import Event, FrameReceived, LinkUp
from chargepoint.core.records import PutRow, PutTransaction, StopBody
from chargepoint.core.step import Now
from chargepoint.facts import Pattern, Refusal
from chargepoint.machine import undervoltage, written_bytes_of_process
from chargepoint.messages import ChargePointStatus
from chargepoint.shell.runtime import JournalLike

log = logging.getLogger(__name__)

CLIENTS_MAX = 8
HEAD_MAX = 4_096
FLOOD_MAX = 64
REQUEST_S = 5.0
PASS_OVER_S = 0.1
PASS_OVER_MAX = 64
PENDING_MAX = 64
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FRAME = re.compile(r'\s*\[\s*([234])\s*,\s*"([^"\\]{1,36})"\s*(?:,\s*"([A-Za-z]{1,50})")?')
JOULES = 3_600.0
PREFIX = "chargepoint_"

Labels = dict[str, str]
Sample = tuple[str, Labels, float]
"""What follows the metric's name ("", "_sum", "_count"), the labels and the value."""


class Counters:
    """Is told of every step, counts, and hands it on. faults: what is wrong now."""

    def __init__(self, journal: JournalLike, faults: Callable[[], Mapping[int, Iterable[str]]]) -> None:
        self._journal = journal
        self._faults = faults
        self._wrong: dict[int, set[str]] = {}
        self._calls: dict[str, tuple[str, float]] = {}
        self.sessions: Counter[str] = Counter()
        self.authorizations: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.connections = 0
        self.call_count: Counter[str] = Counter()
        self.call_s: dict[str, float] = {}

    def record(self, event: Event, now: Now, effects: list[fx.Effect]) -> None:
        self._journal.record(event, now, effects)
        if isinstance(event, LinkUp):
            self.connections += 1
            self._calls.clear()
        elif isinstance(event, FrameReceived):
            self._heard(event.text, now.mono_s)
        told: set[str] = set()
        for effect in effects:
            match effect:
                case fx.SendFrame(text=text):
                    self._sent(text, now.mono_s)
                case fx.Commit(changes=changes):
                    self._ended(changes)
                case fx.Show(pattern=Pattern.ACCEPTED):
                    told.add("accepted")
                case fx.Show(pattern=Pattern.REFUSED, refusal=refusal) if refusal not in (None, Refusal.NO_VEHICLE):
                    told.add(str(refusal))
        self.authorizations.update(told)
        self._look_at_faults()

    def failed(self, event: Event, now: Now, error: BaseException) -> None:
        self._journal.failed(event, now, error)

    def _sent(self, text: str, mono_s: float) -> None:
        head = FRAME.match(text)
        if head is not None and head[1] == "2" and head[3]:
            if len(self._calls) >= PENDING_MAX:
                self._calls.clear()
            self._calls[head[2]] = (head[3], mono_s)

    def _heard(self, text: str | bytes, mono_s: float) -> None:
        start = text[:120] if isinstance(text, str) else text[:120].decode("utf-8", "replace")
        head = FRAME.match(start)
        if head is not None and head[1] != "2" and (call := self._calls.pop(head[2], None)) is not None:
            action, began_s = call
            self.call_count[action] += 1
            self.call_s[action] = self.call_s.get(action, 0.0) + max(0.0, mono_s - began_s)

    def _ended(self, changes: Iterable[Any]) -> None:
        rows = [
            change.row.transaction for change in changes if isinstance(change, PutRow) and isinstance(change.row.body, StopBody)
        ]
        if not rows:
            return
        reasons = {change.record.key: change.record.stop_reason for change in changes if isinstance(change, PutTransaction)}
        self.sessions.update(str(reasons.get(key) or "Local") for key in rows)

    def _look_at_faults(self) -> None:
        wrong = {number: set(map(str, faults)) for number, faults in self._faults().items()}
        if wrong != self._wrong:
            for number, faults in wrong.items():
                self.faults.update(faults - self._wrong.get(number, set()))
            self._wrong = wrong


class Metrics:
    """Answers who asks. status: the station's, as the control socket tells it. synchronised: whether the clock is."""

    def __init__(
        self,
        counters: Counters,
        status: Callable[[], Awaitable[dict[str, Any]]],
        unconfirmed_wh: Callable[[], Awaitable[int]],
        meter_errors: Callable[[], Mapping[int, Mapping[str, int]]],
        synchronised: Callable[[], bool],
    ) -> None:
        self._counters = counters
        self._status = status
        self._unconfirmed_wh = unconfirmed_wh
        self._meter_errors = meter_errors
        self._synchronised = synchronised
        self._clients: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def serve(self, listen: str) -> None:
        """Until it is cancelled. An address that cannot be had is told, and the station goes on without."""
        host, _, port = listen.rpartition(":")
        try:
            server = await asyncio.start_server(self._client, host.strip("[]"), int(port), limit=HEAD_MAX)
        except (OSError, OverflowError) as error:
            log.error("no metrics on %s (%s); change [metrics] listen", listen, error)
            return
        self.port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for writer in self._clients:
                writer.transport.abort()  # its task ends by that, and not by a cancellation that asyncio would complain of

    async def text(self) -> str:
        """Every metric in the text format."""
        status, unconfirmed_wh = await self._status(), await self._unconfirmed_wh()
        families = (*_of_station(status), *_of_connectors(status), *self._counted(), *self._of_machine(status))
        unconfirmed = (
            "unconfirmed_energy_joules",
            "gauge",
            "Energy of sessions not confirmed to their end",
            [_one(unconfirmed_wh * JOULES)],
        )
        return "".join(_family(*family) for family in (*families, unconfirmed))

    def _counted(self) -> Iterator[tuple[str, str, str, list[Sample]]]:
        counters = self._counters
        yield "sessions_total", "counter", "Sessions that ended, by reason", _by("reason", counters.sessions)
        yield "authorizations_total", "counter", "Cards answered, by result", _by("result", counters.authorizations)
        yield "faults_total", "counter", "Faults that came up, by code", _by("code", counters.faults)
        reconnects = max(0, counters.connections - 1)
        yield "ocpp_reconnects_total", "counter", "Connections after the first", [_one(reconnects)]
        calls: list[Sample] = []
        for action, count in sorted(counters.call_count.items()):
            labels = {"action": action}
            calls += [("_sum", labels, counters.call_s[action]), ("_count", labels, count)]
        yield "ocpp_call_seconds", "summary", "Time from a CALL to its answer", calls
        errors: list[Sample] = [
            ("", {"meter": str(number), "kind": kind}, float(count))
            for number, kinds in sorted(self._meter_errors().items())
            for kind, count in sorted(kinds.items())
        ]
        yield "meter_errors_total", "counter", "Readings that failed, by the meter's connector and kind", errors

    def _of_machine(self, status: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[Sample]]]:
        version = str(status.get("process", {}).get("version", ""))
        yield "build_info", "gauge", "Version of the program", [("", {"version": version}, 1.0)]
        yield (
            "clock_synchronized",
            "gauge",
            "1 where somebody holds the system's clock to the time",
            [_one(self._synchronised())],
        )
        written = written_bytes_of_process()
        if written is not None:
            yield "disk_written_bytes_total", "counter", "Bytes that this process had written to disks", [_one(written)]
        low = undervoltage()
        if low is not None:
            yield "undervoltage", "gauge", "1 while the supply's voltage is too low", [_one(low)]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= FLOOD_MAX:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            async with asyncio.timeout(REQUEST_S):
                writer.write(await self._answer(reader))
                await writer.drain()
        except (TimeoutError, ConnectionError) as error:
            log.debug("a client of the metrics is gone: %s", error)
            writer.transport.abort()
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            await _passed_over(reader)
            return _response("431 Request Header Fields Too Large", f"at most {HEAD_MAX} bytes\n")
        except asyncio.IncompleteReadError:
            return _response("400 Bad Request", "this is no HTTP request\n")
        if len(self._clients) > CLIENTS_MAX:
            return _response("503 Service Unavailable", f"there are {CLIENTS_MAX} clients already\n")
        method, _, rest = head.decode("latin-1").partition(" ")
        target, _, version = rest.partition("\r\n")[0].partition(" ")
        if not version.startswith("HTTP/1."):
            return _response("400 Bad Request", "this is no HTTP request\n")
        if method not in ("GET", "HEAD"):
            return _response("405 Method Not Allowed", "GET /metrics\n", "Allow: GET, HEAD\r\n")
        if target.partition("?")[0] != "/metrics":
            return _response("404 Not Found", "the metrics are at /metrics\n")
        try:
            text = await self.text()
        except Exception as error:  # whatever keeps the station from telling must not end with a silent client
            log.warning("no metrics: %s", error)
            return _response("503 Service Unavailable", "the station gives no status now; look at its log\n")
        return _response("200 OK", text, body=method == "GET")


async def _passed_over(reader: asyncio.StreamReader) -> None:
    """Takes what is on its way, for a moment: closing over it would reset the connection before the answer is read."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PASS_OVER_S):
            for _ in range(PASS_OVER_MAX):
                if not await reader.read(HEAD_MAX):
                    return


def _of_station(status: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[Sample]]]:
    queue = status.get("queue", {})
    connected = status.get("link", {}).get("state") == "connected"
    yield "ocpp_connected", "gauge", "1 while the connection to the Central System is open", [_one(connected)]
    yield "ocpp_queue_messages", "gauge", "Billing messages that wait for their answer", [_one(queue.get("messages", 0))]
    yield "ocpp_queue_age_seconds", "gauge", "Age of the oldest of them", [_one(queue.get("oldest_s") or 0)]


def _of_connectors(status: Mapping[str, Any]) -> Iterator[tuple[str, str, str, list[Sample]]]:
    connectors: Mapping[str, Mapping[str, Any]] = status.get("connectors", {})
    statuses: list[Sample] = [
        ("", {"connector": number, "status": str(word)}, float(word == one.get("status")))
        for number, one in connectors.items()
        for word in ChargePointStatus
    ]
    yield "connector_status", "gauge", "1 for the status that a connector has", statuses
    for name, key, scale, kind, text in (
        ("energy_import_joules_total", "energy_wh", JOULES, "counter", "The meter's register"),
        ("power_watts", "power_w", 1.0, "gauge", "Power that the car takes"),
        ("offered_current_amperes", "offered_current_a", 1.0, "gauge", "Current that the car is offered"),
        ("contactor_cycles_total", "cycles", 1.0, "counter", "How often the contactor was closed, ever"),
    ):
        known: list[Sample] = [
            ("", {"connector": number}, one[key] * scale) for number, one in connectors.items() if _number(one.get(key))
        ]
        yield name, kind, text, known
    for name, key, text in (
        ("current_amperes", "current_a", "Current of a phase"),
        ("voltage_volts", "voltage_v", "Voltage of a phase"),
    ):
        phases: list[Sample] = [
            ("", {"connector": number, "phase": f"L{phase}"}, float(value))
            for number, one in connectors.items()
            for phase, value in enumerate(one.get(key) or (), 1)
            if _number(value)
        ]
        yield name, "gauge", text, phases


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {PREFIX}{name} {text}\n# TYPE {PREFIX}{name} {kind}\n"]
    for ending, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(said)}"' for label, said in labels.items())
        lines.append(f"{PREFIX}{name}{ending}{f'{{{shown}}}' if shown else ''} {_shown(value)}\n")
    return "".join(lines)


def _by(label: str, counted: Mapping[str, int]) -> list[Sample]:
    return [("", {label: name}, float(count)) for name, count in sorted(counted.items())]


def _one(value: float) -> Sample:
    return "", {}, float(value)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _response(status: str, text: str, more: str = "", *, body: bool = True) -> bytes:
    data = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n{more}Connection: close\r\n\r\n"
    )
    return head.encode() + (data if body else b"")

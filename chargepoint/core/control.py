"""Control: what the control socket may ask of the core, and what it is told.

Owns one handler per request. Refuses to know sockets and clients. Id tags are shown blanked, secrets not at all.
"""

from collections.abc import Callable
from typing import Any

from chargepoint.core.blocks import Blocks
from chargepoint.core.calls import Calls
from chargepoint.core.cards import Cards
from chargepoint.core.commands import Commands
from chargepoint.core.connector import Connector
from chargepoint.core.departure import Departure
from chargepoint.core.effects import FetchDeadLetter, Reply
from chargepoint.core.events import ControlAsked, DeadLetterFetched
from chargepoint.core.faults import blocking
from chargepoint.core.records import Charging, Ending, ReplayDeadLetter
from chargepoint.core.reports import Reports
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step
from chargepoint.core.supervision import Supervision
from chargepoint.core.trials import Trials
from chargepoint.facts import Pattern
from chargepoint.messages import ConfigurationStatus, DataTransferReq, Reason, to_utc

Arguments = dict[str, Any]
TEXT_MAX = 500
SEQ_MAX = 2**63 - 1  # of a row in SQLite


class ControlError(Exception):
    """A request that cannot be done; the text says why."""


class Control:
    def __init__(
        self,
        blocks: Blocks,
        sessions: Sessions,
        cards: Cards,
        calls: Calls,
        commands: Commands,
        reports: Reports,
        supervision: Supervision,
        departure: Departure,
        trials: Trials,
    ) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._cards = cards
        self._calls = calls
        self._commands = commands
        self._reports = reports
        self._supervision = supervision
        self._departure = departure
        self._trials = trials
        self._handlers: dict[str, Callable[[int, Arguments, Step], dict[str, Any] | None]] = {
            "status": lambda ticket, arguments, step: self.status(step),
            "present_card": self._present_card,
            "stop_session": self._stop_session,
            "clear_faults": self._clear_faults,
            "get_settings": self._get_settings,
            "set_setting": self._set_setting,
            "data_transfer": self._data_transfer,
            "replay_dead_letter": self._replay,
            "restart": self._restart,
            "test_light": self._test_light,
            "test_contactor": self._test_contactor,
        }

    def asked(self, event: ControlAsked, step: Step) -> None:
        """Answers a request, now or later."""
        handler = self._handlers.get(event.do)
        try:
            if handler is None:
                raise ControlError(f"unknown request {event.do[:50]!r}; known are {', '.join(self._handlers)}")
            body = handler(event.ticket, event.arguments, step)
        except ControlError as error:
            step.then(Reply(event.ticket, {}, str(error)))
            return
        if body is not None:
            step.then(Reply(event.ticket, body))

    def status(self, step: Step) -> dict[str, Any]:
        """Everything that can be seen of the station, as plain values."""
        blocks = self._blocks
        now_s = blocks.clock.now_s(step)
        oldest = blocks.outbox.oldest
        return {
            "identity": blocks.site.identity,
            "vendor": blocks.site.vendor,
            "model": blocks.site.model,
            "firmware_version": blocks.site.firmware_version,
            "registration": blocks.boot.status or "none",
            "clock": {"known": now_s is not None, "time": None if now_s is None else to_utc(now_s).isoformat()},
            "queue": {
                "messages": blocks.outbox.queued,
                "oldest_s": self._age_s(oldest.stamp.boot, oldest.stamp.mono_s, step) if oldest else None,
                "dead_letters": blocks.outbox.dead_letters,
            },
            "faults": sorted(blocks.station_faults),
            "lost": dict(sorted(blocks.lost.items())),
            "operative": blocks.station.operative,
            "leaving": blocks.leaving.kind if blocks.leaving else None,
            "security": self._security(),
            "maintenance": {"firmware": blocks.firmware.word, "diagnostics": blocks.diagnostics.word},
            "waiting_for": self._waiting_for(),
            "connectors": {str(one.number): self._connector(one, step) for one in blocks.connectors.values()},
        }

    def _security(self) -> dict[str, Any]:
        security = self._blocks.security
        until_s = security.contents.client_until_s
        return {
            "profile": security.profile,
            "on_trial": security.on_trial,
            "wildcards": self._blocks.keys.boolean("AllowCentralSystemTLSWildcards"),
            "central_system_roots": security.contents.central_system_roots,
            "manufacturer_roots": security.contents.manufacturer_roots,
            "certificate_until": None if until_s is None else to_utc(until_s).isoformat(),
            "certificate_problem": security.contents.client_problem,
        }

    def dead_letter(self, event: DeadLetterFetched, step: Step) -> None:
        """The letter goes to the end of the outbox with all its attempts before it."""
        if event.row is None or event.transaction is None:
            step.then(Reply(event.ticket, {}, "there is no such dead letter; 'dead-letters list' shows which there are"))
            return
        outbox = self._blocks.outbox
        row = outbox.again(event.row)
        self._blocks.transactions.restore(event.transaction)
        step.change(ReplayDeadLetter(event.row.seq, row))
        step.then(Reply(event.ticket, {"seq": row.seq}))

    def _connector(self, connector: Connector, step: Step) -> dict[str, Any]:
        report = self._reports.of(connector, step)
        reading = connector.reading
        return {
            "status": report.status,
            "error_code": report.error_code,
            "info": report.info,
            "faults": sorted(connector.all_faults),
            "latched": list(connector.latched),
            "lost": dict(sorted(connector.lost.items())),
            "cycles": connector.cycles,
            "operative": connector.operative,
            "pending": connector.pending,
            "plugged": connector.plugged,
            "pilot": connector.pilot.state if connector.pilot else None,
            "contactor": None if connector.closed is None else "closed" if connector.closed else "open",
            "lock": None if connector.locked is None else "locked" if connector.locked else "unlocked",
            "light": self._blocks.lamps.pattern(connector.number),
            "refused": self._refused(connector.number, step),
            "trial": self._trials.view(connector.number),
            "phases": connector.site.phases,
            "current_a_max": connector.site.current_a_max,
            "offered_current_a": connector.offered_a or 0.0,
            "current_a": list(reading.current_a) if reading else [None, None, None],
            "voltage_v": list(reading.voltage_v) if reading else [None, None, None],
            "power_w": reading.power_w if reading else None,
            "energy_wh": int(reading.energy_import_wh) if reading else None,
            "wiring": list(connector.wiring.remarks.values()),
            "session": self._session(connector, step),
        }

    def _refused(self, number: int, step: Step) -> dict[str, Any] | None:
        refusal = self._blocks.lamps.last_refusal(number)
        return None if refusal is None else {"why": refusal[0], "seconds": int(step.mono_s - refusal[1])}

    def _session(self, connector: Connector, step: Step) -> dict[str, Any] | None:
        if not isinstance(connector.session, Charging | Ending):
            return None
        record = self._blocks.transactions[connector.session.transaction]
        since_s = None if record.start_offset_s is None else record.start_offset_s + record.start.mono_s
        return {
            "transaction": record.key,
            "transaction_id": record.transaction_id,
            "id_tag": blanked(record.id_tag),
            "energy_wh": int(self._blocks.transactions.energy_wh(record.key)),
            "since": None if since_s is None else to_utc(since_s).isoformat(),
            "seconds": self._age_s(record.start.boot, record.start.mono_s, step),
        }

    def _waiting_for(self) -> str:
        """One sentence: what the station waits for."""
        blocks = self._blocks
        if blocks.station_faults:
            return "a fault of the station to go"
        faulty = [str(one.number) for one in blocks.connectors.values() if blocking(one.all_faults)]
        if len(faulty) == len(blocks.connectors):
            return f"the fault{'' if len(faulty) == 1 else 's'} of connector {', '.join(faulty)} to go"
        if not blocks.rpc.up:
            return "the Central System: not connected"
        if not blocks.boot.accepted:
            return "the Central System to accept the station"
        if not any(one.in_transaction or one.plugged for one in blocks.connectors.values()):
            return "a car or a card"
        if any(one.plugged and one.free and not blocks.starts.holds(one.number) for one in blocks.connectors.values()):
            return "a card"
        return "nothing: all is well"

    @staticmethod
    def _age_s(boot: int, mono_s: float, step: Step) -> int | None:
        return int(step.mono_s - mono_s) if boot == step.stamp.boot else None

    def _present_card(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        id_tag = _text(arguments, "id_tag")
        readers = self._blocks.site.readers
        reader = arguments.get("reader", min(readers, default=0))
        if type(reader) is not int or reader not in readers:
            raise ControlError(f"no reader {repr(reader)[:50]}; there are {', '.join(map(str, readers)) or 'none'}")
        refused = self._cards.tapped(reader, id_tag, step)
        if refused is not None:
            raise ControlError(refused)
        return {}

    def _stop_session(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        connector = self._connector_of(arguments)
        if not isinstance(connector.session, Charging):
            raise ControlError(f"no session runs at connector {connector.number}")
        self._sessions.stop(connector, Reason.Local, None, step)
        return {}

    def _clear_faults(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        connector = self._connector_of(arguments)
        by = _text(arguments, "by", longest=50) if "by" in arguments else "somebody"
        latched = connector.latched
        refused = self._supervision.clear(connector, by if by.isprintable() else ascii(by), step)
        if refused is not None:
            raise ControlError(refused)
        return {"cleared": list(latched)}

    def _restart(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        """The process ends and the service manager starts it again. end_sessions: also where somebody charges."""
        busy = [str(one.number) for one in self._blocks.connectors.values() if one.in_transaction]
        if self._blocks.leaving is not None:
            raise ControlError("the station is about to end already")
        if busy and arguments.get("end_sessions") is not True:
            raise ControlError(f"a session runs at connector {', '.join(busy)}; wait, or ask with end_sessions = true")
        self._departure.begin("restart", step)
        return {"ended": busy}

    def _test_light(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        connector = self._connector_of(arguments)
        name = arguments.get("pattern")
        if not isinstance(name, str) or name not in list(Pattern):
            raise ControlError(f"no pattern {repr(name)[:50]}; there are {', '.join(Pattern)}")
        if connector.blocked:
            raise ControlError(f"connector {connector.number} is faulted, and its lamp shows that")
        self._blocks.lamps.demonstrate(connector.number, Pattern(name), step)
        return {}

    def _test_contactor(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        """The answer says that it began; how it went stands in the status."""
        refused = self._trials.begin(self._connector_of(arguments), step)
        if refused is not None:
            raise ControlError(refused)
        return {}

    def _connector_of(self, arguments: Arguments) -> Connector:
        number = arguments.get("connector")
        connector = self._blocks.connectors.get(number) if type(number) is int else None
        if connector is None:
            raise ControlError(f"no connector {repr(number)[:50]}; there are {', '.join(map(str, self._blocks.connectors))}")
        return connector

    def _get_settings(self, _: int, arguments: Arguments, __: Step) -> dict[str, Any]:
        names = arguments.get("names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ControlError("names must be a list of key names")
        found, unknown = self._blocks.keys.read(names)
        return {"keys": [{"key": one.key, "value": one.value, "readonly": one.readonly} for one in found], "unknown": unknown}

    def _set_setting(self, _: int, arguments: Arguments, step: Step) -> dict[str, Any]:
        status, wrong = self._commands.set_key(_text(arguments, "name"), _text(arguments, "value", empty=True), step)
        if status is not ConfigurationStatus.Accepted:
            raise ControlError(wrong)
        return {"status": status}

    def _data_transfer(self, ticket: int, arguments: Arguments, _: Step) -> None:
        if not self._blocks.online:
            raise ControlError("the Central System is not connected")
        data = arguments.get("data")
        if data is not None and not isinstance(data, str):
            raise ControlError("data must be text")
        message_id = _text(arguments, "message_id", longest=50) if "message_id" in arguments else None
        request = DataTransferReq(vendor_id=_text(arguments, "vendor_id", longest=255), message_id=message_id, data=data)
        if not self._calls.data_transfer(ticket, request):
            raise ControlError("too many data transfers wait already")

    def _replay(self, ticket: int, arguments: Arguments, step: Step) -> None:
        seq = arguments.get("seq")
        if type(seq) is not int or not 0 < seq <= SEQ_MAX:
            raise ControlError("seq must be the number of a dead letter")
        step.then(FetchDeadLetter(ticket, seq))


def blanked(id_tag: str) -> str:
    """An id tag as it may be shown: its last four characters, if it is long enough to stay secret."""
    return "•" * (len(id_tag) - 4) + id_tag[-4:] if len(id_tag) >= 8 else "•" * len(id_tag)


def _text(arguments: Arguments, name: str, *, empty: bool = False, longest: int = TEXT_MAX) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or (not value and not empty) or len(value) > longest:
        raise ControlError(f"{name} must be text of 1 to {longest} characters")
    return value

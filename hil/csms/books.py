"""The books: what a back end would bill, and what it would complain about.

Owns one row a transaction with everything that arrived for it, and the complaints about order and time. Knows nothing of
connections. OCPP 1.6 sections 4.8, 4.9 (errata: retries), 6.31 to 6.50.
"""

import json
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.csms.frames import Payload
from hil.csms.schemas import stamps
from hil.csms.times import Clock, from_iso

ROWS_KEPT = 20_000
NOTES_KEPT = 10_000
VALUES_KEPT = 20_000
SLACK_S = 1.0  # stamps may be cut to whole seconds
FUTURE_S = 60.0
FIRST_YEAR = 1_577_836_800.0  # 2020: a stamp before it comes from a clock that was never set
ENERGY = "Energy.Active.Import.Register"


@dataclass(kw_only=True)
class Row:
    """One transaction. Stamps are the station's own texts; `..._received` are Unix seconds of arrival."""

    transaction_id: int
    identity: str
    connector_id: int
    id_tag: str
    meter_start_wh: int
    started: str
    start_received: list[float] = field(default_factory=list)
    reservation_id: int | None = None
    status: str = "Accepted"  # of the id tag, as last answered
    told: list[int] = field(default_factory=list)  # ids that answers named instead, by a rule
    meter_stop_wh: int | None = None
    stopped: str | None = None
    reason: str | None = None
    stop_id_tag: str | None = None
    stop_received: list[float] = field(default_factory=list)
    repeats: int = 0  # identical messages beyond the first
    doubled: bool = False  # the station seems to have reported one session in two ways
    meter_values: list[Payload] = field(default_factory=list)
    meter_values_lost: int = 0  # beyond what is kept
    transaction_data: list[Payload] = field(default_factory=list)

    @property
    def energy_wh(self) -> int | None:
        """What would be billed; None while the transaction runs."""
        return None if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["energy_wh"] = self.energy_wh
        fields["start_deliveries"] = len(self.start_received)
        fields["stop_deliveries"] = len(self.stop_received)
        return fields


@dataclass(frozen=True)
class Note:
    """A violation (of the protocol) or a complaint (about what was booked)."""

    at: float
    identity: str
    text: str
    transaction_id: int | None = None

    def __str__(self) -> str:
        return f"{self.identity}: {self.text}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"at": round(self.at, 3), "identity": self.identity, "text": self.text, "transaction_id": self.transaction_id}


@dataclass
class Books:
    """All transactions of all stations. Full books (20,000 rows) refuse new rows: `full` becomes true.

    path: a JSON file that is replaced atomically at every change; None: none. first_id: the first transaction id.
    """

    clock: Clock = field(default_factory=Clock)
    path: Path | None = None
    first_id: int = 1
    rows: list[Row] = field(default_factory=list)
    complaints: list[Note] = field(default_factory=list)
    violations: list[Note] = field(default_factory=list)
    strays: list[dict[str, Any]] = field(default_factory=list)  # messages of transactions that are not in the books
    loose: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=NOTES_KEPT))  # MeterValues of no transaction
    on_complaint: Callable[[Note], None] | None = None
    full: bool = False
    _given: int = 0
    _by_start: dict[tuple[Any, ...], Row] = field(default_factory=dict)

    def new_id(self) -> int:
        """A transaction id that was never given before."""
        self._given += 1
        return self.first_id + self._given - 1

    def start(self, identity: str, message: Payload) -> Row:
        """Books a StartTransaction; the same one again is the same row.

        Raises KeyError for a missing field, OverflowError when the books are full.
        """
        key = _start_key(identity, message)
        if (known := self._by_start.get(key)) is not None:
            known.start_received.append(time.time())
            known.repeats += 1
            self.save()
            return known
        if len(self.rows) >= ROWS_KEPT:
            self.full = True
            raise OverflowError(f"the books hold {ROWS_KEPT} transactions; start the Central System afresh")
        row = Row(
            transaction_id=self.new_id(),
            identity=identity,
            connector_id=message["connectorId"],
            id_tag=message["idTag"],
            meter_start_wh=message["meterStart"],
            started=message["timestamp"],
            start_received=[time.time()],
            reservation_id=message.get("reservationId"),
        )
        self._check_start(row)
        self.rows.append(row)
        self._by_start[key] = row
        self._check_stamps(identity, "StartTransaction", message, row.transaction_id)
        self.save()
        return row

    def told(self, identity: str, message: Payload, answer: Payload) -> None:
        """What this booked StartTransaction was answered: messages with that id belong to its row too."""
        row = self._by_start.get(_start_key(identity, message))
        if row is None:
            return
        number, info = answer.get("transactionId"), answer.get("idTagInfo")
        if type(number) is int and number not in (row.transaction_id, *row.told):
            row.told.append(number)
        if isinstance(info, dict):
            row.status = str(info.get("status"))
        self.save()

    def stop(self, identity: str, message: Payload) -> Row | None:
        """Books a StopTransaction; None if its transaction is unknown. Raises KeyError for a missing field."""
        number, meter, stamp = message["transactionId"], message["meterStop"], message["timestamp"]
        rows = self._rows_of(identity, number)
        for row in rows:
            if row.stopped is not None and row.meter_stop_wh == meter and _same_time(row.stopped, stamp):
                row.stop_received.append(time.time())
                row.repeats += 1
                self.save()
                return row
        still_open = [row for row in rows if row.stopped is None]
        if not still_open:
            if rows:
                rows[-1].doubled = True
                self.complain(identity, f"a second, different StopTransaction of transaction {number}", rows[-1].transaction_id)
            else:
                self.complain(identity, f"StopTransaction of transaction {number}, which was never started")
            self._stray(identity, "StopTransaction", message)
            return None
        row = next((row for row in still_open if row.meter_start_wh <= meter), still_open[0])
        row.meter_stop_wh, row.stopped = meter, stamp
        row.reason = message.get("reason", "Local")  # OCPP 1.6 section 6.49: left out means Local
        row.stop_id_tag = message.get("idTag")
        row.stop_received.append(time.time())
        row.transaction_data = list(message.get("transactionData", []))
        self._check_stop(row)
        self._check_stamps(identity, "StopTransaction", message, row.transaction_id)
        self.save()
        return row

    def meter_values(self, identity: str, message: Payload) -> Row | None:
        """Books MeterValues; None if they belong to no transaction. Raises KeyError for a missing field."""
        values, connector, number = message["meterValue"], message["connectorId"], message.get("transactionId")
        now = time.time()
        if number is None:
            self.loose.append({"received": now, "identity": identity, **message})
            self._check_stamps(identity, "MeterValues", message, None)
            self.save()
            return None
        rows = self._rows_of(identity, number)
        if not rows:
            self.complain(identity, f"MeterValues of transaction {number}, which was never started")
            self._stray(identity, "MeterValues", message)
            return None
        row = next((row for row in rows if row.stopped is None and row.connector_id == connector), rows[-1])
        if row.stopped is not None:
            self.complain(identity, f"MeterValues of transaction {number} after its StopTransaction", row.transaction_id)
        if row.connector_id != connector:
            text = f"MeterValues of transaction {number} from connector {connector}; it runs on {row.connector_id}"
            self.complain(identity, text, row.transaction_id)
        if values and [_plain(value) for value in row.meter_values[-len(values) :]] == values:
            row.repeats += 1
        else:
            for value in values:
                self._add_value(row, value, now)
            self._check_stamps(identity, "MeterValues", message, row.transaction_id)
        self.save()
        return row

    def complain(self, identity: str, text: str, transaction_id: int | None = None) -> None:
        """Something that a back end would not accept, or would ask the operator about."""
        note = Note(time.time(), identity, text, transaction_id)
        if len(self.complaints) < NOTES_KEPT:
            self.complaints.append(note)
        if self.on_complaint is not None:
            self.on_complaint(note)

    def violate(self, identity: str, text: str) -> Note:
        """Notes a violation of the protocol."""
        note = Note(time.time(), identity, text)
        if len(self.violations) < NOTES_KEPT:
            self.violations.append(note)
        self.save()
        return note

    def check_stamps(self, identity: str, action: str, message: Payload) -> None:
        """Complains about stamps of 1970 or the future in a message that is not booked."""
        self._check_stamps(identity, action, message, None)

    def open_rows(self, identity: str | None = None) -> list[Row]:
        """Transactions that were started and not stopped."""
        return [row for row in self.rows if row.stopped is None and identity in (None, row.identity)]

    def table(self) -> list[dict[str, Any]]:
        """One plain row a transaction, without its meter values (`meter_values` is their number)."""
        rows = []
        for row in self.rows:
            plain = row.as_dict()
            plain["meter_values"] = len(row.meter_values) + row.meter_values_lost
            plain["transaction_data"] = len(row.transaction_data)
            rows.append(plain)
        return rows

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "written": round(time.time(), 3),
            "transactions": [row.as_dict() for row in self.rows],
            "complaints": [note.as_dict() for note in self.complaints],
            "violations": [note.as_dict() for note in self.violations],
            "strays": self.strays,
            "loose_meter_values": len(self.loose),
        }

    def save(self) -> None:
        """Replaces the file, if there is one: a reader sees the books before or after a change, never between."""
        if self.path is None:
            return
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            beside.write_text(json.dumps(self.as_dict(), ensure_ascii=False), "utf-8")
            beside.replace(self.path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise

    def _rows_of(self, identity: str, number: object) -> list[Row]:
        """Rows that the station may mean by this id, the oldest first: several, where a rule told one id twice."""
        return [row for row in self.rows if row.identity == identity and (number == row.transaction_id or number in row.told)]

    def _check_start(self, row: Row) -> None:
        for old in self.rows:
            if (old.identity, old.connector_id) != (row.identity, row.connector_id):
                continue
            same_tag = old.id_tag.casefold() == row.id_tag.casefold() and old.meter_start_wh == row.meter_start_wh
            if _same_time(old.started, row.started) or (old.stopped is None and same_tag):
                old.doubled = row.doubled = True
                text = (
                    f"two different StartTransactions of what seems one session: {old.transaction_id} and {row.transaction_id}"
                )
                self.complain(row.identity, text, row.transaction_id)
            elif old.stopped is None:
                text = f"StartTransaction on connector {row.connector_id} while transaction {old.transaction_id} runs there"
                self.complain(row.identity, text, row.transaction_id)
            elif _before(row.started, old.stopped):
                text = f"StartTransaction stamped {row.started}, before the stop of {old.transaction_id} at {old.stopped}"
                self.complain(row.identity, text, row.transaction_id)

    def _check_stop(self, row: Row) -> None:
        number, identity = row.transaction_id, row.identity
        if row.meter_stop_wh is not None and row.meter_stop_wh < row.meter_start_wh:
            text = f"meterStop {row.meter_stop_wh} is below meterStart {row.meter_start_wh}"
            self.complain(identity, text, number)
        last = row.meter_values[-1].get("timestamp") if row.meter_values else row.started
        if _before(row.stopped, last):
            self.complain(identity, f"StopTransaction stamped {row.stopped}, before {last} of the message before it", number)

    def _add_value(self, row: Row, value: Payload, now: float) -> None:
        stamp = value.get("timestamp")
        before = row.meter_values[-1] if row.meter_values else {"timestamp": row.started}
        if _before(stamp, before.get("timestamp")):
            text = f"MeterValues stamped {stamp}, before {before.get('timestamp')} of the message before it"
            self.complain(row.identity, text, row.transaction_id)
        energy, earlier = energy_wh(value), energy_wh(before)
        if energy is not None and earlier is not None and energy < earlier:
            self.complain(row.identity, f"the energy register fell from {earlier:g} to {energy:g} Wh", row.transaction_id)
        if len(row.meter_values) < VALUES_KEPT:
            row.meter_values.append({**value, "received": now})
        else:
            row.meter_values_lost += 1

    def _check_stamps(self, identity: str, action: str, message: Payload, transaction_id: int | None) -> None:
        for where, stamp in stamps(message):
            moment = from_iso(stamp)
            if moment is None:
                continue
            if moment < FIRST_YEAR:
                self.complain(identity, f"{action}{where} is {stamp}: a clock that was never set", transaction_id)
            elif moment > self.clock.latest() + FUTURE_S:
                self.complain(identity, f"{action}{where} is {stamp}: in the future", transaction_id)

    def _stray(self, identity: str, action: str, message: Payload) -> None:
        if len(self.strays) < NOTES_KEPT:
            self.strays.append({"received": time.time(), "identity": identity, "action": action, "payload": message})
        self.save()


def energy_wh(value: Payload) -> float | None:
    """The whole import register in one MeterValue, Wh; None if it has none."""
    for sample in value.get("sampledValue", []):
        if sample.get("measurand", ENERGY) == ENERGY and "phase" not in sample and sample.get("format", "Raw") == "Raw":
            with suppress(ValueError, TypeError, KeyError):
                return float(sample["value"]) * (1000.0 if sample.get("unit") == "kWh" else 1.0)
    return None


def _plain(value: Payload) -> Payload:
    return {name: item for name, item in value.items() if name != "received"}


def _start_key(identity: str, message: Payload) -> tuple[Any, ...]:
    stamp = message["timestamp"]
    moment = from_iso(stamp)
    return (
        identity,
        message["connectorId"],
        message["idTag"].casefold(),
        message["meterStart"],
        stamp if moment is None else moment,
    )


def _same_time(one: str, other: str) -> bool:
    first, second = from_iso(one), from_iso(other)
    return one == other if first is None or second is None else first == second


def _before(stamp: object, reference: object) -> bool:
    """Whether a stamp lies before another by more than the slack; False if one cannot be read."""
    first, second = from_iso(stamp), from_iso(reference)
    return first is not None and second is not None and first < second - SLACK_S

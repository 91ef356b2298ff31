"""Book: what the simulated Central System has booked, and what is wrong with it.

Owns the comparison of what arrives twice, and of registers and dates with those before them. The same StartTransaction
(connector, id tag, register, timestamp) is the same session and gets the same transactionId, as a careful back end does; a row
that comes again but differs is a violation.
"""

from typing import Any

Payload = dict[str, Any]

REGISTER = "Energy.Active.Import.Register"


class Entry:
    """One transaction as the Central System knows it."""

    def __init__(self, transaction_id: int, start: Payload) -> None:
        self.transaction_id = transaction_id
        self.start = start
        self.stop: Payload | None = None
        self.register_wh = float(start["meterStart"])
        self.stamp: str = start["timestamp"]
        self.repeats = 0
        self.excused = False

    @property
    def energy_wh(self) -> int:
        return 0 if self.stop is None else int(self.stop["meterStop"]) - int(self.start["meterStart"])


class Book:
    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}
        self._wrongs: list[tuple[Entry | None, str]] = []
        self._starts: dict[tuple[Any, ...], Entry] = {}
        self._refused: set[tuple[Any, ...]] = set()
        self._ended: dict[int, Entry] = {}

    def refused(self, payload: Payload) -> None:
        """A StartTransaction was answered with CALLERROR: while it waits for its next attempt, later sessions go on."""
        self._refused.add(_key(payload))

    def start(self, payload: Payload) -> int:
        key = _key(payload)
        known = self._starts.get(key)
        if known is not None:
            known.repeats += 1
            if known.stop is not None:
                self.wrong(f"StartTransaction {key} came again after its StopTransaction", known)
            return known.transaction_id
        entry = Entry(len(self.entries) + 1, payload)
        before = self._ended.get(payload["connectorId"])
        waited = key in self._refused
        if not waited and before is not None and before.stop is not None and payload["timestamp"] < before.stop["timestamp"]:
            self.wrong(f"transaction {entry.transaction_id} begins before {before.transaction_id} ended: {payload}", before)
        self.entries[entry.transaction_id] = entry
        self._starts[key] = entry
        return entry.transaction_id

    def values(self, payload: Payload) -> None:
        transaction_id = payload.get("transactionId")
        if transaction_id is None:
            return
        entry = self.entries.get(transaction_id)
        if entry is None:
            self.wrong(f"MeterValues of a transaction {transaction_id} that never began")
            return
        for value in payload["meterValue"]:
            if entry.stop is not None and value["timestamp"] > entry.stop["timestamp"]:
                self.wrong(f"MeterValues of {transaction_id} after its StopTransaction", entry)
            if value["timestamp"] < entry.stamp:
                self.wrong(f"MeterValues of {transaction_id} go back in time: {value['timestamp']} after {entry.stamp}", entry)
            if all(one.get("context") == "Trigger" for one in value["sampledValue"]):
                continue  # asked for just now: it does not wait behind samples that were taken before
            entry.stamp = max(entry.stamp, value["timestamp"])
            self._register(entry, value["sampledValue"])

    def stop(self, payload: Payload) -> None:
        entry = self.entries.get(payload["transactionId"])
        if entry is None:
            self.wrong(f"StopTransaction of a transaction {payload['transactionId']} that never began")
            return
        if entry.stop is not None:
            entry.repeats += 1
            same = ("meterStop", "timestamp", "idTag", "reason")
            if any(entry.stop.get(name) != payload.get(name) for name in same):
                self.wrong(
                    f"StopTransaction of {payload['transactionId']} came again and differs: {entry.stop} and {payload}", entry
                )
            return
        if payload["meterStop"] < entry.start["meterStart"]:
            self.wrong(f"transaction {payload['transactionId']} gave energy back", entry)
        if payload["meterStop"] < entry.register_wh - 1:
            self.wrong(
                f"transaction {payload['transactionId']} ends at {payload['meterStop']} Wh, after {entry.register_wh} Wh", entry
            )
        if payload["timestamp"] < entry.stamp:
            self.wrong(f"transaction {payload['transactionId']} ended before {entry.stamp}: {payload}", entry)
        entry.stop = payload
        before = self._ended.get(entry.start["connectorId"])
        if before is None or before.stop is None or before.stop["timestamp"] <= payload["timestamp"]:
            self._ended[entry.start["connectorId"]] = entry

    def _register(self, entry: Entry, values: list[Payload]) -> None:
        for value in values:
            if value.get("measurand", REGISTER) == REGISTER and value.get("phase") is None:
                register_wh = float(value["value"]) * (1000 if value.get("unit") == "kWh" else 1)
                if register_wh < entry.register_wh - 1:  # billing registers are whole Wh
                    self.wrong(
                        f"MeterValues of {entry.transaction_id} fall: {register_wh} Wh after {entry.register_wh} Wh", entry
                    )
                entry.register_wh = max(entry.register_wh, register_wh)

    @property
    def violations(self) -> list[str]:
        """What is wrong, but for the transactions that are excused."""
        return [text for entry, text in self._wrongs if entry is None or not entry.excused]

    def wrong(self, text: str, entry: Entry | None = None) -> None:
        self._wrongs.append((entry, text))

    def open_entries(self) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry.stop is None]

    def excuse_since(self, stamp: str) -> None:
        """A card lied: what was under way since then, or came to an end, may be told again and differ, or never be closed."""
        for entry in self.entries.values():
            if entry.stop is None or entry.stop["timestamp"] >= stamp or entry.stamp >= stamp:
                entry.excused = True


def _key(payload: Payload) -> tuple[Any, ...]:
    """What tells one StartTransaction from another: what comes again is the same."""
    return (payload["connectorId"], payload["idTag"], payload["meterStart"], payload["timestamp"])

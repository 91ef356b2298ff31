"""A scene: everything that can be seen of bench, station and Central System at one moment, as plain values.

Owns the words in which it is described. What is not there (a station without power, books that were not asked for) is empty.
"""

from dataclasses import dataclass, field
from typing import Any

Body = dict[str, Any]

STATUS_WORDS = {
    "Available": "free",
    "Preparing": "waits",
    "Charging": "charges",
    "SuspendedEV": "the car pauses",
    "SuspendedEVSE": "the station pauses",
    "Finishing": "done, cable still in",
    "Reserved": "kept for somebody",
    "Unavailable": "out of service",
    "Faulted": "broken",
}
PILOT_WORDS = {
    "A": "no car",
    "B": "car plugged",
    "C": "car wants power",
    "D": "car wants power and air",
    "E": "pilot shorted",
    "F": "not available",
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """bench: its `state`. station: its `status`, empty while it does not answer. system: the Central System's `state`.

    reported: the last status of every connector that the Central System was told. ended: why the station no longer runs, if
    it ended by itself.
    """

    bench: Body
    station: Body = field(default_factory=dict)
    system: Body = field(default_factory=dict)
    books: Body = field(default_factory=dict)
    reported: dict[int, str] = field(default_factory=dict)
    running: bool = False
    ended: str | None = None

    @property
    def numbers(self) -> list[int]:
        return sorted(int(name) for name in self.bench["connectors"])

    def outlet(self, number: int) -> Body:
        """The bench's side of a connector: car, contactor, register."""
        found: Body = self.bench["connectors"][str(number)]
        return found

    def connector(self, number: int) -> Body:
        """The station's own view of it; empty while it does not answer."""
        found: Body = self.station.get("connectors", {}).get(str(number), {})
        return found

    def status(self, number: int) -> str:
        return str(self.connector(number).get("status", ""))

    def session(self, number: int) -> Body:
        return self.connector(number).get("session") or {}

    def register_wh(self, number: int) -> int:
        return int(self.outlet(number)["energy_wh"])

    def closed(self, number: int) -> bool:
        return bool(self.outlet(number)["contactor"] == "closed")

    def flows(self, number: int) -> bool:
        return bool(self.outlet(number)["drawn_current_a"] > 0)

    @property
    def link(self) -> str:
        return str(self.station.get("link", {}).get("state", ""))

    @property
    def registration(self) -> str:
        return str(self.station.get("registration", ""))

    @property
    def queued(self) -> int | None:
        """Billing messages that wait in the station; None while it does not answer."""
        return self._queue("messages")

    @property
    def dead_letters(self) -> int | None:
        return self._queue("dead_letters")

    @property
    def rows(self) -> list[Body]:
        """The transactions that the Central System booked, in the order of booking."""
        found: list[Body] = self.books.get("transactions", [])
        return found

    def running_transaction(self, number: int) -> int | None:
        """The id of the transaction that runs at a connector, as the Central System named it."""
        found = self.session(number).get("transaction_id")
        return found if isinstance(found, int) else None

    def told(self) -> list[str]:
        """What is seen, a line each: for a report of what was waited for in vain."""
        lines = [self._station_line()]
        for number in self.numbers:
            outlet = self.outlet(number)
            lines.append(
                f"connector {number}: {self.status(number) or 'not told by the station'}"
                f" (the Central System knows {self.reported.get(number, 'nothing')}), pilot {outlet['pilot']},"
                f" contactor {outlet['contactor']}, lock {outlet['lock'] or 'none'}, offered {outlet['offered_current_a']:g} A,"
                f" drawn {outlet['drawn_current_a']:g} A, register {outlet['energy_wh']} Wh"
                + (f", faults {', '.join(faults)}" if (faults := self.faults(number)) else "")
            )
        lines += [
            f"booked: transaction {row['transaction_id']} at connector {row['connector_id']} from {row['meter_start_wh']} Wh"
            + (" still open" if row["stopped"] is None else f" to {row['meter_stop_wh']} Wh ({row['reason']})")
            for row in self.rows
        ]
        if not self.rows:
            lines.append("booked: nothing")
        return lines + [f"the Central System objects: {text}" for text in self.objections()]

    def objections(self) -> list[str]:
        """Complaints of the books and violations of the protocol."""
        return [str(note["text"]) for name in ("complaints", "violations") for note in self.books.get(name, [])]

    def faults(self, number: int) -> list[str]:
        """What is broken at a connector, as bench and station see it."""
        return sorted({*self.outlet(number)["faults"], *self.connector(number).get("faults", [])})

    def _queue(self, name: str) -> int | None:
        found = self.station.get("queue", {}).get(name)
        return found if isinstance(found, int) else None

    def _station_line(self) -> str:
        if self.ended:
            return f"station: {self.ended}"
        if not self.running:
            return "station: without power"
        if not self.station:
            return "station: runs, and does not answer on its control socket"
        queue = self.station.get("queue", {})
        return (
            f"station: registration {self.registration}, link {self.link}, {queue.get('messages')} billing messages queued,"
            f" waits for {self.station.get('waiting_for')}"
        )

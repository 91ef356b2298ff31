"""Central: a Central System of chance: it delays, drops answers after booking, answers twice, refuses, commands, vanishes.

Owns what it answers and when. Refuses to know the station but through frames. Everything it may do wrong is in `Habits`; how
often, chance decides.
"""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from hil.simulate.book import Book
from hil.simulate.limits import Limits, set_profile
from hil.simulate.timeline import DAY_S, Timeline

Payload = dict[str, Any]

ANSWER_S = 120.0


class Habits(Struct, frozen=True, kw_only=True):
    """How often the Central System does each thing, as a share of the messages or per day."""

    drop_answer: float = 0.01
    answer_twice: float = 0.01
    call_error: float = 0.003
    close_at_once: float = 0.005
    slow: float = 0.02
    pending_boot: float = 0.2
    rejected_boot: float = 0.05
    offline_a_day: float = 0.4
    offline_days_a_year: float = 3.0
    commands_a_day: float = 12.0
    invalid_id: float = 0.03
    clock_jumps_a_year: float = 4.0


class Central:
    """connected: the WebSocket is there. send(text) hands a frame to the station, close() cuts the connection."""

    def __init__(self, timeline: Timeline, rng: random.Random, habits: Habits, connectors: int) -> None:
        self._timeline = timeline
        self._rng = rng
        self._habits = habits
        self._connectors = connectors
        self.book = Book()
        self.limits = Limits()
        self.send: Callable[[str, int], None] = lambda text, life: None
        self.close: Callable[[str], None] = lambda reason: None
        self.online = True
        self.healing = False
        self.life = 0
        self.messages = 0
        self.lost_answers = 0
        self.invalid: set[str] = set()
        self.clock_error_s = 0.0
        self.kept: list[tuple[str, Payload]] | None = None  # every CALL that was answered, where somebody wants to read them
        self._boots = 0
        self._calls = 0
        self._asked: tuple[str, str, Payload] | None = None
        self._asked_s = 0.0
        self._errors: dict[str, int] = {}
        self._open: str | None = None
        self._plan()

    def connected(self) -> None:
        """A new connection: what was under way on the old one is gone."""
        self.life += 1
        self._asked = None
        self._open = None

    def received(self, text: str) -> None:
        """A frame of the station."""
        self.messages += 1
        frame = json.loads(text)
        if frame[0] != 2:
            if self._asked is None or frame[1] != self._asked[0]:
                self.book.wrong(f"an answer that nobody asked for: {text[:200]}")
            elif frame[0] == 3:
                self.limits.answered(*self._asked[1:], frame[2].get("status", ""))
            self._asked = None
            return
        _, message_id, action, payload = frame
        if self._open is not None:
            self.book.wrong(f"{action} was sent while {self._open} was under way")
        self._open = action
        self._handle(message_id, action, payload)

    def abandon(self) -> None:
        """The station gave the CALL up (its time-out): the next one is allowed."""
        self._open = None

    def heal(self) -> None:
        """From now on everything works, so that what is owed can be delivered."""
        self.healing = True
        self.online = True

    def iso(self, at_s: float) -> str:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _chance(self, share: float) -> bool:
        return not self.healing and self._rng.random() < share

    def _handle(self, message_id: str, action: str, payload: Payload) -> None:
        habits, life = self._habits, self.life
        billing = action in ("StartTransaction", "StopTransaction", "MeterValues")
        if self._chance(habits.close_at_once):
            if self._rng.random() < 0.5:
                self._answer(action, payload)
                self.lost_answers += 1
            self.close("the Central System closed")
            return
        if billing and self._chance(habits.call_error) and self._errors.get(action, 0) < 2:
            self._errors[action] = self._errors.get(action, 0) + 1
            if action == "StartTransaction":
                self.book.refused(payload)
            self._later(0.05, json.dumps([4, message_id, "InternalError", "chance", {}]), life)
            return
        self._errors.pop(action, None)
        if self.kept is not None:
            self.kept.append((action, payload))
        answer = json.dumps([3, message_id, self._answer(action, payload)])
        if action != "BootNotification" and self._chance(habits.drop_answer):
            self.lost_answers += 1
            self._timeline.after(29.0, lambda: self._forget(life))
            return
        delay_s = self._rng.uniform(1.0, 25.0) if self._chance(habits.slow) else self._rng.uniform(0.02, 0.3)
        self._later(delay_s, answer, life)
        if self._chance(habits.answer_twice):
            self._later(delay_s + 0.5, answer, life, closes=False)

    def _forget(self, life: int) -> None:
        if life == self.life:
            self._open = None

    def _later(self, delay_s: float, text: str, life: int, closes: bool = True) -> None:
        def deliver() -> None:
            if life == self.life:
                if closes:
                    self._open = None
                self.send(text, life)

        self._timeline.after(delay_s, deliver)

    def _answer(self, action: str, payload: Payload) -> Payload:
        now = self.iso(self._timeline.now_s + self.clock_error_s)
        match action:
            case "BootNotification":
                return self._boot(now)
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo": self._info(payload["idTag"])}
            case "StartTransaction":
                return {"idTagInfo": self._info(payload["idTag"]), "transactionId": self.book.start(payload)}
            case "StopTransaction":
                self.book.stop(payload)
            case "MeterValues":
                self.book.values(payload)
        return {"status": "Accepted"} if action == "DataTransfer" else {}

    def _boot(self, now: str) -> Payload:
        self._boots += 1
        status, interval = "Accepted", 3600
        if self._chance(self._habits.pending_boot):
            status, interval = "Pending", self._rng.choice([0, 5, 30])
        elif self._chance(self._habits.rejected_boot):
            status, interval = "Rejected", self._rng.choice([0, 60, 600])
        return {"status": status, "currentTime": now, "interval": interval}

    def _info(self, id_tag: str) -> Payload:
        return {"status": "Invalid" if id_tag in self.invalid else "Accepted"}

    # What it does of its own accord

    def _plan(self) -> None:
        self._again(self._habits.commands_a_day / DAY_S, self._command)
        self._again(self._habits.offline_a_day / DAY_S, lambda: self.vanish(self._rng.uniform(5, 3_600)))
        year_s = 365 * DAY_S
        self._again(self._habits.offline_days_a_year / year_s, lambda: self.vanish(self._rng.uniform(1, 5) * DAY_S))
        self._again(self._habits.clock_jumps_a_year / year_s, self._jump)

    def _again(self, rate: float, action: Callable[[], None]) -> None:
        """At random moments, `rate` a second on average."""
        if rate <= 0:
            return

        def act() -> None:
            if not self.healing:
                action()
                self._timeline.after(self._rng.expovariate(rate), act)

        self._timeline.after(self._rng.expovariate(rate), act)

    def vanish(self, for_s: float) -> None:
        """Nothing can be reached for so many seconds."""
        if not self.online:
            return
        self.online = False
        self.close("the network is gone")
        self._timeline.after(for_s, self._return)

    def _return(self) -> None:
        self.online = True

    def _jump(self) -> None:
        """The clock of the Central System is wrong for a while, and right again."""
        self.clock_error_s = self._rng.choice([0.0, -3600.0, 3600.0, 90.0, -45.0])

    def _command(self) -> None:
        now_s = self._timeline.now_s
        if self._asked is not None and now_s - self._asked_s > ANSWER_S:
            self._asked = None  # a station that was not accepted does not answer
        if not self.online or self._asked is not None or self.life == 0:
            return
        connector = self._rng.randint(1, self._connectors)
        entry = self._rng.choice(self.book.open_entries() or [None])
        choices: list[tuple[str, Payload]] = [
            ("RemoteStartTransaction", {"idTag": f"APP{self._rng.randint(1, 5)}", "connectorId": connector}),
            ("RemoteStartTransaction", {"idTag": f"APP{self._rng.randint(1, 5)}"}),
            ("RemoteStopTransaction", {"transactionId": entry.transaction_id if entry else 0}),
            ("UnlockConnector", {"connectorId": connector}),
            ("ChangeAvailability", self._availability()),
            (
                "SetChargingProfile",
                set_profile(self._rng.randint(0, self._connectors), self._rng.choice([0.0, 6.0, 13.0, 25.0])),
            ),
            ("ClearChargingProfile", {}),
            ("ClearChargingProfile", {}),
            ("GetConfiguration", {}),
            ("ClearCache", {}),
            ("TriggerMessage", {"requestedMessage": self._rng.choice(["StatusNotification", "MeterValues", "Heartbeat"])}),
            ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": str(self._rng.choice([600, 900, 1800]))}),
            ("DataTransfer", {"vendorId": "nobody"}),
            ("Nonsense", {"what": [1, 2, 3]}),
            ("StartTransaction", {}),
            ("ReserveNow", self._reservation(connector)),
            ("CancelReservation", {"reservationId": connector}),
        ]
        if self._rng.random() < 0.1:
            choices = [("Reset", {"type": self._rng.choice(["Soft", "Hard"])})]
        action, payload = self._rng.choice(choices)
        self._calls += 1
        message_id = f"cs-{self._calls}"
        self._asked, self._asked_s = (message_id, action, payload), now_s
        self.limits.asked(action, payload)
        self.send(json.dumps([2, message_id, action, payload]), self.life)

    def _availability(self) -> Payload:
        kind = "Inoperative" if self._rng.random() < 0.15 else "Operative"
        return {"connectorId": self._rng.randint(0, self._connectors), "type": kind}

    def _reservation(self, connector: int) -> Payload:
        expiry = self.iso(self._timeline.now_s + self._rng.uniform(60, 3_600))
        return {"connectorId": connector, "expiryDate": expiry, "idTag": "APP1", "reservationId": connector}

"""What a story may look at: the CALLs that were sent, the statuses that were told, the hardware, the ledger."""

import json
from typing import Any

from msgspec import Struct

from chargepoint.core import effects as fx
from chargepoint.facts import Pattern, Refusal, Trouble
from chargepoint.messages import ChargePointStatus, Reason
from tests.core.central_system import Payload
from tests.core.memory_store import MemoryStore
from tests.core.plant import Plant


class Sent(Struct, frozen=True):
    """A CALL of the station. at_s: seconds since the story began."""

    at_s: float
    action: str
    payload: Payload
    message_id: str


class Told(Struct, frozen=True):
    """A StatusNotification. online: counts the connections, as only within one is every change told."""

    connector: int
    status: ChargePointStatus
    error_code: str
    info: str | None
    online: int


class Looking:
    """Everything that happened so far."""

    def __init__(self, plants: dict[int, Plant]) -> None:
        self.plants = plants
        self.store = MemoryStore()
        self.effects: list[fx.Effect] = []
        self.sent: list[Sent] = []
        self.told: list[Told] = []
        self.logs: list[fx.Log] = []
        self._cursor = 0

    def calls(self, action: str, **fields: Any) -> list[Payload]:
        """Payloads of all CALLs of an action so far, with these fields (in OCPP's spelling)."""
        return [sent.payload for sent in self.sent if sent.action == action and _has(sent.payload, fields)]

    def expect_call(self, action: str, **fields: Any) -> Payload:
        """The next CALL of that kind since the last one expected; what lies between is passed over."""
        for at in range(self._cursor, len(self.sent)):
            if self.sent[at].action == action and _has(self.sent[at].payload, fields):
                self._cursor = at + 1
                return self.sent[at].payload
        raise AssertionError(f"no {action} {fields or ''}; sent were:\n{self.story()}")

    def expect_no_call(self, action: str, **fields: Any) -> None:
        """None of that kind since the last one expected."""
        found = [sent for sent in self.sent[self._cursor :] if sent.action == action and _has(sent.payload, fields)]
        assert not found, f"{action} {fields or ''} was sent:\n{self.story()}"

    def forget(self) -> None:
        """What was sent up to now is not looked at by `expect_call` any more."""
        self._cursor = len(self.sent)

    def unseen(self) -> list[Sent]:
        """The CALLs since the last one expected."""
        return self.sent[self._cursor :]

    def saw(self, *sent: Sent) -> None:
        """These were expected: what came before the last of them is not looked at any more."""
        self._cursor = max(self._cursor, *(self.sent.index(one) + 1 for one in sent))

    def story(self) -> str:
        """The CALLs that were not yet expected, a line each."""
        lines = [f"  {sent.at_s:9.3f} s {sent.action} {json.dumps(sent.payload)}" for sent in self.sent[self._cursor :]]
        return "\n".join(lines) or "  (nothing)"

    def statuses(self, connector: int = 1) -> list[ChargePointStatus]:
        """Every status that was told, in order."""
        return [told.status for told in self.told if told.connector == connector]

    def status(self, connector: int = 1) -> ChargePointStatus:
        """The status that was told last."""
        return self.last_told(connector).status

    def last_told(self, connector: int = 1) -> Told:
        return next(told for told in reversed(self.told) if told.connector == connector)

    def contactor(self, connector: int = 1) -> bool:
        """The contacts are closed."""
        return self.plants[connector].closed

    def locked(self, connector: int = 1) -> bool:
        return self.plants[connector].locked

    def offer(self, connector: int = 1) -> float | None:
        return self.plants[connector].offered_a

    def shown(self, connector: int = 1) -> Pattern:
        """What the lamp shows."""
        shown = self.plants[connector].shown
        assert shown is not None, "nothing was shown"
        return shown[0]

    def stop_reason(self) -> Reason | None:
        """The reason of the newest transaction in the store, None while it runs."""
        return self.store.newest().stop_reason

    def refusal(self, connector: int = 1) -> Refusal | None:
        """Why the lamp says that a card was refused."""
        shown = self.plants[connector].shown
        return shown[1] if shown else None

    def trouble(self, connector: int = 1) -> Trouble | None:
        """What the lamp says is wrong."""
        shown = self.plants[connector].shown
        return shown[2] if shown else None

    def story_call(self, sent: Sent, connection: int) -> None:
        """Notes a CALL of the station."""
        self.sent.append(sent)
        if sent.action == "StatusNotification":
            told = sent.payload
            status = ChargePointStatus(told["status"])
            self.told.append(Told(told["connectorId"], status, told["errorCode"], told.get("info"), connection))


def _has(payload: Payload, fields: dict[str, Any]) -> bool:
    return all(payload.get(name) == value for name, value in fields.items())

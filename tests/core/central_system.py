"""The Central System of a story: answers each CALL as it is told, by default as a friendly one would."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from chargepoint.core.records import IdTagRecord
from chargepoint.messages import AuthorizationStatus

Payload = dict[str, Any]


class Refuse(Struct, frozen=True):
    """A CALLERROR."""

    code: str = "GenericError"
    description: str = "not today"


class Silence(Struct, frozen=True):
    """No answer, ever."""


class Cut(Struct, frozen=True):
    """The connection goes away instead of an answer."""


class After(Struct, frozen=True):
    """The answer comes late."""

    seconds: float
    answer: "Payload | Refuse | Silence | Cut"


Answer = Payload | Refuse | Silence | Cut | After
Rule = Answer | Callable[[Payload], Answer]

ACCEPTED: Payload = {"idTagInfo": {"status": "Accepted"}}


def id_tag_info(status: str = "Accepted", parent: str | None = None, expiry: str | None = None) -> Payload:
    """{"idTagInfo": ...}, for Authorize and others."""
    info: Payload = {"status": status}
    if parent is not None:
        info["parentIdTag"] = parent
    if expiry is not None:
        info["expiryDate"] = expiry
    return {"idTagInfo": info}


def listed(id_tag: str, status: str = "Accepted", parent: str | None = None, expiry_s: float | None = None) -> IdTagRecord:
    """An entry of the local list or of the cache, for `World.store`."""
    return IdTagRecord(id_tag=id_tag, status=AuthorizationStatus(status), parent_id_tag=parent, expiry_s=expiry_s)


class CentralSystem:
    """`once` answers the next CALLs of an action, in order; `always` all of them after that."""

    def __init__(self, wall_s: Callable[[], float]) -> None:
        self._wall_s = wall_s
        self._once: dict[str, deque[Rule]] = {}
        self._always: dict[str, Rule] = {}
        self.next_transaction_id = 1001
        self.heartbeat_s = 300

    def once(self, action: str, *rules: Rule) -> None:
        self._once.setdefault(action, deque()).extend(rules)

    def always(self, action: str, rule: Rule) -> None:
        self._always[action] = rule

    def friendly(self, action: str) -> None:
        """Forgets every rule of the action."""
        self._always.pop(action, None)
        self._once.pop(action, None)

    def answer(self, action: str, payload: Payload) -> Answer:
        waiting = self._once.get(action)
        rule = waiting.popleft() if waiting else self._always.get(action)
        if rule is None:
            return self.default(action)
        return rule(payload) if callable(rule) else rule

    def default(self, action: str) -> Payload:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": self.time(), "interval": self.heartbeat_s}
            case "Heartbeat":
                return {"currentTime": self.time()}
            case "Authorize":
                return ACCEPTED
            case "StartTransaction":
                self.next_transaction_id += 1
                return {**ACCEPTED, "transactionId": self.next_transaction_id - 1}
            case "DataTransfer":
                return {"status": "Accepted"}
            case _:
                return {}

    def time(self, at_s: float | None = None) -> str:
        """The true time of day, or another instant in seconds since 1970."""
        return datetime.fromtimestamp(self._wall_s() if at_s is None else at_s, UTC).isoformat().replace("+00:00", "Z")

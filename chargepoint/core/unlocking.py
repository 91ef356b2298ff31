"""Unlocking: UnlockConnector, whose answer waits for the lock (OCPP 1.6 section 5.18).

Owns the answers that are owed. Refuses to move a lock itself. The StopTransaction of a session that it ends follows the answer.
"""

from msgspec import Struct

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.effects import SendFrame
from chargepoint.core.faults import Fault
from chargepoint.core.power import Power
from chargepoint.core.records import Charging
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step
from chargepoint.messages import Reason, UnlockConnectorConf, UnlockStatus, encode_result

ANSWER_S = 6.0
OWED_MAX = 32


class Owed(Struct, frozen=True):
    connector: int
    message_id: str
    until_s: float
    moved: bool = False


class Unlocking:
    def __init__(self, blocks: Blocks, sessions: Sessions, power: Power) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._power = power
        self._owed: list[Owed] = []

    def ask(self, number: int, message_id: str, step: Step) -> UnlockStatus | None:
        """The answer where it is known at once; None where it follows when the lock has moved."""
        connector = self._blocks.connectors.get(number)
        if connector is None or connector.site.tethered or not connector.site.has_lock:
            return UnlockStatus.NotSupported
        if connector.locked is None or len(self._owed) >= OWED_MAX:
            return UnlockStatus.UnlockFailed
        if isinstance(connector.session, Charging):
            self._sessions.stop(connector, Reason.UnlockCommand, None, step)
        self._sessions.let_go(connector, step)
        self._power.hurry(connector)
        self._sessions.release(connector, step)
        self._owed.append(Owed(number, message_id, step.mono_s + ANSWER_S))
        connector.unlock_owed = True
        self._move(connector, step)
        return None

    def settle(self, step: Step) -> None:
        """Moves what may move now, and answers what is decided."""
        for owed in list(self._owed):
            connector = self._blocks.connectors[owed.connector]
            if connector.locked is False and owed.moved and connector.lock_retry_s is None:
                self._answer(owed, UnlockStatus.Unlocked, step)
            elif (owed.moved and _jammed(connector)) or step.mono_s >= owed.until_s:
                self._answer(owed, UnlockStatus.UnlockFailed, step)
            elif not owed.moved:
                self._move(connector, step)

    def link_down(self) -> None:
        """Nobody waits for the answers any more."""
        self._owed.clear()
        for connector in self._blocks.connectors.values():
            connector.unlock_owed = False

    def deadline(self) -> float | None:
        return min(owed.until_s for owed in self._owed) if self._owed else None

    def _move(self, connector: Connector, step: Step) -> None:
        """Not under load: the contacts must have opened first."""
        if connector.energised:
            return
        connector.lock_tries = 0
        self._power.move_lock(connector, False, step)
        self._owed = [
            Owed(one.connector, one.message_id, one.until_s, True) if one.connector == connector.number else one
            for one in self._owed
        ]

    def _answer(self, owed: Owed, status: UnlockStatus, step: Step) -> None:
        self._owed.remove(owed)
        self._blocks.connectors[owed.connector].unlock_owed = any(one.connector == owed.connector for one in self._owed)
        step.then(SendFrame(encode_result(owed.message_id, UnlockConnectorConf(status=status))))


def _jammed(connector: Connector) -> bool:
    """The lock was tried again since it was asked, and does not move: a jam of the past may have come loose."""
    return Fault.LOCK_JAMMED in connector.faults and connector.lock_tries > 1

"""Departure: how the process ends, by a Reset or by the service manager (OCPP 1.6 section 5.14).

Owns the way out: sessions are ended, their StopTransactions stored, and then the process goes. Refuses to start anything again:
that is the service manager's.

Rules.
1. No contactor stays closed and no session begins from the first moment on.
2. A soft reset, and a restart that an installer or an installation of firmware asks for, waits, bounded, until the Central
   System has what it is owed; a hard one and a stop of the service wait only for the last meter readings, and bill after the
   next start (section 5.14): nobody would hear the answer. What is not delivered by then lies in the outbox.
"""

from typing import Literal

from chargepoint.core.blocks import Blocks, Leaving
from chargepoint.core.effects import Exit
from chargepoint.core.records import Ending
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step
from chargepoint.messages import Reason

Kind = Literal["stop", "restart", "soft_reset", "hard_reset", "firmware"]

REASONS: dict[Kind, Reason] = {
    "stop": Reason.Reboot,
    "restart": Reason.Reboot,
    "soft_reset": Reason.SoftReset,
    "hard_reset": Reason.HardReset,
    "firmware": Reason.Reboot,
}
DELIVERING: frozenset[Kind] = frozenset({"restart", "soft_reset", "firmware"})
PATIENCE_S: dict[Kind, float] = {"stop": 2.0, "restart": 15.0, "soft_reset": 15.0, "hard_reset": 2.0, "firmware": 15.0}


class Departure:
    def __init__(self, blocks: Blocks, sessions: Sessions) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._kind: Kind | None = None
        self._gone = False

    def begin(self, kind: Kind, step: Step) -> None:
        """From now on the station is leaving; a stop of the service overtakes a soft reset."""
        self._kind = kind
        self._blocks.leaving = Leaving(kind, step.mono_s + PATIENCE_S[kind], kind in DELIVERING)
        step.log("info", f"The station is leaving ({kind}).", event="leaving")
        for connector in self._blocks.connectors.values():
            self._sessions.stop(connector, REASONS[kind], None, step)

    def leave_where_possible(self, step: Step) -> None:
        """Every session is closed (or it has been waited long enough): the process ends."""
        leaving = self._blocks.leaving
        if leaving is None or self._kind is None or self._gone:
            return
        late = step.mono_s >= leaving.until_s
        if late:
            self._sessions.finish_now(step)
        open_sessions = any(isinstance(one.session, Ending) for one in self._blocks.connectors.values())
        owed = leaving.delivers and self._blocks.online and self._owed(step)
        if late or not (open_sessions or owed):
            self._gone = True
            step.last(Exit(self._kind))

    def _owed(self, step: Step) -> bool:
        """The Central System has not heard everything yet."""
        blocks = self._blocks
        if (
            blocks.outbox.queued > 0
            or blocks.notifier.pending
            or blocks.firmware.notices.pending
            or blocks.diagnostics.notices.pending
        ):
            return True
        return blocks.tells_events and blocks.security_log.wants(step.mono_s)

    def deadline(self) -> float | None:
        return self._blocks.leaving.until_s if self._blocks.leaving is not None and not self._gone else None

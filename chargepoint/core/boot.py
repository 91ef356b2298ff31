"""Boot: the station's registration with the Central System, and its heartbeat (OCPP 1.6 sections 4.2, 4.6, 6.5, 6.6).

Owns when BootNotification and Heartbeat are due and what their answers mean. Refuses to know what else may be sent.

Rules.
1. BootNotification once per start of the station, not per connection; nothing else is sent of our own accord until Accepted.
2. Not accepted: again after the interval of the answer; 0 means our own, growing from 10 s to 5 min. No answer or a
   CALLERROR: the same.
3. Rejected: silence until the interval has passed, over reconnects too, and its CALLs are not answered. Pending: the Central
   System may configure and trigger.
4. A heartbeat is due when nothing was sent for HeartbeatInterval; and where there is always something to send, when the time
   was not asked for as long, an hour at least: nothing else brings it.
"""

from chargepoint.core.step import Step
from chargepoint.messages import BootNotificationConf, RegistrationStatus

RETRY_MIN_S = 10.0
RETRY_MAX_S = 300.0
TIME_EVERY_S = 3_600.0  # the clock of a small computer goes wrong by 0.2 s meanwhile


class Boot:
    def __init__(self) -> None:
        self.status: RegistrationStatus | None = None
        self._due_s: float | None = 0.0
        self._retry_s = RETRY_MIN_S
        self.triggered = False
        self.heartbeat_triggered = False
        self._last_sent_s = 0.0
        self._last_asked_s = 0.0  # for the time: by a heartbeat or a BootNotification

    @property
    def accepted(self) -> bool:
        return self.status is RegistrationStatus.Accepted

    @property
    def silent(self) -> bool:
        """Rejected and told to wait: not a word."""
        return self.status is RegistrationStatus.Rejected

    def due(self, mono_s: float) -> bool:
        """A BootNotification is to be sent."""
        return self.triggered or (self._due_s is not None and mono_s >= self._due_s)

    def heartbeat_due(self, mono_s: float, interval_s: int) -> bool:
        due_s = self._heartbeat_s(interval_s)
        return due_s is not None and mono_s >= due_s

    def _heartbeat_s(self, interval_s: int) -> float | None:
        if not self.accepted or interval_s <= 0:
            return None
        return min(self._last_sent_s + interval_s, self._last_asked_s + max(interval_s, TIME_EVERY_S))

    def deadline(self, interval_s: int) -> float | None:
        if self._due_s is not None:
            return self._due_s
        return self._heartbeat_s(interval_s)

    def sent(self, mono_s: float, *, asks_time: bool) -> None:
        """Any CALL went out. asks_time: its answer tells the time."""
        self._last_sent_s = mono_s
        if asks_time:
            self._last_asked_s = mono_s

    def answered(self, conf: BootNotificationConf, step: Step) -> bool:
        """Takes the answer; True where it is the one that makes the station Accepted."""
        was_accepted = self.accepted
        self.status = conf.status
        if self.accepted:
            self._due_s = None
            self._retry_s = RETRY_MIN_S
            return not was_accepted
        wait_s = float(conf.interval) if conf.interval > 0 else self._backoff()
        self._due_s = step.mono_s + wait_s
        step.log("warning", f"The Central System answered BootNotification with {conf.status}; again in {wait_s:.0f} s.")
        return False

    def failed(self, text: str, step: Step) -> None:
        """A CALLERROR or no answer."""
        if self.accepted:
            return
        wait_s = self._backoff()
        self._due_s = step.mono_s + wait_s
        step.log("warning", f"BootNotification failed ({text}); again in {wait_s:.0f} s.")

    def _backoff(self) -> float:
        wait_s, self._retry_s = self._retry_s, min(self._retry_s * 2, RETRY_MAX_S)
        return wait_s

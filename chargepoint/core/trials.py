"""Trials: closing a contactor once for an installer, without a car.

Owns when that may be, how long it lasts, and what was seen. Refuses to command anything: `power` closes what a trial wants
closed and opens it when the trial is over; contacts that do not follow are `supervision`'s.

A trial is begun only where nothing is plugged in (pilot A, no cable in the socket), no session runs, nothing is wrong and the
station is not leaving. It ends HOLD_S after the contacts were seen closed, when they had their time, and at once when any of
that changes. Nobody can be charged by it: there is no session, no offer on the pilot, and no car.
"""

from typing import Any

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector
from chargepoint.core.records import Idle
from chargepoint.core.step import Step
from chargepoint.facts import PilotState

HOLD_S = 1.0


class Trial:
    """until_s: the contactor opens then. closed_after_s, opened_after_s: how long the contacts took."""

    def __init__(self, now_s: float, until_s: float) -> None:
        self.began_s = now_s
        self.until_s: float | None = until_s
        self.let_go_s = 0.0
        self.closed_after_s: float | None = None
        self.opened_after_s: float | None = None
        self.cut_short = False


class Trials:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._trials: dict[int, Trial] = {}

    def begin(self, connector: Connector, step: Step) -> str | None:
        """Returns why it must not be, in words."""
        refused = self._forbids(connector)
        if refused is None and self.runs(connector.number):
            refused = "its test runs already"
        if refused is not None:
            return f"connector {connector.number}: {refused}"
        self._trials[connector.number] = Trial(step.mono_s, step.mono_s + connector.site.closing_s + HOLD_S)
        step.log("warning", "An installer tests the contactor: it closes for a moment.", connector=connector.number)
        return None

    def runs(self, number: int) -> bool:
        trial = self._trials.get(number)
        return trial is not None and trial.until_s is not None

    def closes(self, connector: Connector, step: Step) -> bool:
        """Whether a trial wants the contactor closed now. Ends a trial that is over."""
        trial = self._trials.get(connector.number)
        if trial is None or trial.until_s is None:
            return False
        trial.cut_short = self._forbids(connector) is not None
        if trial.cut_short or step.mono_s >= trial.until_s:
            trial.until_s = None
            trial.let_go_s = step.mono_s
        return trial.until_s is not None

    def moved(self, connector: Connector, closed: bool, step: Step) -> None:
        """The contacts moved, as their feedback says."""
        trial = self._trials.get(connector.number)
        if trial is None or connector.in_transaction:
            return
        if closed and trial.until_s is not None and trial.closed_after_s is None:
            trial.closed_after_s = step.mono_s - trial.began_s
            trial.until_s = step.mono_s + HOLD_S
        elif not closed and trial.until_s is None and trial.opened_after_s is None:
            trial.opened_after_s = step.mono_s - trial.let_go_s

    def deadline(self) -> float | None:
        return min((trial.until_s for trial in self._trials.values() if trial.until_s is not None), default=None)

    def view(self, number: int) -> dict[str, Any] | None:
        """The newest trial, for people. result: running, passed, cut_short, no_feedback, or failed."""
        trial = self._trials.get(number)
        if trial is None:
            return None
        times = trial.closed_after_s, trial.opened_after_s
        return {
            "result": self._result(trial, number),
            "closed_after_s": _rounded(times[0]),
            "opened_after_s": _rounded(times[1]),
        }

    def _result(self, trial: Trial, number: int) -> str:
        if trial.until_s is not None:
            return "running"
        if trial.closed_after_s is not None and trial.opened_after_s is not None:
            return "passed"
        if trial.cut_short and not self._blocks.connectors[number].latched:
            return "cut_short"
        return "no_feedback" if self._blocks.connectors[number].closed is None else "failed"

    def _forbids(self, connector: Connector) -> str | None:
        """What stands against it, the first that is found."""
        if not isinstance(connector.session, Idle):
            return "a session runs or was not finished; wait until it is over and the cable is out"
        if connector.plugged:
            return "a car or a cable is plugged in; the test is made without"
        if connector.pilot is None or connector.pilot.state is not PilotState.A:
            return "the pilot does not say that there is no car"
        if connector.blocked:
            return "it is faulted; mend that first"
        if "contactor" in connector.lost:
            return f"its contactor does not answer ({connector.lost['contactor']})"
        if self._blocks.leaving is not None:
            return "the station is about to end"
        return None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

"""Reports: what is said of each connector, to the Central System and on its lamp (OCPP 1.6 sections 4.9, 6.47, 7.6, 7.7).

Owns the step from facts to StatusNotification contents and patterns. Refuses to know when they are sent (`notifier`).

Lost mains are Faulted when they have lasted MAINS_TOLD_S. Before that nothing is energised and the lamp shows it, but a station
that only lives on for as long as its battery lasts tells what became of its sessions (Finishing), and a dip is nobody's fault.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.connector import Connector, status_of
from chargepoint.core.faults import RULES, Fault, blocking, trouble_of, worst
from chargepoint.core.lamps import View
from chargepoint.core.notifier import Report
from chargepoint.core.records import Charging, Ending, Finishing, Idle
from chargepoint.core.step import Step
from chargepoint.facts import Lights, PilotState
from chargepoint.messages import ChargePointErrorCode, ChargePointStatus, Reason, RegistrationStatus

EV_SIDE = "EV side disconnected"
MAINS_TOLD_S = 30.0
FAULT_REASONS = {rule.ends for rule in RULES.values()} - {None}
LEFT = (ChargePointStatus.SuspendedEV, ChargePointStatus.Finishing)


class Reports:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._dark_s: float | None = None  # since when the mains is lost

    def update(self, step: Step) -> None:
        """Brings notifier and lamps in line with the facts."""
        blocks = self._blocks
        hold_s = blocks.keys.whole("MinimumStatusDuration")
        dark = any(Fault.MAINS_LOST in one.all_faults for one in blocks.connectors.values())
        self._dark_s = (step.mono_s if self._dark_s is None else self._dark_s) if dark else None
        blocks.notifier.update(0, self._of_station(step), step.mono_s, hold_s)
        blocks.lamps.adjust(self._lights(), step)
        for connector in blocks.connectors.values():
            report = self.of(connector, step)
            if blocks.notifier.update(connector.number, report, step.mono_s, hold_s):
                step.log("info", _line(report), connector=connector.number, event="status")
            shown = ChargePointStatus.Faulted if connector.blocked else report.status
            blocks.lamps.update(connector.number, self._view(connector, shown), step)

    def of(self, connector: Connector, step: Step) -> Report:
        faults = self._told(connector.all_faults, step)
        facts = connector.facts(
            faulted=blocking(faults),
            authorised=self._blocks.starts.holds(connector.number),
            mono_s=step.mono_s,
            reserved=self._blocks.reserved(connector),
        )
        own = {fault for fault in faults if fault in connector.faults or RULES[fault].blocks}
        return _report(status_of(facts), own, EV_SIDE if _left(connector) else None)

    def _told(self, faults: set[Fault], step: Step) -> set[Fault]:
        """Without lost mains that are too fresh to be told."""
        fresh = self._dark_s is None or step.mono_s < self._dark_s + MAINS_TOLD_S
        return faults - {Fault.MAINS_LOST} if fresh else faults

    def _lights(self) -> Lights:
        keys = self._blocks.keys
        return Lights(
            intensity_percent=keys.whole("LightIntensity"),
            blink_repeat=keys.whole("BlinkRepeat"),
            offline=not self._blocks.online,
        )

    def _view(self, connector: Connector, status: ChargePointStatus) -> View:
        blocks = self._blocks
        session = connector.session
        return View(
            status=status,
            known=connector.pilot is not None,
            trouble=trouble_of(connector.all_faults) if status is ChargePointStatus.Faulted else None,
            cut_short=isinstance(session, Ending | Finishing) and session.reason in FAULT_REASONS,
            waits_for_plug=blocks.starts.first(connector.number) is not None and not connector.vehicle,
            session_runs=isinstance(session, Charging) or connector.beginning,
            free_vend=blocks.site.free_vend,
            let_go=connector.let_go,
            updating=connector.held_back,
            setting_up=blocks.boot.status in (RegistrationStatus.Pending, RegistrationStatus.Rejected),
            shut=self._shut(),
        )

    def _shut(self) -> bool:
        """Without the Central System nobody may begin to charge, and it is not there."""
        keys = self._blocks.keys
        if self._blocks.online or self._blocks.site.free_vend or keys.boolean("AllowOfflineTxForUnknownId"):
            return False
        known = keys.boolean("LocalAuthListEnabled") or keys.boolean("AuthorizationCacheEnabled")
        return not (known and keys.boolean("LocalAuthorizeOffline"))

    def _of_station(self, step: Step) -> Report:
        """Connector 0 knows Available, Unavailable and Faulted only."""
        faults = self._told(self._blocks.station_faults, step)
        if blocking(faults):
            return _report(ChargePointStatus.Faulted, faults)
        operative = self._blocks.station.operative
        return _report(ChargePointStatus.Available if operative else ChargePointStatus.Unavailable, faults)

    def deadline(self, mono_s: float) -> float | None:
        """When a car that was given time to ask for power has had it, or lost mains are to be told."""
        times = [
            one.grace_until_s
            for one in self._blocks.connectors.values()
            if isinstance(one.session, Charging) and not one.begun and mono_s < one.grace_until_s
        ]
        if self._dark_s is not None and mono_s < self._dark_s + MAINS_TOLD_S:
            times.append(self._dark_s + MAINS_TOLD_S)
        return min(times, default=None)


def _left(connector: Connector) -> bool:
    """The car was taken off in mid-session; whether that ended it is a setting (section 4.9 wants it said)."""
    match connector.session:
        case Charging():
            return connector.pilot is not None and connector.pilot.state is PilotState.A
        case Ending(reason=reason) | Finishing(reason=reason):
            return reason is Reason.EVDisconnected
        case Idle():
            return False


def _report(status: ChargePointStatus, faults: set[Fault], info: str | None = None) -> Report:
    fault = worst(faults)
    if fault is None:
        return Report(status=status, info=info if status in LEFT else None)
    return Report(status=status, error_code=RULES[fault].code, info=RULES[fault].text, vendor_error_code=fault)


def _line(report: Report) -> str:
    if report.error_code is ChargePointErrorCode.NoError:
        return f"Now {report.status}."
    return f"Now {report.status}: {report.error_code} ({report.info})."

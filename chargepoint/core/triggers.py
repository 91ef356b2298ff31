"""Triggers: TriggerMessage (OCPP 1.6 section 5.17) and ExtendedTriggerMessage (security extension, section 5.5).

Owns which message each trigger means. Refuses to send: it marks what is wanted, and `calls` sends it after the answer.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.certificates import Certificates
from chargepoint.core.samples import Samples
from chargepoint.core.step import Step
from chargepoint.messages import ExtendedMessageTrigger, MessageTrigger, TriggerMessageStatus


class Triggers:
    def __init__(self, blocks: Blocks, samples: Samples, certificates: Certificates) -> None:
        self._blocks = blocks
        self._samples = samples
        self._certificates = certificates

    def ask(self, message: MessageTrigger, connector: int | None, step: Step) -> TriggerMessageStatus:
        """Rejected where there is no such connector, or nothing to tell of it."""
        blocks = self._blocks
        numbers = [0, *blocks.connectors]
        if connector is not None and connector not in numbers:
            return TriggerMessageStatus.Rejected
        match message:
            case MessageTrigger.BootNotification:
                blocks.boot.triggered = True
            case MessageTrigger.Heartbeat:
                blocks.boot.heartbeat_triggered = True
            case MessageTrigger.StatusNotification:
                for number in numbers if connector is None else [connector]:
                    blocks.notifier.trigger(number)
            case MessageTrigger.MeterValues:
                if not self._samples.trigger(list(blocks.connectors) if connector is None else [connector], step):
                    return TriggerMessageStatus.Rejected
            case MessageTrigger.FirmwareStatusNotification | MessageTrigger.DiagnosticsStatusNotification:
                if "FirmwareManagement" not in blocks.keys.members("SupportedFeatureProfiles"):
                    return TriggerMessageStatus.NotImplemented
                firmware = message is MessageTrigger.FirmwareStatusNotification
                (blocks.firmware.notices if firmware else blocks.diagnostics.notices).trigger()
        return TriggerMessageStatus.Accepted

    def ask_extended(self, message: ExtendedMessageTrigger, connector: int | None, step: Step) -> TriggerMessageStatus:
        """As `ask`; FirmwareStatusNotification means the signed one."""
        blocks = self._blocks
        if connector is not None and connector not in (0, *blocks.connectors):
            return TriggerMessageStatus.Rejected
        match message:
            case ExtendedMessageTrigger.SignChargePointCertificate:
                return self._certificates.sign_asked(step)
            case ExtendedMessageTrigger.LogStatusNotification:
                blocks.diagnostics.notices.trigger("extended")
            case ExtendedMessageTrigger.FirmwareStatusNotification:
                blocks.firmware.notices.trigger("extended")
            case _:
                return self.ask(MessageTrigger(message.value), connector, step)
        return TriggerMessageStatus.Accepted

"""Telling: what is to be told of maintenance and security, as CALLs (OCPP 1.6 sections 4.4, 4.5; A02, A04, L01, N01).

Owns which CALL a notice, an event or a signing request becomes, and what its answer means. Refuses to know whose turn it is.
"""

from msgspec import Struct
from msgspec.structs import replace

from chargepoint.core.blocks import Blocks
from chargepoint.core.maintenance_records import DiagnosticsNotice, FirmwareNotice, LogNotice, SignedNotice
from chargepoint.core.notices import Trigger
from chargepoint.core.purposes import CallPurpose, ForCertificate, ForNotice, ForSecurityEvent
from chargepoint.core.records import Stamp
from chargepoint.core.rpc import Outcome
from chargepoint.core.step import Step
from chargepoint.messages import (
    DiagnosticsStatusNotificationReq,
    FirmwareStatusNotificationReq,
    LogStatusNotificationReq,
    SecurityEventNotificationReq,
    SignCertificateConf,
    SignCertificateReq,
    SignedFirmwareStatus,
    SignedFirmwareStatusNotificationReq,
    UploadLogStatus,
    to_utc,
)


class Message(Struct, frozen=True):
    """A CALL that may go now."""

    action: str
    request: object
    purpose: CallPurpose


class Telling:
    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def notice(self) -> Message | None:
        """Where firmware and logs have come to, in the order in which it happened."""
        firmware, diagnostics = self._blocks.firmware.notices, self._blocks.diagnostics.notices
        if (installed := firmware.next_owed()) is not None:
            firmware.sent("owed")
            return _of_firmware(installed)
        if (uploaded := diagnostics.next_owed()) is not None:
            diagnostics.sent("owed")
            return _of_diagnostics(uploaded)
        return None

    def notice_asked(self) -> Message | None:
        """What a TriggerMessage or an ExtendedTriggerMessage asked for."""
        firmware, diagnostics = self._blocks.firmware, self._blocks.diagnostics
        in_order = self._blocks.boot.accepted
        if (kind := firmware.notices.wants_trigger(in_order=in_order)) is not None:
            firmware.notices.sent("triggered")
            return self._firmware_asked(kind)
        if (kind := diagnostics.notices.wants_trigger(in_order=in_order)) is not None:
            diagnostics.notices.sent("triggered")
            return self._diagnostics_asked(kind)
        return None

    def event(self, step: Step) -> Message | None:
        """The oldest security event that is owed, once it can be dated."""
        log, clock = self._blocks.security_log, self._blocks.clock
        record = log.next_owed(step.mono_s) if self._blocks.tells_events else None
        if record is None:
            return None
        if record.offset_s is None:
            offset_s = clock.offset_of(Stamp(record.boot, record.mono_s))
            if offset_s is None:
                return None  # the time is unknown: nothing without a date leaves
            record = replace(record, offset_s=offset_s)
        log.sending(record, step)
        timestamp = to_utc((record.offset_s or 0.0) + record.mono_s)
        request = SecurityEventNotificationReq(type=record.event, timestamp=timestamp, tech_info=record.info or None)
        return Message("SecurityEventNotification", request, ForSecurityEvent())

    def signing_request(self, step: Step) -> Message | None:
        """Before the station is accepted only what the Central System asked for."""
        signing = self._blocks.signing
        csr = signing.to_send(step.mono_s) if self._blocks.boot.accepted or signing.asked else None
        if csr is None:
            return None
        signing.sent()
        return Message("SignCertificate", SignCertificateReq(csr=csr), ForCertificate())

    def ended(self, outcome: Outcome[CallPurpose], step: Step) -> None:
        """One of these CALLs met its answer, or never will."""
        blocks = self._blocks
        match outcome.purpose:
            case ForNotice(about=about):
                (blocks.firmware if about == "firmware" else blocks.diagnostics).ended(outcome.kind, step)
            case ForSecurityEvent():
                blocks.security_log.ended(outcome.kind, step)
            case ForCertificate():
                status = outcome.conf.status if isinstance(outcome.conf, SignCertificateConf) else None
                blocks.signing.ended(outcome.kind, status, outcome.text, step)
            case _:
                raise AssertionError(f"{outcome.purpose} is nobody's here")

    def link_down(self) -> None:
        self._blocks.firmware.notices.link_down()
        self._blocks.diagnostics.notices.link_down()

    def _firmware_asked(self, kind: Trigger) -> Message:
        if kind == "plain":
            return _of_firmware(self._blocks.firmware.status)
        notice = self._blocks.firmware.signed_notice
        if notice is not None:
            return _of_firmware(notice)
        request = SignedFirmwareStatusNotificationReq(status=SignedFirmwareStatus.Idle)
        return Message("SignedFirmwareStatusNotification", request, ForNotice("firmware"))

    def _diagnostics_asked(self, kind: Trigger) -> Message:
        if kind == "plain":
            return _of_diagnostics(self._blocks.diagnostics.status)
        notice = self._blocks.diagnostics.log_notice
        if notice is not None:
            return _of_diagnostics(notice)
        request = LogStatusNotificationReq(status=UploadLogStatus.Idle)
        return Message("LogStatusNotification", request, ForNotice("diagnostics"))


def _of_firmware(notice: FirmwareNotice) -> Message:
    if isinstance(notice, SignedNotice):
        signed = SignedFirmwareStatusNotificationReq(status=notice.status, request_id=notice.request_id)
        return Message("SignedFirmwareStatusNotification", signed, ForNotice("firmware"))
    return Message("FirmwareStatusNotification", FirmwareStatusNotificationReq(status=notice), ForNotice("firmware"))


def _of_diagnostics(notice: DiagnosticsNotice) -> Message:
    if isinstance(notice, LogNotice):
        log = LogStatusNotificationReq(status=notice.status, request_id=notice.request_id)
        return Message("LogStatusNotification", log, ForNotice("diagnostics"))
    return Message("DiagnosticsStatusNotification", DiagnosticsStatusNotificationReq(status=notice), ForNotice("diagnostics"))

"""The table of actions: which messages belong together, who sends them, and to which profile they belong.

Owns nothing else: what an action does is the core's business.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from msgspec import Struct

from chargepoint.messages import core, firmware, local_list, reservation, security, smart_charging, trigger
from chargepoint.messages.types import Confirmation, Request


class FeatureProfile(StrEnum):
    """Feature profiles as SupportedFeatureProfiles spells them (section 3.3).

    Security is no feature profile of the specification: it names the actions of the security extension and is never sent.
    """

    Core = "Core"
    FirmwareManagement = "FirmwareManagement"
    LocalAuthListManagement = "LocalAuthListManagement"
    Reservation = "Reservation"
    SmartCharging = "SmartCharging"
    RemoteTrigger = "RemoteTrigger"
    Security = "Security"


Sender = Literal["central_system", "charge_point", "both"]
_CS: Sender = "central_system"
_CP: Sender = "charge_point"


class Action(Struct, frozen=True, kw_only=True):
    """One action: the struct of its CALL, that of its CALLRESULT, and who may send the CALL."""

    name: str
    req: type[Request]
    conf: type[Confirmation]
    sender: Sender
    profile: FeatureProfile


def _action(profile: FeatureProfile, sender: Sender, req: type[Request], conf: type[Confirmation]) -> Action:
    return Action(name=req.__name__.removesuffix("Req"), req=req, conf=conf, sender=sender, profile=profile)


_TABLE = (
    _action(FeatureProfile.Core, _CP, core.AuthorizeReq, core.AuthorizeConf),
    _action(FeatureProfile.Core, _CP, core.BootNotificationReq, core.BootNotificationConf),
    _action(FeatureProfile.Core, _CS, core.ChangeAvailabilityReq, core.ChangeAvailabilityConf),
    _action(FeatureProfile.Core, _CS, core.ChangeConfigurationReq, core.ChangeConfigurationConf),
    _action(FeatureProfile.Core, _CS, core.ClearCacheReq, core.ClearCacheConf),
    _action(FeatureProfile.Core, "both", core.DataTransferReq, core.DataTransferConf),
    _action(FeatureProfile.Core, _CS, core.GetConfigurationReq, core.GetConfigurationConf),
    _action(FeatureProfile.Core, _CP, core.HeartbeatReq, core.HeartbeatConf),
    _action(FeatureProfile.Core, _CP, core.MeterValuesReq, core.MeterValuesConf),
    _action(FeatureProfile.Core, _CS, core.RemoteStartTransactionReq, core.RemoteStartTransactionConf),
    _action(FeatureProfile.Core, _CS, core.RemoteStopTransactionReq, core.RemoteStopTransactionConf),
    _action(FeatureProfile.Core, _CS, core.ResetReq, core.ResetConf),
    _action(FeatureProfile.Core, _CP, core.StartTransactionReq, core.StartTransactionConf),
    _action(FeatureProfile.Core, _CP, core.StatusNotificationReq, core.StatusNotificationConf),
    _action(FeatureProfile.Core, _CP, core.StopTransactionReq, core.StopTransactionConf),
    _action(FeatureProfile.Core, _CS, core.UnlockConnectorReq, core.UnlockConnectorConf),
    _action(
        FeatureProfile.FirmwareManagement,
        _CP,
        firmware.DiagnosticsStatusNotificationReq,
        firmware.DiagnosticsStatusNotificationConf,
    ),
    _action(
        FeatureProfile.FirmwareManagement, _CP, firmware.FirmwareStatusNotificationReq, firmware.FirmwareStatusNotificationConf
    ),
    _action(FeatureProfile.FirmwareManagement, _CS, firmware.GetDiagnosticsReq, firmware.GetDiagnosticsConf),
    _action(FeatureProfile.FirmwareManagement, _CS, firmware.UpdateFirmwareReq, firmware.UpdateFirmwareConf),
    _action(FeatureProfile.LocalAuthListManagement, _CS, local_list.GetLocalListVersionReq, local_list.GetLocalListVersionConf),
    _action(FeatureProfile.LocalAuthListManagement, _CS, local_list.SendLocalListReq, local_list.SendLocalListConf),
    _action(FeatureProfile.Reservation, _CS, reservation.CancelReservationReq, reservation.CancelReservationConf),
    _action(FeatureProfile.Reservation, _CS, reservation.ReserveNowReq, reservation.ReserveNowConf),
    _action(FeatureProfile.SmartCharging, _CS, smart_charging.ClearChargingProfileReq, smart_charging.ClearChargingProfileConf),
    _action(FeatureProfile.SmartCharging, _CS, smart_charging.GetCompositeScheduleReq, smart_charging.GetCompositeScheduleConf),
    _action(FeatureProfile.SmartCharging, _CS, smart_charging.SetChargingProfileReq, smart_charging.SetChargingProfileConf),
    _action(FeatureProfile.RemoteTrigger, _CS, trigger.TriggerMessageReq, trigger.TriggerMessageConf),
    _action(FeatureProfile.Security, _CS, security.CertificateSignedReq, security.CertificateSignedConf),
    _action(FeatureProfile.Security, _CS, security.DeleteCertificateReq, security.DeleteCertificateConf),
    _action(FeatureProfile.Security, _CS, security.ExtendedTriggerMessageReq, security.ExtendedTriggerMessageConf),
    _action(FeatureProfile.Security, _CS, security.GetInstalledCertificateIdsReq, security.GetInstalledCertificateIdsConf),
    _action(FeatureProfile.Security, _CS, security.GetLogReq, security.GetLogConf),
    _action(FeatureProfile.Security, _CS, security.InstallCertificateReq, security.InstallCertificateConf),
    _action(FeatureProfile.Security, _CP, security.LogStatusNotificationReq, security.LogStatusNotificationConf),
    _action(FeatureProfile.Security, _CP, security.SecurityEventNotificationReq, security.SecurityEventNotificationConf),
    _action(FeatureProfile.Security, _CP, security.SignCertificateReq, security.SignCertificateConf),
    _action(
        FeatureProfile.Security,
        _CP,
        security.SignedFirmwareStatusNotificationReq,
        security.SignedFirmwareStatusNotificationConf,
    ),
    _action(FeatureProfile.Security, _CS, security.SignedUpdateFirmwareReq, security.SignedUpdateFirmwareConf),
)

ACTIONS: Mapping[str, Action] = MappingProxyType({action.name: action for action in _TABLE})
ACTION_OF: Mapping[type[Request | Confirmation], Action] = MappingProxyType(
    {message: action for action in _TABLE for message in (action.req, action.conf)}
)

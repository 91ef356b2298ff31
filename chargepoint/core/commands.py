"""Commands: what the Central System may ask, and the answers (OCPP 1.6 section 5).

Owns one handler per action. Refuses to know frames: it is given decoded requests and returns confirmations; None means that the
answer comes later (`answers`). An action of a feature profile that is not offered is NotSupported, save ReserveNow, which has a
status for that; an unknown one is NotImplemented; the station's own actions, sent to it, are NotSupported.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chargepoint.core.authorization import Verdict
from chargepoint.core.blocks import Blocks
from chargepoint.core.cards import Cards
from chargepoint.core.certificates import Certificates
from chargepoint.core.charging_commands import ChargingCommands
from chargepoint.core.connector import Connector
from chargepoint.core.data_transfer import answer_data_transfer
from chargepoint.core.departure import Departure
from chargepoint.core.effects import SendFrame, SetCredentials, SetPingInterval
from chargepoint.core.faults import Fault
from chargepoint.core.listing import Listing
from chargepoint.core.maintenance import Maintenance
from chargepoint.core.purposes import ByRemote
from chargepoint.core.records import Charging, ClearIdCache, PutConnector
from chargepoint.core.reserving import Reserving
from chargepoint.core.securing import Securing
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step, Touched
from chargepoint.core.triggers import Triggers
from chargepoint.core.unlocking import Unlocking
from chargepoint.core.watch import Watch
from chargepoint.messages import (
    ACTIONS,
    AuthorizationStatus,
    AvailabilityStatus,
    AvailabilityType,
    Call,
    ChangeAvailabilityConf,
    ChangeAvailabilityReq,
    ChangeConfigurationConf,
    ChangeConfigurationReq,
    ClearCacheConf,
    ClearCacheReq,
    ClearCacheStatus,
    ConfigurationStatus,
    DataTransferConf,
    DataTransferReq,
    ErrorCode,
    ExtendedTriggerMessageConf,
    ExtendedTriggerMessageReq,
    FeatureProfile,
    GetConfigurationConf,
    GetConfigurationReq,
    PayloadError,
    Reason,
    RemoteStartStopStatus,
    RemoteStartTransactionConf,
    RemoteStartTransactionReq,
    RemoteStopTransactionConf,
    RemoteStopTransactionReq,
    ResetConf,
    ResetReq,
    ResetStatus,
    ResetType,
    TriggerMessageConf,
    TriggerMessageReq,
    UnlockConnectorConf,
    UnlockConnectorReq,
    decode_req,
    encode_error,
    encode_result,
)

Handler = Callable[[Any, str, Step], Any]

TOUCHES = {
    "DataTransfer": Touched.NOTHING,
    "GetCompositeSchedule": Touched.NOTHING,
    "GetConfiguration": Touched.NOTHING,
    "GetLocalListVersion": Touched.NOTHING,
    "TriggerMessage": Touched.CALLS,
}
"""How much an action can touch, where that is less than facts."""

REFUSES_ITSELF = frozenset({"ReserveNow"})
"""Actions that are answered with a status of their own where their profile is not offered."""


class Commands:
    def __init__(
        self,
        blocks: Blocks,
        sessions: Sessions,
        cards: Cards,
        triggers: Triggers,
        unlocking: Unlocking,
        departure: Departure,
        reserving: Reserving,
        listing: Listing,
        charging: ChargingCommands,
        maintenance: Maintenance,
        securing: Securing,
        certificates: Certificates,
        watch: Watch,
    ) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._cards = cards
        self._triggers = triggers
        self._unlocking = unlocking
        self._departure = departure
        self._charging = charging
        self._securing = securing
        self._watch = watch
        self._handlers: dict[str, Handler] = {
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "DataTransfer": self._data_transfer,
            "CancelReservation": reserving.cancel,
            "CertificateSigned": certificates.signed,
            "ClearChargingProfile": charging.clear_profile,
            "DeleteCertificate": certificates.delete,
            "ExtendedTriggerMessage": self._trigger_extended,
            "GetCompositeSchedule": charging.composite_schedule,
            "GetConfiguration": self._get_configuration,
            "GetDiagnostics": maintenance.get_diagnostics,
            "GetInstalledCertificateIds": certificates.installed_ids,
            "GetLocalListVersion": listing.version,
            "GetLog": maintenance.get_log,
            "InstallCertificate": certificates.install,
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "ReserveNow": reserving.reserve,
            "Reset": self._reset,
            "SendLocalList": listing.send,
            "SetChargingProfile": charging.set_profile,
            "SignedUpdateFirmware": maintenance.signed_update,
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock,
            "UpdateFirmware": maintenance.update_firmware,
        }

    def called(self, call: Call, step: Step) -> Touched:
        """Answers a CALL; every CALL gets exactly one answer, now or from the block that owes it. How much it touched."""
        action = ACTIONS.get(call.action)
        handler = self._handlers.get(call.action)
        if action is None:
            self._error(call, ErrorCode.NotImplemented, f"{call.action[:50]} is no action of OCPP 1.6", step)
            return Touched.NOTHING
        if handler is None or not (self._offered(action.profile) or call.action in REFUSES_ITSELF):
            self._error(call, ErrorCode.NotSupported, f"{call.action} is not offered by this station", step)
            return Touched.NOTHING
        try:
            req = decode_req(action, call.payload)
        except PayloadError as error:
            self._watch.invalid_message(f"{call.action}: {error.code}", step)
            self._error(call, error.code, error.description, step)
            return Touched.FACTS
        self._blocks.extension_used |= action.profile is FeatureProfile.Security
        try:
            conf = handler(req, call.message_id, step)
        except PayloadError as error:
            self._error(call, error.code, error.description, step)
        else:
            if conf is not None:
                step.then(SendFrame(encode_result(call.message_id, conf)))
        return TOUCHES.get(call.action, Touched.FACTS)

    def _offered(self, profile: str) -> bool:
        return profile in ("Core", "Security") or profile in self._blocks.keys.members("SupportedFeatureProfiles")

    @staticmethod
    def _error(call: Call, code: ErrorCode, description: str, step: Step) -> None:
        step.log("warning", f"{call.action[:50]} was answered with {code}: {description}")
        step.then(SendFrame(encode_error(call.message_id, code, description)))

    def _change_availability(self, req: ChangeAvailabilityReq, _: str, step: Step) -> ChangeAvailabilityConf:
        """Section 5.2. Connector 0 means the station and every connector. A running transaction is waited for."""
        blocks = self._blocks
        if req.connector_id != 0 and req.connector_id not in blocks.connectors:
            return ChangeAvailabilityConf(status=AvailabilityStatus.Rejected)
        operative = req.type is AvailabilityType.Operative
        if req.connector_id == 0:
            blocks.station = replace(blocks.station, operative=operative)
            step.change(PutConnector(blocks.station))
        targets = list(blocks.connectors.values()) if req.connector_id == 0 else [blocks.connectors[req.connector_id]]
        scheduled = [one for one in targets if not self._set_availability(one, operative, step)]
        return ChangeAvailabilityConf(status=AvailabilityStatus.Scheduled if scheduled else AvailabilityStatus.Accepted)

    def _set_availability(self, connector: Connector, operative: bool, step: Step) -> bool:
        """False where it must wait for the transaction's end."""
        waits = connector.in_transaction and connector.operative != operative
        if waits:
            connector.pending = "operative" if operative else "inoperative"
        else:
            connector.pending = None
            connector.operative = operative
        self._blocks.store(connector, step)
        return not waits

    def _change_configuration(self, req: ChangeConfigurationReq, _: str, step: Step) -> ChangeConfigurationConf:
        """Section 5.3."""
        return ChangeConfigurationConf(status=self.set_key(req.key, req.value, step)[0])

    def set_key(self, name: str, value: str, step: Step) -> tuple[ConfigurationStatus, str]:
        """Changes a key, for the Central System or the control socket, and lets the shell know where it must."""
        if name.lower() == "securityprofile":
            status, wrong = self._securing.set_profile(value, step)
        else:
            status, wrong = self._blocks.keys.change(name, value, step)
        if status is not ConfigurationStatus.Accepted:
            step.log("info", f"A configuration change was refused: {wrong}")
        elif name.lower() == "websocketpinginterval":
            step.then(SetPingInterval(self._blocks.keys.whole("WebSocketPingInterval")))
        elif name.lower() == "authorizationkey":
            self._securing.key_given(step)
            self._watch.reconfigured("AuthorizationKey was changed", step)
            step.last(SetCredentials(self._blocks.keys.text("AuthorizationKey")))
        elif name.lower() in ("securityprofile", "cponame", "allowcentralsystemtlswildcards"):
            self._watch.reconfigured(f"{name} is {value[:64]!r}", step)
            if name.lower() == "allowcentralsystemtlswildcards":
                self._securing.wildcards(step)
        elif name.lower() == "localauthlistenabled":
            self._blocks.station_faults.discard(Fault.LOCAL_LIST_CONFLICT)
        return status, wrong

    def _clear_cache(self, _: ClearCacheReq, __: str, step: Step) -> ClearCacheConf:
        """Section 5.4: the authorisation cache and nothing else."""
        if not self._blocks.keys.boolean("AuthorizationCacheEnabled"):
            return ClearCacheConf(status=ClearCacheStatus.Rejected)
        step.change(ClearIdCache())
        return ClearCacheConf(status=ClearCacheStatus.Accepted)

    def _data_transfer(self, req: DataTransferReq, _: str, __: Step) -> DataTransferConf:
        """Section 5.6."""
        return answer_data_transfer(req, self._blocks.site)

    def _get_configuration(self, req: GetConfigurationReq, _: str, __: Step) -> GetConfigurationConf:
        """Section 5.8."""
        names = list(req.key or ())
        bound = self._blocks.keys.whole("GetConfigurationMaxKeys")
        if len(names) > bound:
            text = f"key: at most {bound} keys (GetConfigurationMaxKeys), found {len(names)}"
            raise PayloadError(ErrorCode.OccurenceConstraintViolation, text)
        found, unknown = self._blocks.keys.read(names)
        return GetConfigurationConf(configuration_key=tuple(found), unknown_key=tuple(unknown) or None)

    def _remote_start(self, req: RemoteStartTransactionReq, _: str, step: Step) -> RemoteStartTransactionConf:
        """Section 5.11. Accepted is answered before anything else happens."""
        rejected = RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)
        if not self._blocks.boot.accepted or self._blocks.leaving is not None or self._blocks.starts.full:
            return rejected
        asks = self._blocks.keys.boolean("AuthorizeRemoteTxRequests")
        # Where only a reservation's group may begin, the id's parentIdTag must be asked for (section 5.13).
        asks = asks or not self._cards.remote_targets(req.connector_id, req.id_tag, None)
        if not req.id_tag or not self._cards.remote_targets(req.connector_id, req.id_tag, None, asking=asks):
            return rejected
        profile = req.charging_profile if self._blocks.profiles.offered else None  # else it is to be ignored
        wrong = None if profile is None else self._charging.remote_refusal(profile)
        if wrong is not None:
            step.log("warning", f"A remote start was rejected: {wrong}.")
            return rejected
        purpose = ByRemote(req.connector_id, profile)
        if not asks:
            verdict = Verdict(id_tag=req.id_tag, status=AuthorizationStatus.Accepted, source="remote")
            self._cards.checked(purpose, verdict, step)
        elif not self._blocks.authorization.begin(req.id_tag, purpose, step):
            return rejected
        return RemoteStartTransactionConf(status=RemoteStartStopStatus.Accepted)

    def _remote_stop(self, req: RemoteStopTransactionReq, _: str, step: Step) -> RemoteStopTransactionConf:
        """Section 5.12."""
        for connector in self._blocks.connectors.values():
            session = connector.session
            if not self._blocks.boot.accepted or not isinstance(session, Charging):
                continue
            if self._blocks.transactions[session.transaction].transaction_id == req.transaction_id:
                self._sessions.stop(connector, Reason.Remote, None, step)
                return RemoteStopTransactionConf(status=RemoteStartStopStatus.Accepted)
        return RemoteStopTransactionConf(status=RemoteStartStopStatus.Rejected)

    def _reset(self, req: ResetReq, _: str, step: Step) -> ResetConf:
        """Section 5.14. Nothing cuts an installer short; the process ends after it anyway."""
        if self._blocks.leaving is not None or self._blocks.firmware.installing:
            return ResetConf(status=ResetStatus.Rejected)
        self._departure.begin("hard_reset" if req.type is ResetType.Hard else "soft_reset", step)
        return ResetConf(status=ResetStatus.Accepted)

    def _trigger(self, req: TriggerMessageReq, _: str, step: Step) -> TriggerMessageConf:
        """Section 5.17. Accepted is answered first, then the message goes."""
        return TriggerMessageConf(status=self._triggers.ask(req.requested_message, req.connector_id, step))

    def _trigger_extended(self, req: ExtendedTriggerMessageReq, _: str, step: Step) -> ExtendedTriggerMessageConf:
        """Section 5.5 of the security extension."""
        return ExtendedTriggerMessageConf(status=self._triggers.ask_extended(req.requested_message, req.connector_id, step))

    def _unlock(self, req: UnlockConnectorReq, message_id: str, step: Step) -> UnlockConnectorConf | None:
        """Section 5.18."""
        status = self._unlocking.ask(req.connector_id, message_id, step)
        return None if status is None else UnlockConnectorConf(status=status)

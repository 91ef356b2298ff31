"""Messages of the Core profile (OCPP 1.6, section 6). Owns their fields and bounds, as the JSON schemas spell them."""

from chargepoint.messages.enums import (
    AvailabilityStatus,
    AvailabilityType,
    ChargePointErrorCode,
    ChargePointStatus,
    ClearCacheStatus,
    ConfigurationStatus,
    DataTransferStatus,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
    ResetStatus,
    ResetType,
    UnlockStatus,
)
from chargepoint.messages.types import (
    ChargingProfile,
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    Confirmation,
    ConnectorId,
    ConnectorIdOrZero,
    DurationS,
    IdTagInfo,
    IdToken,
    Integer,
    KeyValue,
    MeterValue,
    NonEmptyMeterValues,
    Request,
    Timestamp,
)


class AuthorizeReq(Request, frozen=True, kw_only=True):
    """6.1"""

    id_tag: IdToken


class AuthorizeConf(Confirmation, frozen=True, kw_only=True):
    """6.2"""

    id_tag_info: IdTagInfo


class BootNotificationReq(Request, frozen=True, kw_only=True):
    """6.3"""

    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_box_serial_number: CiString25 | None = None
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_type: CiString25 | None = None
    meter_serial_number: CiString25 | None = None


class BootNotificationConf(Confirmation, frozen=True, kw_only=True):
    """6.4. `interval` in seconds: of heartbeats if Accepted, else before the next try; 0 leaves it to the charge point."""

    status: RegistrationStatus
    current_time: Timestamp
    interval: DurationS


class ChangeAvailabilityReq(Request, frozen=True, kw_only=True):
    """6.7. connectorId 0 is the charge point and all its connectors."""

    connector_id: ConnectorIdOrZero
    type: AvailabilityType


class ChangeAvailabilityConf(Confirmation, frozen=True, kw_only=True):
    """6.8"""

    status: AvailabilityStatus


class ChangeConfigurationReq(Request, frozen=True, kw_only=True):
    """6.9"""

    key: CiString50
    value: CiString500


class ChangeConfigurationConf(Confirmation, frozen=True, kw_only=True):
    """6.10"""

    status: ConfigurationStatus


class ClearCacheReq(Request, frozen=True, kw_only=True):
    """6.11"""


class ClearCacheConf(Confirmation, frozen=True, kw_only=True):
    """6.12"""

    status: ClearCacheStatus


class DataTransferReq(Request, frozen=True, kw_only=True):
    """6.15. `data` is bounded by the size of a frame only."""

    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: str | None = None


class DataTransferConf(Confirmation, frozen=True, kw_only=True):
    """6.16"""

    status: DataTransferStatus
    data: str | None = None


class GetConfigurationReq(Request, frozen=True, kw_only=True):
    """6.23. No keys, or an empty list: every key."""

    key: tuple[CiString50, ...] | None = None


class GetConfigurationConf(Confirmation, frozen=True, kw_only=True):
    """6.24"""

    configuration_key: tuple[KeyValue, ...] | None = None
    unknown_key: tuple[CiString50, ...] | None = None


class HeartbeatReq(Request, frozen=True, kw_only=True):
    """6.29"""


class HeartbeatConf(Confirmation, frozen=True, kw_only=True):
    """6.30"""

    current_time: Timestamp


class MeterValuesReq(Request, frozen=True, kw_only=True):
    """6.31. connectorId 0 is the main meter."""

    connector_id: ConnectorIdOrZero
    transaction_id: Integer | None = None
    meter_value: NonEmptyMeterValues


class MeterValuesConf(Confirmation, frozen=True, kw_only=True):
    """6.32"""


class RemoteStartTransactionReq(Request, frozen=True, kw_only=True):
    """6.33. Without connectorId the charge point chooses."""

    connector_id: ConnectorId | None = None
    id_tag: IdToken
    charging_profile: ChargingProfile | None = None


class RemoteStartTransactionConf(Confirmation, frozen=True, kw_only=True):
    """6.34"""

    status: RemoteStartStopStatus


class RemoteStopTransactionReq(Request, frozen=True, kw_only=True):
    """6.35"""

    transaction_id: Integer


class RemoteStopTransactionConf(Confirmation, frozen=True, kw_only=True):
    """6.36"""

    status: RemoteStartStopStatus


class ResetReq(Request, frozen=True, kw_only=True):
    """6.39"""

    type: ResetType


class ResetConf(Confirmation, frozen=True, kw_only=True):
    """6.40"""

    status: ResetStatus


class StartTransactionReq(Request, frozen=True, kw_only=True):
    """6.45. `meterStart` in Wh."""

    connector_id: ConnectorId
    id_tag: IdToken
    meter_start: Integer
    reservation_id: Integer | None = None
    timestamp: Timestamp


class StartTransactionConf(Confirmation, frozen=True, kw_only=True):
    """6.46. `transactionId` is the Central System's choice; 0, negative and repeated ones are seen."""

    id_tag_info: IdTagInfo
    transaction_id: Integer


class StatusNotificationReq(Request, frozen=True, kw_only=True):
    """6.47. connectorId 0 is the charge point's main controller."""

    connector_id: ConnectorIdOrZero
    error_code: ChargePointErrorCode
    info: CiString50 | None = None
    status: ChargePointStatus
    timestamp: Timestamp | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None


class StatusNotificationConf(Confirmation, frozen=True, kw_only=True):
    """6.48"""


class StopTransactionReq(Request, frozen=True, kw_only=True):
    """6.49. `meterStop` in Wh. `transactionData` must not carry the unit Hertz (see UnitOfMeasure)."""

    id_tag: IdToken | None = None
    meter_stop: Integer
    timestamp: Timestamp
    transaction_id: Integer
    reason: Reason | None = None
    transaction_data: tuple[MeterValue, ...] | None = None


class StopTransactionConf(Confirmation, frozen=True, kw_only=True):
    """6.50"""

    id_tag_info: IdTagInfo | None = None


class UnlockConnectorReq(Request, frozen=True, kw_only=True):
    """6.53"""

    connector_id: ConnectorId


class UnlockConnectorConf(Confirmation, frozen=True, kw_only=True):
    """6.54"""

    status: UnlockStatus

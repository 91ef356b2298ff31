"""Messages of the Smart Charging profile (OCPP 1.6, section 6). Owns their fields and bounds."""

from chargepoint.messages.enums import (
    ChargingProfilePurposeType,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ClearChargingProfileStatus,
    GetCompositeScheduleStatus,
)
from chargepoint.messages.types import (
    ChargingProfile,
    ChargingSchedule,
    Confirmation,
    ConnectorIdOrZero,
    Count,
    DurationS,
    Integer,
    Request,
    Timestamp,
)


class ClearChargingProfileReq(Request, frozen=True, kw_only=True):
    """6.13. `id` is a chargingProfileId; the other fields, where given, select together."""

    id: Integer | None = None
    connector_id: ConnectorIdOrZero | None = None
    charging_profile_purpose: ChargingProfilePurposeType | None = None
    stack_level: Count | None = None


class ClearChargingProfileConf(Confirmation, frozen=True, kw_only=True):
    """6.14"""

    status: ClearChargingProfileStatus


class GetCompositeScheduleReq(Request, frozen=True, kw_only=True):
    """6.21. `duration` in seconds."""

    connector_id: ConnectorIdOrZero
    duration: DurationS
    charging_rate_unit: ChargingRateUnitType | None = None


class GetCompositeScheduleConf(Confirmation, frozen=True, kw_only=True):
    """6.22"""

    status: GetCompositeScheduleStatus
    connector_id: ConnectorIdOrZero | None = None
    schedule_start: Timestamp | None = None
    charging_schedule: ChargingSchedule | None = None


class SetChargingProfileReq(Request, frozen=True, kw_only=True):
    """6.43"""

    connector_id: ConnectorIdOrZero
    cs_charging_profiles: ChargingProfile


class SetChargingProfileConf(Confirmation, frozen=True, kw_only=True):
    """6.44"""

    status: ChargingProfileStatus

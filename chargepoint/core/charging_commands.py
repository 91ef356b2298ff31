"""Charging commands: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule (OCPP 1.6 sections 5.5, 5.7, 5.16).

Owns the answers of the SmartCharging profile, and whether a RemoteStartTransaction's profile may come along. Refuses to know
what a profile does (`profiles`, `limits`). Why something was rejected stands in the log: the messages have no place for it.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.limits import Limits, Told
from chargepoint.core.records import Charging
from chargepoint.core.schedule import PHASES
from chargepoint.core.step import Step
from chargepoint.messages import (
    ChargingProfile,
    ChargingProfilePurposeType,
    ChargingProfileStatus,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ClearChargingProfileConf,
    ClearChargingProfileReq,
    ClearChargingProfileStatus,
    GetCompositeScheduleConf,
    GetCompositeScheduleReq,
    GetCompositeScheduleStatus,
    SetChargingProfileConf,
    SetChargingProfileReq,
    to_utc,
)

Purpose = ChargingProfilePurposeType


class ChargingCommands:
    def __init__(self, blocks: Blocks, limits: Limits) -> None:
        self._blocks = blocks
        self._limits = limits

    def set_profile(self, req: SetChargingProfileReq, _: str, step: Step) -> SetChargingProfileConf:
        """Section 5.16."""
        blocks, profile = self._blocks, req.cs_charging_profiles
        wrong = self._misplaced(req.connector_id, profile) or self._wrong(req.connector_id, profile)
        if wrong is not None:
            step.log("warning", f"Charging profile {profile.charging_profile_id} was rejected: {wrong}.")
            return SetChargingProfileConf(status=ChargingProfileStatus.Rejected)
        transaction = self._transaction(req.connector_id) if profile.charging_profile_purpose is Purpose.TxProfile else None
        blocks.profiles.install(req.connector_id, profile, transaction, blocks.clock.boot.offset_s, step)
        return SetChargingProfileConf(status=ChargingProfileStatus.Accepted)

    def clear_profile(self, req: ClearChargingProfileReq, _: str, step: Step) -> ClearChargingProfileConf:
        """Section 5.5: what meets every criterion that is given goes; without any, everything."""
        cleared = self._blocks.profiles.clear(
            number=req.id,
            connector=req.connector_id,
            purpose=req.charging_profile_purpose,
            level=req.stack_level,
            step=step,
        )
        status = ClearChargingProfileStatus.Accepted if cleared else ClearChargingProfileStatus.Unknown
        return ClearChargingProfileConf(status=status)

    def composite_schedule(self, req: GetCompositeScheduleReq, _: str, step: Step) -> GetCompositeScheduleConf:
        """Section 5.7. Without a chargingRateUnit in amperes, if the station may speak of them."""
        units = self._blocks.profiles.units()
        unit = req.charging_rate_unit or units[0]
        known = req.connector_id == 0 or req.connector_id in self._blocks.connectors
        told = self._limits.told(req.connector_id, req.duration, unit, step.mono_s) if known and unit in units else None
        if told is None:
            return GetCompositeScheduleConf(status=GetCompositeScheduleStatus.Rejected)
        return GetCompositeScheduleConf(
            status=GetCompositeScheduleStatus.Accepted,
            connector_id=req.connector_id,
            schedule_start=to_utc(told.start_s),
            charging_schedule=_schedule(told, unit),
        )

    def remote_refusal(self, profile: ChargingProfile) -> str | None:
        """Why a RemoteStartTransaction must not bring this profile (section 5.16.2); None where it may."""
        if profile.charging_profile_purpose is not Purpose.TxProfile:
            return f"its profile must be a TxProfile, found {profile.charging_profile_purpose}"
        if profile.transaction_id is not None:
            return "its profile must not have a transactionId: the transaction is yet to come"
        return self._wrong(0, profile)

    def _wrong(self, connector: int, profile: ChargingProfile) -> str | None:
        profiles = self._blocks.profiles
        wrong = profiles.refusal(profile)
        if wrong is None and profiles.full(connector, profile, self._blocks.starts.profiles):
            return "MaxChargingProfilesInstalled are installed already"
        return wrong

    def _misplaced(self, number: int, profile: ChargingProfile) -> str | None:
        """What speaks against the connector that a profile is meant for."""
        if number != 0 and number not in self._blocks.connectors:
            return f"there is no connector {number}"
        match profile.charging_profile_purpose:
            case Purpose.ChargePointMaxProfile if number != 0:
                return "a ChargePointMaxProfile belongs to connector 0"
            case Purpose.TxProfile:
                key = self._transaction(number)
                if key is None:
                    return f"no transaction runs at connector {number}"
                transaction_id = self._blocks.transactions[key].transaction_id
                if profile.transaction_id not in (None, transaction_id):
                    return f"transactionId {profile.transaction_id} is not that of connector {number}"
        return None

    def _transaction(self, number: int) -> int | None:
        connector = self._blocks.connectors.get(number)
        session = None if connector is None else connector.session
        return session.transaction if isinstance(session, Charging) else None


def _schedule(told: Told, unit: ChargingRateUnitType) -> ChargingSchedule:
    return ChargingSchedule(
        duration=told.duration_s,
        start_schedule=to_utc(told.start_s),
        charging_rate_unit=unit,
        charging_schedule_period=tuple(
            ChargingSchedulePeriod(
                start_period=period.start_s,
                limit=period.rate,
                number_phases=None if period.phases == PHASES else period.phases,
            )
            for period in told.periods
        ),
    )

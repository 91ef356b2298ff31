"""Profiles: the charging profiles that are installed (OCPP 1.6 sections 3.13, 5.5, 5.16, 7.9 to 7.12, 9.4).

Owns the profiles, their limits in number and size, and which of them replaces, precedes and outlives which. Refuses to know
what time it is and what current follows from them (`schedule`, `limits`).

Rules.
1. A profile replaces the one with its chargingProfileId, wherever that is, and the one with its stackLevel and purpose on its
   connector.
2. In a transaction TxProfile goes before TxDefaultProfile, and a TxDefaultProfile of the connector before one of connector 0;
   among equals the higher stackLevel. The first that has something to say at an instant counts.
3. A schedule without startSchedule, of whatever kind, counts from the start of the transaction (section 7.13); that of a
   ChargePointMaxProfile, which knows no transaction, from its installation. startSchedule of a Relative profile, and
   recurrencyKind of one that does not recur, mean nothing and are not read.
4. A TxProfile goes with its transaction.
"""

from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

from chargepoint.core.configuration_view import KeyReader
from chargepoint.core.records import DropProfile, ProfileRecord, PutProfile
from chargepoint.core.schedule import Plan, plan_of
from chargepoint.core.step import Step
from chargepoint.messages import (
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
)

Purpose = ChargingProfilePurposeType
UNIT_WORDS = {ChargingRateUnitType.A: "Current", ChargingRateUnitType.W: "Power"}


class Installed(Struct, frozen=True):
    record: ProfileRecord
    plan: Plan


class Profiles:
    def __init__(self, keys: KeyReader, records: Iterable[ProfileRecord]) -> None:
        self._keys = keys
        self._installed = {one.profile.charging_profile_id: Installed(one, plan_of(one.profile)) for one in records}
        self.version = 0  # changes whenever a profile comes or goes

    @property
    def offered(self) -> bool:
        """The operator has not switched SmartCharging off. If so, what is installed waits unheard."""
        return "SmartCharging" in self._keys.members("SupportedFeatureProfiles")

    def units(self) -> list[ChargingRateUnitType]:
        """What a schedule may be given in, and is told in."""
        allowed = self._keys.members("ChargingScheduleAllowedChargingRateUnit")
        return [unit for unit, word in UNIT_WORDS.items() if word in allowed]

    def refusal(self, profile: ChargingProfile) -> str | None:
        """What is wrong with a profile in itself, wherever it is meant for; None where nothing is."""
        schedule = profile.charging_schedule
        begins_s = [period.start_period for period in schedule.charging_schedule_period]
        level_max = self._keys.whole("ChargeProfileMaxStackLevel")
        periods_max = self._keys.whole("ChargingScheduleMaxPeriods")
        recurring = profile.charging_profile_kind is ChargingProfileKindType.Recurring
        if profile.stack_level > level_max:
            return f"stackLevel {profile.stack_level} is above ChargeProfileMaxStackLevel {level_max}"
        if len(begins_s) > periods_max:
            return f"{len(begins_s)} periods are more than ChargingScheduleMaxPeriods {periods_max}"
        if schedule.charging_rate_unit not in self.units():
            return f"chargingRateUnit {schedule.charging_rate_unit} is not in ChargingScheduleAllowedChargingRateUnit"
        if begins_s[0] != 0:
            return f"the first startPeriod must be 0, found {begins_s[0]}"
        if any(later <= earlier for earlier, later in pairwise(begins_s)):
            return "startPeriods must ascend"
        if schedule.duration == 0:
            return "a duration of 0 s says nothing"
        if recurring and profile.recurrency_kind is None:
            return "a Recurring profile needs recurrencyKind"
        if profile.valid_from is not None and profile.valid_to is not None and profile.valid_to <= profile.valid_from:
            return "validTo must be later than validFrom"
        if profile.transaction_id is not None and profile.charging_profile_purpose is not Purpose.TxProfile:
            return f"transactionId belongs to a TxProfile, not to a {profile.charging_profile_purpose}"
        return None

    def full(self, connector: int, profile: ChargingProfile, promised: int) -> bool:
        """Whether one more profile would be too many. promised: profiles of remote starts that wait for their plug."""
        kept = len(self._installed) - len(self._replaced(connector, profile))
        return kept + promised >= self._keys.whole("MaxChargingProfilesInstalled")

    def install(
        self, connector: int, profile: ChargingProfile, transaction: int | None, offset_s: float | None, step: Step
    ) -> None:
        """transaction: the key of the one that a TxProfile belongs to. offset_s: dates this step, where the time is known."""
        for old in self._replaced(connector, profile):
            self._drop(old, step)
        record = ProfileRecord(
            connector=connector, profile=profile, installed=step.stamp, offset_s=offset_s, transaction=transaction
        )
        self._installed[profile.charging_profile_id] = Installed(record, plan_of(profile))
        self.version += 1
        step.change(PutProfile(record))

    def clear(
        self, *, number: int | None, connector: int | None, purpose: Purpose | None, level: int | None, step: Step
    ) -> int:
        """Removes every profile that meets all the criteria that are given; returns how many. number: chargingProfileId."""
        met = [
            one.record
            for one in self._installed.values()
            if number in (None, one.record.profile.charging_profile_id)
            and connector in (None, one.record.connector)
            and purpose in (None, one.record.profile.charging_profile_purpose)
            and level in (None, one.record.profile.stack_level)
        ]
        for record in met:
            self._drop(record, step)
        return len(met)

    def transaction_ended(self, key: int, step: Step) -> None:
        """The transaction's profiles go with it (section 3.13.1)."""
        for one in list(self._installed.values()):
            if one.record.transaction == key:
                self._drop(one.record, step)

    def keep_transactions(self, keys: set[int], step: Step) -> None:
        """After a start: a TxProfile stays only where its transaction goes on."""
        for one in list(self._installed.values()):
            if one.record.transaction is not None and one.record.transaction not in keys:
                self._drop(one.record, step)

    def of_station(self) -> list[tuple[Plan, ProfileRecord]]:
        """ChargePointMaxProfiles in order of precedence, each with what tells when it was installed."""
        found = [one for one in self._heard() if one.record.profile.charging_profile_purpose is Purpose.ChargePointMaxProfile]
        found.sort(key=lambda one: -one.record.profile.stack_level)
        return [(one.plan, one.record) for one in found]

    def of_connector(self, number: int, transaction: int | None) -> list[Plan]:
        """The profiles of a connector's transaction in order of precedence; transaction None: of one that would begin now."""
        places = {Purpose.TxProfile: 0, Purpose.TxDefaultProfile: 1}
        found = []
        for one in self._heard():
            record, purpose = one.record, one.record.profile.charging_profile_purpose
            if purpose in places and record.connector in (0, number) and record.transaction in (None, transaction):
                found.append(((places[purpose], record.connector == 0, -record.profile.stack_level), one.plan))
        return [plan for _, plan in sorted(found, key=lambda ranked: ranked[0])]

    def _heard(self) -> Iterable[Installed]:
        return self._installed.values() if self.offered else ()

    def _replaced(self, connector: int, profile: ChargingProfile) -> list[ProfileRecord]:
        place = (connector, profile.charging_profile_purpose, profile.stack_level)
        return [
            one.record
            for number, one in self._installed.items()
            if number == profile.charging_profile_id
            or (one.record.connector, one.record.profile.charging_profile_purpose, one.record.profile.stack_level) == place
        ]

    def _drop(self, record: ProfileRecord, step: Step) -> None:
        del self._installed[record.profile.charging_profile_id]
        self.version += 1
        step.change(DropProfile(record.profile.charging_profile_id))

"""Samples: which meter values are taken when one is due, and where they go (OCPP 1.6 sections 3.16, 4.7, 5.17).

Owns the three occasions: periodic in a transaction, aligned with the clock, triggered. Refuses to keep the rhythm (`metering`).
Values of a transaction are billing rows; the others are sent while the link is up, or not at all.
"""

from chargepoint.core.blocks import Blocks
from chargepoint.core.calls import Calls
from chargepoint.core.connector import Connector
from chargepoint.core.faults import Fault
from chargepoint.core.measurands import Offer, parse_members, sample_values
from chargepoint.core.records import Charging
from chargepoint.core.sessions import Sessions
from chargepoint.core.step import Step
from chargepoint.core.totals import total_of
from chargepoint.messages import Location, MeterValue, MeterValuesReq, ReadingContext, SampledValue, to_utc


class Samples:
    def __init__(self, blocks: Blocks, sessions: Sessions, calls: Calls) -> None:
        self._blocks = blocks
        self._sessions = sessions
        self._calls = calls
        calls.take_triggered = self._triggered

    def take_due(self, step: Step) -> None:
        """At every step: what is due by now is taken."""
        blocks = self._blocks
        for number in blocks.metering.sampled_due(step.mono_s):
            connector = blocks.connectors[number]
            context = ReadingContext.Sample_Periodic
            self._sessions.sample(connector, "MeterValuesSampledData", "StopTxnSampledData", context, step)
        if blocks.metering.aligned_due(blocks.clock.now_s(step)):
            self._aligned(step)

    def trigger(self, numbers: list[int], step: Step) -> bool:
        """TriggerMessage(MeterValues): taken when their turn to be sent comes. False where there is nothing to send."""
        able = [number for number in numbers if self._triggered(number, step) is not None]
        for number in able:
            self._calls.live_asked(number)
        return bool(able)

    def _aligned(self, step: Step) -> None:
        context = ReadingContext.Sample_Clock
        for connector in self._blocks.connectors.values():
            if isinstance(connector.session, Charging):
                self._sessions.sample(connector, "MeterValuesAlignedData", "StopTxnAlignedData", context, step)
            elif self._blocks.online:
                self._queue(self._live(connector.number, "MeterValuesAlignedData", context, step))
        if self._blocks.online:
            self._queue(self._live(0, "MeterValuesAlignedData", context, step))

    def _queue(self, request: MeterValuesReq | None) -> None:
        if request is not None:
            self._calls.live(request)

    def _triggered(self, number: int, step: Step) -> MeterValuesReq | None:
        return self._live(number, "MeterValuesSampledData", ReadingContext.Trigger, step)

    def _live(self, number: int, list_key: str, context: ReadingContext, step: Step) -> MeterValuesReq | None:
        now_s = self._blocks.clock.now_s(step)
        if now_s is None:
            return None
        connector = self._blocks.connectors.get(number)
        values = (
            self._station_values(list_key, context) if connector is None else self._values(connector, list_key, context, step)
        )
        if not values:
            return None
        value = MeterValue(timestamp=to_utc(now_s), sampled_value=values)
        return MeterValuesReq(connector_id=number, transaction_id=self._transaction_id(connector), meter_value=(value,))

    def _values(self, connector: Connector, list_key: str, context: ReadingContext, step: Step) -> tuple[SampledValue, ...]:
        sample = self._sessions.take(connector, list_key, context, step)
        return () if sample is None else sample.values

    def _station_values(self, list_key: str, context: ReadingContext) -> tuple[SampledValue, ...]:
        """Connector 0 has no meter of its own: what all connectors take together."""
        members = parse_members(self._blocks.keys.text(list_key))
        reading = total_of(
            [None if Fault.METER_LOST in one.faults else one.reading for one in self._blocks.connectors.values()]
        )
        if reading is None or not members:
            return ()
        offered_a = sum(one.offered_a or 0.0 for one in self._blocks.connectors.values())
        kwh = self._blocks.site.energy_unit == "kWh"
        offer = Offer(offered_a)
        return sample_values(members, reading, offer, context, energy_kwh=kwh, register_offset_wh=0.0, location=Location.Inlet)

    def _transaction_id(self, connector: Connector | None) -> int | None:
        if connector is None or not isinstance(connector.session, Charging):
            return None
        return self._blocks.transactions[connector.session.transaction].transaction_id

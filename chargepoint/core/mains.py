"""Mains: the voltage and the phases in use at a connector, as its meter shows them.

Owns the two numbers that turn watts into amperes (OCPP 1.6 sections 7.13, 7.14). Refuses to know limits.

Rules.
1. The voltage is the nominal one until the meter shows another; it follows the meter only where it is off by more than BAND_V,
   and then in whole volts: noise does not move an offer. A limit in watts is held to within BAND_V / voltage, about 1.3 %.
2. A phase is in use once more than DRAWN_A flowed on it in this session.
"""

from chargepoint.core.schedule import Supply
from chargepoint.facts import Reading

NOMINAL_V = 230.0
BAND_V = 3.0
PLAUSIBLE_V = (100.0, 300.0)  # phase to neutral; anything else is no mains
DRAWN_A = 1.0


class Mains:
    def __init__(self, phases: int) -> None:
        self.supply = Supply(voltage_v=NOMINAL_V, phases=phases, drawn=0)

    def session_begins(self) -> None:
        """Another car may use other phases."""
        self._set(self.supply.voltage_v, 0)

    def read(self, reading: Reading, *, charging: bool) -> bool:
        """A reading of the connector's meter. True where it changed the supply."""
        supply = self.supply
        voltage_v, drawn = supply.voltage_v, supply.drawn
        low_v, high_v = PLAUSIBLE_V
        volts = [volt for volt in reading.voltage_v if volt is not None and low_v <= volt <= high_v]
        if volts:
            mean_v = sum(volts) / len(volts)
            if abs(mean_v - voltage_v) > BAND_V:
                voltage_v = float(round(mean_v))
        if charging and drawn < supply.phases:
            flows = len([current_a for current_a in reading.current_a if current_a is not None and current_a > DRAWN_A])
            drawn = max(drawn, min(flows, supply.phases))
        return self._set(voltage_v, drawn)

    def drawn_a(self, reading: Reading) -> tuple[float, ...]:
        """What flows on each phase that the meter gives, whichever way round its transformers are; empty where it gives none.

        From power where it gives no currents: power without phases is taken as even, so that it never tells too much of one.
        """
        currents = tuple(abs(current_a) for current_a in reading.current_a if current_a is not None)
        if currents:
            return currents
        voltage_v = self.supply.voltage_v
        phases_w = tuple(abs(power_w) / voltage_v for power_w in reading.power_w_phases if power_w is not None)
        if phases_w or reading.power_w is None:
            return phases_w
        return (abs(reading.power_w) / voltage_v / self.supply.phases,)

    def _set(self, voltage_v: float, drawn: int) -> bool:
        """The same Supply as long as it says the same: what follows from it is kept with it."""
        supply = self.supply
        if voltage_v == supply.voltage_v and drawn == supply.drawn:
            return False
        self.supply = Supply(voltage_v=voltage_v, phases=supply.phases, drawn=drawn)
        return True

"""Wiring: what a connector's meter shows against how the station says it is wired.

Owns the remarks for an installer, each a sentence, and when one comes and goes. Refuses to stop anything: a meter that is wired
wrong counts wrong, which nobody but people can put right. What is dangerous is a fault (`faults`) and judged elsewhere.

Rules.
1. A remark comes after JUDGED readings in a row that say so, and goes after as many that say the contrary. A reading that
   says neither (nothing flows, the contactor is open) counts for nothing.
2. Directions, phases and power are judged only while the contacts are closed: elsewhere a meter behind them sees nothing.
"""

from collections.abc import Iterator

from chargepoint.facts import NO_PHASES, Phases, Reading

JUDGED = 3
FLOWS_W = 200.0
FLOWS_A = 1.0
COUNTED_WH = 20.0
LIVE_V = 100.0
DEAD_V = 50.0
BETWEEN_PHASES_V = 300.0
LEAST_VA = 1_000.0  # small loads have odd power factors
RISING = {"RST": 1, "STR": 1, "TRS": 1, "RTS": -1, "SRT": -1, "TSR": -1}
SEQUENCES = {1: "L1, L2, L3", -1: "L1, L3, L2"}

Finding = tuple[str, str | None]
"""What was looked at, and the sentence if something is wrong with it."""


class Wiring:
    """The memory of one connector. phases, rotation: as in ConnectorSite."""

    def __init__(self, phases: int, rotation: str) -> None:
        self._phases = phases
        self._rotation = rotation
        self._runs: dict[str, int] = {}
        self._closed_at_wh: tuple[float, float | None] | None = None
        self._suspicious = False  # something was wrong and is not settled yet
        self.remarks: dict[str, str] = {}

    def judge(self, reading: Reading, *, closed: bool) -> list[str]:
        """What is to be told after this reading. closed: the contacts are, as far as the station sees."""
        if not closed:
            self._closed_at_wh = None
        elif self._closed_at_wh is None:
            self._closed_at_wh = (reading.energy_import_wh, reading.energy_export_wh)
        if not self._suspicious and self._right(reading, closed):
            return []
        told: list[str] = []
        for what, wrong in self._findings(reading, closed):
            told += self._weighed(what, wrong)
        self._suspicious = bool(self.remarks) or any(run > 0 for run in self._runs.values())
        return told

    def _right(self, reading: Reading, closed: bool) -> bool:
        """At a glance: none of the findings would be wrong. False: it takes a closer look. Nearly every reading is right, and
        while nothing is suspicious one more changes nothing.
        """
        for volt in reading.voltage_v:
            if volt is not None and volt > BETWEEN_PHASES_V:
                return False
        if self._phases >= 3 and reading.phase_sequence != RISING.get(self._rotation) and reading.phase_sequence is not None:
            return False
        if not closed:
            return True
        power_w = reading.power_w
        if power_w is None or power_w <= -FLOWS_W:
            return False
        for watt in reading.power_w_phases:
            if watt is not None and watt <= -FLOWS_W:
                return False
        apparent_va = 0.0
        for index, (volt, ampere) in enumerate(zip(reading.voltage_v, reading.current_a, strict=True)):
            wired = index < self._phases
            if (volt is None or volt < LIVE_V) if wired else (ampere is not None and ampere > FLOWS_A):
                return False
            apparent_va += (volt or 0.0) * (ampere or 0.0)
        return apparent_va / 2 <= power_w <= apparent_va * 1.25 or max(apparent_va, power_w) < LEAST_VA

    def _weighed(self, what: str, wrong: str | None) -> list[str]:
        run = self._runs.get(what, 0)
        run = (max(run, 0) + 1) if wrong is not None else (min(run, 0) - 1)
        self._runs[what] = max(-JUDGED, min(JUDGED, run))
        if wrong is not None and run >= JUDGED and what not in self.remarks:
            self.remarks[what] = wrong
            return [wrong]
        if wrong is None and run <= -JUDGED and what in self.remarks:
            return [f"No longer so: {self.remarks.pop(what)}"]
        return []

    def _findings(self, reading: Reading, closed: bool) -> Iterator[Finding]:
        yield from _neutral(reading.voltage_v)
        yield from self._sequence(reading.phase_sequence)
        if closed:
            yield from self._missing(reading.voltage_v)
            yield from self._strange(reading.current_a)
            yield from self._direction(reading)
            yield from _apparent(reading)

    def _sequence(self, found: int | None) -> Iterator[Finding]:
        """The order of the phases, where the meter tells it."""
        wanted = RISING.get(self._rotation)
        if found is None or wanted is None or self._phases < 3:
            return
        yield (
            "sequence",
            None
            if found == wanted
            else (
                f"The phases come in the order {SEQUENCES[found]} at the meter, phase_rotation = {self._rotation} says "
                "otherwise: exchange two of them, or correct phase_rotation."
            ),
        )

    def _missing(self, voltage_v: Phases) -> Iterator[Finding]:
        """Phases that are wired and not there."""
        known = [volt for volt in voltage_v if volt is not None]
        if max(known, default=0.0) < LIVE_V:
            return
        few = len(known) < self._phases
        yield "few", f"The meter tells {len(known)} of {self._phases} phases: a meter for fewer, or its map." if few else None
        for index in range(self._phases):
            volt = voltage_v[index]
            if volt is not None:
                yield (
                    f"dead {index}",
                    None
                    if volt >= DEAD_V
                    else (f"L{index + 1} shows {volt:.0f} V while others are live: is it connected, and its fuse in?"),
                )

    def _strange(self, current_a: Phases) -> Iterator[Finding]:
        """Current where no wire should be."""
        if max(ampere or 0.0 for ampere in current_a) <= FLOWS_A:
            return
        for index in range(self._phases, 3):
            yield (
                f"strange {index}",
                None
                if (current_a[index] or 0.0) <= FLOWS_A
                else (
                    f"Current flows on L{index + 1} at the meter, and phases = {self._phases}: the conductors sit at other "
                    "terminals, or phases is wrong."
                ),
            )

    def _direction(self, reading: Reading) -> Iterator[Finding]:
        """A car takes energy, it gives none: what counts backwards is turned round."""
        flows = {index: watt for index, watt in enumerate(reading.power_w_phases) if watt is not None and abs(watt) > FLOWS_W}
        forward = any(watt > 0 for watt in flows.values())
        for index, watt in flows.items():
            yield (
                f"turned {index}",
                None
                if watt > 0 or not forward
                else (
                    f"L{index + 1} counts backwards at the meter ({watt:.0f} W), other phases forwards: turn its current "
                    "transformer, or exchange the two ends of its conductor."
                ),
            )
        power_w = reading.power_w
        if flows:
            backwards: bool | None = not forward
        elif power_w is not None:
            backwards = None if abs(power_w) < FLOWS_W else power_w < 0
        else:
            backwards = self._counts_back(reading)
        if backwards is not None:
            yield "turned", _turned(reading) if backwards else None

    def _counts_back(self, reading: Reading) -> bool | None:
        """By the registers, where the meter tells no power; None while too little was counted."""
        assert self._closed_at_wh is not None
        import_wh, export_wh = self._closed_at_wh
        taken_wh = reading.energy_import_wh - import_wh
        given_wh = 0.0 if export_wh is None or reading.energy_export_wh is None else reading.energy_export_wh - export_wh
        return None if max(taken_wh, given_wh) < COUNTED_WH else given_wh > taken_wh


def _turned(reading: Reading) -> str:
    way = "set reversed = true in its table, or turn it" if reading.energy_export_wh is not None else "turn it"
    return f"The meter counts what the car takes as if it were given back: it sits the other way round; {way}."


def _neutral(voltage_v: Phases) -> Iterator[Finding]:
    highest = max((volt for volt in voltage_v if volt is not None), default=0.0)
    if highest >= LIVE_V:
        yield (
            "neutral",
            None
            if highest <= BETWEEN_PHASES_V
            else (f"The meter shows {highest:.0f} V between a phase and neutral: is the neutral connected?"),
        )


def _apparent(reading: Reading) -> Iterator[Finding]:
    """Power against voltage and current: both come from the same meter, and a car draws nearly in phase."""
    if reading.current_a == NO_PHASES or reading.power_w is None:
        return
    if any((watt or 0.0) < -FLOWS_W for watt in reading.power_w_phases):
        return  # told as a phase that is turned round
    pairs = [(volt or 0.0, ampere or 0.0) for volt, ampere in zip(reading.voltage_v, reading.current_a, strict=True)]
    if any(ampere > FLOWS_A and volt < LIVE_V for volt, ampere in pairs):
        return  # told as a phase that is missing
    apparent_va = sum(volt * ampere for volt, ampere in pairs)
    power_w = abs(reading.power_w)
    if max(apparent_va, power_w) < LEAST_VA:
        return
    yield (
        "apparent",
        None
        if apparent_va / 2 <= power_w <= apparent_va * 1.25
        else (
            f"The meter's power ({power_w:.0f} W) does not fit its voltages and currents ({apparent_va:.0f} VA): another model "
            "than its map is for, a wrong ratio of the current transformers, or currents and voltages of different phases."
        ),
    )

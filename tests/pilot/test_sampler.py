"""Bursts of samples at arbitrary moments of the pulse: the right two voltages, or none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.iec61851.duty import PERIOD_NS
from drivers.iec61851.plateaus import covered, high_of, low_of
from drivers.iec61851.sampler import SAMPLES_MAX
from hil.chips.pilot_circuit import PilotCar, PilotFault
from tests.pilot.rig import Bench

READY = PilotCar(ready=True)


@pytest.mark.parametrize("transfer_us", [25, 50, 80, 100, 125, 200, 250, 333, 400])
@pytest.mark.parametrize("current_a", [6.0, 10.0, 16.0, 32.0, 63.0, 80.0])
def test_both_plateaus_are_found_whatever_the_time_of_a_transfer(current_a: float, transfer_us: int) -> None:
    bench = Bench(transfer_ns=transfer_us * 1_000)
    bench.circuit.car = READY
    bench.offer(current_a)
    sampler = bench.sampler()
    for _ in range(5):
        bench.sleep(0.0171)
        burst = sampler.burst(bench.pulse.width_ns, low=True)
        assert burst is not None
        assert burst.positive_v == pytest.approx(6.0, abs=0.1)
        assert burst.negative_v == pytest.approx(-12.0, abs=0.1)


@pytest.mark.parametrize(("current_a", "samples_max"), [(6.0, 40), (10.0, 24), (16.0, 16), (32.0, 12), (80.0, 12)])
def test_no_more_samples_are_taken_than_the_pulse_needs(current_a: float, samples_max: int) -> None:
    bench = Bench()
    bench.offer(current_a)
    sampler = bench.sampler()
    for _ in range(20):
        bench.sleep(0.0173)
        before = bench.chip.conversions
        sampler.burst(bench.pulse.width_ns, low=False)
        assert bench.chip.conversions - before <= samples_max


def test_a_steady_pilot_takes_three() -> None:
    bench = Bench()
    burst = bench.sampler().burst(PERIOD_NS, low=True)
    assert burst is not None
    assert burst.positive_v == pytest.approx(12.0, abs=0.05)
    assert burst.negative_v is None
    assert bench.chip.conversions == 3


@settings(max_examples=40)
@given(
    st.floats(6, 80), st.integers(20_000, 420_000), st.integers(0, 10**9), st.floats(0, 0.15), st.floats(0, 0.004),
    st.sampled_from([(None, 12.0), (PilotCar(), 8.98), (READY, 6.0), (PilotCar(ready=True, ventilation=True), 2.93)]),
)  # fmt: skip
def test_noise_and_spikes_leave_the_plateaus_where_they_are(
    current_a: float, transfer_ns: int, seed: int, noise_v: float, spike_share: float, car: tuple[PilotCar | None, float]
) -> None:
    bench = Bench(transfer_ns=transfer_ns, seed=seed)
    bench.circuit.rng.seed(seed)
    bench.circuit.noise_v, bench.circuit.car = noise_v, car[0]
    bench.offer(current_a)
    quiet = bench.sampler().burst(bench.pulse.width_ns, low=True)
    assert quiet is not None
    bench.circuit.spike_share = spike_share
    burst = bench.sampler().burst(bench.pulse.width_ns, low=True)
    assert burst is not None
    for one in (quiet, burst) if spike_share * 60 < 0.06 else (quiet,):
        assert one.positive_v == pytest.approx(car[1], abs=0.05 + 3 * noise_v)
        if one.negative_v is not None:
            assert one.negative_v == pytest.approx(-12.0, abs=0.05 + 3 * noise_v)


@pytest.mark.parametrize("spike_v", [8.0, -8.0, 20.0, -20.0])
@pytest.mark.parametrize("at", range(8))
def test_one_wrong_sample_never_makes_a_plateau(at: int, spike_v: float) -> None:
    volts = [6.0, -12.0, 6.1, 5.9, -12.1, -11.9, 6.0, -12.0]
    volts[at] += spike_v
    assert high_of(volts) == pytest.approx(6.0, abs=0.15)
    assert low_of(volts) == pytest.approx(-12.0, abs=0.15)


@pytest.mark.parametrize("delay_share", [0.02, 0.2])
def test_a_busy_processor_spoils_no_voltage(delay_share: float) -> None:
    bench = Bench(delay_share=delay_share, seed=7)
    bench.circuit.car = READY
    bench.offer(6.0)
    bursts = [bench.sampler().burst(bench.pulse.width_ns, low=True) for _ in range(50)]
    told = [burst for burst in bursts if burst is not None]
    assert len(told) >= 25
    assert all(burst.positive_v == pytest.approx(6.0, abs=0.1) for burst in told)


def test_a_bus_that_is_too_slow_for_any_phase_gives_no_voltage_and_ends() -> None:
    bench = Bench(transfer_ns=600_000)
    bench.offer(16.0)
    assert bench.sampler().burst(bench.pulse.width_ns, low=True) is None
    assert bench.chip.conversions == SAMPLES_MAX


def test_a_short_shows_nothing_in_both_halves() -> None:
    bench = Bench()
    bench.circuit.faults.add(PilotFault.SHORT)
    bench.offer(16.0)
    burst = bench.sampler().burst(bench.pulse.width_ns, low=True)
    assert burst is not None
    assert burst.positive_v == pytest.approx(0, abs=0.1)
    assert burst.negative_v == pytest.approx(0, abs=0.1)


@given(st.lists(st.floats(0, 0.999), min_size=0, max_size=40), st.floats(0.02, 0.9), st.floats(0, 1))
def test_covered_means_that_every_arc_holds_two(phases: list[float], width: float, arc_at: float) -> None:
    if covered(phases, width):
        inside = [phase for phase in phases if (phase - arc_at) % 1.0 <= width + 1e-9]
        assert len(inside) >= 2

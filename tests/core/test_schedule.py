"""The arithmetic of charging profiles, held second by second against an evaluator that is slow and obviously right."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.core import schedule as sc
from chargepoint.messages import ChargingRateUnitType
from tests.core import slow_schedule as slow
from tests.core.harness import BEGIN_WALL_S
from tests.core.making_profiles import DAY_S, documents, message, profile

pytestmark = pytest.mark.section("3.13")

NOW_S = int(BEGIN_WALL_S)
SECONDS = 700
A, W = ChargingRateUnitType.A, ChargingRateUnitType.W

stacks = st.integers(1, 6).flatmap(
    lambda count: st.tuples(*(documents(number, ["TxDefaultProfile"]) for number in range(count)))
)


def stack_of(*documents: dict[str, object], begun: int = NOW_S) -> sc.Stack:
    """The stack of these profiles, the highest level first."""
    profiles = sorted((message(document) for document in documents), key=lambda one: -one.stack_level)
    return sc.Stack([sc.anchored(sc.plan_of(one), begun) for one in profiles])


def rates(stack: sc.Stack, *seconds: int) -> list[float | None]:
    """The limits so many seconds after NOW_S, None where there is none."""
    found = [stack.at(NOW_S + second)[0] for second in seconds]
    return [limits[0].rate if limits else None for limits in found]


@settings(max_examples=150, deadline=None)
@given(stack=stacks, begun=st.integers(NOW_S - 400, NOW_S + 200))
def test_every_second_of_a_random_stack(stack: tuple[dict[str, object], ...], begun: int) -> None:
    """What is in force at each second, and that nothing changes before the next border that is told."""
    by_level = {document["stackLevel"]: document for document in stack}  # the same level replaces
    profiles = [message(document) for document in by_level.values()]
    quick = stack_of(*by_level.values(), begun=begun)
    border, told = NOW_S, None
    for at in range(NOW_S, NOW_S + SECONDS):
        found = slow.prevailing(profiles, at, begun)
        expected = None if found is None else (found[1].limit, found[1].number_phases or 3)
        limits, until = quick.at(at)
        assert (limits[0].rate, limits[0].phases) == expected if limits else expected is None
        if at >= border:
            border, told = until, expected
            assert border > at
        assert expected == told, f"changed at {at}, before the border {border}"


@settings(max_examples=150, deadline=None)
@given(
    stack=stacks, station=stacks, unit=st.sampled_from([A, W]), wires=st.sampled_from([1, 3]), fuse=st.sampled_from([16, 32])
)
def test_a_composite_is_exact_to_the_second(
    stack: tuple[dict[str, object], ...], station: tuple[dict[str, object], ...], unit: str, wires: int, fuse: int
) -> None:
    supply = sc.Supply(voltage_v=230.0, phases=wires)
    own = list({document["stackLevel"]: document for document in stack}.values())
    all_ = list({document["stackLevel"]: document for document in station}.values())
    profiles = [[message(document) for document in documents] for documents in (own, all_)]
    course = sc.Lowest(
        sc.Limited(stack_of(*own), supply, ChargingRateUnitType(unit)),
        sc.Limited(stack_of(*all_), supply, ChargingRateUnitType(unit)),
        sc.Cap(fuse, supply, ChargingRateUnitType(unit)),
    )
    periods, covered = sc.composite(course, NOW_S, SECONDS)
    assert covered == SECONDS
    assert periods[0].start_s == 0
    for before, after in pairwise(periods):
        assert before.start_s < after.start_s < SECONDS
        assert (before.rate, before.phases) != (after.rate, after.phases), "equal neighbours are one period"
    current = iter([*periods, sc.Period(SECONDS, 0.0, 0)])
    period, following = next(current), next(current)
    for second in range(SECONDS):
        if second == following.start_s:
            period, following = following, next(current)
        found = (slow.prevailing(one, NOW_S + second, NOW_S) for one in profiles)
        expected = slow.lowest(
            *(slow.rate_of(one, unit, 230.0, wires) for one in found),
            fuse if unit == "A" else fuse * 230.0 * wires,
        )
        assert expected is not None
        assert expected - 0.1 < period.rate <= expected + 1e-6, f"at second {second}"


def test_the_highest_level_that_speaks_counts_not_the_lowest_limit() -> None:
    stack = stack_of(profile(1, (0, 6), level=0), profile(2, (0, 20), level=3, start=NOW_S + 10, duration=5))
    assert rates(stack, 0, 9, 10, 14, 15) == [6, 6, 20, 20, 6]


def test_valid_from_is_included_and_valid_to_is_not() -> None:
    stack = stack_of(profile(1, (0, 6)), profile(2, (0, 20), level=1, valid=(NOW_S + 5, NOW_S + 8)))
    assert rates(stack, 4, 5, 7, 8) == [6, 20, 20, 6]


def test_the_last_period_lasts_until_the_duration_ends() -> None:
    """Section 5.16.4: longer periods are not executed, shorter ones are kept until the end."""
    stack = stack_of(profile(1, (0, 6), (10, 8), (500, 9), start=NOW_S, duration=100))
    assert rates(stack, 0, 9, 10, 99, 100, 500) == [6, 6, 8, 8, None, None]


def test_a_daily_schedule_comes_back_and_what_is_longer_than_a_day_is_not_executed() -> None:
    stack = stack_of(
        profile(
            1, (0, 6), (3600, 8), (DAY_S + 5, 9), kind="Recurring", every="Daily", start=NOW_S - 3 * DAY_S, duration=9 * DAY_S
        )
    )
    assert rates(stack, 0, 3599, 3600, DAY_S - 1, DAY_S, DAY_S + 5, DAY_S + 3600) == [6, 6, 8, 8, 6, 6, 8]


def test_a_weekly_schedule_that_is_shorter_than_a_week_leaves_a_gap() -> None:
    stack = stack_of(profile(1, (0, 6), kind="Recurring", every="Weekly", start=NOW_S, duration=DAY_S))
    assert rates(stack, -1, 0, DAY_S, 7 * DAY_S - 1, 7 * DAY_S) == [None, 6, None, None, 6]


def test_fractions_of_a_second_count_from_the_beginning_of_the_second() -> None:
    stack = stack_of(profile(1, (0, 6), (10, 8), start=NOW_S + 0.75))
    assert rates(stack, -1, 0, 9, 10) == [None, 6, 6, 8]


@pytest.mark.section("7.13")
@pytest.mark.parametrize("kind", ["Absolute", "Recurring", "Relative"])
def test_without_a_start_schedule_it_counts_from_the_start_of_charging(kind: str) -> None:
    document = profile(1, (0, 6), (100, 8), kind=kind, every="Daily" if kind == "Recurring" else None)
    assert rates(stack_of(document, begun=NOW_S - 40), 0, 59, 60) == [6, 6, 8]


@pytest.mark.section("7.14")
@pytest.mark.parametrize(
    ("limit", "phases", "wires", "drawn", "amps"),
    [
        (11040.0, (), 3, 0, 16.0),
        (3680.0, (1,), 3, 0, 16.0),
        (3680.0, (), 1, 0, 16.0),
        (3680.0, (3,), 1, 0, 16.0),
        (7360.0, (2,), 3, 0, 16.0),
        (11040.0, (1,), 3, 3, 16.0),
    ],
)
def test_watts_become_amperes_by_the_phases_in_use(
    limit: float, phases: tuple[int], wires: int, drawn: int, amps: float
) -> None:
    """numberPhases is 3 if left out; no more than are wired; no fewer than the car was seen to use."""
    stack = stack_of(profile(1, (0, limit, *phases), unit="W"))
    supply = sc.Supply(voltage_v=230.0, phases=wires, drawn=drawn)
    assert sc.Limited(stack, supply, A).at(NOW_S)[0][0] == pytest.approx(amps)
    assert sc.Limited(stack, supply, W).at(NOW_S)[0][0] == limit


@pytest.mark.parametrize(
    ("rate", "shown"), [(6.0, 6.0), (6.1, 6.1), (0.3, 0.3), (15.942, 15.9), (11040.000000001, 11040.0), (0.0, 0.0)]
)
def test_a_limit_is_told_with_one_decimal_and_never_more_than_it_is(rate: float, shown: float) -> None:
    assert sc.tenths(rate) == shown


def test_dates_at_the_ends_of_time_are_dates_like_others() -> None:
    stack = stack_of(
        profile(1, (0, 6), start=-62_135_596_800, kind="Recurring", every="Weekly"),
        profile(2, (0, 8), level=1, start=253_402_300_799),
        profile(3, (0, 9), level=2, valid=(-62_135_596_800, NOW_S + 3)),
        profile(4, (0, 10), level=3, start=NOW_S + 5, duration=2**31 - 1),
    )
    assert rates(stack, 2, 3, 5, 2**31) == [9, 6, 10, 10]
    assert rates(stack, 2**31 + 3, 2**31 + 4, 253_402_300_799 - NOW_S) == [10, 6, 8]


@pytest.mark.section("5.7")
def test_a_year_of_a_daily_profile_is_told_at_once(looks: list[int]) -> None:
    stack = stack_of(profile(1, (0, 6), (3600, 16), kind="Recurring", every="Daily", start=NOW_S))
    course = sc.Lowest(sc.Limited(stack, sc.Supply(), A), sc.Cap(32, sc.Supply(), A))
    periods, covered = sc.composite(course, NOW_S, 365 * DAY_S)
    assert len(looks) <= 2 * 365, "once a border, not once a second"
    assert (len(periods), covered) == (730, 365 * DAY_S)
    assert periods[-1] == sc.Period(364 * DAY_S + 3600, 16.0, 3)


@pytest.mark.section("5.7")
def test_a_composite_of_too_many_periods_tells_how_far_it_goes() -> None:
    steps = [(60 * number, 6.0 + number % 2) for number in range(60)]
    stack = stack_of(profile(1, *steps, kind="Recurring", every="Daily", start=NOW_S))
    periods, covered = sc.composite(sc.Lowest(sc.Limited(stack, sc.Supply(), A), sc.Cap(32, sc.Supply(), A)), NOW_S, 2**31 - 1)
    assert len(periods) == sc.PERIODS_MAX
    expected = slow.period_at(message(profile(1, *steps, kind="Recurring", every="Daily", start=NOW_S)), NOW_S + covered - 1, 0)
    assert expected is not None
    assert periods[-1].rate == expected.limit
    assert rates(stack, covered) != [periods[-1].rate], "it ends where the next period would begin"


def test_a_hundred_levels_that_never_show_do_not_take_long(looks: list[int]) -> None:
    """The worst that may be installed: a hundred levels that speak for a second a day, and nothing shows."""
    hidden = [
        profile(level, (0, 40.0), kind="Recurring", every="Daily", level=level, start=NOW_S + 7 * level, duration=1)
        for level in range(100)
    ]
    course = sc.Lowest(sc.Limited(stack_of(*hidden), sc.Supply(), A), sc.Cap(32, sc.Supply(), A))
    periods, covered = sc.composite(course, NOW_S, 2**31 - 1)
    assert len(looks) <= sc.STEPS_MAX
    assert (len(periods), covered > DAY_S) == (1, True)


def test_without_a_clock_the_lowest_limit_of_what_depends_on_it_counts() -> None:
    documents = [
        profile(1, (0, 20), (50, 10), kind="Relative"),
        profile(2, (0, 16), (3600, 8), (7200, 30), level=1, start=NOW_S),
        profile(3, (0, 12), kind="Relative", level=2, valid=(NOW_S, None)),
    ]
    plans = [sc.anchored(sc.plan_of(message(one)), 0) for one in documents]
    blind = sc.Limited(sc.Blind(plans), sc.Supply(), A)
    assert [blind.at(second)[0][0] for second in (0, 60)] == [8.0, 8.0]
    assert sc.Limited(sc.Blind(plans[:1]), sc.Supply(), A).at(60)[0][0] == 10.0
    assert sc.Limited(sc.Blind(plans[:1]), sc.Supply(), A).at(10) == ((20.0, 3), 50)

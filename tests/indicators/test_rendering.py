"""The light of every pattern over time, and what LightIntensity, BlinkRepeat and a lost Central System do to it."""

from itertools import combinations, pairwise

import pytest

from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from drivers import indicators
from drivers.indicators.rendering import ANSWER_MS, ANSWERS, BLIP_MS, Shown, render, shown
from tests.indicators.timeline import BRIGHT, flashes, frames, light_and_dark

TABLES = [(profile, pattern) for profile in indicators.names() for pattern in Pattern]


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("profile", indicators.names())
@pytest.mark.section("9.1.4")
def test_a_refusal_is_counted_out_within_three_seconds(profile: str, refusal: Refusal) -> None:
    number = list(Refusal).index(refusal) + 1
    what = shown(Pattern.REFUSED, refusal)
    assert flashes(what, 60.0, Lights(blink_repeat=1), profile) == number
    turns = light_and_dark(what, 60.0, Lights(blink_repeat=1), profile)
    assert sum(length_s for _, length_s in turns[:-1]) <= ANSWER_MS / 1000
    assert not turns[-1][0], "dark after it, until something else is shown"


@pytest.mark.parametrize(("number", "repeat", "expected"), [(1, 2, 2), (1, 3, 3), (2, 2, 4), (3, 2, 6), (5, 2, 5), (9, 5, 9)])
@pytest.mark.section("9.1.4")
def test_a_count_is_repeated_as_long_as_it_fits(number: int, repeat: int, expected: int) -> None:
    what = Shown(Pattern.REFUSED, number)
    turns = light_and_dark(what, 60.0, Lights(blink_repeat=repeat))
    assert sum(lit for lit, _ in turns) == expected
    assert sum(length_s for _, length_s in turns[:-1]) <= ANSWER_MS / 1000
    pauses = [length_s for lit, length_s in turns[1:-1] if not lit]
    assert max(pauses, default=0.0) >= 2 * min(pauses, default=0.0) or number in (1, expected), "groups can be told apart"


@pytest.mark.parametrize("repeat", [1, 2, 3, 6, 8])
@pytest.mark.section("9.1.4")
def test_accepted_blinks_as_often_as_the_key_says_and_stays_lit(repeat: int) -> None:
    turns = light_and_dark(Shown(Pattern.ACCEPTED), 10.0, Lights(blink_repeat=repeat))
    assert [lit for lit, _ in turns] == [True, False] * repeat + [True]
    assert sum(length_s for _, length_s in turns[:-1]) <= ANSWER_MS / 1000


@pytest.mark.parametrize("pattern", [Pattern.ACCEPTED, Pattern.REFUSED])
@pytest.mark.section("9.1.4")
def test_without_blinks_an_answer_is_a_steady_light(pattern: Pattern) -> None:
    told = [frame for _, frame in frames(Shown(pattern, 3), 3.0, Lights(blink_repeat=0))]
    assert {(frame.lit, frame.level) for frame in told} == {(True, 1.0)}
    assert (told[-1].until_s, told[-1].tone_hz) == (None, 0)


@pytest.mark.parametrize(("profile", "pattern"), TABLES)
@pytest.mark.parametrize("repeat", [0, 2, 1_000])
def test_no_light_flashes_faster_than_three_times_a_second(profile: str, pattern: Pattern, repeat: int) -> None:
    turns = light_and_dark(Shown(pattern, 9), 20.0, Lights(blink_repeat=repeat), profile)
    rising: list[float] = []
    t_s = 0.0
    for lit, length_s in turns:
        rising += [t_s] if lit else []
        t_s += length_s
    assert all(later - before >= 0.333 for before, later in pairwise(rising))


@pytest.mark.parametrize("trouble", Trouble)
def test_a_fault_is_counted_out_after_a_long_flash_over_and_over(trouble: Trouble) -> None:
    number = list(Trouble).index(trouble) + 1
    turns = light_and_dark(shown(Pattern.FAULTED, None, trouble), 60.0)
    assert turns[0] == (True, 1.2)
    cycle = 2 * (number + 1)
    assert [lit for lit, _ in turns[:cycle]] == [True, False] * (number + 1)
    assert turns[cycle : 2 * cycle] == turns[:cycle], "again and again"


def test_what_carries_no_reason_is_counted_as_the_station_s_own() -> None:
    assert shown(Pattern.FAULTED) == Shown(Pattern.FAULTED, len(Trouble))
    assert shown(Pattern.REFUSED) == Shown(Pattern.REFUSED, 1)
    assert shown(Pattern.CHARGING, Refusal.BLOCKED) == Shown(Pattern.CHARGING, 0)


@pytest.mark.parametrize(("profile", "pattern"), TABLES)
@pytest.mark.section("9.1.11")
def test_the_intensity_scales_every_light_and_nothing_else(profile: str, pattern: Pattern) -> None:
    table = indicators.load(profile)
    brightest = table.patterns[pattern].brightness_percent / 100
    assert max(frame.level for _, frame in frames(Shown(pattern, 2), 12.0, BRIGHT, profile)) == pytest.approx(
        brightest, abs=0.1
    )
    for t_s, full in frames(Shown(pattern, 2), 12.0, BRIGHT, profile):
        half = render(table, Shown(pattern, 2), t_s, Lights(intensity_percent=50))
        dark = render(table, Shown(pattern, 2), t_s, Lights(intensity_percent=0))
        assert half.level == pytest.approx(full.level / 2)
        assert (half.lit, half.tone_hz, half.until_s, half.colour) == (full.lit, full.tone_hz, full.until_s, full.colour)
        assert (dark.level, dark.lit, dark.tone_hz) == (0.0, False, full.tone_hz)


def features(profile: str, what: Shown) -> tuple[float, float, int]:
    """What an eye without colours tells rhythms apart by: longest light, longest dark, flashes between two of those."""
    turns = light_and_dark(what, 61.0, BRIGHT, profile)
    if len(turns) == 1:
        return 61.0, 0.0, 0
    light_s, dark_s = (max(length_s for on, length_s in turns[:-1] if on is lit) for lit in (True, False))
    ends = [index for index, (on, length_s) in enumerate(turns[:-1]) if not on and length_s == dark_s]
    return light_s, dark_s, (ends[1] - ends[0]) // 2


@pytest.mark.parametrize("profile", indicators.names())
def test_every_situation_has_a_rhythm_of_its_own(profile: str) -> None:
    """Without its colour, on a lamp that cannot be dimmed; only the two in which the driver has nothing to do share one."""
    lasting = [Shown(pattern, 0) for pattern in Pattern if pattern not in (*ANSWERS, Pattern.FAULTED)]
    lasting += [Shown(Pattern.FAULTED, number) for number in range(1, len(Trouble) + 1)]
    for one, other in combinations(lasting, 2):
        if {one.pattern, other.pattern} == {Pattern.SUSPENDED_EV, Pattern.FINISHING}:
            continue
        (light_s, dark_s, number), (other_light_s, other_dark_s, other_number) = (
            features(profile, each) for each in (one, other)
        )
        lengths = ((light_s, other_light_s), (dark_s, other_dark_s))
        apart = any(max(pair) >= 1.25 * min(pair) + 0.05 for pair in lengths)
        assert apart or number != other_number, f"{one} and {other} look the same"


@pytest.mark.parametrize("profile", indicators.names())
def test_answers_differ_without_colour_and_in_sound(profile: str) -> None:
    looks = {number: light_and_dark(Shown(Pattern.REFUSED, number), 3.0, BRIGHT, profile) for number in range(1, 10)}
    looks[0] = light_and_dark(Shown(Pattern.ACCEPTED), 3.0, BRIGHT, profile)
    looks[-1] = light_and_dark(Shown(Pattern.ASKING), 3.0, BRIGHT, profile)
    for one, other in combinations(looks.values(), 2):
        assert one != other
    assert looks[0][-1][0], "accepted ends in light"
    assert not any(look[-1][0] for number, look in looks.items() if number > 0), "a refusal in dark"
    sounds = {pattern: indicators.load(profile).patterns[pattern].sound for pattern in ANSWERS}
    assert len({*sounds.values()} - {None}) == len(ANSWERS)


@pytest.mark.parametrize("pattern", ANSWERS)
def test_a_sound_is_played_once_and_ends(pattern: Pattern) -> None:
    tones = [(t_s, frame.tone_hz) for t_s, frame in frames(Shown(pattern, 1), 30.0)]
    heard = [tone for _, tone in tones]
    assert heard[0] > 0, "at once"
    silent_from = max(t_s for t_s, tone in tones if tone) + 1.0
    assert all(tone == 0 for t_s, tone in tones if t_s >= silent_from)
    assert silent_from < 3.0


def test_rising_rises_and_falling_falls() -> None:
    def tones(pattern: Pattern) -> list[int]:
        heard = [frame.tone_hz for _, frame in frames(Shown(pattern, 1), 3.0) if frame.tone_hz]
        return [tone for index, tone in enumerate(heard) if index == 0 or heard[index - 1] != tone]

    assert tones(Pattern.ACCEPTED) == [1600, 2200]
    assert tones(Pattern.REFUSED) == [2200, 1200]
    assert tones(Pattern.ASKING) == [2000]
    assert tones(Pattern.AVAILABLE) == []


@pytest.mark.parametrize(("profile", "pattern"), TABLES)
def test_offline_is_a_blip_and_no_other_colour(profile: str, pattern: Pattern) -> None:
    table, away = indicators.load(profile), Lights(offline=True)
    differ_s = 0.0
    last_s, last_differs = 0.0, False
    instants = sorted(
        {t for t, _ in frames(Shown(pattern, 2), 20.0, away, profile)}
        | {t for t, _ in frames(Shown(pattern, 2), 20.0, BRIGHT, profile)}
    )
    for t_s in instants:
        differ_s += (t_s - last_s) * last_differs
        near, far = (render(table, Shown(pattern, 2), t_s, lights) for lights in (BRIGHT, away))
        assert (near.colour, near.tone_hz) == (far.colour, far.tone_hz)
        last_s, last_differs = t_s, near.lit != far.lit
    if pattern in ANSWERS:
        assert differ_s == 0.0, "an answer is not disturbed"
    else:
        assert differ_s == pytest.approx(BLIP_MS / 1000, abs=0.05), "once in the first 20 s that have ended"


def test_a_pulse_is_drawn_often_enough_and_not_too_often() -> None:
    times = [t_s for t_s, _ in frames(Shown(Pattern.CHARGING), 10.0)]
    assert 20 <= len(times) / 10 <= 30


def test_a_steady_light_costs_nothing() -> None:
    ((_, frame),) = frames(Shown(Pattern.AVAILABLE), 3_600.0)
    assert (frame.until_s, frame.colour, frame.level) == (None, "white", 0.3)

"""From a pattern and an instant to light and tone. Pure: no clock, no lamps.

Owns the course of every kind of light, what LightIntensity and BlinkRepeat do to it (OCPP 1.6 sections 9.1.4, 9.1.11) and the
blip of a station that is offline. Times count from the moment in which the pattern was first shown.
"""

import math
from typing import NamedTuple, assert_never

from msgspec import Struct

from chargepoint.facts import Lights, Pattern, Refusal, Trouble
from drivers.indicators import FLASH_MS_MIN, Blink, Colour, Count, Flash, Light, Profile, Steady, Swell

ANSWER_MS = 3_000  # an answer to a card is over after this
ANSWERS = (Pattern.ASKING, Pattern.ACCEPTED, Pattern.REFUSED)
FRAME_MS = 40  # of a light that changes all the time
BLIP_EVERY_MS = 10_000
BLIP_MS = 80


class Shown(Struct, frozen=True):
    """What an indicator was told to show. count: the number of the reason (Refusal, Trouble: from 1), 0 without one."""

    pattern: Pattern
    count: int = 0


class Frame(Struct, frozen=True, kw_only=True):
    """One instant. level: 0 to 1 of the colour's full brightness. lit: for a lamp that is either on or off. tone_hz: 0 is
    silence. until_s: from when on it is another frame, None: it stays.
    """

    colour: Colour
    level: float
    lit: bool
    tone_hz: int
    until_s: float | None


class Moment(NamedTuple):
    """envelope: 0 to 1 of the pattern's brightness."""

    envelope: float
    lit: bool
    until_ms: int | None


DARK, BRIGHT = 0.0, 1.0


def shown(pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> Shown:
    """The reasons are counted in the order of their members, from 1."""
    if pattern is Pattern.REFUSED:
        return Shown(pattern, 1 if refusal is None else list(Refusal).index(refusal) + 1)
    if pattern is Pattern.FAULTED:
        return Shown(pattern, list(Trouble).index(Trouble.STATION if trouble is None else trouble) + 1)
    return Shown(pattern)


def render(profile: Profile, what: Shown, t_s: float, lights: Lights) -> Frame:
    """What is seen and heard `t_s` seconds (not less than 0) after the pattern was first shown."""
    t_ms = math.floor(t_s * 1000 + 1e-6)
    look = profile.patterns[what.pattern]
    moment = _moment(look.light, what.count, t_ms, lights.blink_repeat)
    if lights.offline and what.pattern not in ANSWERS:
        moment = _with_blip(moment, t_ms)
    tone_hz, tone_until_ms = _tone(profile.sounds[look.sound] if look.sound else (), t_ms)
    until_ms = min((end for end in (moment.until_ms, tone_until_ms) if end is not None), default=None)
    return Frame(
        colour=look.colour,
        level=moment.envelope * look.brightness_percent / 100 * lights.intensity_percent / 100,
        lit=moment.lit and lights.intensity_percent > 0,
        tone_hz=tone_hz,
        until_s=None if until_ms is None else until_ms / 1000,
    )


def _moment(light: Light, count: int, t_ms: int, blink_repeat: int) -> Moment:
    match light:
        case Steady():
            return Moment(BRIGHT, True, None)
        case Flash(steps_ms=steps_ms):
            return _over_and_over(steps_ms, t_ms)
        case Swell():
            return _swell(light, t_ms)
        case Blink():
            return _blink(light, t_ms, blink_repeat)
        case Count():
            return _count(light, max(count, 1), t_ms, blink_repeat)
        case _:
            assert_never(light)


def _steps(steps_ms: tuple[int, ...], t_ms: int) -> Moment | None:
    """Light and dark in turn, once; None after the last."""
    end_ms = 0
    for index, step_ms in enumerate(steps_ms):
        end_ms += step_ms
        if t_ms < end_ms:
            lit = index % 2 == 0
            return Moment(BRIGHT if lit else DARK, lit, end_ms)
    return None


def _over_and_over(steps_ms: tuple[int, ...], t_ms: int) -> Moment:
    began_ms = t_ms - t_ms % sum(steps_ms)
    moment = _steps(steps_ms, t_ms - began_ms)
    assert moment is not None
    assert moment.until_ms is not None
    return moment._replace(until_ms=began_ms + moment.until_ms)


def _swell(light: Swell, t_ms: int) -> Moment:
    t_ms -= t_ms % FRAME_MS
    place = t_ms % light.period_ms / light.period_ms
    rise = light.rise_percent / 100
    height = place / rise if place < rise else (1 - place) / (1 - rise)
    low = light.low_percent / 100
    lit = height >= (0.2 if low else 0.5)
    return Moment(low + (1 - low) * height**2, lit, t_ms + FRAME_MS)  # the eye sees the square as even


def _blink(light: Blink, t_ms: int, repeat: int) -> Moment:
    """As often as BlinkRepeat says, faster where they would not fit, and no faster than is harmless."""
    repeat = min(repeat, ANSWER_MS // FLASH_MS_MIN)
    if repeat == 0:
        return Moment(BRIGHT, True, None)
    period_ms = min(light.light_ms + light.dark_ms, ANSWER_MS // repeat)
    light_ms = period_ms * light.light_ms // (light.light_ms + light.dark_ms)
    return _steps((light_ms, period_ms - light_ms) * repeat, t_ms) or Moment(BRIGHT, True, None)


def _count(light: Count, count: int, t_ms: int, repeat: int) -> Moment:
    flashes = (light.light_ms, light.dark_ms) * count
    group = (*(light.lead_ms or ()), *flashes[:-1], light.pause_ms)
    if not light.answer:
        return _over_and_over(group, t_ms)
    if repeat == 0:
        return Moment(BRIGHT, True, None)
    fits = max(1, (ANSWER_MS + light.pause_ms) // sum(group))
    return _steps(group * min(repeat, fits), t_ms) or Moment(DARK, False, None)


def _with_blip(moment: Moment, t_ms: int) -> Moment:
    """Turned over for an instant: what shines is dark, and what is dark shines. The colour stays."""
    cycle_ms = t_ms - t_ms % BLIP_EVERY_MS
    begins_ms, ends_ms = cycle_ms + BLIP_EVERY_MS - BLIP_MS, cycle_ms + BLIP_EVERY_MS
    if t_ms < begins_ms:
        return moment._replace(until_ms=min(moment.until_ms or begins_ms, begins_ms))
    return Moment(DARK if moment.lit else BRIGHT, not moment.lit, min(moment.until_ms or ends_ms, ends_ms))


def _tone(tones: tuple[tuple[int, int], ...], t_ms: int) -> tuple[int, int | None]:
    """The tone at the instant, and until when; a sound is played once."""
    end_ms = 0
    for hertz, length_ms in tones:
        end_ms += length_ms
        if t_ms < end_ms:
            return hertz, end_ms
    return 0, None

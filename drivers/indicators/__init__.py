"""What the driver of a car sees and hears, as data: one table of patterns a profile, one TOML file each.

Owns the files' form and what is checked when one is loaded. Refuses to know pins and time: `rendering` turns a pattern and an
instant into light and tone, `outputs` brings them to lamps. docs/lights.md shows the tables that ship.
"""

import difflib
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from chargepoint.facts import Pattern

Colour = Literal["white", "red", "green", "blue", "amber", "yellow", "purple"]
Text = Annotated[str, Meta(min_length=1, max_length=120)]
Ms = Annotated[int, Meta(ge=20, le=20_000)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Tone = tuple[Annotated[int, Meta(ge=0, le=10_000)], Ms]  # hertz (0: silence) and milliseconds

FLASH_MS_MIN = 335  # from one flash to the next: more than three in a second can harm people with photosensitive epilepsy


def _harmless(light_ms: int, dark_ms: int) -> None:
    if light_ms + dark_ms < FLASH_MS_MIN:
        raise ValueError(f"{light_ms} + {dark_ms} ms is too fast: at least {FLASH_MS_MIN} ms from flash to flash harm nobody")


class Steady(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="steady"):
    """Light without a change."""


class Flash(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="flash"):
    """Light and dark in turn, over and over: an even number of durations, light first."""

    steps_ms: Annotated[tuple[Ms, ...], Meta(min_length=2, max_length=12)]

    def __post_init__(self) -> None:
        if len(self.steps_ms) % 2:
            raise ValueError(f"steps_ms: light and dark in turn, so an even number of them; found {len(self.steps_ms)}")
        for light_ms, dark_ms in zip(self.steps_ms[::2], self.steps_ms[1::2], strict=True):
            _harmless(light_ms, dark_ms)


class Swell(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="swell"):
    """Rises for a part of the period and falls for the rest, down to `low_percent` of the pattern's brightness.

    A lamp that cannot be dimmed is dark for the lower half, or, where the low is not dark, for the lowest fifth.
    """

    period_ms: Annotated[int, Meta(ge=500, le=20_000)]
    rise_percent: Annotated[int, Meta(ge=5, le=95)] = 50
    low_percent: Percent = 0


class Blink(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="blink"):
    """An answer: BlinkRepeat times light and dark, then steady."""

    light_ms: Ms
    dark_ms: Ms

    def __post_init__(self) -> None:
        _harmless(self.light_ms, self.dark_ms)


class Count(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="count"):
    """As many flashes as the reason's number, then a pause. lead_ms: one long light and its dark before them.

    answer: shown BlinkRepeat times, as far as it fits into the time of an answer, then dark. Otherwise over and over.
    """

    light_ms: Ms
    dark_ms: Ms
    pause_ms: Ms
    lead_ms: tuple[Ms, Ms] | None = None
    answer: bool = False

    def __post_init__(self) -> None:
        _harmless(self.light_ms, self.dark_ms)


Light = Steady | Flash | Swell | Blink | Count


class Look(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One pattern. brightness_percent: of the colour's full brightness. sound: a name from the profile's sounds, played once.

    means: what a driver may make of it, for the sticker.
    """

    means: Text
    colour: Colour
    light: Light
    brightness_percent: Annotated[int, Meta(ge=1, le=100)] = 100
    sound: str | None = None


class Profile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole table. like: the name of a shipped profile whose patterns and sounds hold where this one has none of its own."""

    title: Text
    words: Text
    like: str | None = None
    name: str = ""
    sounds: dict[str, Annotated[tuple[Tone, ...], Meta(min_length=1, max_length=8)]] = field(default_factory=dict)
    patterns: dict[Pattern, Look] = field(default_factory=dict)


def names() -> tuple[str, ...]:
    """The profiles that ship, sorted."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def load(name: str) -> Profile:
    """The profile of that name, or of an own file where the name is an absolute path; ValueError says what is wrong with it."""
    if name.startswith("/"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ValueError(f"profile {name}: cannot be read: {error}") from None
    elif name in names():
        text = (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ValueError(f'no profile "{name}". {_nearest(name)} An own file is named by its absolute path.')
    try:
        return _whole(name, msgspec.convert(tomllib.loads(text), Profile))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"profile {name}: {error}") from None


def _whole(name: str, profile: Profile) -> Profile:
    """With what it takes over, and held against what every profile must have."""
    sounds, patterns = profile.sounds, profile.patterns
    if profile.like is not None:
        if profile.like == name or profile.like.startswith("/"):
            raise ValueError(f'like: must name a profile that ships ({", ".join(names())}), found "{profile.like}"')
        base = load(profile.like)
        sounds, patterns = {**base.sounds, **sounds}, {**base.patterns, **patterns}
    missing = [pattern.value for pattern in Pattern if pattern not in patterns]
    if missing:
        raise ValueError(f"patterns: {', '.join(missing)} missing; name them, or take them over with like")
    for pattern, look in patterns.items():
        if look.sound is not None and look.sound not in sounds:
            raise ValueError(f'patterns.{pattern}.sound: no sound "{look.sound}"; there are: {", ".join(sounds) or "none"}')
    ordered = {pattern: patterns[pattern] for pattern in Pattern}
    return msgspec.structs.replace(profile, name=name, sounds=sounds, patterns=ordered)


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), names(), n=3, cutoff=0.4)
    return f"The nearest are: {', '.join(near)}." if near else f"There are: {', '.join(names())}."

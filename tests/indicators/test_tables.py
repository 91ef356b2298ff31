"""Every profile that ships, as data; what is wrong with an own one; and the page that shows them."""

from pathlib import Path

import pytest

from chargepoint.facts import Pattern, Refusal, Trouble
from drivers import indicators
from tests.indicators import page

OWN = """
title = "Own"
words = "As at home."
like = "default"
[sounds]
bell = [[800, 300]]
[patterns.available]
means = "Free"
colour = "blue"
light = { kind = "steady" }
sound = "bell"
"""


@pytest.mark.parametrize("name", indicators.names())
def test_a_profile_is_whole(name: str) -> None:
    profile = indicators.load(name)
    assert (profile.name, list(profile.patterns)) == (name, list(Pattern))
    assert len({look.means for look in profile.patterns.values()}) == len(Pattern), "no two situations mean the same"
    assert profile.patterns[Pattern.FAULTED].colour == profile.patterns[Pattern.REFUSED].colour == "red"
    others = [look for pattern, look in profile.patterns.items() if pattern not in (Pattern.FAULTED, Pattern.REFUSED)]
    assert "red" not in {look.colour for look in others}, "red is for what is wrong"


def test_white_is_free_at_home_and_green_in_public() -> None:
    def colours(name: str) -> tuple[str, str]:
        patterns = indicators.load(name).patterns
        return patterns[Pattern.AVAILABLE].colour, patterns[Pattern.CHARGING].colour

    assert indicators.names() == ("default", "public_nl")
    assert (colours("default"), colours("public_nl")) == (("white", "green"), ("green", "blue"))


def test_an_own_profile_takes_over_what_it_does_not_name(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    own, base = indicators.load(str(path)), indicators.load("default")
    assert own.patterns[Pattern.AVAILABLE].colour == "blue"
    assert own.patterns[Pattern.CHARGING] == base.patterns[Pattern.CHARGING]
    assert set(own.sounds) == {"bell", *base.sounds}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('like = "default"\n', "", "patterns: card_wanted, asking.*missing; name them, or take them over with like"),
        ('like = "default"', 'like = "nothing"', 'no profile "nothing"'),
        ('like = "default"', 'like = "/etc/own.toml"', "must name a profile that ships"),
        ('sound = "bell"', 'sound = "gong"', 'patterns.available.sound: no sound "gong"; there are: '),
        ('colour = "blue"', 'colour = "pink"', "Invalid enum value 'pink'.*colour"),
        ("patterns.available", "patterns.availble", "Invalid enum value 'availble'"),
        ('"steady"', '"blinking"', "Invalid value 'blinking'"),
        ('kind = "steady"', 'kind = "flash", steps_ms = [100, 100]', "too fast: at least 335 ms"),
        ('kind = "steady"', 'kind = "blink", light_ms = 100, dark_ms = 100', "too fast: at least 335 ms"),
        ('kind = "steady"', 'kind = "count", light_ms = 50, dark_ms = 100, pause_ms = 500', "too fast: at least 335 ms"),
        ('kind = "steady"', 'kind = "flash", steps_ms = [400, 100, 300]', "an even number of them; found 3"),
        ("[[800, 300]]", "[[80000, 300]]", "<= 10000"),
        ("[patterns.available]", "[patterns.available", "Expected"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_with_its_place(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(ValueError, match=complaint) as error:
        indicators.load(str(path))
    assert str(path) in str(error.value)


def test_a_profile_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r'no profile "public"\. The nearest are: public_nl'):
        indicators.load("public")
    with pytest.raises(ValueError, match="There are: default, public_nl"):
        indicators.load("?")
    with pytest.raises(ValueError, match="cannot be read"):
        indicators.load("/nowhere/own.toml")


def test_every_reason_has_its_line_on_the_sticker() -> None:
    assert list(page.REFUSALS) == list(Refusal)
    assert list(page.TROUBLES) == list(Trouble)


def test_the_page_of_lights_is_up_to_date() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_tables(text) == text, "run: python -m tests.indicators.page"

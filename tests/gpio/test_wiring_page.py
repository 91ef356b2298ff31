"""docs/wiring.md says what the drivers know: its examples are valid, and every key of theirs is named."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from chargepoint.registry import config_of, places
from drivers.gpio import contactor, inputs, lock, self_test

PAGE = (Path(__file__).parents[2] / "docs" / "wiring.md").read_text()


def section(name: str) -> str:
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_example_is_a_configuration_that_its_driver_takes() -> None:
    documents = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
    parts = [place for document in documents for place in places(document)]
    assert [place.kind.value for place in parts] == ["contactor", "inputs", "lock"]
    for place in parts:
        assert config_of(place.kind, place.part, section=place.section).config is not None


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("`gpio` contactor", (contactor.Config, self_test.Config)),
        ("`gpio` inputs", (inputs.Line,)),
        ("`gpio` lock", (lock.Config,)),
    ],
)
def test_every_key_is_on_the_page(name: str, kinds: tuple[type, ...]) -> None:
    named = set(re.findall(r"`(\w+)`", section(name)))
    assert {field.encode_name for kind in kinds for field in structs.fields(kind)} - named == set()

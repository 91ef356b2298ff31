"""docs/marks.md: every test that it names is there, and what the firmware lights is a lamp."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
CITED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FIRMWARE = re.compile(r"^gpio=([\d,]+)=op,(d[hl])$", re.MULTILINE)


def test_every_mark_names_tests_that_are_there() -> None:
    text = (ROOT / "docs" / "marks.md").read_text(encoding="utf-8")
    cited = CITED.findall(text)
    missing = [f"{path}::{name}" for path, name in cited if f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8")]
    assert missing == []
    assert text.count("::") == len(cited), "an id is not written as the others are"
    assert all(f"| {number}. " in text for number in range(1, 10))


def test_the_light_of_the_start_is_a_lamp_of_the_example() -> None:
    """The page's config.txt, held against the configuration of the same page: the lamp is on, and nothing that moves is."""
    lines = FIRMWARE.findall((ROOT / "docs" / "installation.md").read_text(encoding="utf-8"))
    high, low = ({int(pin) for pins, level in lines if level == wanted for pin in pins.split(",")} for wanted in ("dh", "dl"))
    example = tomllib.loads((ROOT / "config" / "raspberry-pi.toml").read_text(encoding="utf-8"))
    connector = example["connectors"]["1"]
    assert high == {connector["indicator"]["rgb"]["blue"]}
    moves = {connector["contactor"]["pin"], connector["contactor"]["self_test"]["output_pin"]}
    moves |= {connector["lock"]["lock_pin"], connector["lock"]["unlock_pin"]}
    assert low == moves

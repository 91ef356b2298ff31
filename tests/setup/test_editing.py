"""A file that somebody has written is changed value by value, and nothing else of it moves."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chargepoint.setup.editing import edited

CONFIGS = sorted((Path(__file__).parents[2] / "config").glob("*.toml"))
TEXT = """\
# Ours.
[station]
identity = "CK#1"   # see the label # on the door
limits = [6, 32]
[connectors.1]
meter = { driver = "modbus_meter", map = "sdm630" }  # the old one

# last
[readers.1]
driver = "mfrc522"  # on SPI
device = "/dev/spidev0.0"
"""


@pytest.mark.parametrize(
    ("path", "item", "old", "new"),
    [
        (("station", "identity"), "CK 2", 'identity = "CK#1"   # see', 'identity = "CK 2"   # see'),
        (("station", "limits"), [10], "limits = [6, 32]", "limits = [10]"),
        (("station", "vendor"), "V", "limits = [6, 32]\n", 'limits = [6, 32]\nvendor = "V"\n'),
        (("connectors", "1", "meter", "map"), "sdm120", '"sdm630" }  # the', '"sdm120" }  # the'),
        (("connectors", "1", "phases"), 1, "the old one\n", "the old one\nphases = 1\n"),
        (("station", "limits"), None, "limits = [6, 32]\n", ""),
        (("readers", "1", "device"), None, 'device = "/dev/spidev0.0"\n', ""),
        (("station", "identity"), 'x"#\n', '"CK#1"   #', '"x\\"#\\n"   #'),
    ],
)
def test_one_line_changes(path: tuple[str, ...], item: Any, old: str, new: str) -> None:
    assert edited(TEXT, {path: item}) == TEXT.replace(old, new)


def test_a_whole_table_is_replaced_and_its_comments_stay_where_its_keys_do() -> None:
    changed = edited(TEXT, {("readers", "1"): {"driver": "pn532", "port": "/dev/ttyUSB1"}})
    assert changed is not None
    assert changed.endswith('[readers.1]\ndriver = "pn532"  # on SPI\nport = "/dev/ttyUSB1"\n')
    gone = edited(TEXT, {("readers", "1"): None})
    assert gone is not None
    assert "[readers.1]" not in gone
    added = edited(TEXT, {("buses", "meters"): {"driver": "modbus_tcp", "host": "a"}})
    assert added == TEXT + '\n[buses.meters]\ndriver = "modbus_tcp"\nhost = "a"\n'


@pytest.mark.parametrize(
    "text",
    ['station.identity = "a"\n', 'station = { identity = "a" }\n', '[station]\nidentity = """\na"""\n', "station = 3\n", "x ="],
)
def test_what_cannot_be_done_line_by_line_is_not_done_at_all(text: str) -> None:
    assert edited(text, {("station", "identity"): "b"}) in (None, 'station = { identity = "b" }\n')


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_value_of_the_files_that_ship_can_be_changed(config: Path) -> None:
    text = config.read_text()

    def scalars(table: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        found = []
        for key, item in table.items():
            found += scalars(item, (*above, key)) if isinstance(item, dict) else [(*above, key)]
        return found

    for path in scalars(tomllib.loads(text)):
        changed = edited(text, {path: "changed # here"})
        if changed is None:  # an inline table in an inline table
            assert len(path) > 3
            continue
        kept = [line.partition("#")[2] for line in changed.splitlines() if "changed # here" not in line]
        assert set(kept) <= {line.partition("#")[2] for line in text.splitlines()}


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20), st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=20))
def test_any_text_as_value_and_as_comment(value: str, comment: str) -> None:
    text = f'[a]\nb = "x"  #{comment}\nc = 1\n'
    changed = edited(text, {("a", "b"): value})
    assert changed is None or tomllib.loads(changed) == {"a": {"b": value, "c": 1}}
    if comment.isprintable() and changed is not None:
        assert f"#{comment}" in changed


def test_lines_keep_the_ends_that_a_laptop_gave_them() -> None:
    assert (
        edited('# a\r\n[panel]\r\nlisten = "x" # c\r\n', {("panel", "listen"): "y"}) == '# a\r\n[panel]\r\nlisten = "y" # c\r\n'
    )

"""docs/pilot.md says what is true: its examples are configurations, its voltages those of the circuit, its maps those that
ship.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from chargepoint.registry import config_of
from drivers import evse_board
from drivers.iec61851.config import Config
from drivers.iec61851.proximity import BANDS
from drivers.iec61851.states import Filter, Levels

PAGE = (Path(__file__).parents[2] / "docs" / "pilot.md").read_text(encoding="utf-8")
EXAMPLES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
DIVIDER_OHM = (180e3, 39e3, 51e3)  # pilot, 3.3 V, earth


def parts(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [("bus", bus) for bus in document.get("buses", {}).values()]
    for table in (document, *document.get("connectors", {}).values()):
        found += [(kind, table[kind]) for kind in ("pilot", "contactor") if kind in table]
    return found


@pytest.mark.parametrize("document", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_a_configuration(document: dict[str, Any]) -> None:
    tables = parts(document)
    assert tables
    for kind, table in tables:
        assert config_of(kind, table).config is not None


def test_the_voltages_are_those_of_the_circuit() -> None:
    conductances = [1 / ohm for ohm in DIVIDER_OHM]
    rows = re.findall(r"^\| ([+-]?\d+) V \|.*\| ([\d.]+) V \|$", PAGE, re.MULTILINE)
    assert [int(pilot_v) for pilot_v, _ in rows] == [12, 9, 6, 3, 0, -12]
    for pilot_v, adc_v in rows:
        shown_v = (float(pilot_v) * conductances[0] + 3.3 * conductances[1]) / sum(conductances)
        assert float(adc_v) == pytest.approx(shown_v, abs=0.006)
        assert float(adc_v) * 9.145 - 15.23 == pytest.approx(float(pilot_v), abs=0.06)
    found = next(table for kind, table in parts(EXAMPLES[0]) if kind == "pilot")
    assert (found["scale"], found["offset_v"]) == (9.145, -15.23)


def test_the_cables_are_those_of_the_driver() -> None:
    rows = re.findall(r"^\| (\d+) Ω \| (\d+) to (\d+) Ω \| (\d+) A .*\| ([\d.]+) V \|$", PAGE, re.MULTILINE)
    assert [tuple(map(float, row[1:4])) for row in rows] == [(band.low_ohm, band.high_ohm, band.current_a) for band in BANDS]
    for ohm, *_, volts in rows:
        assert float(volts) == pytest.approx(3.3 * float(ohm) / (float(ohm) + 1_000), abs=0.006)


def test_the_defaults_are_those_of_the_driver() -> None:
    levels, filter_ = Levels(), Filter()
    for name in ("a_v", "b_v", "c_v", "d_v", "e_v", "f_v", "tolerance_v", "diode_slack_v", "impossible_v"):
        assert f"`{name}` {getattr(levels, name):g}" in PAGE
    for name in ("confirm_bursts", "leave_bursts", "diode_bursts"):
        assert f"`{name}` {getattr(filter_, name)}" in PAGE
    example = next(table for kind, table in parts(EXAMPLES[0]) if kind == "pilot")
    told = {*re.findall(r"`(\w+)`", PAGE), *example}
    assert set(Config.__struct_fields__) <= told


def test_every_map_is_named_with_its_unit_and_what_it_tells() -> None:
    rows = re.findall(
        r"^\| `(\w+)`( \(not verified\))? \| [^|]+ \| (\w+)[^|]* \| (\d+) \| (\w+) \| (\w+) \|$", PAGE, re.MULTILINE
    )
    assert sorted(row[0] for row in rows) == list(evse_board.names())
    for name, unverified, transport, unit, relay, cable in rows:
        board = evse_board.load(name)
        assert (board.transport, board.unit_id, board.verified) == (transport, int(unit), not unverified)
        assert (board.relay is not None, board.cable is not None) == (relay == "yes", cable == "yes")

"""The maps of boards as data, the configurations that name them, and what an installer is told."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargepoint.registry import config_of
from chargepoint.tables import SettingsError
from drivers import evse_board
from drivers.evse_board import contactor, pilot
from drivers.evse_board.board import requests

NAMES = ("evse_din", "phoenix_em_cp_pp_eth", "phoenix_ev_cc_eth", "phoenix_ev_cc_ser")


def test_four_maps_ship() -> None:
    assert evse_board.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_verified_by_two_sources_or_says_why_not(name: str) -> None:
    board = evse_board.load(name)
    assert board.verified == (len(board.sources) >= 2)
    assert board.why_unverified == "" or board.why_unverified.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_a_look_takes_few_requests(name: str) -> None:
    assert len(requests(evse_board.load(name))) <= 3
    assert requests(evse_board.load("evse_din")) == ((3, 1_000, 8),)


OWN = """
manufacturer = "Own"
model = "One"
transport = "rtu"
verified = false
why_unverified = "Nobody else knows it."
sources = ["the manual"]
unit_id = 3
[state]
function = 3
address = 10
kind = "number"
values = { 0 = "A", 1 = "B", 2 = "C" }
[current]
address = 12
write_function = 6
unit_a = 0.1
off = true
"""


def test_an_own_map_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    assert evse_board.load(str(path)).state.values["2"] == "C"
    assert requests(evse_board.load(str(path))) == ((3, 10, 3),)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("off = true", "", "needs a coil that allows charging"),
        ("unit_a = 0.1", "unit_a = 0.5", "unit_a: 1.0, 0.1 or 0.01"),
        ('kind = "number"', 'kind = "low_byte"', "values"),
        ('2 = "C"', '2 = "G"', "Invalid enum value 'G'"),
        ('2 = "C"', 'two = "C"', "a number in quotes"),
        ("address = 12", "address = 70000", "<= 65535"),
        ("address = 10", "adress = 10", "unknown field `adress`"),
        ("verified = false", "verified = true", "why_unverified"),
    ],
)
def test_a_map_with_a_mistake_is_refused_with_its_place(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(ValueError, match=complaint) as error:
        evse_board.load(str(path))
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("kind", "table", "complaint"),
    [
        ("pilot", {"map": "evse_dinn"}, 'no map "evse_dinn". There are: evse_din'),
        ("contactor", {"map": "/none.toml"}, "cannot be read"),
        ("pilot", {"map": "phoenix_ev_cc_eth"}, "current_unit_a must be 1.0, 0.1 or 0.01"),
        ("pilot", {"map": "phoenix_ev_cc_eth", "current_unit_a": 0.5}, "current_unit_a must be"),
        ("pilot", {"map": "evse_din", "current_unit_a": 1.0}, "current_unit_a is not for map evse_din"),
        ("contactor", {"map": "evse_din", "tethered": True}, "tethered"),
        ("pilot", {"map": "evse_din", "unit_id": 256}, "unit_id"),
    ],
)
def test_a_part_that_cannot_be_is_found_before_it_is_opened(kind: str, table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        config_of(kind, {"driver": "evse_board", "bus": "boards", **table})


def test_pilot_and_contactor_of_a_board_get_on_and_two_pilots_do_not() -> None:
    one = pilot.Config(bus="boards", map="evse_din")
    other = contactor.Config(bus="boards", map="evse_din", unit_id=1)
    assert pilot.claims(one) == ("bus boards unit 1 pilot",)
    assert contactor.claims(other) == ("bus boards unit 1 contactor",)


def test_an_installer_hears_what_a_board_does_not_do() -> None:
    assert pilot.remarks(pilot.Config(bus="b", map="evse_din")) == []
    unverified, unrated = pilot.remarks(pilot.Config(bus="b", map="phoenix_ev_cc_ser"))
    assert "not verified: Its registers come from one source" in unverified
    assert "tells no rating of a cable" in unrated
    for known in ({"tethered": True}, {"cable_a": 32.0}):
        assert len(pilot.remarks(msgspec.convert({"bus": "b", "map": "phoenix_ev_cc_ser", **known}, pilot.Config))) == 1
    (cut,) = contactor.remarks(contactor.Config(bus="b", map="evse_din"))
    assert "not known to open when its bus is cut" in cut
    _, unseen = contactor.remarks(contactor.Config(bus="b", map="phoenix_ev_cc_eth"))
    assert "a welded one is not seen" in unseen

"""What a right file becomes: typed, with defaults, absolute paths, and no secret in anything that is printed."""

from pathlib import Path

import pytest
from msgspec import structs

from chargepoint import settings as module
from chargepoint.settings import SettingsError, load, parse, redacted
from tests.settings.documents import broken, toml, valid

KEY = "00112233445566778899AABBCCDDEEFF00112233"


def write(folder: Path, document: dict[str, object]) -> Path:
    path = folder / "station.toml"
    path.write_text(toml(document), encoding="utf-8")
    return path


def test_a_valid_file_is_loaded_with_its_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path, valid()))
    assert settings.station.identity == "CK_XXX_0001"
    assert settings.station.offline_behaviour == "cache"
    assert settings.connectors["2"].meter["unit_id"] == 2
    assert settings.connectors["1"].current_a_max == 32.0
    assert settings.central_system.reconnect_min_s == 0.5


def test_relative_paths_lie_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text("pem")
    document = broken(lambda d: d.update(security={"central_system_root": "root.pem"}))
    settings = load(write(tmp_path, document))
    assert settings.station.state_dir == str(tmp_path / "state")
    assert settings.station.control_socket == str(tmp_path / "state" / "control.sock")
    assert settings.security.central_system_root == str(tmp_path / "root.pem")
    assert settings.security.client_key is None


def test_absolute_paths_stay(tmp_path: Path) -> None:
    document = broken(lambda d: d["station"].update(state_dir="/var/lib/cp", control_socket="/run/cp/c.sock"))
    settings = load(write(tmp_path, document))
    assert (settings.station.state_dir, settings.station.control_socket) == ("/var/lib/cp", "/run/cp/c.sock")


def test_a_reader_keeps_its_drivers_keys_and_gives_its_connectors_to_the_station() -> None:
    settings = parse(valid())
    assert settings.readers["1"].connectors == (1, 2)
    assert settings.readers["1"].part == {"driver": "virtual", "socket": "/run/bench/hardware.sock", "reader": 1}


def test_a_reader_without_connectors_serves_all() -> None:
    settings = parse(broken(lambda d: d["readers"]["1"].pop("connectors")))
    assert settings.readers["1"].connectors == (1, 2)


def test_thirty_two_connectors_are_taken() -> None:
    document = valid()
    document["connectors"] = {str(number): document["connectors"]["1"] for number in range(1, 33)}
    assert len(parse(document).connectors) == 32


@pytest.mark.parametrize("url", ["ws://cs.example.org/ocpp/", "wss://cs.example.org:443", "WSS://[2001:db8::1]:9000/a/b"])
def test_usual_addresses_are_taken_as_they_are(url: str) -> None:
    assert parse(broken(lambda d: d["central_system"].update(url=url))).central_system.url == url


@pytest.mark.parametrize("key", ["", "ab", "00" * 8, KEY])
def test_a_hexadecimal_key_of_up_to_forty_digits_is_taken(key: str) -> None:
    settings = parse(broken(lambda d: d["central_system"].update(authorization_key=key)))
    assert settings.central_system.authorization_key == key


def test_first_values_reach_the_core_as_texts_of_the_protocol() -> None:
    seen: dict[str, str] = {}

    def check(name: str, value: str) -> None:
        seen[name] = value

    values = {"A": True, "B": False, "C": 60, "D": 60.0, "E": 0.5, "F": "x,y"}
    settings = parse(broken(lambda d: d.update(configuration=values)), check_configuration=check)
    assert seen == {"A": "true", "B": "false", "C": "60", "D": "60", "E": "0.5", "F": "x,y"}
    assert module.initial_configuration(settings) == seen


def test_nothing_that_prints_settings_shows_a_secret() -> None:
    document = broken(lambda d: d["central_system"].update(authorization_key=KEY))
    document["buses"]["meters"]["password"] = "hunter2"
    document["configuration"]["authorizationkey"] = KEY
    settings = parse(document, check_configuration=lambda name, value: None)
    for text in (repr(settings), str(settings), repr(settings.central_system), str(redacted(settings))):
        assert KEY not in text
        assert "hunter2" not in text
        assert "cs.example.org" in text
    assert redacted(settings)["central_system"]["authorization_key"] == "***"
    assert settings.central_system.authorization_key == KEY


def test_settings_are_values() -> None:
    assert parse(valid()) == parse(valid())
    with pytest.raises(AttributeError):
        parse(valid()).station.identity = "other"  # type: ignore[misc]
    assert structs.replace(parse(valid()).station, identity="other").identity == "other"


def test_the_socket_is_found_although_the_file_is_being_edited(tmp_path: Path) -> None:
    path = write(tmp_path, {"station": {"state_dir": "kept", "identiy": 3}})
    with pytest.raises(SettingsError):
        load(path)
    assert module.control_socket_of(path) == str(tmp_path / "kept" / "control.sock")
    assert module.state_dir_of(path) == str(tmp_path / "kept")
    path.write_text("station = 3")
    assert module.control_socket_of(path) == str(tmp_path / "state" / "control.sock")

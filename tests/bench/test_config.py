"""The station's file that the bench writes."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint import settings
from chargepoint.registry import check_file
from hil.bench import config, toml
from hil.bench.bench import Options, running
from hil.bench.config import ConfigError


def document(directory: Path = Path("/tmp/d"), **options: Any) -> config.Document:
    given = {
        "connectors": 2,
        "identity": "CP",
        "central_system": "ws://h/o",
        "tethered": False,
        "reader_each": False,
        **options,
    }
    return config.station(directory, **given)


def real(path: str | Path) -> str:
    return os.path.realpath(path)


def listed(directory: Path) -> list[str]:
    return os.listdir(directory)


async def written(directory: Path, **options: Any) -> config.Document:
    async with running(Options(directory=directory, **options)) as bench:
        return tomllib.loads(bench.config.read_text())


@pytest.mark.parametrize("meter", ["tcp", "rtu"])
@pytest.mark.parametrize("tethered", [False, True])
@pytest.mark.parametrize("readers", ["shared", "each"])
async def test_the_station_takes_every_kind_of_file(directory: Path, meter: Any, tethered: bool, readers: Any) -> None:
    async with running(Options(directory=directory, connectors=32, meter=meter, tethered=tethered, readers=readers)) as bench:
        parsed = settings.parse(tomllib.loads(bench.config.read_text()), file=str(bench.config), folder=directory)
    assert len(parsed.connectors) == 32
    assert len(parsed.readers) == (32 if readers == "each" else 1)
    assert (parsed.connectors["32"].lock is None) == tethered
    assert parsed.buses["meters"]["driver"] == f"modbus_{meter}"


async def test_the_drivers_take_their_tables(directory: Path) -> None:
    async with running(Options(directory=directory, connectors=2)) as bench:
        problems = [problem for problem in check_file(bench.config).problems if "virtual" in str(problem)]
    assert problems == []


async def test_what_is_given_stands_in_the_file(directory: Path) -> None:
    file = await written(
        directory,
        identity="CP 7/ä",
        central_system="ws://127.0.0.1:1234/x",
        settings=["MeterValueSampleInterval=2", "AuthorizationCacheEnabled=true", "A=1", "A=2=3"],
        config_settings=[
            "station.serial_number=007",
            "central_system.authorization_key=12345678901234567890",
            "central_system.security_profile=1",
            "central_system.reconnect_max_s=0.5",
            "connectors.1.current_a_max=16",
            "connectors.1.phase_rotation=RTS",
            "station.free_vend=true",
            'station.model="Quoted"',
            "security.central_system_root=/tmp/root.pem",
        ],
    )
    assert file["station"]["identity"] == "CP 7/ä"
    assert file["configuration"] == {"MeterValueSampleInterval": "2", "AuthorizationCacheEnabled": "true", "A": "2=3"}
    assert file["station"]["serial_number"] == "007"
    assert (file["station"]["free_vend"], file["station"]["model"]) == (True, "Quoted")
    assert file["central_system"] == {
        "url": "ws://127.0.0.1:1234/x",
        "authorization_key": "12345678901234567890",
        "security_profile": 1,
        "reconnect_min_s": 0.2,
        "reconnect_max_s": 0.5,
    }
    assert (file["connectors"]["1"]["current_a_max"], file["connectors"]["1"]["phase_rotation"]) == (16, "RTS")
    assert file["security"] == {"central_system_root": "/tmp/root.pem"}


async def test_paths_are_absolute_and_the_rest_has_its_defaults(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)
    file = await written(Path("inner"))
    assert real(file["station"]["state_dir"]) == f"{real(directory)}/inner/state"
    assert Path(file["connectors"]["1"]["contactor"]["socket"]).is_absolute()
    assert file["readers"] == {"1": {"driver": "virtual", "socket": file["inputs"]["socket"], "reader": 1}}
    assert (file["station"]["identity"], file["central_system"]["url"]) == ("CK_XXX_0001", "ws://127.0.0.1:9000/ocpp")
    assert file["connectors"]["1"]["meter"].items() >= {"driver": "modbus_meter", "bus": "meters", "unit_id": 1}.items()


@pytest.mark.parametrize(("asked", "times"), [("reconnect_min_s=9", (9, 9)), ("reconnect_max_s=0.1", (0.1, 0.1))])
async def test_a_reconnect_time_given_alone_takes_the_other_along(
    directory: Path, asked: str, times: tuple[float, float]
) -> None:
    table = (await written(directory, config_settings=[f"central_system.{asked}"]))["central_system"]
    assert (table["reconnect_min_s"], table["reconnect_max_s"]) == times


async def test_two_contradicting_wishes_stay_as_they_are_asked(directory: Path) -> None:
    asked = ["central_system.reconnect_min_s=9", "central_system.reconnect_max_s=1"]
    table = (await written(directory, config_settings=asked))["central_system"]
    assert (table["reconnect_min_s"], table["reconnect_max_s"]) == (9, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"config_settings": ["station.identity"]}, "--config-set 'station.identity' is not of the form KEY=VALUE"),
        ({"config_settings": ["=1"]}, "--config-set '=1' is not of the form KEY=VALUE"),
        ({"config_settings": ["identity=1"]}, "the name must be a table and a key, such as station.identity"),
        ({"config_settings": ["station..identity=1"]}, "the name must be a table and a key"),
        ({"config_settings": ["station.identity.x=1"]}, "station.identity is a value and holds no keys"),
        ({"settings": ["HeartbeatInterval"]}, "--set 'HeartbeatInterval' is not of the form KEY=VALUE"),
        ({"settings": ["A=\udcff"]}, "is not UTF-8"),
        ({"identity": "\udcff"}, "--identity '\\udcff' is not UTF-8"),
        ({"connectors": 0}, "--connectors must be 1 to 32, not 0"),
    ],
)
async def test_what_cannot_be_set_up_is_refused_before_anything_is_written(directory: Path, options: Any, error: str) -> None:
    with pytest.raises(ConfigError) as refused:
        await written(directory, **options)
    assert error in str(refused.value)
    assert listed(directory) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0.5", 0.5),
        ("true", True),
        ("[1, 2]", [1, 2]),
        ('"1"', "1"),
        ("x y", "x y"),
        ("", ""),
        ("2026-01-01", "2026-01-01"),
        ("[2026-01-01]", "[2026-01-01]"),
        ("1\nother = 2", "1\nother = 2"),
        ("1 # remark", 1),
    ],
)
def test_a_value_is_the_literal_that_it_looks_like(text: str, value: Any) -> None:
    assert config.literal(text, as_text=False) == value


@pytest.mark.parametrize(("text", "value"), [("1", "1"), ("true", "true"), ('"q"', "q"), ("[1]", "[1]")])
def test_a_text_stays_a_text(text: str, value: str) -> None:
    assert config.literal(text, as_text=True) == value


def test_which_settings_are_text() -> None:
    texts = ["station.identity", "station.iccid", "station.metering", "security.client_key", "connectors.1.phase_rotation"]
    others = [
        "station.free_vend",
        "station.current_a_max",
        "connectors.1.phases",
        "configuration.A",
        "buses.meters.port",
        "a.b",
        "station",
    ]
    assert [name for name in texts + others if config.is_text(name.split("."))] == texts


def test_the_stations_socket_moves_up_where_its_path_would_be_too_long() -> None:
    fits, too_long = Path("/" + "d" * 87), Path("/" + "d" * 88)
    assert "control_socket" not in document(fits)["station"]
    assert document(too_long)["station"]["control_socket"] == f"{too_long}/control.sock"


VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4),
    max_size=4,
)


@given(TABLES)
def test_what_is_written_is_read_back(tables: dict[str, Any]) -> None:
    assert tomllib.loads(toml.document(tables)) == tables


def test_what_toml_does_not_have_is_no_value() -> None:
    with pytest.raises(TypeError, match="TOML has no NoneType"):
        toml.value(None)

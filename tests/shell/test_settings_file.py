"""The settings file over the control socket: shown blanked, refused with check-config's words, taken whole."""

import stat
from pathlib import Path

import pytest

from chargepoint.shell.control import Refusal
from chargepoint.shell.settings_file import SettingsFile

TEXT = """\
[station]
identity = "CK_1"
vendor = "V"
model = "M"

[central_system]
url = "ws://cs.example.org/ocpp"
authorization_key = "00112233445566778899"

[connectors.1]
meter = { driver = "virtual", socket = "s", connector = 1 }
contactor = { driver = "virtual", socket = "s", connector = 1 }
pilot = { driver = "virtual", socket = "s", connector = 1 }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "station.toml"
    text = TEXT.replace('meter = { driver = "virtual", socket = "s", connector = 1 }', METER)
    file.write_text(text + BUS)
    file.chmod(0o640)
    return file


METER = 'meter = { driver = "modbus_meter", bus = "meters", map = "sdm630", unit_id = 1 }'
BUS = """
[buses.meters]
driver = "modbus_tcp"
host = "127.0.0.1"
port = 15020
"""


def content(path: Path) -> str:
    return path.read_text()


def append(path: Path, text: str) -> None:
    path.write_text(content(path) + text)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def test_from_showing_to_taking(path: Path) -> None:
    file = SettingsFile(path)
    shown = await file.shown({})
    assert "00112233445566778899" not in shown["text"]
    assert (shown["restart"], shown["writable"]) == (False, True)

    wrong = shown["text"].replace("identity", "identiti")
    refused = await file.taken({"text": wrong, "digest": shown["digest"]})
    assert (refused["fine"], refused["taken"]) == (False, False)
    assert "identity" in refused["problems"][0]["text"]
    assert str(path) in refused["problems"][0]["text"]
    assert 'identity = "CK_1"' in content(path)

    fine = shown["text"].replace("CK_1", "CK_2")
    checked = await file.checked({"text": fine})
    assert checked["fine"] is True
    assert checked["connects_to"] == "ws://cs.example.org/ocpp/CK_2"
    assert "CK_1" in content(path)

    taken = await file.taken({"text": fine, "digest": shown["digest"]})
    assert (taken["taken"], taken["restart"]) == (True, True)
    assert (
        content(path)
        == TEXT.replace("CK_1", "CK_2").replace('meter = { driver = "virtual", socket = "s", connector = 1 }', METER) + BUS
    )
    assert "CK_1" in content(path.with_name("station.toml.previous"))
    assert mode(path) == 0o640
    assert names(path.parent) == ["station.toml", "station.toml.previous"]


async def test_what_somebody_else_changed_meanwhile_is_not_overwritten(path: Path) -> None:
    file = SettingsFile(path)
    shown = await file.shown({})
    append(path, "# by hand\n")
    with pytest.raises(Refusal, match="was changed meanwhile"):
        await file.taken({"text": shown["text"], "digest": shown["digest"]})
    assert content(path).endswith("# by hand\n")


@pytest.mark.parametrize("text", [None, 5, "x" * 50_000])
async def test_what_is_no_text(path: Path, text: object) -> None:
    with pytest.raises(Refusal, match="text must be"):
        await SettingsFile(path).checked({"text": text})


async def test_a_service_that_was_told_no_file() -> None:
    with pytest.raises(Refusal, match="not told which file"):
        await SettingsFile(None).shown({})


async def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "none.toml")
    with pytest.raises(OSError, match=r"none\.toml"):
        await file.shown({})

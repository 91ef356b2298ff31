"""From a driver's name to its module and Config, own drivers and those of others."""

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from msgspec import Struct

from chargepoint import registry
from chargepoint.registry import Kind, check_file, config_of
from chargepoint.settings import SettingsError
from tests.settings.documents import broken, toml


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A foreign driver's table. It takes no pin 13."""

    pin: int
    label: str = ""

    def __post_init__(self) -> None:
        if self.pin == 13:
            raise ValueError("pin 13 is taken by the fan")
        if self.pin == 14:
            raise OSError("label is not engraved")


def driver_module(name: str) -> ModuleType:
    """A driver as somebody else would ship it."""

    async def open_part(config: Config, buses: object) -> None:
        raise NotImplementedError

    def remarks(config: Config) -> list[str]:
        if config.pin == 99:
            raise RuntimeError("no such chip")
        return [f"pin {config.pin} is not debounced"] if config.pin > 20 else []

    def claims(config: Config) -> tuple[str, ...]:
        return (f"GPIO{config.pin}",)

    module = ModuleType(name)
    module.__dict__.update(Config=Config, open=open_part, remarks=remarks, claims=claims)
    return module


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry points of other packages: `acme` is a good lock, `broken` cannot be imported, `empty` is no driver."""
    monkeypatch.setitem(sys.modules, "acme_lock", driver_module("acme_lock"))
    monkeypatch.setitem(sys.modules, "acme_empty", ModuleType("acme_empty"))
    group = "chargepoint.drivers.lock"
    points = metadata.EntryPoints(
        metadata.EntryPoint(name=name, value=value, group=group)
        for name, value in (
            ("acme", "acme_lock"),
            ("broken", "acme_is_not_installed"),
            ("empty", "acme_empty"),
            ("attribute", "acme_lock:Config"),
        )
    )
    monkeypatch.setattr(metadata, "entry_points", lambda **asked: points.select(**asked))


def told(kind: str, part: dict[str, object]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        config_of(kind, part, file="f", section=f"connectors.1.{kind}")
    return [str(problem).removeprefix(f"f: [connectors.1.{kind}] ") for problem in caught.value.problems]


def test_every_driver_of_the_table_is_there_and_complete() -> None:
    for kind, drivers in registry.OWN.items():
        for name in drivers:
            with pytest.raises(SettingsError) as caught:
                config_of(kind, {"driver": name, "no_such_key": 1})
            assert any("no_such_key: unknown key" in str(problem) for problem in caught.value.problems)


def test_a_drivers_table_becomes_its_config() -> None:
    driver = config_of("pilot", {"driver": "virtual", "socket": "/run/x.sock", "connector": 2})
    assert driver.module.__name__ == "drivers.virtual.pilot"
    assert type(driver.config) is driver.module.Config
    assert getattr(driver.config, "connector", None) == 2


def test_an_unknown_driver_is_told_with_the_nearest_known() -> None:
    assert told("meter", {"driver": "modbus_metre"}) == [
        'driver: found "modbus_metre", must be a driver for a meter; did you mean modbus_meter?'
    ]
    assert told("inputs", {"driver": "zzz"}) == ['driver: found "zzz", must be a driver for inputs; known: gpio, virtual']
    assert told("lock", {}) == ["driver: found nothing, must be a driver for a lock; known: gpio, virtual"]


def test_every_problem_of_a_drivers_table_is_told() -> None:
    problems = told("contactor", {"driver": "virtual", "sokket": "/run/x.sock", "connector": "1"})
    assert "sokket: unknown key; did you mean socket?" in problems
    assert any(problem.startswith("socket: found nothing, must be") for problem in problems)
    assert any(problem.startswith('connector: found "1", must be a whole number') for problem in problems)
    assert len(problems) == 3


@pytest.mark.usefixtures("foreign")
def test_a_foreign_driver_is_found_by_its_entry_point() -> None:
    driver = config_of("lock", {"driver": "acme", "pin": 4})
    assert driver.module.__name__ == "acme_lock"
    assert driver.config == Config(pin=4)
    assert registry.known_drivers(Kind.LOCK) == ["gpio", "virtual", "acme", "broken", "empty", "attribute"]
    assert told("lock", {"driver": "acne"}) == ['driver: found "acne", must be a driver for a lock; did you mean acme?']
    assert told("pilot", {"driver": "acme"}) == [
        'driver: found "acme", must be a driver for a pilot; known: evse_board, iec61851, plug_contacts, virtual'
    ]


@pytest.mark.usefixtures("foreign")
def test_a_foreign_driver_that_does_not_work_is_a_problem_and_no_crash() -> None:
    assert told("lock", {"driver": "broken"}) == [
        'driver: found "broken", is installed, but cannot be loaded; '
        "ModuleNotFoundError: No module named 'acme_is_not_installed'"
    ]
    assert told("lock", {"driver": "empty"}) == ['driver: found "empty", is no driver: acme_empty must export Config and open']
    assert told("lock", {"driver": "attribute"}) == [
        'driver: found "attribute", is installed, but cannot be loaded; TypeError: entry point acme_lock:Config names no module'
    ]
    assert told("lock", {"driver": "acme", "pin": 13}) == ["pin: pin 13 is taken by the fan"]
    assert told("lock", {"driver": "acme", "pin": 14}) == ["label: OSError: label is not engraved"]


def test_entry_points_are_not_asked_for_own_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("asked for entry points")

    monkeypatch.setattr(metadata, "entry_points", refuse)
    assert config_of("lock", {"driver": "virtual", "socket": "/run/x.sock", "connector": 1}).config is not None


@pytest.mark.usefixtures("foreign")
def test_a_whole_file_is_checked_with_its_drivers_and_their_remarks(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(toml(broken(lambda d: d["connectors"]["1"].update(lock={"driver": "acme", "pin": 21}))))
    path.chmod(0o600)
    checked = check_file(path)
    assert checked.problems == ()
    assert checked.settings is not None
    assert "[connectors.1.lock] pin 21 is not debounced" in checked.remarks
    path.write_text(path.read_text().replace("21", "99"))
    (remark,) = check_file(path).remarks
    assert remark == "[connectors.1.lock] its driver could not tell its remarks: RuntimeError: no such chip"


def test_problems_of_the_file_and_of_drivers_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"

    def spoil(d: dict[str, dict[str, dict[str, object]]]) -> None:
        d["station"].pop("identity")
        d["connectors"]["1"]["contactor"] = {"driver": "virtuel"}
        d["connectors"]["2"]["pilot"] = {}
        d["readers"]["1"]["raeder"] = 1

    path.write_text(toml(broken(spoil)))
    checked = check_file(path)
    assert checked.settings is None
    assert {(problem.section, problem.key) for problem in checked.problems} == {
        ("station", "identity"),
        ("connectors.1.contactor", "driver"),
        ("connectors.2.pilot", "driver"),
        ("readers.1", "raeder"),
    }

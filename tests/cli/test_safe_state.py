"""`chargepoint safe-state`: every contactor that can be named is opened, whatever else is wrong."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import pytest
from msgspec import Struct

from chargepoint import failsafe, registry
from chargepoint.cli import safe_state
from chargepoint.cli.main import main
from chargepoint.ports import DriverError

ROOT = Path(__file__).parents[2]
FILE = """
[station]
identity = "A"

[connectors.1]
contactor = { driver = "relay", pin = 17 }
lock = { driver = "bolt", pin = 20 }
meter = { driver = "modbus_meter" }

[connectors.2]
contactor = { driver = "relay", pin = 18, active_high = false }
lock = { driver = "bolt", pin = 21 }
"""


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pin: int
    active_high: bool = True
    pause_s: float = 1.0


class Parts:
    """Drivers `relay` and `bolt`, and what was done with them. does: what happens at a pin instead of success."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int, bool]] = []
        self.does: dict[int, Callable[[], Awaitable[None]]] = {}

    def module(self, name: str) -> ModuleType:
        async def make_safe(config: Config, buses: object) -> str | None:
            if config.pin in self.does:
                await self.does[config.pin]()
            self.done.append((name, config.pin, config.active_high))
            return f"GPIO{config.pin} is off" if name == "relay" else None

        module = ModuleType(f"parts_{name}")
        safe_keys = frozenset({"pin", "active_high"})
        module.__dict__.update(Config=Config, open=make_safe, make_safe=make_safe, SAFE_KEYS=safe_keys)
        return module


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    made = Parts()
    for kind, name in ((registry.Kind.CONTACTOR, "relay"), (registry.Kind.LOCK, "bolt")):
        monkeypatch.setitem(sys.modules, f"parts_{name}", made.module(name))
        monkeypatch.setitem(registry.OWN[kind], name, f"parts_{name}")
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(FILE)
    return path


def told(file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    status = main(["safe-state", "--config", str(file)])
    return status, capsys.readouterr().out.splitlines()


async def broken() -> None:
    raise DriverError("GPIO17 cannot be taken (Input/output error)")


async def hangs() -> None:
    await asyncio.Event().wait()


def test_every_part_is_made_safe_and_said_locks_behind_their_contactors(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = told(file, capsys)
    assert status == 0
    assert sorted(parts.done[:2]) == [("relay", 17, True), ("relay", 18, False)]
    assert sorted(parts.done[2:]) == [("bolt", 20, True), ("bolt", 21, True)]
    assert sorted(lines[:2]) == ["connectors.1.contactor: GPIO17 is off", "connectors.2.contactor: GPIO18 is off"]
    assert lines[-1] == "safe: 2 contactors open"


def test_a_part_that_fails_keeps_no_other_but_its_own_lock(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts.does[17] = broken
    status, lines = told(file, capsys)
    assert status == 1
    assert parts.done == [("relay", 18, False), ("bolt", 21, True)]
    assert "connectors.1.contactor: GPIO17 cannot be taken (Input/output error)" in lines
    assert "connectors.1.lock: left as it is, for the contactor of its connector may be closed" in lines
    assert lines[-1] == "NOT SAFE: connectors.1.contactor, connectors.1.lock. Cut the power."


def test_a_mistake_in_a_driver_is_a_part_that_fails(parts: Parts, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def mistaken() -> None:
        raise KeyError("pin")

    parts.does[18] = mistaken
    status, lines = told(file, capsys)
    assert status == 1
    assert "connectors.2.contactor: KeyError: 'pin'" in lines


def test_a_driver_that_hangs_is_left_behind_within_the_second(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    monkeypatch.setattr(safe_state, "_leave", left.append)
    assert failsafe.PART_S + failsafe.CONTACTS_S < 1.0, "and nothing but these is waited for: this driver never comes back"
    monkeypatch.setattr(failsafe, "PART_S", 0.1)
    parts.does[17] = hangs
    status, lines = told(file, capsys)
    assert (status, left) == (1, [1])
    assert ("relay", 18, False) in parts.done
    assert "connectors.1.contactor: its driver did not come back in time" in lines


def test_a_driver_that_blocks_everything_ends_with_the_process(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(safe_state, "LIMIT_S", 0.05)
    monkeypatch.setattr(safe_state, "_leave", lambda status: released.set())

    async def blocks() -> None:
        released.wait(5.0)

    parts.does[17] = blocks
    _, lines = told(file, capsys)
    assert released.is_set()
    assert "NOT SAFE: a driver holds this up for more than 0.05 s. Cut the power." in lines


@pytest.mark.parametrize("spoil", ['identity = "A', "[[connectors]", "]", "[station]\nidentity = 1 2"])
def test_of_a_broken_file_every_table_that_can_be_read_is_used(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], spoil: str
) -> None:
    file.write_text(FILE.replace('identity = "A"', spoil))
    status, lines = told(file, capsys)
    assert status == 1
    assert {pin for _, pin, _ in parts.done} == {17, 18, 20, 21}
    assert "is not right" in lines[0]
    assert lines[-1] == "NOT SAFE: only 2 contactors could be read of the configuration; there may be more. Cut the power."


def test_a_key_that_a_part_can_do_without_is_overlooked(parts: Parts, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE.replace("pin = 17", 'pin = 17, pause_s = "long", colour = "red"'))
    status, _ = told(file, capsys)
    assert status == 0
    assert ("relay", 17, True) in parts.done


@pytest.mark.parametrize("wrong", ["activ_high = false", 'active_high = "false"', "pin = 99_999_999_999_999_999_999"])
def test_nothing_is_guessed_of_a_pin_or_its_polarity(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    file.write_text(FILE.replace("pin = 17", wrong if wrong.startswith("pin") else f"pin = 17, {wrong}"))
    status, lines = told(file, capsys)
    assert status == 1
    assert 17 not in {pin for _, pin, _ in parts.done}
    assert ("relay", 18, False) in parts.done
    assert any(line.startswith("connectors.1.contactor: ") and wrong.split()[0] in line for line in lines)


def test_a_contactor_that_nobody_can_open_is_not_safe(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(sys.modules["parts_relay"], "make_safe")
    status, lines = told(file, capsys)
    assert status == 1
    assert "connectors.1.contactor: its driver relay has no safe state of its own: cut the power" in lines
    file.write_text(FILE.replace('"relay"', '"relais"'))
    status, lines = told(file, capsys)
    assert status == 1
    assert parts.done == []
    assert any("did you mean relay?" in line for line in lines)


@pytest.mark.parametrize("content", ["", "[station]\n", "\x00\x01"])
def test_a_file_without_a_contactor_is_not_safe(
    parts: Parts, file: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file.write_text(content)
    status, lines = told(file, capsys)
    assert status == 1
    assert lines[-1].startswith("NOT SAFE: only 0 contactors")
    file.unlink()
    assert main(["safe-state", "--config", str(file)]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_neither_database_nor_network_nor_core_is_even_imported(file: Path) -> None:
    file.write_text('[connectors.1]\ncontactor = { driver = "virtual", socket = "/nowhere", connector = 1 }\n')
    unwanted = "sqlite3 sqlite_utils websockets urllib3 pymodbus gpiozero lgpio chargepoint.core chargepoint.store"
    program = (
        f"import sys; from chargepoint.cli.main import main; s = main(['safe-state', '--config', {str(file)!r}]); "
        f"print(s, *(name for name in {unwanted!r}.split() if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.splitlines()[-1] == "0"

"""The command line as a person meets it: help with examples, a quick start, clean ends."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from chargepoint.cli.main import COMMANDS, main, parser

ROOT = Path(__file__).parents[2]
HEAVY = {"msgspec", "asyncio", "sqlite3", "websockets", "pymodbus", "sqlite_utils", "difflib"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"  chargepoint {command}" in text.partition("example")[2]
    assert max(len(line) for line in text.splitlines()) <= 128
    assert f"    {command} " in parser().format_help().replace("\n", " \n")


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("chargepoint ")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom chargepoint.cli.main import parser\nparser().format_help()\n"
        f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == []


def test_a_machine_that_starts_the_station_loads_no_command_line() -> None:
    code = (
        "import sys\nfrom chargepoint.__main__ import main\nsys.argv[1:] = ['run', '--config', 'no-such.toml']\n"
        "print(main(), 'argparse' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.split() == ["78", "False"]
    assert "no-such.toml" in done.stderr
    by_parser = [sys.executable, "-m", "chargepoint", "run", "--config=no-such.toml"]
    other = subprocess.run(by_parser, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (other.returncode, other.stderr) == (78, done.stderr)


def test_a_start_loads_nothing_that_a_library_names_and_does_not_use() -> None:
    code = (
        "import sys\nfrom chargepoint.cli.station import load_lightly\nload_lightly()\nimport chargepoint.shell.service\n"
        "print(*sorted({'importlib.metadata', 'email', 'zipfile', 'typing_extensions'} & set(sys.modules)))\n"
        "from importlib import metadata\nprint(metadata.version('websockets'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    loaded, version = done.stdout.splitlines()
    assert loaded == ""
    assert version == metadata.version("websockets")


@pytest.mark.parametrize(
    "use",
    [
        "import importlib.metadata\nknown = importlib.metadata.version('msgspec')\n",
        "from importlib import metadata\nknown = metadata.version('msgspec')\n",
        "from importlib.metadata import version\nknown = version('msgspec')\n",
    ],
)
def test_a_library_that_uses_what_it_names_is_loaded_all_the_same(tmp_path: Path, use: str) -> None:
    (tmp_path / "websockets").mkdir()
    (tmp_path / "websockets" / "__init__.py").write_text(use)
    code = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom chargepoint.cli.station import load_lightly\n"
        "load_lightly()\nprint('websockets' in sys.modules)\nimport websockets\nprint(websockets.known)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.split(), done.stderr) == (["False", metadata.version("msgspec")], "")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    """`chargepoint check-config | head -0`"""
    source, sink = os.pipe()
    os.close(source)
    command = [sys.executable, "-m", "chargepoint", "check-config", "--config", "config/chargepoint.toml"]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=sink, stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(sink)
    assert done.stderr == b""
    assert done.returncode == 0


def test_an_interrupt_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chargepoint.registry.check_file", interrupted)
    assert main(["check-config", "--config", str(tmp_path / "x.toml")]) == 130

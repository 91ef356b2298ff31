"""The page as a process: over the service manager's socket, small, and gone when nobody looks."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chargepoint.cli.main import main
from chargepoint.panel.guard import Access
from tests.panel.house import SESSION, FakeStation, House

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "chargepoint-panel.service"
RSS_KB_MAX = 30 * 1024
PAGES = ("/", "/sessions", "/sessions/3", "/messages", "/setup", "/setup/file", "/setup/keys", "/setup/tests", "/setup/access")
CONFIG = """\
[station]
identity = "CK_1"
control_socket = "control.sock"

[panel]
driver_page = true
"""
# What systemd does: the socket is descriptor 3, and the process is told so by its own number.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "chargepoint", *sys.argv[2:]])
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "station.toml"
    path.write_text(CONFIG)
    return path


def environment() -> dict[str, str]:
    """What the unit gives the process."""
    told = re.search(r"^Environment=(.+)$", UNIT.read_text(), re.MULTILINE)
    assert told
    return dict(pair.split("=", 1) for pair in told[1].split())


@contextmanager
def activated(config: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process as the service manager starts it, and the port that it was given."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-c", ACTIVATE, str(listener.fileno()), "panel", "--config", str(config), *more]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment()},
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    try:
        yield process, port
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1])


def test_it_answers_on_the_socket_that_it_was_given_and_ends_when_nobody_looks(config: Path) -> None:
    with activated(config, "--idle-s", "0.3") as (process, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=10) as answer:
            assert b"Log in" in answer.read()
        assert process.wait(10) == 0


def test_it_ends_in_order_when_it_is_told_to(config: Path) -> None:
    with activated(config) as (process, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


async def test_it_stays_small_with_twenty_open_pages(config: Path, tmp_path: Path) -> None:
    station = FakeStation(tmp_path / "control.sock")
    station.status["connectors"]["1"]["session"] = SESSION
    station.answers |= {
        "session": {"session": None},
        "settings_file": {
            "file": "f",
            "text": "[station]\n" + "# x\n" * 2_000,
            "digest": "",
            "restart": False,
            "writable": True,
        },
        "get_settings": {"keys": [{"key": f"Key{number}", "value": "1", "readonly": False} for number in range(60)]},
        "frames": {
            "frames": [{"seq": n, "at_s": 1.0, "direction": "sent", "text": f'[2,"{n}","Heartbeat",{{}}]'} for n in range(400)]
        },
        "readings": {"readings": [[600.0 - n, 11_000.0, float(n)] for n in range(600)]},
        "ledger": {"sessions": [{"key": n, "connector": 1, "id_tag": "A", "started": None} for n in range(500)]},
    }
    await station.open()
    with activated(config, "--idle-s", "30") as (process, port):
        await asyncio.to_thread(_answers, port)
        access = Access(tmp_path / "state" / "panel")
        here = House.__new__(House)
        here.port, here.access, here.cookie = port, access, ""
        assert (await here.log_in()).status == 303
        for path in PAGES:
            assert (await here.get(path)).status in (200, 404), path
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(_watch(here, station))
        assert rss_kb(process.pid) < RSS_KB_MAX
        await station.close()


def _answers(port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/alive", timeout=10) as answer:
        assert answer.status == 200


async def _watch(here: House, station: FakeStation) -> None:
    async with here.listening() as stream:
        await stream.event("parts")
        for energy_wh in range(5):
            station.tell_status(energy_wh=energy_wh)
            await asyncio.sleep(0.05)


def test_an_address_that_is_taken_is_said_with_what_to_do(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "chargepoint", "panel", "--config", str(config), "--listen"]
        done = subprocess.run(
            [*command, f"127.0.0.1:{taken.getsockname()[1]}"], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    assert done.returncode == 1
    assert "choose another one: listen in [panel]" in done.stderr


class TestCommand:
    def test_the_first_password_and_a_new_one(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["panel", "--password", "--config", str(config)]) == 0
        first = capsys.readouterr().out.strip()
        assert main(["panel", "--password", "--config", str(config)]) == 0
        assert capsys.readouterr().out.strip() == first
        assert main(["panel", "--reset-password", "--config", str(config)]) == 0
        assert capsys.readouterr().out.strip() != first

    def test_once_it_was_used_nobody_can_read_it(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        access = Access(config.parent / "state" / "panel")
        access.prepare()
        access.forget_first()
        assert main(["panel", "--password", "--config", str(config)]) == 1
        assert "--reset-password" in capsys.readouterr().err

    def test_the_qr_code_of_the_page_for_drivers(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        pytest.importorskip("segno", reason="the package segno is not installed")
        picture = config.parent / "code.svg"
        where = ["--address", "https://station.example.org/", "--config", str(config)]
        assert main(["panel", "--qr-svg", str(picture), *where]) == 0
        assert capsys.readouterr().out == "https://station.example.org/driver\n"
        assert picture.read_text().count("<path") == 1

    def test_without_a_network_there_is_nothing_to_print(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["panel", "--qr", "--config", str(config)]) == 1
        assert "nobody but this machine sees the page" in capsys.readouterr().err

    def test_the_address_for_the_service_manager(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        config.write_text(CONFIG + 'listen = "0.0.0.0:8080"\n')
        assert main(["panel", "--socket-conf", "--config", str(config)]) == 0
        assert capsys.readouterr().out == "[Socket]\nListenStream=\nListenStream=0.0.0.0:8080\n"

    @pytest.mark.parametrize(("text", "words"), [('listen = "lan"', "listen"), ("lisen = 1", "lisen"), ("[", "check-config")])
    def test_a_table_that_is_wrong(self, config: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
        config.write_text(CONFIG + text)
        (config.parent / "taken-over").touch()  # a station that was set up once is not set up anew for a slip of the pen
        assert main(["panel", "--config", str(config)]) == 1
        assert words in capsys.readouterr().err


def test_the_units_say_what_the_program_takes() -> None:
    unit = UNIT.read_text()
    command = re.search(r"ExecStart=/usr/bin/chargepoint (.+)", unit)
    assert command
    assert command[1].split()[:2] == ["panel", "--config"]
    for line in ("DynamicUser=yes", "SupplementaryGroups=chargepoint", "ProtectSystem=strict", "NoNewPrivileges=yes"):
        assert line in unit
    assert "ListenStream=127.0.0.1:8080" in (ROOT / "systemd" / "chargepoint-panel.socket").read_text()
    assert os.access(ROOT / "systemd" / "chargepoint-panel-listen", os.X_OK)

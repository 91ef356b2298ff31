"""Clock, service manager, log, redaction, last resort and the site: the shell's small rooms."""

import io
import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargepoint.core.effects import LogEvent
from chargepoint.core.events import ControlAsked, FrameReceived
from chargepoint.settings import parse
from chargepoint.shell import log as logs
from chargepoint.shell.clock import Adjtimex, SystemClock, kernel_boot_id
from chargepoint.shell.compose import site_of
from chargepoint.shell.last_resort import LastResort
from chargepoint.shell.notify import ServiceManager
from chargepoint.shell.redact import SHOWN_MAX, frame_text, shown
from chargepoint.shell.service import version_of_program


class TestClock:
    def test_the_wall_clock_counts_only_while_somebody_sets_it(self) -> None:
        trusted, untrusted = SystemClock(lambda: True).now(), SystemClock(lambda: False).now()
        assert trusted.wall_s == pytest.approx(time.time(), abs=5)
        assert untrusted.wall_s is None
        assert trusted.mono_s == pytest.approx(time.monotonic(), abs=5)

    def test_a_date_before_this_project_is_no_date(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
        assert SystemClock(lambda: True).now().wall_s is None

    def test_the_kernel_is_asked_once_a_second_and_whenever_the_date_was_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[float] = []
        machine = {"mono_s": 100.0, "offset_s": 1_800_000_000.0, "held": True}

        def held() -> bool:
            asked.append(machine["mono_s"])
            return bool(machine["held"])

        monkeypatch.setattr(time, "monotonic", lambda: machine["mono_s"])
        monkeypatch.setattr(time, "time", lambda: machine["mono_s"] + machine["offset_s"])
        clock = SystemClock(held)
        for mono_s in (100.0, 100.4, 100.9, 101.0, 101.5):
            machine["mono_s"] = mono_s
            assert clock.now().wall_s == mono_s + machine["offset_s"]
        assert asked == [100.0, 101.0]
        machine |= {"offset_s": machine["offset_s"] - 0.5, "held": False}  # somebody set it by hand
        assert clock.now().wall_s is None
        machine |= {"mono_s": 102.5, "held": True}
        assert clock.now().wall_s is not None
        assert asked == [100.0, 101.0, 101.5, 102.5]

    def test_the_kernel_can_be_asked_or_the_answer_is_no(self) -> None:
        asked = Adjtimex()
        assert asked() in (True, False)
        asked._ask = None
        assert asked() is False
        asked._ask = lambda timex: -1
        assert asked() is False

    @pytest.mark.parametrize(
        ("state", "status", "synchronised"), [(0, 0, True), (0, 0x40, False), (5, 0, False), (1, 0x2001, True)]
    )
    def test_what_adjtimex_says(self, state: int, status: int, synchronised: bool) -> None:
        def answer(timex: Any) -> int:
            timex[40:44] = status.to_bytes(4, sys.byteorder)
            return state

        asked = Adjtimex()
        asked._ask = answer
        assert asked() is synchronised

    def test_a_boot_has_an_id(self) -> None:
        assert kernel_boot_id() == kernel_boot_id() != ""


class TestServiceManager:
    @pytest.fixture
    def manager(self, tmp_path: Path) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(str(tmp_path / "notify"))
            receiver.settimeout(2)
            yield receiver

    def test_it_is_told_over_its_socket(self, manager: socket.socket) -> None:
        station = ServiceManager({"NOTIFY_SOCKET": str(manager.getsockname()), "WATCHDOG_USEC": "3000000"})
        station.ready()
        station.alive()
        station.status("two\nlines")
        station.stopping()
        assert [manager.recv(100) for _ in range(4)] == [b"READY=1", b"WATCHDOG=1", b"STATUS=two lines", b"STOPPING=1"]
        assert station.watchdog_s == 1.5

    def test_an_abstract_address_is_understood(self) -> None:
        name = f"\0chargepoint-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(name)
            receiver.settimeout(2)
            ServiceManager({"NOTIFY_SOCKET": "@" + name[1:]}).ready()
            assert receiver.recv(100) == b"READY=1"

    @pytest.mark.parametrize(
        "environ",
        [
            {},
            {"WATCHDOG_USEC": "1000"},
            {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"},
            {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "0"},
            {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
        ],
    )
    def test_nobody_who_watches_this_process_means_no_watchdog(self, environ: dict[str, str]) -> None:
        assert ServiceManager(environ).watchdog_s is None

    def test_without_one_nothing_happens_and_a_dead_one_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        ServiceManager({}).ready()
        assert caplog.text == ""
        ServiceManager({"NOTIFY_SOCKET": "/no/such/socket"}).ready()
        assert "/no/such/socket" in caplog.text


class StuckStream(io.StringIO):
    """A pipe that nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.flows = threading.Event()

    def write(self, text: str) -> int:
        self.flows.wait(60)
        return super().write(text)


def record(text: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("chargepoint", level, __file__, 1, "%s", (text,), None)


class TestLog:
    def test_a_pipe_that_nobody_reads_holds_nobody_up_and_the_loss_is_counted(self) -> None:
        stream = StuckStream()
        handler = logs.ThreadedHandler(stream, lines_max=10)
        for number in range(1_000):
            handler.emit(record(f"line {number}"))
        assert stream.getvalue() == "", "not even the first was waited for"
        stream.flows.set()
        handler.flush()
        handler.emit(record("the last"))
        handler.close()
        lines = stream.getvalue().splitlines()
        assert lines[0] == "line 0"
        assert lines[-1] == "the last"
        assert "lines were lost" in lines[-2]
        assert len(lines) < 20

    def test_a_stream_that_is_gone_is_no_error(self) -> None:
        stream = io.StringIO()
        handler = logs.ThreadedHandler(stream)
        stream.close()
        handler.emit(record("to nobody"))
        handler.close()
        assert not handler._writer.is_alive()

    def test_the_journal_gets_the_fields_of_a_line(self, tmp_path: Path) -> None:
        journal = str(tmp_path / "journal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(journal)
            heard.settimeout(5.0)
            handler = logs.JournalHandler(io.StringIO(), journal)
            one = record("connector 2: a session ended")
            one.connector, one.transaction, one.event = 2, 17, "session_ends"
            handler.emit(one)
            fields = heard.recv(65_536).decode().splitlines()
            assert {"MESSAGE=connector 2: a session ended", "PRIORITY=6", "CONNECTOR=2", "TRANSACTION=17"} < set(fields)
            assert f"MESSAGE_ID={logs.message_id('session_ends')}" in fields
            handler.emit(record("one\ntwo", logging.ERROR))
            plain = heard.recv(65_536)
            assert b"MESSAGE\n\x07\0\0\0\0\0\0\0one\ntwo\nPRIORITY=3\n" in plain
            assert b"CONNECTOR" not in plain
            handler.close()

    def test_every_line_has_its_priority_where_the_journal_does_not_take_it(self, tmp_path: Path) -> None:
        stream = io.StringIO()
        handler = logs.JournalHandler(stream, str(tmp_path / "nobody"))
        handler.emit(record("one\ntwo", logging.ERROR))
        handler.emit(record("x", logging.DEBUG))
        handler.close()
        assert stream.getvalue() == "<3>one\n<3>two\n<7>x\n"

    def test_every_event_stands_on_the_page_with_its_message_id(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
        assert [event for event in get_args(LogEvent) if f"| `{event}` | `{logs.message_id(event)}` |" not in page] == []

    def test_only_the_journals_own_stream_gets_priorities(self, tmp_path: Path) -> None:
        with (tmp_path / "err").open("w") as stream:
            here = os.fstat(stream.fileno())
            assert logs._is_journal(stream, f"{here.st_dev}:{here.st_ino}")
            assert not logs._is_journal(stream, f"{here.st_dev}:{here.st_ino + 1}")
            assert not logs._is_journal(stream, "")
        assert not logs._is_journal(io.StringIO(), "1:2")

    def test_libraries_never_log_their_frames_however_much_is_asked_for(self) -> None:
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        handler = logs.start("debug", io.StringIO(), {})
        try:
            assert root.level == logging.DEBUG
            for name in ("websockets", "websockets.client", "asyncio"):
                assert not logging.getLogger(name).isEnabledFor(logging.INFO)
        finally:
            handler.close()
            root.handlers[:], root.level = before, level
            for name in ("websockets", "asyncio", "pymodbus"):
                logging.getLogger(name).setLevel(logging.NOTSET)


KEY = "5EC2E75EC2E7"


class TestRedaction:
    @pytest.mark.parametrize(
        "frame",
        [
            f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{KEY}"}}]',
            f'[2,"1","ChangeConfiguration",{{"value":"{KEY}","key":"authorizationKEY"}}]',
            f'[2,"1","ChangeConfiguration",{{"key":"Authorization\\u004bey","value":"{KEY}"}}]',
            f'[3,"1",{{"configurationKey":[{{"key":"AuthorizationKey","readonly":false,"value":"{KEY}"}}]}}]',
            f'[2,"1","DataTransfer",{{"vendorId":"x","data":{{"AuthorizationKey":"{KEY}"}}}}]',
            f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{KEY}"',
            f'[2,"1","ChangeConfiguration",{{"key":"Authorization\\u004bey","value":"{KEY}"',
            f'[2,"1","ChangeConfiguration",{{"key":" AuthorizationKey","value":"{KEY}"}}]',
            f'[2,"1","DataTransfer",{{"vendorId":"x","data":"{{\\"AuthorizationKey\\":\\"{KEY}\\"}}"}}]',
        ],
    )
    def test_a_key_is_never_shown(self, frame: str) -> None:
        assert KEY not in frame_text(frame)
        assert KEY not in frame_text(frame.encode())
        assert KEY not in shown(FrameReceived(frame))
        assert KEY not in shown(ControlAsked(1, "set_setting", {"name": "AuthorizationKey", "value": KEY}))

    @pytest.mark.parametrize("url", ["ftp://joe:5EC2E7@host/x", "ftp:\\/\\/joe:5EC2E7@host\\/x", "https://5EC2E7@host/x"])
    def test_a_password_in_a_url_is_never_shown(self, url: str) -> None:
        text = frame_text(f'[2,"1","GetDiagnostics",{{"location":"{url}"}}]')
        assert "5EC2E7" not in text
        assert "***@host" in text
        assert "5EC2E7" not in shown(ControlAsked(1, "x", {"url": url.replace("\\", "")}))

    @pytest.mark.parametrize(
        "frame",
        [
            '[2,"1","GetDiagnostics",{"location":"URL"}]',
            '[2,"1","GetLog",{"log":{"remoteLocation" : "URL"}}]',
            '[2,"1","SignedUpdateFirmware",{"firmware":{"location":"URL"}}]',
        ],
    )
    def test_what_signs_a_request_in_a_url_is_never_shown(self, frame: str) -> None:
        text = frame_text(frame.replace("URL", "https://host/x?X-Signature=5EC2E7"))
        assert "5EC2E7" not in text
        assert "https://host/x?***" in text

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=10,
        )
    )
    def test_what_holds_no_secret_is_shown_as_it_is(self, document: Any) -> None:
        assert json.loads(frame_text(json.dumps(document))) == document

    def test_what_is_no_json_or_no_text_is_shown_and_bounded(self) -> None:
        assert frame_text("[2,") == "[2,"
        assert frame_text(b"\xff\xfe") == "\ufffd\ufffd"
        assert len(frame_text("x" * 100_000)) < SHOWN_MAX + 50

    @pytest.mark.parametrize("before", range(SHOWN_MAX - 60, SHOWN_MAX + 2, 3))
    @pytest.mark.parametrize("url", ["ftp://joe:5EC2E7@host/x", "https://host/x?X-Signature=5EC2E7"])
    def test_where_a_long_frame_is_cut_a_secret_is_not_shown_in_part(self, before: int, url: str) -> None:
        frame = f'[2,"1","GetDiagnostics",{{"location":"{url}"}}]'
        text = frame_text(f'["{"x" * before}",{frame},"{"y" * 50_000}"]')
        assert "5EC" not in text
        assert len(text) < SHOWN_MAX + 50
        assert text.endswith(" characters)")


class TestLastResort:
    def test_when_the_time_is_up_contactors_open_and_the_process_leaves(self) -> None:
        done: list[Any] = []
        left = threading.Event()

        def leave(status: int) -> None:
            done.append(status)
            left.set()

        last = LastResort(lambda: done.append("safe"), leave)
        last.arm(0.01, 3)
        last.arm(0.001, 9)
        assert left.wait(2)
        assert done == ["safe", 3]

    def test_it_leaves_even_if_opening_fails(self) -> None:
        left = threading.Event()

        def broken() -> None:
            raise OSError("no bus")

        before, threading.excepthook = threading.excepthook, _ignore
        try:
            LastResort(broken, lambda status: left.set()).arm(0.001, 1)
            assert left.wait(2)
        finally:
            threading.excepthook = before

    def test_one_that_was_disarmed_does_nothing(self) -> None:
        done: list[int] = []
        last = LastResort(lambda: None, done.append)
        last.arm(0.02, 1)
        last.disarm()
        assert last._timer is not None
        last._timer.join(1)
        assert done == []


def _ignore(arguments: object) -> None:
    """The thread's exception is the test's own."""


def test_the_site_is_what_the_settings_say() -> None:
    part = {"driver": "virtual", "socket": "/x", "connector": 1}
    connector = {"meter": part, "contactor": part, "pilot": part}
    site = site_of(
        parse(
            {
                "station": {"identity": "CP1", "vendor": "V", "model": "M", "metering": "transaction", "free_vend": True},
                "central_system": {"url": "ws://x", "call_timeout_s": 7},
                "connectors": {
                    **{str(number): connector for number in range(1, 11)},
                    "2": {**connector, "cable": "tethered", "phases": 1, "current_a_max": 16.0},
                    "3": {**connector, "lock": part},
                },
                "readers": {"1": {**part, "connectors": [2, 1]}, "2": part},
                "configuration": {"HeartbeatInterval": 60, "LocalPreAuthorize": True},
            },
            check_configuration=lambda name, value: None,
        )
    )
    assert [one.number for one in site.connectors] == list(range(1, 11))
    assert (site.connectors[1].tethered, site.connectors[1].phases, site.connectors[1].current_a_max) == (True, 1, 16.0)
    assert [one.has_lock for one in site.connectors[:3]] == [False, False, True]
    assert site.readers == {1: (2, 1), 2: tuple(range(1, 11))}
    assert site.first_keys == {"HeartbeatInterval": "60", "LocalPreAuthorize": "true"}
    assert (site.metering, site.free_vend, site.call_timeout_s) == ("transaction", True, 7)


class TestVersion:
    @pytest.fixture(autouse=True)
    def fresh(self) -> Iterator[None]:
        version_of_program.cache_clear()
        yield
        version_of_program.cache_clear()

    def test_it_is_that_of_the_first_place_on_the_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for place, name in (("a", "chargepoint_tools-9.9"), ("b", "chargepoint-0.2.0~rc1"), ("c", "chargepoint-0.1.0")):
            (tmp_path / place / f"{name}.dist-info").mkdir(parents=True)
        closed = "x" * 300  # the system refuses to look, as it does where another user's folder is on the path
        monkeypatch.setattr(sys, "path", [str(tmp_path / name) for name in (closed, "gone", "a", "b", "c")])
        assert version_of_program() == "0.2.0~rc1"

    def test_a_program_that_nobody_installed_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "path", [str(tmp_path)])
        assert version_of_program() == "not installed"

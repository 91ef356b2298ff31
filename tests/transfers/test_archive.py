"""What is in an archive of diagnostics, how large it may become, and what it must not hold."""

import asyncio
import base64
import csv
import io
import json
import logging
import tarfile
from pathlib import Path
from typing import Any

import pytest

from chargepoint.settings import parse
from chargepoint.shell import diagnostics
from chargepoint.shell.archivist import Archivist
from chargepoint.shell.diagnostics import Known, build
from chargepoint.shell.recent import Recent
from chargepoint.shell.redact import frame_text
from tests.settings.documents import valid

pytestmark = pytest.mark.section("5.9")

NOON_S = 1_767_614_400.0  # 2026-01-05T12:00:00Z
TAG = "04A2B3C4D5E6F7"


def known(**more: Any) -> Known:
    return Known(
        **{
            "station": "CP1",
            "status": {"identity": "CP1"},
            "health": [{"part": "meter", "number": 1, "open": False, "trouble": "no answer"}],
            "configuration": {"settings": {}, "keys": []},
            "firmware_version": "1.2.3",
            "ledger": [],
            "dead_letters": [],
            "security_log": [],
            "log": ["line"],
            **more,
        }
    )


def members(path: Path) -> dict[str, str]:
    found = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name] = file.read().decode()
    return found


def test_everything_lies_in_one_folder_named_like_the_file(tmp_path: Path) -> None:
    path = tmp_path / "diagnostics" / "CP1_now.tar.gz"
    build(path, known(), 1 << 20)
    found = members(path)
    assert {name.partition("/")[0] for name in found} == {"CP1_now"}
    assert json.loads(found["CP1_now/versions.json"])["firmware"] == "1.2.3"
    assert json.loads(found["CP1_now/versions.json"])["libraries"]["websockets"]
    assert json.loads(found["CP1_now/health.json"])[0]["trouble"] == "no answer"
    assert "systemd" in json.loads(found["CP1_now/manifest.json"])["remarks"][0]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_the_archive_is_bounded_and_says_what_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    build(path, known(log=["x" * 1_000] * 1_000), 100_000)
    found = members(path)
    assert sum(map(len, found.values())) <= 100_000
    assert found["a/log.txt"].endswith("no more room)\n")
    assert "log.txt was cut from 1001000" in json.loads(found["a/manifest.json"])["remarks"][0]
    assert json.loads(found["a/status.json"]) == {"identity": "CP1"}


def test_the_ledger_is_of_the_time_that_is_asked_for(tmp_path: Path) -> None:
    rows = [
        {"key": 1, "id_tag": TAG, "started": "2026-01-05T09:00:00Z", "stopped": "2026-01-05T10:00:00Z"},
        {"key": 2, "id_tag": TAG, "started": "2026-01-05T11:00:00Z", "stopped": "2026-01-05T12:30:00Z"},
        {"key": 3, "id_tag": TAG, "started": "2026-01-05T12:10:00Z", "stopped": None},
        {"key": 4, "id_tag": TAG, "started": "2026-01-05T14:00:00Z", "stopped": "2026-01-05T15:00:00Z"},
        {"key": 5, "id_tag": TAG, "started": None, "stopped": None},
    ]
    path = tmp_path / "a.tar.gz"
    build(path, known(ledger=rows, start_s=NOON_S, stop_s=NOON_S + 3600), 1 << 20)
    found = list(csv.DictReader(io.StringIO(members(path)["a/ledger.csv"])))
    assert [row["key"] for row in found] == ["2", "3", "5"]
    assert {row["id_tag"] for row in found} == {"•" * 10 + "E6F7"}


def test_nothing_is_left_where_an_archive_cannot_be_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(firmware_version: str) -> dict[str, Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(diagnostics, "versions", fail)
    with pytest.raises(OSError, match="No space"):
        build(tmp_path / "a.tar.gz", known(), 1 << 20)
    assert list(tmp_path.iterdir()) == []


def test_the_journal_of_the_unit_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "journalctl"
    script.write_text('#!/bin/sh\necho "$@"\necho "connect to ftp://user:secret@host/x"\nseq 1 5000\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(diagnostics, "_unit", lambda: "chargepoint.service")
    text, missing = diagnostics.journal(NOON_S, NOON_S + 60, 100_000)
    assert missing == ""
    assert "--unit=chargepoint.service" in text
    assert f"--since=@{NOON_S:.0f} --until=@{NOON_S + 60:.0f}" in text
    assert "secret" not in text
    newest, _ = diagnostics.journal(None, None, 1_000)
    assert len(newest) <= 1_000
    assert newest.endswith("5000\n")


@pytest.mark.parametrize("script", ["exit 1", "exec sleep 60", None])
def test_without_a_journal_the_manifest_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None) -> None:
    if script is not None:
        (tmp_path / "journalctl").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "journalctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(diagnostics, "JOURNAL_S", 0.2)
    monkeypatch.setattr(diagnostics, "_unit", lambda: "chargepoint.service")
    text, missing = diagnostics.journal(None, None, 1_000)
    assert text == ""
    assert missing.startswith("journal.txt is empty")


def record(text: str, at_s: float = NOON_S, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("x", level, "", 0, text, None, None)
    made.created = at_s
    return made


def test_recent_lines_are_those_of_a_time_without_passwords() -> None:
    recent = Recent()
    for minute in range(5):
        recent.handle(record(f"minute {minute} ftp://user:pw{minute}@host/", NOON_S + 60 * minute))
    lines = recent.between(NOON_S + 60, NOON_S + 180)
    assert [line.split()[3] for line in lines] == ["1", "2", "3"]
    assert lines[0] == "2026-01-05T12:01:00.000Z INFO    minute 1 ftp://***@host/"
    assert len(recent.between(None, None)) == 5


def test_recent_lines_are_bounded_in_number_and_size() -> None:
    few = Recent(lines_max=3)
    for number in range(10):
        few.handle(record(str(number)))
    assert [line[-1] for line in few.between(None, None)] == ["7", "8", "9"]
    small = Recent(characters_max=100)
    for number in range(10):
        small.handle(record(f"{number}" * 30))
    assert [line[-1] for line in small.between(None, None)] == ["7", "8", "9"]
    assert len(Recent().between(None, None)) == 0
    long = Recent()
    long.handle(record("x" * 100_000))
    assert len(long.between(None, None)[0]) < 5_000


class FakeControl:
    def __init__(self, *, dead: bool = False) -> None:
        self.dead = dead

    async def status(self) -> dict[str, Any]:
        if self.dead:
            raise RuntimeError("no answer")
        return {"identity": "CP1"}

    async def ask(self, do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.dead:
            raise RuntimeError("no answer")
        return {"keys": [{"key": "HeartbeatInterval", "value": "300"}]}


EVENTS: list[dict[str, Any]] = [
    {"seq": 3, "time": None, "event": "MemoryExhaustion", "info": "=1+1", "owed": True, "critical": True, "told": False},
    {
        "seq": 2,
        "time": "2026-01-02T00:00:00Z",
        "event": "InvalidMessages",
        "info": "",
        "owed": False,
        "critical": False,
        "told": False,
    },
    {
        "seq": 1,
        "time": "2026-01-01T00:00:00Z",
        "event": "StartupOfTheDevice",
        "info": "",
        "owed": False,
        "critical": True,
        "told": True,
    },
]


LATER_KEY = "00FFA1B2C3D4E5F6"  # by the Central System, in the place of the settings' one
FORMS = (
    LATER_KEY,
    LATER_KEY.lower(),
    base64.b64encode(b"CK_XXX_0001:" + bytes.fromhex(LATER_KEY)).decode(),
    "0123456789ABCDEF",
)


def archivist(control: FakeControl, sessions: int = 0) -> Archivist:
    document = valid()
    document["central_system"]["authorization_key"] = "0123456789ABCDEF"
    rows = [{"key": key, "id_tag": TAG, "started": None, "stopped": None} for key in range(sessions)]

    async def ledger(limit: int, offset: int) -> list[dict[str, Any]]:
        return rows[offset : offset + limit]

    async def dead_letters(limit: int) -> list[dict[str, Any]]:
        return []

    async def security_log(limit: int, offset: int) -> list[dict[str, Any]]:
        return EVENTS[offset : offset + limit]

    leaks = [{"part": "reader", "error": f"{form} from a driver that says too much"} for form in FORMS]
    return Archivist(
        parse(document), "1.2.3", control, lambda: leaks, Recent(), ledger, dead_letters, security_log, lambda: LATER_KEY
    )


async def test_the_archivist_gathers_everything_and_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    await archivist(FakeControl(), 2_500).archive(path, "diagnostics", None, None)
    found = await asyncio.to_thread(members, path)
    assert found["a/ledger.csv"].count("\n") == 2_501
    configuration = json.loads(found["a/configuration.json"])
    assert configuration["keys"] == [{"key": "HeartbeatInterval", "value": "300"}]
    assert configuration["settings"]["central_system"]["authorization_key"] == "***"
    everything = "".join(found.values())
    assert everything.count("from a driver that says too much") == len(FORMS)
    assert [form for form in FORMS if form in everything] == []


@pytest.mark.section("security N01")
async def test_the_security_log_is_a_file_of_its_own_the_oldest_first(tmp_path: Path) -> None:
    path = tmp_path / "CP1_security.csv"
    second_of_january_s = 1_767_312_000.0
    await archivist(FakeControl()).archive(path, "security", second_of_january_s - 1.0, None)
    lines = (await asyncio.to_thread(path.read_text)).splitlines()
    assert lines[0] == "seq,time,event,info,owed,critical,told"
    assert [line.split(",")[2] for line in lines[1:]] == ["InvalidMessages", "MemoryExhaustion"], "an undated one is there, too"
    assert lines[2].split(",")[3] == "'=1+1", "no formula for a spreadsheet"
    assert path.stat().st_mode & 0o777 == 0o600
    await archivist(FakeControl()).archive(path, "security", None, second_of_january_s - 1.0)
    assert "InvalidMessages" not in await asyncio.to_thread(path.read_text)


async def test_what_does_not_answer_is_missing_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    await archivist(FakeControl(dead=True)).archive(path, "diagnostics", None, None)
    remarks = json.loads((await asyncio.to_thread(members, path))["a/manifest.json"])["remarks"]
    assert remarks[:2] == ["status: RuntimeError: no answer", "keys: RuntimeError: no answer"]


@pytest.mark.parametrize(
    ("frame", "kept", "gone"),
    [
        ('[2,"1","UpdateFirmware",{"location":"ftp://user:secret@host/x"}]', "ftp://***@host/x", "secret"),
        (r'[2,"1","UpdateFirmware",{"location":"ftp:\/\/user:secret@host\/x"}]', "host", "secret"),
        ('[2,"1","UpdateFirmware",{"location":"ftp://user:p@secret@host/x"}]', "ftp://***@host/x", "secret"),
        ('[2,"1","GetDiagnostics",{"location":"https://host/in?sig=secret"}]', "https://host/in?***", "secret"),
        ('[2,"1","DataTransfer",{"data":"a@b ?c"}]', "a@b ?c", "***"),
    ],
)
def test_frames_are_shown_without_the_passwords_of_locations(frame: str, kept: str, gone: str) -> None:
    assert kept in frame_text(frame)
    assert gone not in frame_text(frame)

"""Backup and restore of a stopped station: nothing is lost, nothing is told twice, and no strange archive is believed."""

import contextlib
import io
import json
import os
import sqlite3
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from chargepoint.cli.main import main
from chargepoint.core.effects import Commit
from chargepoint.core.records import (
    Charging,
    ConnectorRecord,
    OutboxRow,
    PutConnector,
    PutRow,
    PutTransaction,
    Stamp,
    StartBody,
)
from chargepoint.messages import Reason
from chargepoint.store import StoreError, copying, open_store, reading
from tests.cli.conftest import Service
from tests.cli.stores import keep, keep_dead_letters, keep_sessions, session

BOOT = "5f0b8a9e-0000-4000-8000-000000000001"


@pytest.fixture
def state(config: Path) -> Path:
    return config.parent / "state"


def backup(config: Path, *more: str) -> Path:
    target = config.parent / "backup.tar.gz"
    assert main(["backup", "--config", str(config), *more, str(target)]) == 0
    return target


def restore(config: Path, archive: Path, *more: str) -> int:
    return main(["restore", "--config", str(config), "--yes", *more, str(archive)])


def test_what_was_there_is_there_again_on_a_new_card(config: Path, state: Path) -> None:
    keep_sessions(state, session(1), session(2))
    archive = backup(config)
    assert archive.stat().st_mode & 0o777 == 0o600
    for name in os.listdir(state):
        (state / name).unlink()
    assert restore(config, archive) == 0
    assert [row["key"] for row in reading.ledger(state)] == [2, 1]
    assert reading.dead_letters(state) == []
    assert os.listdir(state).count("station.db") == 1


def test_what_waited_is_not_sent_by_itself_but_lies_where_a_person_can_replay_it(
    config: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_dead_letters(state)  # two dead letters, and row 3 that waits
    archive = backup(config)
    assert restore(config, archive) == 0
    assert "1 message may have been delivered since" in capsys.readouterr().out
    letters = reading.dead_letters(state)
    assert [letter["seq"] for letter in letters] == [1, 2, 3]
    assert "it may have been delivered since" in letters[2]["reason"]
    store = open_store(state, BOOT, 9.0)
    try:
        snapshot = store.snapshot()
        assert snapshot.queued == 0
        row = store.dead_letter(3)
        assert row is not None
        assert (row.transaction, row.body) == (2, StartBody())
    finally:
        store.close()


def test_a_session_that_ran_is_closed_at_its_last_register(config: Path, state: Path) -> None:
    running = structs.replace(
        session(1), stop=None, stop_offset_s=None, meter_stop_wh=None, stop_reason=None, stop_delivery=None
    )
    row = OutboxRow(seq=1, transaction=1, stamp=Stamp(1, 3_600.0), body=StartBody())
    charging = ConnectorRecord(number=1, session=Charging(transaction=1), cycles=7)
    keep(state, PutTransaction(running), PutRow(row), PutConnector(charging))
    archive = backup(config)
    assert restore(config, archive) == 0
    (ended,) = reading.ledger(state)
    assert (ended["meter_stop_wh"], ended["reason"], ended["start_delivery"], ended["stop_delivery"]) == (
        6_000, Reason.PowerLoss, "dead", "dead",
    )  # fmt: skip
    assert [letter["message"] for letter in reading.dead_letters(state)] == ["StartTransaction", "StopTransaction"]
    store = open_store(state, BOOT, 9.0)
    try:
        (connector,) = store.snapshot().connectors
        assert (type(connector.session).__name__, connector.cycles) == ("Idle", 7)
    finally:
        store.close()


def test_the_old_database_is_kept_also_one_that_cannot_be_read(config: Path, state: Path) -> None:
    keep_sessions(state, session(1))
    archive = backup(config)
    (state / "station.db").write_bytes(b"rubbish")
    assert restore(config, archive) == 0
    assert (state / "station.db.replaced-1").read_bytes() == b"rubbish"
    assert len(reading.ledger(state)) == 1
    assert restore(config, archive) == 0
    assert (state / "station.db.replaced-2").exists()


def test_certificates_come_along_only_when_they_are_asked_for(config: Path, state: Path) -> None:
    keep_sessions(state, session(1))
    (state / "certificates").mkdir()
    (state / "certificates" / "client.pem").write_text("the key")
    with tarfile.open(backup(config)) as without:
        assert not any("certificates" in name for name in without.getnames())
    archive = backup(config, "--certificates")
    (state / "certificates" / "client.pem").unlink()
    assert restore(config, archive) == 0
    assert os.listdir(state / "certificates") == []
    assert restore(config, archive, "--certificates") == 0
    assert (state / "certificates" / "client.pem").read_text() == "the key"


def test_a_backup_of_another_station_is_refused(config: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(state, session(1))
    archive = backup(config)
    config.write_text(config.read_text().replace("CK_XXX_0001", "CK_XXX_0002"))
    assert restore(config, archive) == 1
    assert "is of the station CK_XXX_0001, and this one is CK_XXX_0002" in capsys.readouterr().err


def test_without_a_terminal_nothing_is_replaced_unasked(
    config: Path, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_sessions(state, session(1))
    archive = backup(config)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["restore", "--config", str(config), str(archive)]) == 2
    assert "--yes answers it" in capsys.readouterr().err
    assert not list(state.glob("station.db.replaced-*"))


def test_a_store_that_is_in_use_is_neither_restored_nor_copied_behind_its_back(
    config: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_sessions(state, session(1))
    archive = backup(config)
    store = open_store(state, BOOT, 9.0)
    try:
        assert restore(config, archive) == 1
        assert "stop it first" in capsys.readouterr().err
        assert main(["backup", "--config", str(config), str(archive)]) == 1
        assert "the service runs" in capsys.readouterr().err
    finally:
        store.close()


def test_what_may_not_be_read_names_sudo_and_what_is_not_there_the_file(
    config: Path, state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert restore(config, config.parent / "none.tar.gz") == 1
    assert "none.tar.gz cannot be read: No such file or directory; name the file" in capsys.readouterr().err
    keep_sessions(state, session(1))
    archive = backup(config)

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.copyfile", forbidden)
    assert main(["backup", "--config", str(config), str(archive)]) == 1
    assert "run the command as the service's user, or with sudo" in capsys.readouterr().err
    monkeypatch.setattr("tarfile.open", forbidden)
    assert restore(config, archive) == 1
    assert "cannot be read: Permission denied; run it with sudo" in capsys.readouterr().err


def packed(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "/").replace("_dot_", "."))
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


GOOD = json.dumps({"format": 1, "identity": "CK_XXX_0001", "made": "now"}).encode()


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"manifest_dot_json": GOOD},
        {"manifest_dot_json": b"[]", "station_dot_db": b""},
        {"manifest_dot_json": b'{"format": 2}', "station_dot_db": b""},
        {"manifest_dot_json": GOOD, "station_dot_db": b"", "_dot__dot___etc__passwd": b"x"},
        {"manifest_dot_json": GOOD, "station_dot_db": b"", "certificates__a__b": b"x"},
        {"manifest_dot_json": GOOD, "station_dot_db": b"", "certificates___dot__dot_": b"x"},
    ],
)
def test_a_strange_archive_is_refused_and_changes_nothing(
    config: Path, state: Path, members: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(config, packed(config.parent / "x.tar.gz", **members)) == 1
    assert "is no backup of a station" in capsys.readouterr().err
    assert os.listdir(state) == []


@pytest.mark.parametrize("data", [b"", b"SQLite format 3\0" + b"\xff" * 4_096, b"nothing"])
def test_a_damaged_database_in_a_backup_is_refused_and_the_old_one_stays(
    config: Path, state: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_sessions(state, session(1))
    before = (state / "station.db").read_bytes()
    assert restore(config, packed(config.parent / "x.tar.gz", manifest_dot_json=GOOD, station_dot_db=data)) == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert (state / "station.db").read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(config: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_sessions(state, session(1))
    assert main(["backup", "--config", str(config), str(config.parent / "none" / "x")]) == 1
    assert "is no folder; name another place" in capsys.readouterr().err
    assert main(["backup", "--config", str(config), str(state)]) == 1
    assert f"{state} is no file that may be replaced; name a new one: {state / 'station.tar.gz'}" in capsys.readouterr().err


# The copy beside a writer


def test_a_copy_beside_a_writer_is_always_a_whole_state(tmp_path: Path) -> None:
    """Sessions are written and merged all the time; each copy holds sessions 1 to n, and nothing else."""
    store = open_store(tmp_path, BOOT, 1.0)
    store.snapshot()
    stop, problems, lock = threading.Event(), list[Exception](), threading.Lock()

    def write() -> None:
        key = 0
        try:
            while not stop.is_set():
                key += 1
                with lock:
                    store.commit(Commit((PutTransaction(session(key)),), Stamp(1, 2.0 + key)))
                    if key % 20 == 0:
                        store.checkpoint()
        except Exception as error:
            problems.append(error)

    def merges() -> int:
        with lock:  # as the service answers: between two of the store's works
            return store.merges

    writer = threading.Thread(target=write)
    writer.start()
    whole = 0
    try:
        for number in range(12):
            target = tmp_path / f"copy-{number}.db"
            with contextlib.suppress(StoreError):  # the writer was too quick for us, which is told
                copying.copy(tmp_path, target, merges)
            if (tmp_path / f"copy-{number}.db-wal").exists() or not target.exists():
                continue  # not settled: given up
            with contextlib.closing(sqlite3.connect(target)) as db:
                keys = [row[0] for row in db.execute("SELECT key FROM transactions ORDER BY key")]
            assert keys == list(range(1, len(keys) + 1))
            whole += 1
    finally:
        stop.set()
        writer.join()
        store.close()
    assert problems == []
    assert whole > 0


def test_a_merge_meanwhile_is_noticed_and_the_copy_made_again(state: Path, config: Path) -> None:
    keep_sessions(state, session(1))
    told: list[int] = []

    def unmoved() -> int:
        told.append(len(told))
        return 0 if len(told) > 3 else len(told)

    copying.copy(state, config.parent / "copy.db", unmoved)
    assert len(told) == 6
    with pytest.raises(StoreError, match="merged again and again"):
        copying.copy(state, config.parent / "copy.db", lambda: object())


def test_a_service_is_asked_before_and_after(service: Service, config: Path, state: Path) -> None:
    keep_sessions(state, session(1))
    service.answers = {"merges": {"merges": 3, "process": 1}}
    archive = backup(config)
    assert [request["do"] for request in service.requests] == ["merges", "merges"]
    with tarfile.open(archive) as opened:
        manifest: Any = json.load(opened.extractfile("manifest.json"))  # type: ignore[arg-type]
    assert manifest["identity"] == "CK_XXX_0001"

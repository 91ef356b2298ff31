"""Backups that were hurt, and places that take none: a byte that fell over is seen, and nothing is half done."""

import gzip
import io
import os
from pathlib import Path
from typing import Any

import pytest

from chargepoint.cli.main import main
from tests.cli.stores import keep_sessions, session
from tests.cli.test_backup import GOOD, backup, packed, restore


@pytest.fixture
def archive(config: Path) -> Path:
    keep_sessions(config.parent / "state", session(1), session(2))
    return backup(config)


def test_a_byte_that_fell_over_anywhere_is_seen(
    config: Path, archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (config.parent / "state" / "station.db").read_bytes()
    whole = archive.read_bytes()
    assert gzip.decompress(whole)
    after_the_head = range(12, len(whole), len(whole) // 40)  # what stands before is a date and a name
    for at in after_the_head:
        hurt = bytearray(whole)
        hurt[at] ^= 0x10
        archive.write_bytes(hurt)
        assert restore(config, archive) == 1, f"byte {at} of {len(whole)}"
        told = capsys.readouterr().err
        assert "is no backup of a station, or is damaged" in told
        assert told.endswith("take another one\n")
    assert (config.parent / "state" / "station.db").read_bytes() == before


def test_a_configuration_that_came_with_a_backup_goes_with_it_where_the_rest_fails(
    config: Path, archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = config.read_text()
    config.unlink()
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["restore", "--config", str(config), str(archive)]) == 2
    assert not config.exists()
    assert restore(config, archive) == 0
    told = capsys.readouterr().out
    assert f"written: {config}, from the backup" in told
    assert "the configuration stays as it is" not in told
    assert config.read_text() == text


def test_a_damaged_database_in_a_backup_is_not_promised_to_be_mended(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = packed(config.parent / "x.tar.gz", manifest_dot_json=GOOD, station_dot_db=b"SQLite format 3\0" + b"\xff" * 4_096)
    assert restore(config, broken) == 1
    told = capsys.readouterr().err
    assert "the database in" in told
    assert "take another backup" in told
    assert "next start" not in told


def test_a_place_that_takes_no_backup_is_named_and_not_the_database(
    config: Path, archive: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(target: Path) -> str:
        assert main(["backup", "--config", str(config), str(target)]) == 1
        return capsys.readouterr().err

    os.mkfifo(config.parent / "pipe")
    assert "pipe is no file that may be replaced" in run(config.parent / "pipe")

    def refuse(error: OSError) -> Any:
        def refused(*_: object, **__: object) -> None:
            raise error

        return refused

    with monkeypatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", refuse(OSError(30, "Read-only file system")))
        assert f"{config.parent / 'b'} cannot be written: Read-only file system; name another place" in run(config.parent / "b")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", refuse(OSError(28, "No space left on device")))
        told = run(config.parent / "b")
    assert told.startswith(f"chargepoint backup: {config.parent}{os.sep}.backup-")
    assert "no room for a copy" in told

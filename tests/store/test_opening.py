"""One process writes, and whoever may not or cannot is told which file and what to do."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chargepoint.store import StoreError, schema
from tests.store.making import KERNEL_BOOT_ID, as_another_user, commit, killed_after, opened, step, whole_steps, writer


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_service_may_look_into_what_it_makes(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = opened(tmp_path / "deep" / "state")
    finally:
        os.umask(before)
    whole_steps(store)
    assert mode(tmp_path / "deep" / "state") == 0o700
    files = {path.name: mode(path) for path in (tmp_path / "deep" / "state").iterdir()}
    assert files == dict.fromkeys(["station.db", "station.db-wal", "station.lock", "reserve"], 0o600)
    store.close()


def test_a_directory_that_is_there_keeps_its_mode(state_dir: Path) -> None:
    state_dir.mkdir(mode=0o750)
    opened(state_dir).close()
    assert mode(state_dir) == 0o750


def test_a_second_service_is_refused_until_the_first_is_gone(state_dir: Path) -> None:
    with writer(state_dir) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(StoreError, match=rf"station\.lock: another chargepoint process uses {state_dir}: stop it first"):
            opened(state_dir)
        first.kill()
        told = sum(1 for _ in first.stdout) + 1
    store = opened(state_dir)
    assert whole_steps(store) >= told - 1
    with pytest.raises(StoreError, match="another chargepoint process"):
        opened(state_dir)
    store.close()
    store.close()
    opened(state_dir).close()


def test_another_program_neither_writes_beside_us_nor_is_written_beside(state_dir: Path) -> None:
    store = opened(state_dir)
    whole_steps(store)
    commit(store, *step(1))
    peek = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM outbox')"
    shown = subprocess.run([sys.executable, "-c", peek, str(store.path)], capture_output=True, text=True)
    assert "database is locked" in shown.stderr
    store.close()

    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"station\.db: .*locked.*: another program has it open; close that program"):
        opened(state_dir)
    other.execute("ROLLBACK")
    other.close()
    store = opened(state_dir)
    assert (store.findings, whole_steps(store)) == ((), 1)
    store.close()


@pytest.mark.parametrize("after_kill", [False, True])
def test_a_newer_database_is_refused_and_untouched(tmp_path: Path, state_dir: Path, after_kill: bool) -> None:
    """After a kill the version stands in the log beside the file, which knows it no more than the file's own header does."""
    killed_after(state_dir, 10)
    newer = tmp_path / "newer"
    with closing(sqlite3.connect(state_dir / "station.db")) as db:
        db.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
        if not after_kill:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        newer.mkdir()
        for name in ("station.db", *(["station.db-wal"] if after_kill else [])):
            shutil.copyfile(state_dir / name, newer / name)
    before = {path.name: path.read_bytes() for path in newer.iterdir()}
    if after_kill:
        assert before["station.db-wal"], "the case needs a log"
    with pytest.raises(
        StoreError,
        match=rf"{newer}/station.db: it has version {len(schema.STEPS) + 1} .* newer program again; the file is untouched",
    ):
        opened(newer)
    after = {path.name: path.read_bytes() for path in newer.iterdir()}
    assert {name: after.get(name) for name in before} == before


def test_a_state_directory_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("hello")
    with pytest.raises(StoreError, match=rf"{tmp_path}/state: making the directory failed \(File exists\)"):
        opened(tmp_path / "state")
    with pytest.raises(StoreError, match=rf"{tmp_path}/state/deeper: making the directory failed \(Not a directory\)"):
        opened(tmp_path / "state" / "deeper")


def test_a_directory_in_the_place_of_the_database_is_named(state_dir: Path) -> None:
    (state_dir / "station.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"station\.db: .*Is a directory"):
        opened(state_dir)


def test_a_directory_that_may_not_be_written_is_named(state_dir: Path) -> None:
    """As another user where the tests run as root, who may write anywhere."""
    state_dir.mkdir()
    state_dir.chmod(0o555)
    said = as_another_user(state_dir, "from chargepoint.store import open_store; open_store(Path('state'), 'b', 1.0)")
    assert said.startswith(
        "state/station.lock: opening failed (Permission denied): run the command as the service's user, or with sudo"
    )


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root: run the tests as root once")
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here: apt-get install mount")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,ro", "chargepoint-test", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(StoreError, match=r"state: making the directory failed \(Read-only file system\)"):
            opened(tmp_path / "state")
        with pytest.raises(StoreError, match=r"station\.lock: opening failed \(Read-only file system\)"):
            opened(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_a_failed_opening_lets_go_of_everything(state_dir: Path) -> None:
    (state_dir / "station.db").mkdir(parents=True)
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(StoreError):
        opened(state_dir)
    assert set(os.listdir("/proc/self/fd")) == before
    (state_dir / "station.db").rmdir()
    opened(state_dir).close()


def test_no_start_imports_sqlite_utils_but_the_first_of_a_newer_program(state_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from chargepoint.store import open_store\n"
        f"open_store(Path(sys.argv[1]), {KERNEL_BOOT_ID!r}, 1.0).close()\n"
        "print('sqlite_utils' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program, str(state_dir)]

    def said() -> str:
        return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout.strip()

    assert [said(), said()] == ["False", "False"]
    state_dir.joinpath("station.db").unlink()
    older = sqlite3.connect(state_dir / "station.db", isolation_level=None)
    schema.bring_up_to_date(older, schema.STEPS[:1])
    older.close()
    assert [said(), said()] == ["True", "False"]

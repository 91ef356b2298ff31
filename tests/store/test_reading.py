"""What the commands list, from a running store and from a file at rest."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from chargepoint.core.records import BootRecord, DeadLetter, PutBoot, PutDeadLetter, PutKey, PutRow, PutTransaction, Stamp
from chargepoint.store import Store, StoreError, reading
from chargepoint.store.schema import STEPS
from tests.store.making import KERNEL_BOOT_ID, as_another_user, commit, delivered, killed_after, opened, row, running, writer

KNOWN = BootRecord(boot=1, kernel_boot_id=KERNEL_BOOT_ID, first_mono_s=10, last_mono_s=10, offset_s=1_700_000_000.0)
DELIVERED = {
    "key": 1,
    "connector": 1,
    "id_tag": "04A2B3C4",
    "started": "2023-11-14T22:13:31Z",
    "stopped": "2023-11-14T22:14:31Z",
    "energy_wh": 1500,
    "meter_start_wh": 1000,
    "meter_stop_wh": 2500,
    "reason": "EVDisconnected",
    "transaction_id": 0,
    "start_delivery": "confirmed",
    "stop_delivery": "confirmed",
}
RUNNING = {
    "key": 2,
    "connector": 1,
    "id_tag": "04A2B3C4",
    "started": None,
    "stopped": None,
    "energy_wh": 234,
    "meter_start_wh": 1000,
    "meter_stop_wh": None,
    "reason": None,
    "transaction_id": None,
    "start_delivery": "queued",
    "stop_delivery": None,
}


def test_the_ledger_shows_sessions_newest_first(store: Store, state_dir: Path) -> None:
    commit(store, PutTransaction(delivered(1)), PutTransaction(running(2)))
    assert store.ledger() == [RUNNING, DELIVERED]
    store.close()
    assert reading.ledger(state_dir) == [RUNNING, DELIVERED]
    assert reading.ledger(state_dir, limit=1, offset=1) == [DELIVERED]
    assert reading.ledger(state_dir, limit=-5, offset=-5) == []


@pytest.mark.parametrize(("value", "wildcards"), [(None, None), ("true", True), ("false", False)])
def test_whether_wildcards_count_is_the_settings_matter_until_somebody_changed_it(
    store: Store, state_dir: Path, value: str | None, wildcards: bool | None
) -> None:
    commit(
        store, PutKey("AuthorizationKey", "AA55"), *([] if value is None else [PutKey("AllowCentralSystemTLSWildcards", value)])
    )
    store.close()
    found = reading.credentials(state_dir)
    assert (found.authorization_key, found.wildcards) == ("AA55", wildcards)


def test_a_start_is_dated_once_its_boot_knows_the_time(store: Store) -> None:
    commit(store, PutTransaction(running(2)), PutBoot(KNOWN))
    assert store.ledger()[0]["started"] == "2023-11-14T22:13:31Z"


def test_dead_letters_tell_what_a_person_needs_to_decide(store: Store, state_dir: Path) -> None:
    spent = replace(row(5), attempts=3)
    commit(store, PutTransaction(delivered(1)), PutBoot(KNOWN), PutRow(row(5)))
    commit(store, PutDeadLetter(DeadLetter(row=spent, reason="FormationViolation", at=Stamp(1, 60.0))))
    expected = {
        "seq": 5,
        "message": "StartTransaction",
        "key": 1,
        "connector": 1,
        "id_tag": "04A2B3C4",
        "transaction_id": 0,
        "stamp": "2023-11-14T22:13:25Z",
        "attempts": 3,
        "reason": "FormationViolation",
        "given_up": "2023-11-14T22:14:20Z",
    }
    assert store.dead_letters() == [expected]
    store.close()
    assert reading.dead_letters(state_dir) == [expected]


def test_reading_after_kill_9_sees_the_log_and_changes_nothing(state_dir: Path) -> None:
    told = killed_after(state_dir, 10)
    before = {name: (state_dir / name).read_bytes() for name in ("station.db", "station.db-wal")}
    assert reading.ledger(state_dir)[0]["key"] >= told
    assert {name: (state_dir / name).read_bytes() for name in before} == before
    store = opened(state_dir)
    assert store.findings == ()
    assert store.snapshot().next_transaction > told
    store.close()


def test_reading_a_store_at_rest_makes_no_file(store: Store, state_dir: Path) -> None:
    store.close()
    before = {path.name: path.read_bytes() for path in state_dir.iterdir()}
    assert reading.ledger(state_dir) == []
    assert {path.name: path.read_bytes() for path in state_dir.iterdir()} == before


def test_a_running_service_is_asked_through_its_socket(state_dir: Path) -> None:
    with writer(state_dir) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreError, match=r"station\.lock: the service runs: ask it through its control socket"):
            reading.ledger(state_dir)
        process.kill()


def test_a_copy_without_its_lock_is_read(store: Store, state_dir: Path, tmp_path: Path) -> None:
    commit(store, PutTransaction(running(2)))
    store.close()
    copy = tmp_path / "copy ü?#"
    copy.mkdir()
    (copy / "station.db").write_bytes((state_dir / "station.db").read_bytes())
    assert reading.ledger(copy) == [RUNNING]


@pytest.mark.parametrize("there", [False, True], ids=["no directory", "empty directory"])
def test_no_store_is_told(state_dir: Path, there: bool) -> None:
    if there:
        state_dir.mkdir()
    with pytest.raises(StoreError, match=r"station\.db: there is none: check state_dir in the settings"):
        reading.ledger(state_dir)
    assert state_dir.exists() == there


def test_a_damaged_store_is_told_and_left(state_dir: Path) -> None:
    state_dir.mkdir()
    (state_dir / "station.db").write_text("no database" * 100)
    with pytest.raises(StoreError, match=r"station\.db: reading failed .*the file is no database"):
        reading.ledger(state_dir)
    assert sorted(path.name for path in state_dir.iterdir()) == ["station.db"]


@pytest.mark.parametrize(
    ("version", "advice"), [(0, "start the service once"), (len(STEPS) + 1, "install the newer program again")]
)
def test_a_store_of_another_version_is_told(store: Store, state_dir: Path, version: int, advice: str) -> None:
    store._db.execute(f"PRAGMA user_version = {version}")
    store.close()
    with pytest.raises(
        StoreError, match=rf"it has version {version} of the tables, and this program reads {len(STEPS)}: {advice}"
    ):
        reading.ledger(state_dir)


def test_somebody_elses_store_is_told(store: Store, state_dir: Path) -> None:
    """As another user where the tests run as root, who may read anything."""
    store.close()
    (state_dir / "station.lock").chmod(0)
    read = "reading.ledger(Path('state'))"
    said = [as_another_user(state_dir, read)]
    state_dir.chmod(0o711)
    said.append(as_another_user(state_dir, read))
    (state_dir / "station.lock").unlink()
    (state_dir / "station.db").chmod(0)
    said.append(as_another_user(state_dir, read))
    ends = [line.partition(": ")[2] for line in said]
    assert ends == ["Permission denied: run the command as the service's user, or with sudo\n"] * 3, said

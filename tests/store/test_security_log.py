"""The security log on the disk: what survives, what is owed, what goes, and its dates."""

from pathlib import Path

import pytest

from chargepoint.core.records import BootRecord, PutBoot, Stamp
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.security_records import PutSecurityEvent, SecurityEventRecord
from chargepoint.store import Store, reading
from chargepoint.store.changes import SECURITY_EVENTS_MAX
from chargepoint.store.starting import BOOTS_KEPT
from tests.store.conftest import Restart
from tests.store.making import KERNEL_BOOT_ID, commit, opened

pytestmark = pytest.mark.section("security A04")

WALL_S = 1_767_614_400.0  # 2026-01-05T12:00:00Z


def line(seq: int, event: SecurityEvent = SecurityEvent.InvalidMessages, **more: object) -> PutSecurityEvent:
    fields = {"seq": seq, "event": event, "boot": 1, "mono_s": 20.0, **more}
    return PutSecurityEvent(SecurityEventRecord(**fields))  # type: ignore[arg-type]


def test_a_line_survives_and_one_that_is_owed_is_in_the_snapshot(store: Store, restart: Restart) -> None:
    owed = line(2, SecurityEvent.TamperDetectionActivated, info="the door", offset_s=WALL_S, owed=True)
    commit(store, line(1), owed)
    again, snapshot = restart()
    assert snapshot.owed_events == (owed.record,)
    assert snapshot.next_event_seq == 3
    assert [(row["seq"], row["event"], row["time"]) for row in again.security_log()] == [
        (2, "TamperDetectionActivated", "2026-01-05T12:00:20Z"),
        (1, "InvalidMessages", None),
    ]


def test_one_that_was_told_is_owed_no_more_and_stays(store: Store, restart: Restart) -> None:
    commit(store, line(1, SecurityEvent.ResetOrReboot, owed=True))
    commit(store, line(1, SecurityEvent.ResetOrReboot, owed=False, offset_s=WALL_S))
    again, snapshot = restart()
    assert snapshot.owed_events == ()
    (row,) = again.security_log()
    assert (row["owed"], row["told"], row["critical"]) == (False, True, True)


def test_of_each_kind_the_newest_stay_and_whatever_is_owed(store: Store) -> None:
    commit(store, line(1, SecurityEvent.TamperDetectionActivated), line(2, owed=True))
    for seq in range(3, SECURITY_EVENTS_MAX + 13):
        commit(store, line(seq))
    rows = store.security_log(limit=1_000)
    kept = [row["seq"] for row in rows if row["event"] == "InvalidMessages"]
    assert kept == [*range(SECURITY_EVENTS_MAX + 12, 12, -1), 2]
    assert rows[-1]["event"] == "TamperDetectionActivated", "a flood of one kind takes none of another away"


def test_what_is_dated_later_is_dated_before_its_boot_is_forgotten(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    commit(store, line(1), line(2))
    commit(
        store,
        PutBoot(BootRecord(boot=1, kernel_boot_id=KERNEL_BOOT_ID, first_mono_s=10.0, last_mono_s=20.0, offset_s=WALL_S)),
    )
    store.close()
    for number in range(BOOTS_KEPT + 2):
        store = opened(state_dir, f"boot {number}", 5.0)
        snapshot = store.snapshot()
        store.close()
    assert snapshot.boots[0].boot > 1
    assert [row["time"] for row in reading.security_log(state_dir)] == ["2026-01-05T12:00:20Z"] * 2


def test_a_line_that_cannot_be_understood_is_shown_and_told_nobody(store: Store, restart: Restart) -> None:
    commit(store, line(1, owed=True), now=Stamp(1, 30.0))
    store._db.execute("UPDATE security_log SET event = 'InvalidMassages'")
    again, snapshot = restart()
    assert snapshot.owed_events == ()
    assert len(again.security_log()) == 1


def test_a_database_that_was_set_aside_says_so(state_dir: Path) -> None:
    store = opened(state_dir)
    store.snapshot()
    store.close()
    assert not store.set_aside
    (database,) = state_dir.glob("*.db")
    database.write_bytes(b"rubbish" * 1_000)
    store = opened(state_dir)
    assert store.set_aside
    store.close()


def test_a_number_that_no_log_reaches_keeps_no_event_from_being_written(store: Store, restart: Restart) -> None:
    commit(store, line(1), line(2))
    store._db.execute(f"UPDATE security_log SET seq = {2**63 - 1} WHERE seq = 2")
    again, snapshot = restart()
    assert snapshot.next_event_seq == 2
    commit(again, line(2))
    assert len(again.security_log()) == 3

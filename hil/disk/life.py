"""A life of the store, as a fixed script: from no file at all to a service that was killed and goes on, nothing left out.

Owns what is done and in which order; `Keeper` notes when each state was begun and when the store said that it is kept. The same
seed makes the same life.
"""

import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from unittest import mock

from msgspec.structs import replace

from chargepoint.core.effects import Commit
from chargepoint.core.maintenance_records import DiagnosticsRecord, FirmwareRecord, PutDiagnostics, PutFirmware
from chargepoint.core.records import (
    CacheId,
    Change,
    Charging,
    ClearIdCache,
    ConnectorRecord,
    DeadLetter,
    Delivery,
    DropProfile,
    DropReservation,
    DropRow,
    DropStopSamples,
    Finishing,
    IdTagRecord,
    MeterValuesBody,
    OutboxRow,
    ProfileRecord,
    PutConnector,
    PutDeadLetter,
    PutKey,
    PutProfile,
    PutRegister,
    PutReservation,
    PutRow,
    PutStopSample,
    PutTransaction,
    ReplayDeadLetter,
    ReservationRecord,
    Sample,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.core.security_events import SecurityEvent
from chargepoint.core.security_records import PutSecurityEvent, SecurityEventRecord
from chargepoint.messages import (
    AuthorizationStatus,
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    FirmwareStatus,
    Reason,
    SampledValue,
)
from chargepoint.store import Store, local_list, open_store, schema, space
from hil.disk.operations import Began, Kept, Operation, Write
from hil.disk.recorder import Recorder

FULL = 13  # SQLITE_FULL
TABLES = (
    *("meta", "boots", "configuration", "connectors", "transactions", "outbox", "dead_letters", "stop_samples", "id_cache"),
    *("local_list", "reservations", "charging_profiles", "maintenance"),
)

Content = tuple[tuple[tuple[object, ...], ...], ...]
"""Every row of every table of `TABLES`."""


@contextlib.contextmanager
def small_reserve() -> Iterator[None]:
    """The reserve of a full disk is small meanwhile: thousands of stores are opened, and each makes its own."""
    with mock.patch.object(space, "RESERVE_BYTES", 64 << 10):
        yield


def content_of(store: Store) -> Content:
    """Read through the store's own connection: nobody else can have the file meanwhile."""
    return rows_of(store._db)


def rows_of(db: sqlite3.Connection) -> Content:
    return tuple(tuple(db.execute(f"SELECT * FROM {table} ORDER BY 1, 2")) for table in TABLES)


class Keeper:
    """A store whose states are numbered. states[n]: the content once state n is kept; 0 is the store as it was at first."""

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self._folder = folder
        self._recorder = recorder
        self._boots = 0
        self._mono_s = 5.0
        self.store: Store | None = None
        self.states: list[Content] = []

    def open(self, *, new_boot: bool) -> None:
        """Opens the store and begins a run, as every start of the process does."""
        self._boots += new_boot
        self._mono_s = 5.0 if new_boot else self._mono_s + 2.0
        self.store = open_store(self._folder, f"kernel-boot-{self._boots}", self._mono_s)
        assert self.store.findings == ()
        if not self.states:
            self.states.append(content_of(self.store))
        self.call(self.store.snapshot)

    def call(self, keep: Callable[[], object]) -> None:
        """Something that makes one transaction."""
        assert self.store is not None
        number = len(self.states)
        self._recorder.note(Began(number))
        keep()
        self.states.append(content_of(self.store))
        self._recorder.note(Kept(number))

    def commit(self, *changes: Change) -> None:
        assert self.store is not None
        store = self.store
        self._mono_s += 1.25
        self.call(lambda: store.commit(Commit(changes, Stamp(self._boots, self._mono_s))))

    def stamp(self) -> Stamp:
        return Stamp(self._boots, self._mono_s)

    def close(self) -> None:
        assert self.store is not None
        self.store.close()
        self.store = None


def old_database(folder: Path) -> None:
    """A database as the first version made it, with a session in it."""
    path = folder / "station.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    schema.bring_up_to_date(db, schema.STEPS[:1])
    db.execute("INSERT INTO boots VALUES (1, 'kernel-boot-0', 5, 50, 1700000000, NULL)")
    db.execute("INSERT INTO configuration VALUES ('HeartbeatInterval', '60')")
    db.execute("INSERT INTO outbox VALUES (1, 1, 'start', 1, 20, 1700000000, 0, x'7b2274797065223a227374617274227d')")
    db.close()


def live(keeper: Keeper, recorder: Recorder, seed: int = 1, sessions: int = 3) -> None:
    """One whole life. sessions: how many of each kind; more of them make more crash points."""
    rng = random.Random(seed)
    keeper.open(new_boot=True)
    numbers = count(1)
    for number in range(1, sessions + 1):
        _charge(keeper, rng, number, numbers, samples=3)
    _settings(keeper, rng)
    _lists(keeper)
    assert keeper.store is not None
    keeper.store.checkpoint()
    _charge(keeper, rng, sessions + 1, numbers, samples=2)
    keeper.close()
    keeper.open(new_boot=False)
    _charge(keeper, rng, sessions + 2, numbers, samples=6)
    _full_disk(keeper, recorder, rng, sessions + 3, numbers)
    _charge(keeper, rng, sessions + 4, numbers, samples=1)


def work(keeper: Keeper) -> None:
    """Some sessions, a merge, a start anew: what a disk that fails is tried with."""
    rng = random.Random(2)
    keeper.open(new_boot=True)
    numbers = count(1)
    _charge(keeper, rng, 1, numbers, samples=2)
    assert keeper.store is not None
    keeper.store.checkpoint()
    _charge(keeper, rng, 2, numbers, samples=1)
    keeper.close()
    keeper.open(new_boot=False)
    _charge(keeper, rng, 3, numbers, samples=1)


def migrate(keeper: Keeper) -> None:
    """An old database meets this program."""
    keeper.open(new_boot=True)
    keeper.commit(PutKey("MeterValueSampleInterval", "30"))
    keeper.close()


def _charge(keeper: Keeper, rng: random.Random, key: int, numbers: Iterator[int], samples: int) -> None:
    """One session, from its StartTransaction to its last answer; every third one's MeterValues become dead letters."""
    connector = 1 + key % 2
    record = TransactionRecord(
        key=key,
        connector=connector,
        id_tag=f"04{rng.randrange(2**24):06X}",
        start=keeper.stamp(),
        start_offset_s=None,
        register_start_wh=1000.0 * key,
        meter_start_wh=1000 * key,
        register_last_wh=1000.0 * key,
    )
    start = OutboxRow(seq=next(numbers), transaction=key, stamp=keeper.stamp(), body=StartBody())
    charging = ConnectorRecord(number=connector, session=Charging(transaction=key))
    keeper.commit(PutTransaction(record), PutRow(start), PutConnector(charging))
    queued = []
    for _ in range(samples):
        record = replace(record, register_last_wh=record.register_last_wh + rng.uniform(1, 90))
        register = PutRegister(key, record.register_last_wh, record.register_shift_wh)
        sample = Sample(stamp=keeper.stamp(), values=tuple(SampledValue(value=f"{rng.random():.3f}") for _ in range(3)))
        row = OutboxRow(seq=next(numbers), transaction=key, stamp=keeper.stamp(), body=MeterValuesBody(samples=(sample,)))
        queued.append(row)
        keeper.commit(register, PutRow(row), PutStopSample(key, sample))
    record = replace(record, transaction_id=77 + key, start_delivery=Delivery.CONFIRMED)
    keeper.commit(DropRow(start.seq), PutTransaction(record))
    stop = OutboxRow(seq=next(numbers), transaction=key, stamp=keeper.stamp(), body=StopBody())
    record = replace(record, stop=keeper.stamp(), meter_stop_wh=int(record.register_last_wh))
    record = replace(record, stop_reason=Reason.Local, stop_delivery=Delivery.QUEUED)
    finishing = ConnectorRecord(number=connector, session=Finishing(transaction=key, id_tag=record.id_tag))
    keeper.commit(PutTransaction(record), PutRow(stop), DropStopSamples(key), PutConnector(finishing))
    for row in queued:
        if key % 3:
            keeper.commit(DropRow(row.seq))
        else:
            spent = replace(row, attempts=3)
            keeper.commit(PutDeadLetter(DeadLetter(row=spent, reason="FormationViolation", at=keeper.stamp())))
    keeper.commit(DropRow(stop.seq), PutTransaction(replace(record, stop_delivery=Delivery.CONFIRMED)))
    keeper.commit(PutConnector(ConnectorRecord(number=connector)))
    if key % 3 == 0:
        keeper.commit(ReplayDeadLetter(queued[0].seq, replace(queued[0], seq=next(numbers), attempts=0)))


def _settings(keeper: Keeper, rng: random.Random) -> None:
    keeper.commit(PutKey("HeartbeatInterval", "300"), PutKey("ConnectionTimeOut", "45"))
    for _ in range(4):
        keeper.commit(CacheId(IdTagRecord(id_tag=f"04{rng.randrange(2**24):06X}", status=AuthorizationStatus.Accepted)))
    keeper.commit(PutReservation(ReservationRecord(reservation_id=7, connector=1, id_tag="04A2B3C4", expiry_s=1.8e9)))
    for seq in (1, 2):
        event = SecurityEventRecord(seq=seq, event=SecurityEvent.ResetOrReboot, boot=1, mono_s=float(seq), owed=True)
        keeper.commit(PutSecurityEvent(event))
        keeper.commit(PutSecurityEvent(replace(event, owed=False)))
    keeper.commit(PutFirmware(FirmwareRecord(owed=(FirmwareStatus.Downloading,))), PutDiagnostics(DiagnosticsRecord()))
    profile = ChargingProfile(
        charging_profile_id=3,
        stack_level=0,
        charging_profile_purpose=ChargingProfilePurposeType.TxDefaultProfile,
        charging_profile_kind=ChargingProfileKindType.Relative,
        charging_schedule=ChargingSchedule(
            charging_rate_unit=ChargingRateUnitType.A,
            charging_schedule_period=(ChargingSchedulePeriod(start_period=0, limit=16.0),),
        ),
    )
    keeper.commit(PutProfile(ProfileRecord(connector=1, profile=profile, installed=keeper.stamp())))
    keeper.commit(DropReservation(7), ClearIdCache())
    keeper.commit(DropProfile(3))


def _lists(keeper: Keeper) -> None:
    """A Full update in pieces, one in the middle of which nothing else is stored, and a Differential one."""
    store = keeper.store
    assert store is not None
    for version, length in ((3, 60), (4, 90)):
        entries = [IdTagRecord(id_tag=f"LIST{version}{n:04}", status=AuthorizationStatus.Accepted) for n in range(length)]
        generation = store.list_generation()
        for start in range(0, length, 30):
            piece = entries[start : start + 30]
            keeper.call(lambda generation=generation, piece=piece: store.lay_list_down(generation, piece))  # type: ignore[misc]
            keeper.commit(PutKey("ConnectionTimeOut", str(40 + start)))
        keeper.call(lambda generation=generation, version=version: store.enforce_list(generation, version, 1_000))  # type: ignore[misc]
        keeper.call(store.sweep_list)
    put = IdTagRecord(id_tag="LIST40001", status=AuthorizationStatus.Blocked)
    keeper.call(lambda: store.change_list([put], ["LIST40002"], 5, 1_000))
    assert local_list.PIECE >= 90


def _full_disk(keeper: Keeper, recorder: Recorder, rng: random.Random, key: int, numbers: Iterator[int]) -> None:
    """No file can grow until the store gives its reserve up: then the session that runs has its room. Later there is plenty."""
    reserve = Path(recorder.folder) / "reserve"
    assert reserve.exists()
    lengths: dict[str, int] = {}

    def refuse(operation: Operation, name: str) -> int:
        if isinstance(operation, Write) and reserve.exists():
            path = Path(recorder.folder) / name
            before = lengths.setdefault(name, path.stat().st_size)
            if operation.offset + len(operation.data) > before:
                return FULL
        return 0

    recorder.refuse = refuse
    _charge(keeper, rng, key, numbers, samples=1)
    assert not reserve.exists(), "the log did not grow: the disk was never full"
    recorder.refuse = lambda operation, name: 0
    assert keeper.store is not None
    keeper.store.checkpoint()
    assert keeper.store.room() is None
    assert reserve.exists()

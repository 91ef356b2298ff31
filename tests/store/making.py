"""Small records for the stories of the store, and processes that can be killed while they write."""

import subprocess
import sys
from pathlib import Path

from chargepoint.core.effects import Commit
from chargepoint.core.records import (
    Change,
    Charging,
    ConnectorRecord,
    Delivery,
    MeterValuesBody,
    OutboxRow,
    PutConnector,
    PutRow,
    PutTransaction,
    Sample,
    Stamp,
    StartBody,
    TransactionRecord,
)
from chargepoint.messages import Reason, SampledValue
from chargepoint.store import Store, open_store

KERNEL_BOOT_ID = "5f0b8a9e-0000-4000-8000-000000000001"
NOW = Stamp(1, 20.0)


def opened(directory: Path, kernel_boot_id: str = KERNEL_BOOT_ID, mono_s: float = 10.0) -> Store:
    return open_store(directory, kernel_boot_id, mono_s)


def commit(store: Store, *changes: Change, now: Stamp = NOW) -> None:
    store.commit(Commit(changes, now))


def sample(mono_s: float, values: int = 4) -> Sample:
    return Sample(stamp=Stamp(1, mono_s), values=tuple(SampledValue(value=f"{mono_s + n}") for n in range(values)))


def running(key: int, connector: int = 1) -> TransactionRecord:
    return TransactionRecord(
        key=key,
        connector=connector,
        id_tag="04A2B3C4",
        start=Stamp(1, 11.0),
        start_offset_s=None,
        register_start_wh=1000.4,
        meter_start_wh=1000,
        register_last_wh=1234.5,
    )


def delivered(key: int, connector: int = 1) -> TransactionRecord:
    return TransactionRecord(
        key=key,
        connector=connector,
        id_tag="04A2B3C4",
        parent_id_tag="FAMILY",
        id_listed=True,
        reservation_id=7,
        start=Stamp(1, 11.0),
        start_offset_s=1_700_000_000.0,
        register_start_wh=1000.4,
        meter_start_wh=1000,
        register_last_wh=2500.9,
        transaction_id=0,
        start_delivery=Delivery.CONFIRMED,
        stop=Stamp(1, 71.5),
        stop_offset_s=1_700_000_000.0,
        meter_stop_wh=2500,
        stop_reason=Reason.EVDisconnected,
        stop_id_tag="04A2B3C5",
        stop_delivery=Delivery.CONFIRMED,
    )


def row(seq: int, transaction: int = 1) -> OutboxRow:
    return OutboxRow(seq=seq, transaction=transaction, stamp=Stamp(1, float(seq)), body=StartBody())


def values_row(seq: int, transaction: int = 1) -> OutboxRow:
    body = MeterValuesBody(samples=(sample(float(seq)),))
    return OutboxRow(seq=seq, transaction=transaction, stamp=Stamp(1, float(seq)), body=body)


def step(number: int) -> tuple[Change, ...]:
    """One step of `writer`: parts that are only right together."""
    return (
        PutTransaction(running(number)),
        PutRow(row(2 * number, number)),
        PutRow(values_row(2 * number + 1, number)),
        PutConnector(ConnectorRecord(number=1, session=Charging(transaction=number))),
    )


def whole_steps(store: Store) -> int:
    """How many steps the store holds, each of them whole and none missing before it."""
    snapshot = store.snapshot()
    count = snapshot.next_transaction - 1
    rows, total = store.fetch_rows(limit=1_000_000)
    assert total == len(rows) == 2 * count == snapshot.queued
    assert [row.seq for row in rows] == list(range(2, 2 * count + 2))
    assert [row.transaction for row in rows] == [seq // 2 for seq in range(2, 2 * count + 2)]
    assert [record.key for record in snapshot.transactions] == list(range(1, count + 1))
    sessions = [connector.session for connector in snapshot.connectors]
    assert sessions == ([Charging(transaction=count)] if count else [])
    return count


def writer(directory: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A process that commits one step after the other and prints the number of each when it is on the disk."""
    command = [sys.executable, "-m", "tests.store.writer", str(directory), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def killed_after(directory: Path, steps: int) -> int:
    """Lets a writer commit at least `steps` steps and kills it. Returns the number of the last one it told of."""
    with writer(directory) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(steps)]
        process.kill()
        return [*told, *(int(line) for line in process.stdout if line.endswith("\n"))][-1]


def as_another_user(state_dir: Path, statement: str) -> str:
    """What a StoreError of `statement` says, run beside state_dir; as nobody where the tests run as root, who may do all."""
    state_dir.parent.chmod(0o711)
    program = f"""if True:
        import os, sys
        from pathlib import Path
        from chargepoint.store import StoreError, reading
        os.chdir(sys.argv[1])
        if os.geteuid() == 0:
            os.setgroups([]), os.setgid(65534), os.setuid(65534)
        try:
            {statement}
        except StoreError as error:
            print(error)
    """
    command = [sys.executable, "-c", program, str(state_dir.parent)]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True).stdout

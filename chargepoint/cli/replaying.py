"""Replays dead letters in the store of a stopped service: the one thing that a command writes there."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from chargepoint.cli.common import CommandError
from chargepoint.core.effects import Commit
from chargepoint.core.records import (
    Change,
    Delivery,
    MeterValuesBody,
    OutboxRow,
    PutTransaction,
    ReplayDeadLetter,
    Stamp,
    StartBody,
    StopBody,
    TransactionRecord,
)
from chargepoint.shell.clock import kernel_boot_id
from chargepoint.store import open_store


def replay_in_store(state_dir: Path, numbers: Sequence[int]) -> None:
    """Moves the dead letters back to the end of the outbox with no attempts spent, all of them or none.

    Raises StoreError where the store cannot be written or a service runs, CommandError where a letter cannot be replayed.
    """
    _become_owner(state_dir)
    store = open_store(state_dir, kernel_boot_id(), time.monotonic())
    try:
        snapshot = store.snapshot()
        changes: list[Change] = []
        records: dict[int, TransactionRecord] = {}
        for seq, number in enumerate(numbers, snapshot.next_seq):
            row = store.dead_letter(number)
            if row is None:
                raise CommandError(f"dead letter {number} is not there, or cannot be understood; nothing was replayed")
            record = records.get(row.transaction) or store.transaction(row.transaction)
            if record is None:
                raise CommandError(f"dead letter {number}: its session {row.transaction} is not there; nothing was replayed")
            changes.append(ReplayDeadLetter(number, structs.replace(row, seq=seq, attempts=0)))
            records[row.transaction] = _queued_again(record, row)
        changes += [PutTransaction(record) for record in records.values()]
        store.commit(Commit(tuple(changes), Stamp(snapshot.boots[-1].boot, time.monotonic())))
    finally:
        store.close()


def _queued_again(record: TransactionRecord, row: OutboxRow) -> TransactionRecord:
    """The ledger's page says that the message waits again."""
    match row.body:
        case StartBody():
            return structs.replace(record, start_delivery=Delivery.QUEUED)
        case StopBody():
            return structs.replace(record, stop_delivery=Delivery.QUEUED)
        case MeterValuesBody():
            return record


def _become_owner(state_dir: Path) -> None:
    """Root writes as the user whom the state belongs to: a file of root's in there would keep the service from starting."""
    if os.geteuid() != 0:
        return
    try:
        owner = state_dir.stat()
    except OSError as error:
        raise CommandError(f"{state_dir}: {error.strerror}; check state_dir in the settings") from error
    if owner.st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)

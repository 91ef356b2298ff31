"""The store of a story: applies the changes of a commit, answers the core's questions, and is there after a power cut."""

from typing import assert_never

from msgspec.structs import replace

from chargepoint.core import maintenance_records as keep
from chargepoint.core import records as rec
from chargepoint.core.effects import Commit, StoreList
from chargepoint.core.local_list import record_of, twice
from chargepoint.core.security_records import PutSecurity, PutSecurityEvent, SecurityEventRecord, SecurityRecord


class MemoryStore:
    """As the real store, without a disk. `listed` is the local authorisation list; stories fill it in, lower-case keys."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.boots: dict[int, rec.BootRecord] = {}
        self.keys: dict[str, str] = {}
        self.connectors: dict[int, rec.ConnectorRecord] = {}
        self.transactions: dict[int, rec.TransactionRecord] = {}
        self.rows: dict[int, rec.OutboxRow] = {}
        self.dead: dict[int, rec.DeadLetter] = {}
        self.stop_samples: dict[int, list[rec.Sample]] = {}
        self.listed: dict[str, rec.IdTagRecord] = {}
        self.list_version = 0
        self.cache: dict[str, rec.IdTagRecord] = {}
        self.reservations: dict[int, rec.ReservationRecord] = {}
        self.profiles: dict[int, rec.ProfileRecord] = {}
        self.security = SecurityRecord()
        self.security_log: dict[int, SecurityEventRecord] = {}
        self.firmware = keep.FirmwareRecord()
        self.diagnostics = keep.DiagnosticsRecord()
        self.runs = 0

    def snapshot(self, kernel_boot_id: str, mono_s: float) -> rec.Snapshot:
        """The start of a run, as the real store gives it."""
        self.runs += 1
        boot = rec.next_boot(tuple(self.boots.values()), kernel_boot_id, mono_s)
        self.boots[boot.boot] = boot
        at_connectors = {one.session.transaction for one in self.connectors.values() if not isinstance(one.session, rec.Idle)}
        needed = at_connectors | {row.transaction for row in self.rows.values()}
        return rec.Snapshot(
            run=self.runs,
            boots=tuple(self.boots.values()),
            keys=dict(self.keys),
            connectors=tuple(self.connectors.values()),
            transactions=tuple(record for key, record in sorted(self.transactions.items()) if key in needed),
            stop_samples={key: tuple(samples) for key, samples in self.stop_samples.items() if key in at_connectors},
            queued=len(self.rows),
            next_seq=1 + max([*self.rows, *self.dead], default=0),
            next_transaction=1 + max(self.transactions, default=0),
            dead_letters=len(self.dead),
            reservations=tuple(record for _, record in sorted(self.reservations.items())),
            security=self.security,
            owed_events=tuple(record for _, record in sorted(self.security_log.items()) if record.owed),
            next_event_seq=1 + max(self.security_log, default=0),
            firmware=self.firmware,
            diagnostics=self.diagnostics,
            profiles=tuple(record for _, record in sorted(self.profiles.items())),
            list_version=self.list_version,
            list_length=len(self.listed),
        )

    def commit(self, commit: Commit) -> None:
        self.commits.append(commit)
        for change in commit.changes:
            self._make(change)
        boot = self.boots[commit.now.boot]
        if commit.now.mono_s > boot.last_mono_s:
            self.boots[boot.boot] = _later(boot, commit.now.mono_s)

    def look_up(self, id_tag: str) -> tuple[rec.IdTagRecord | None, rec.IdTagRecord | None]:
        return self.listed.get(id_tag.casefold()), self.cache.get(id_tag.casefold())

    def store_list(self, update: StoreList) -> str | None:
        """Why the list stayed as it was; None where it changed."""
        if (wrong := twice(update.entries)) is not None:
            return wrong
        puts = {one.id_tag.casefold(): record_of(one) for one in update.entries if one.id_tag_info is not None}
        gone = {one.id_tag.casefold() for one in update.entries if one.id_tag_info is None}
        kept = {} if update.full else {key: entry for key, entry in self.listed.items() if key not in gone}
        if len(kept | puts) > update.length_max:
            return f"it would have {len(kept | puts)} entries"
        self.listed = kept | puts
        self.list_version = update.version
        return None

    def fetch_rows(self, limit: int, without: tuple[int, ...]) -> tuple[tuple[rec.OutboxRow, ...], int]:
        rows = [row for _, row in sorted(self.rows.items()) if row.transaction not in without]
        return tuple(rows[:limit]), len(self.rows)

    def dead_letter(self, seq: int) -> tuple[rec.OutboxRow | None, rec.TransactionRecord | None]:
        letter = self.dead.get(seq)
        return (letter.row, self.transactions.get(letter.row.transaction)) if letter else (None, None)

    def session(self, connector: int) -> rec.Session:
        """What a power cut now would leave of the connector's session."""
        record = self.connectors.get(connector)
        return record.session if record else rec.Idle()

    def newest(self) -> rec.TransactionRecord:
        """The last page of the ledger."""
        return self.transactions[max(self.transactions)]

    def _make(self, change: rec.Change) -> None:
        match change:
            case rec.PutBoot(record=boot):
                self.boots[boot.boot] = boot
            case rec.PutKey(name=name, value=value):
                self.keys[name] = value
            case rec.PutConnector(record=connector):
                self.connectors[connector.number] = connector
            case rec.PutTransaction(record=transaction):
                self.transactions[transaction.key] = transaction
            case rec.PutRegister(transaction=key, register_last_wh=last_wh, register_shift_wh=shift_wh):
                moved = {"register_last_wh": last_wh, "register_shift_wh": shift_wh}
                self.transactions[key] = replace(self.transactions[key], **moved)
            case rec.PutRow(row=row):
                assert row.transaction in self.transactions, f"row {row.seq} belongs to no transaction"
                self.rows[row.seq] = row
            case rec.DropRow(seq=seq):
                del self.rows[seq]
            case rec.PutDeadLetter(letter=letter):
                del self.rows[letter.row.seq]
                self.dead[letter.row.seq] = letter
            case rec.ReplayDeadLetter(old_seq=old_seq, row=row):
                del self.dead[old_seq]
                self.rows[row.seq] = row
            case rec.PutStopSample(transaction=key, sample=sample):
                self.stop_samples.setdefault(key, []).append(sample)
            case rec.DropStopSamples(transaction=key):
                self.stop_samples.pop(key, None)
            case rec.PutReservation(record=reservation):
                self.reservations[reservation.reservation_id] = reservation
            case rec.DropReservation(reservation_id=reservation_id):
                self.reservations.pop(reservation_id, None)
            case rec.PutProfile(record=profile):
                self.profiles[profile.profile.charging_profile_id] = profile
            case rec.DropProfile(charging_profile_id=profile_id):
                del self.profiles[profile_id]
            case PutSecurity(record=security):
                self.security = security
            case PutSecurityEvent(record=line):
                self.security_log[line.seq] = line
            case keep.PutFirmware(record=firmware):
                self.firmware = firmware
            case keep.PutDiagnostics(record=diagnostics):
                self.diagnostics = diagnostics
            case rec.CacheId(record=entry):
                self.cache[entry.id_tag.casefold()] = entry
            case rec.ClearIdCache():
                self.cache.clear()
            case _:
                assert_never(change)


def _later(boot: rec.BootRecord, mono_s: float) -> rec.BootRecord:
    return rec.BootRecord(
        boot=boot.boot,
        kernel_boot_id=boot.kernel_boot_id,
        first_mono_s=boot.first_mono_s,
        last_mono_s=mono_s,
        offset_s=boot.offset_s,
        floor_s=boot.floor_s,
    )

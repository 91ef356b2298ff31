"""Blocks: the station's state in its parts, made from a snapshot.

Owns nothing of its own: it is what the composing modules (sessions, power, cards, calls, commands, control, station) pass
around instead of knowing one another's insides.
"""

from msgspec import Struct

from chargepoint.core.authorization import Authorization
from chargepoint.core.boot import Boot
from chargepoint.core.clock import Clock
from chargepoint.core.configuration import Configuration
from chargepoint.core.connector import Connector
from chargepoint.core.diagnostics import Diagnostics
from chargepoint.core.faults import Fault
from chargepoint.core.firmware import Firmware
from chargepoint.core.lamps import Lamps
from chargepoint.core.local_list import LocalList
from chargepoint.core.metering import Metering
from chargepoint.core.notifier import Notifier
from chargepoint.core.outbox import Outbox
from chargepoint.core.profiles import Profiles
from chargepoint.core.purposes import CallPurpose, CheckPurpose
from chargepoint.core.records import ConnectorRecord, Idle, PutConnector, Snapshot
from chargepoint.core.reservation import Reservations
from chargepoint.core.rpc import Rpc
from chargepoint.core.security import Security
from chargepoint.core.security_log import SecurityLog
from chargepoint.core.signing import Signing
from chargepoint.core.site import Site
from chargepoint.core.starts import Starts, Waiting
from chargepoint.core.step import Step
from chargepoint.core.transactions import Transactions


class Leaving(Struct, frozen=True):
    """The process is to end once every session is closed. until_s: then it ends with what is there. delivers: until then it
    waits for the answers of the Central System; else no billing message goes out whose answer nobody would hear.
    """

    kind: str
    until_s: float
    delivers: bool


class Blocks:
    def __init__(self, snapshot: Snapshot, site: Site) -> None:
        self.site = site
        self.run = snapshot.run
        self.clock = Clock(snapshot.boots)
        self.keys = Configuration(site, snapshot.keys)
        self.rpc: Rpc[CallPurpose] = Rpc(snapshot.run, site.call_timeout_s)
        self.boot = Boot()
        self.authorization: Authorization[CheckPurpose] = Authorization(self.keys)
        self.outbox = Outbox(snapshot.queued, snapshot.next_seq, snapshot.dead_letters)
        self.transactions = Transactions(snapshot.transactions, snapshot.stop_samples, snapshot.next_transaction, site.metering)
        self.metering = Metering(self.keys)
        self.local_list = LocalList(self.keys, snapshot.list_version, snapshot.list_length)
        self.profiles = Profiles(self.keys, snapshot.profiles)
        self.reservations = Reservations(snapshot.reservations)
        self.starts = Starts()
        self.station_faults: set[Fault] = set()
        records = {record.number: record for record in snapshot.connectors}
        self.station = records.get(0, ConnectorRecord(number=0))
        self.connectors = {
            one.number: Connector(one, records.get(one.number, ConnectorRecord(number=one.number)), self.station_faults)
            for one in site.connectors
        }
        self.absent = [one for one in snapshot.connectors if one.number not in (0, *self.connectors)]  # no longer in the site
        self.notifier = Notifier([0, *self.connectors])
        self.lamps = Lamps(list(self.connectors))
        self.firmware = Firmware(snapshot.firmware)
        self.diagnostics = Diagnostics(snapshot.diagnostics)
        self.security = Security(snapshot.security, site.security_profile, site.renew_before_s)
        self.security_log = SecurityLog(snapshot.owed_events, snapshot.next_event_seq)
        self.signing = Signing()
        self.extension_used = False  # the Central System has sent a CALL of the security extension since the start
        self.lost_readers: set[int] = set()
        self.lost: dict[str, str] = {}  # parts that no single connector needs, and why they do not work
        self.leaving: Leaving | None = None

    @property
    def online(self) -> bool:
        """The Central System is there and has accepted the station."""
        return self.rpc.up and self.boot.accepted

    @property
    def tells_events(self) -> bool:
        """The Central System knows the security extension: one of its profiles is in use, or it has sent a message of it."""
        return self.extension_used or self.security.connected > 0

    def store(self, connector: Connector, step: Step) -> None:
        step.change(PutConnector(connector.record()))
        connector.cycles_stored = connector.cycles

    def store_cycles(self, step: Step) -> None:
        """Cycles of contactors go to the disk with what is stored anyway; they are no reason to write."""
        if step.commits:
            for connector in self.connectors.values():
                if connector.cycles != connector.cycles_stored:
                    self.store(connector, step)

    def may_use(self, connector: Connector, id_tag: str, parent_id_tag: str | None, reader: int | None = None) -> bool:
        """No reservation of somebody else keeps the connector from this id. reader: None for a remote start."""
        others = [number for number in self.idle() if number != connector.number]
        claims = self.claims(self.starts.besides(id_tag, reader, connector.number))
        return self.reservations.may_use(connector.number, id_tag, parent_id_tag, others, len(claims))

    def idle(self) -> list[int]:
        """Connectors on which a session could begin without another one's end."""
        return [one.number for one in self.connectors.values() if one.free and isinstance(one.session, Idle)]

    def claims(self, among: list[Waiting]) -> list[Waiting]:
        """Those of them who wait for a plug without a reservation."""

        def holder(waiting: Waiting) -> bool:
            ids = waiting.id_tag, waiting.parent_id_tag
            return any(self.reservations.held_by(number, *ids) is not None for number in waiting.connectors)

        return [waiting for waiting in among if not holder(waiting)]

    def reserved(self, connector: Connector) -> bool:
        """Nobody but the holder of a reservation may begin here."""
        if self.reservations.empty:
            return False
        if self.reservations.at(connector.number) is not None:
            return True
        if not self.reservations.of_station():
            return False
        free = self.idle()
        return connector.number in free and self.reservations.spare(free, 0) <= 0

    def of_reader(self, reader: int) -> list[Connector]:
        """The connectors that a reader serves."""
        return [self.connectors[number] for number in self.site.readers.get(reader, ())]

"""Site: what the core must know of the station that it runs in, fixed for the life of the process.

Owns the values that come from the settings file. Refuses to know files, drivers and addresses.
"""

from msgspec import Struct

from chargepoint.core.vault_records import KeyType
from chargepoint.messages import BootNotificationReq


class ConnectorSite(Struct, frozen=True, kw_only=True):
    """One connector. has_lock: a detachable cable's socket with a lock; tethered: a fixed cable.

    ventilation: vehicles that ask for it (pilot state D) may charge here. closing_s, opening_s: how long the contacts may take
    to follow their command, with a self test or a pause of the driver's.
    """

    number: int
    tethered: bool = False
    has_lock: bool = True
    current_a_max: float = 32.0
    phases: int = 3
    phase_rotation: str = "RST"
    ventilation: bool = False
    closing_s: float = 2.0
    opening_s: float = 1.0


class Site(Struct, frozen=True, kw_only=True):
    """The station. readers: which connectors each reader serves. first_keys: [configuration] of the settings file.

    firmware_version: the one that runs. file_transfer_protocols: as SupportedFileTransferProtocols spells them. can_install:
    there is an installer for firmware. has_inputs: no energy before its lines are known. key_mark: of the settings'
    AuthorizationKey, empty where they have none. renew_before_s: how long before its end the station's certificate is renewed.
    key_type: of the key pairs that the station makes.
    """

    identity: str
    vendor: str
    model: str
    connectors: tuple[ConnectorSite, ...]
    readers: dict[int, tuple[int, ...]]
    serial_number: str = ""
    firmware_version: str = ""
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None
    current_a_max: float = 63.0
    offline_behaviour: str = "cache"
    metering: str = "cumulative"
    energy_unit: str = "Wh"
    after_power_loss: str = "stop"
    free_vend: bool = False
    free_vend_id_tag: str = "FREEVEND"
    call_timeout_s: float = 30.0
    file_transfer_protocols: tuple[str, ...] = ()
    can_install: bool = False
    has_inputs: bool = False
    security_profile: int = 0
    key_mark: str = ""
    renew_before_s: float = 30 * 86_400.0
    key_type: KeyType = "P-256"
    first_keys: dict[str, str]


def boot_request(site: Site) -> BootNotificationReq:
    """What the Central System is told of the station, section 4.2."""
    return BootNotificationReq(
        charge_point_vendor=site.vendor,
        charge_point_model=site.model,
        charge_point_serial_number=site.serial_number or None,
        firmware_version=site.firmware_version or None,
        iccid=site.iccid,
        imsi=site.imsi,
        meter_type=site.meter_type,
        meter_serial_number=site.meter_serial_number,
    )

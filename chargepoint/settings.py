"""Settings: one TOML file, typed. An unknown key is an error that names the nearest known one.

Owns the shape of the station's file and its defaults. Knows nothing of what drivers need: a part's table is kept raw
here and becomes the driver's own Config in `registry`. OCPP configuration keys live in [configuration] and are checked by
`core.configuration`.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

Part = dict[str, Any]
Amps = Annotated[float, Meta(ge=6, le=80)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Text20 = Annotated[str, Meta(min_length=1, max_length=20)]
Text25 = Annotated[str, Meta(max_length=25)]
Text50 = Annotated[str, Meta(max_length=50)]

OfflineBehaviour = Literal["out_of_service", "accept_all", "cache", "local_list"]


class Station(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    identity: Annotated[str, Meta(min_length=1, max_length=48)]
    vendor: Text20
    model: Text20
    serial_number: Text25 = ""
    firmware_version: Text50 = ""
    iccid: Text20 | None = None
    imsi: Text20 | None = None
    meter_type: Text25 | None = None
    meter_serial_number: Text25 | None = None
    state_dir: str = "state"
    control_socket: str = ""
    current_a_max: Annotated[float, Meta(ge=6, le=2_000)] = 63.0
    offline_behaviour: OfflineBehaviour = "cache"
    metering: Literal["cumulative", "transaction"] = "cumulative"
    energy_unit: Literal["Wh", "kWh"] = "Wh"
    after_power_loss: Literal["stop", "resume"] = "stop"
    free_vend: bool = False
    free_vend_id_tag: Text20 = "FREEVEND"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class CentralSystem(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^wss?://[^\s/]+\S*$")]
    authorization_key: Annotated[str, Meta(max_length=40)] = ""
    security_profile: Annotated[int, Meta(ge=0, le=3)] = 0
    reconnect_min_s: Seconds = 1.0
    reconnect_max_s: Seconds = 120.0
    call_timeout_s: Seconds = 30.0
    connect_timeout_s: Seconds = 20.0


class Security(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    central_system_root: str | None = None
    manufacturer_root: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


class Connector(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    meter: Part
    contactor: Part
    pilot: Part
    lock: Part | None = None
    indicator: Part | None = None
    cable: Literal["socket", "tethered"] = "socket"
    current_a_max: Amps = 32.0
    phases: Literal[1, 2, 3] = 3
    phase_rotation: Annotated[str, Meta(pattern="^(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)$")] = "RST"
    meter_poll_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. Connectors are numbered from 1 without a gap; readers name the connectors that they serve."""

    station: Station
    central_system: CentralSystem
    security: Security = Security()
    buses: dict[str, Part] = field(default_factory=dict)
    connectors: dict[str, Connector]
    readers: dict[str, Part] = field(default_factory=dict)
    inputs: Part | None = None
    configuration: dict[str, str | int | float | bool] = field(default_factory=dict)


def parse(document: dict[str, Any]) -> Settings:
    """The typed settings of a decoded TOML document; raises msgspec.ValidationError where a value is not allowed."""
    return msgspec.convert(document, Settings)

"""Settings: one TOML file, typed. An unknown key is an error that names the nearest known one.

Owns the shape of the station's file, its defaults, and the rules that tie its parts together. Knows nothing of what drivers
need: a part's table is kept raw here and becomes the driver's own Config in `registry`. OCPP configuration keys live in
[configuration] and are checked by `core.configuration`.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field, structs

from chargepoint import settings_places, settings_rules, settings_secrets
from chargepoint.settings_panel import Panel
from chargepoint.tables import (
    SECRET,
    Checker,
    Problem,
    SettingsError,
    converted,
    impossible_number,
    key_text,
    printable,
    shown,
    too_deep,
)

__all__ = ["Problem", "Reader", "Settings", "SettingsError", "load", "parse", "redacted"]

FILE_SIZE_MAX = 1024 * 1024
VALUE_LENGTH_MAX = 500  # CiString500Type of ChangeConfiguration.req, section 6.9
MASK = "***"

Part = dict[str, Any]
CheckConfiguration = Callable[[str, str], str | None]
Amps = Annotated[float, Meta(ge=6, le=80)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Text20 = Annotated[str, Meta(min_length=1, max_length=20)]
Text25 = Annotated[str, Meta(max_length=25)]
Text50 = Annotated[str, Meta(max_length=50)]
HexKey = Annotated[
    str,
    Meta(
        pattern=r"^([0-9A-Fa-f]{2}){0,20}\Z",
        description="must be an even number of hexadecimal digits, at most 40 (the key's bytes, not its letters)",
        examples=['authorization_key = "001122334455667788AABBCCDDEEFF00"'],
    ),
]
Credential = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}\Z",
        description="must be the name of a credential: letters, digits, _ - and .",
        examples=['authorization_key_credential = "authorization-key"'],
    ),
]
Url = Annotated[
    str,
    Meta(
        pattern=r"^[wW][sS][sS]?://[^\s/]+\S*\Z",
        description="must begin with ws:// or wss:// (not http), without blanks",
        examples=["ws://cs.example.org/ocpp"],
    ),
]
Identity = Annotated[
    str, Meta(min_length=1, max_length=48, examples=['identity = "CK_XXX_0001", as the Central System knows the station'])
]

ADDRESS = r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3})\Z"
Listen = Annotated[str, Meta(pattern=ADDRESS, description='must be "address:port", such as "127.0.0.1:9816"')]
OfflineBehaviour = Literal["out_of_service", "accept_all", "cache", "local_list"]
Rotation = Literal["NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR"]


class Station(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    identity: Identity
    vendor: Text20
    model: Text20
    serial_number: Text25 = ""
    firmware_version: Text50 = ""
    iccid: Text20 | None = None
    imsi: Text20 | None = None
    meter_type: Text25 | None = None
    meter_serial_number: Text25 | None = None
    state_dir: str = ""
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
    """authorization_key may lie in a file of its own, or be a credential of systemd; `with_secrets` puts it in its place."""

    url: Url
    authorization_key: HexKey = ""
    authorization_key_file: str | None = None
    authorization_key_credential: Credential | None = None
    security_profile: Annotated[int, Meta(ge=0, le=3)] = 0
    reconnect_min_s: Seconds = 1.0
    reconnect_max_s: Seconds = 120.0
    call_timeout_s: Seconds = 30.0
    connect_timeout_s: Seconds = 20.0

    def __repr__(self) -> str:
        return _masked_repr(self)


class Security(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Files in PEM; relative ones lie beside the configuration file. renew_before_days: of the station's own one. key_type: of
    the key pairs that the station makes.
    """

    central_system_root: str | None = None
    manufacturer_root: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    client_key_credential: Credential | None = None
    renew_before_days: Annotated[int, Meta(ge=1, le=365)] = 30
    key_type: Literal["P-256", "RSA-2048", "RSA-3072"] = "P-256"


class Connector(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    meter: Part
    contactor: Part
    pilot: Part
    lock: Part | None = None
    indicator: Part | None = None
    cable: Literal["socket", "tethered"] = "socket"
    current_a_max: Amps = 32.0
    phases: Literal[1, 2, 3] = 3
    phase_rotation: Rotation = "RST"
    meter_poll_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0
    ventilation: bool = False
    closing_s: Annotated[float, Meta(ge=0.1, le=90)] = settings_rules.CLOSING_S
    opening_s: Annotated[float, Meta(ge=0.1, le=5)] = 1.0


class Reader(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A card reader: the connectors that it serves (in the file: `connectors`, all where left out) and its driver's table."""

    connectors: tuple[int, ...]
    part: Part


class Transfers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds of firmware downloads and of uploads of diagnostics.

    attempt_s_max: how long one attempt may take. stall_s: a server that moves less than 4 KiB in that time is given up.
    """

    firmware_mib_max: Annotated[int, Meta(ge=1, le=4_096)] = 512
    diagnostics_mib_max: Annotated[int, Meta(ge=1, le=1_024)] = 32
    attempt_s_max: Seconds = 7_200.0
    stall_s: Annotated[float, Meta(ge=1, le=3_600)] = 60.0


class Metrics(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where Prometheus may ask. Anything but loopback shows it to whoever reaches the address."""

    listen: Listen = "127.0.0.1:9816"


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. Connectors are numbered from 1 without a gap. Paths are absolute once `load` or `parse` has made it."""

    station: Station
    central_system: CentralSystem
    security: Security = Security()
    buses: dict[str, Part] = field(default_factory=dict)
    connectors: dict[str, Connector]
    readers: dict[str, Reader] = field(default_factory=dict)
    inputs: Part | None = None
    installer: Part | None = None
    transfers: Transfers = Transfers()
    panel: Panel = Panel()
    metrics: Metrics | None = None
    configuration: dict[str, str | int | float | bool] = field(default_factory=dict)

    def __repr__(self) -> str:
        return _masked_repr(self)


def load(path: str | Path, check_configuration: CheckConfiguration | None = None) -> Settings:
    """The settings of a file, checked as a whole; raises SettingsError with every problem found.

    check_configuration(name, value) says in a sentence what is wrong with a first value of an OCPP key, or None; left out,
    it is that of the core.
    """
    document = read_document(path)
    return parse(document, file=str(path), folder=Path(path).absolute().parent, check_configuration=check_configuration)


def parse(
    document: dict[str, Any],
    *,
    file: str = "settings",
    folder: str | Path = ".",
    check_configuration: CheckConfiguration | None = None,
) -> Settings:
    """The settings of a decoded TOML document; raises SettingsError. Relative paths are taken from folder."""
    checker = Checker(file, settings_rules.homes(Settings))
    checker.table("", document, Settings, skip=frozenset({"readers"}))
    base = Path(folder).absolute()
    settings_rules.check(checker, document, base)
    settings_secrets.check(checker, document, base)
    _check_configuration(checker, document.get("configuration"), check_configuration)
    readers = _readers(checker, document)
    if checker.problems:
        raise SettingsError(checker.problems)
    settings: Settings | None = converted(checker, "", {**document, "readers": readers}, Settings)
    if settings is None:
        raise SettingsError(checker.problems)
    return _with_absolute_paths(settings, base)


def with_secrets(
    settings: Settings, file: str, environ: Mapping[str, str], *, starting: bool
) -> tuple[Settings, tuple[Problem, ...], tuple[str, ...]]:
    """The settings with the secrets that they only name, the problems of these, and what is worth a look.

    starting: the station is about to run; otherwise a credential may be missing, since only the service is given it.
    """
    checker = Checker(file)
    central = settings_secrets.filled_in(checker, "central_system", settings.central_system, HexKey, environ, starting=starting)
    security = settings_secrets.with_key_file(checker, "security", settings.security, environ, starting=starting)
    full = structs.replace(settings, central_system=central.table, security=security.table)
    return full, tuple(checker.problems), (*central.remarks, *security.remarks)


def read_document(path: str | Path, option: str = "--config") -> dict[str, Any]:
    """The decoded TOML document of a file; raises SettingsError where it cannot be read or is no TOML. option: the one by which
    somebody names such a file.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(FILE_SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        raise SettingsError([_unreadable(file, error, option)]) from error
    if len(raw) > FILE_SIZE_MAX:
        raise SettingsError([Problem(file=file, found="more than 1 MiB", allowed="a configuration is far smaller")])
    try:
        document = tomllib.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        from chargepoint import settings_syntax  # patterns that take a millisecond to load, and a file that is right needs none

        raise SettingsError([settings_syntax.problem(file, raw, error)]) from error
    if too_deep(document):
        raise SettingsError([Problem(file=file, found="tables within tables", allowed="nested too deeply")])
    return document


def control_socket_of(path: str | Path) -> str:
    """Where the station of a file listens; asks only for readable TOML, so that it works while the file is being edited."""
    document = read_document(path)
    station = document.get("station")
    table = station if isinstance(station, dict) else {}
    base = Path(path).absolute().parent
    return settings_places.control_socket(table, base)


def state_dir_of(path: str | Path) -> str:
    """Where the station of a file keeps its state; as tolerant as `control_socket_of`."""
    station = read_document(path).get("station")
    return settings_places.state_dir(station if isinstance(station, dict) else {}, Path(path).absolute().parent)


def configuration_text(value: str | int | float | bool) -> str:
    """A first value of an OCPP key as the protocol writes it: always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def initial_configuration(settings: Settings) -> dict[str, str]:
    """[configuration] as OCPP texts, names as the file spells them."""
    return {name: configuration_text(value) for name, value in settings.configuration.items()}


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings as plain values that may be logged or shown: what is secret is masked wherever it stands."""
    plain: dict[str, Any] = masked(structs.asdict(settings))
    return plain


def masked(value: Any) -> Any:
    """Plain values of settings, or of a file that is none: what stands under the name of a secret is masked."""
    if isinstance(value, Struct):
        return masked(structs.asdict(value))
    if isinstance(value, dict):
        return {key: MASK if inner and SECRET.search(key) else masked(inner) for key, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def _masked_repr(value: Struct) -> str:
    inner = ", ".join(f"{name}={part!r}" for name, part in masked(structs.asdict(value)).items())
    return f"{type(value).__name__}({inner})"


def _check_configuration(checker: Checker, table: object, check: CheckConfiguration | None) -> None:
    if not isinstance(table, dict) or not table:
        return
    if check is None:
        from chargepoint.core.configuration import check_initial

        check = check_initial
    spelled: dict[str, str] = {}
    for name, value in table.items():
        if (first := spelled.setdefault(name.lower(), name)) != name:
            checker.add("configuration", name, "the same key twice", f"{key_text(first)} is given already; keep one of them")
        if not isinstance(value, str | int | float) or impossible_number(value):
            continue  # said by the type already
        text = configuration_text(value)
        if len(text) > VALUE_LENGTH_MAX:
            checker.add("configuration", name, f"{len(text)} characters", f"must be at most {VALUE_LENGTH_MAX} characters")
        elif (sentence := check(name, text)) is not None:
            _configuration_problem(checker, name, value, sentence)


def _configuration_problem(checker: Checker, name: str, value: object, sentence: str) -> None:
    """A sentence of the core as a problem. It may quote the value: a secret is cut off, and nothing is said twice."""
    if SECRET.search(name):
        checker.add("configuration", name, "a value that is not shown", sentence.split("found")[0].rstrip(" ,;"))
    elif "found" in sentence or sentence.startswith("is "):
        checker.add("configuration", name, "", printable(sentence, 300))
    else:
        checker.add("configuration", name, shown(value), printable(sentence, 300))


def _readers(checker: Checker, document: dict[str, Any]) -> dict[str, Any]:
    """[readers.N] as Reader tables: `connectors` is the shell's key, the rest is the driver's."""
    tables = document.get("readers", {})
    connectors = document.get("connectors", {})
    numbers = sorted(int(name) for name in connectors if name.isdecimal()) if isinstance(connectors, dict) else []
    readers: dict[str, Any] = {}
    if not isinstance(tables, dict):
        checker.add("readers", None, shown(tables), "must be tables [readers.1], [readers.2] and so on")
        return readers
    for name, table in tables.items():
        section = f"readers.{key_text(name)}"
        if not settings_rules.is_number(name):
            checker.add(section, None, shown(name), "readers must be numbered 1 to 32", "example: [readers.1]")
        if not isinstance(table, dict):
            checker.add(section, None, shown(table), "must be a table")
            continue
        part = {key: value for key, value in table.items() if key != "connectors"}
        settings_rules.check_part(checker, section, part)
        serves = table.get("connectors", numbers)
        settings_rules.check_serves(checker, section, serves, numbers)
        readers[name] = {"connectors": serves, "part": part}
    return readers


def _with_absolute_paths(settings: Settings, base: Path) -> Settings:
    table = structs.asdict(settings.station)
    station = structs.replace(
        settings.station,
        state_dir=settings_places.state_dir(table, base),
        control_socket=settings_places.control_socket(table, base),
    )
    named = ((name, getattr(settings.security, name)) for name in settings_rules.FILES)
    files = {name: str(base / path) for name, path in named if path}
    central_system = settings.central_system
    if central_system.authorization_key_file:
        path = str(base / central_system.authorization_key_file)
        central_system = structs.replace(central_system, authorization_key_file=path)
    security = structs.replace(settings.security, **files)
    return structs.replace(settings, station=station, security=security, central_system=central_system)


def _unreadable(file: str, error: Exception, option: str) -> Problem:
    match error:
        case FileNotFoundError():
            allowed, hint = "there is no such file", f"name another one with {option} FILE"
        case PermissionError():
            allowed, hint = "this user may not read it", f"use sudo; for the service: sudo chgrp chargepoint {file}, mode 640"
        case IsADirectoryError():
            allowed, hint = "this is a folder", "name the file in it"
        case _:
            allowed, hint = f"cannot be read: {getattr(error, 'strerror', None) or error}", ""
    return Problem(file=printable(file, 300), allowed=allowed, hint=hint)

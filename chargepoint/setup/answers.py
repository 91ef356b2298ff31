"""What a set-up asks: the answers for one station, and a file of them for many.

Owns names, bounds and defaults. What the values mean for the station is judged by the settings, of which each answer becomes a
part (`pieces`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, convert, field, structs

from chargepoint.settings import Credential, HexKey, Identity, SettingsError, Text20, Text25, Url
from chargepoint.setup.questions import CURRENT, KIND, METER
from chargepoint.tables import Checker, Problem, printable, shown

Kind = Literal["socket", "tethered", "board", "simulated"]
Pin = Annotated[int, Meta(ge=0, le=27)]
Listen = Annotated[
    str,
    Meta(
        pattern=r"^(\[[0-9A-Fa-f:.]{2,45}\]:[0-9]{1,5}|[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,5})?\Z",
        description="must be an address and a port, or empty",
        examples=['page = "0.0.0.0:8080" for the whole network'],
    ),
]
CONNECTORS_MAX = {"socket": 1, "tethered": 1, "board": 8, "simulated": 32}
BENCH = "/run/chargepoint/hardware.sock"
STATIONS_MAX = 10_000
TEXT = "text:"


class MeterAnswer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One meter. With `host` it is on the network, else on the serial port."""

    map: str = METER.default
    unit_id: Annotated[int, Meta(ge=1, le=247)] = 1
    port: str = "/dev/ttyUSB0"
    baud: Annotated[int, Meta(ge=300, le=460_800)] = 9_600
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1
    host: str = ""
    tcp_port: Annotated[int, Meta(ge=1, le=65_535)] = 502

    def bus(self) -> dict[str, Any]:
        """The bus that it is on, as a table of [buses]."""
        if self.host:
            return {"driver": "modbus_tcp", "host": self.host, "port": self.tcp_port}
        line = {"port": self.port, "baud": self.baud, "parity": self.parity, "stop_bits": self.stop_bits}
        return {"driver": "modbus_rtu", **line}


class Pins(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """GPIO numbers, those of docs/wiring.md."""

    contactor: Pin = 17
    contactor_feedback: Pin = 27
    lock: Pin = 20
    unlock: Pin = 21
    lock_feedback: Pin = 26
    emergency_stop: Pin = 5
    rcd_trip: Pin = 24
    reader_reset: Pin = 25
    red: Pin = 22
    green: Pin = 4
    blue: Pin = 13


class Board(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The controller boards: one a connector, their unit ids counted up from the first. Left out: port, the meter's line."""

    map: str = "evse_din"
    unit_id: Annotated[int, Meta(ge=1, le=247)] = 2
    port: str = ""
    host: str = ""


class Reader(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A card reader: its driver, and the place (device or port) that it is at."""

    driver: Literal["mfrc522", "pn532", "keyboard", "virtual", "none"] = "mfrc522"
    place: str = "/dev/spidev0.0"

    def part(self, pins: Pins) -> dict[str, Any] | None:
        match self.driver:
            case "none":
                return None
            case "mfrc522":
                return {"driver": "mfrc522", "device": self.place, "reset_gpio": pins.reader_reset}
            case "pn532":
                return {"driver": "pn532", "port": self.place}
            case "keyboard":
                return {"driver": "keyboard", "device": self.place}
            case _:
                return {"driver": "virtual", "socket": self.place, "reader": 1}


class Answers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One station. meters: one a connector, in their order. current_a_max: the fuse of the station, amperes a phase.
    page: where the station's page listens; empty: as shipped, on the station alone.
    """

    identity: Identity
    url: Url
    kind: Kind = KIND.default
    authorization_key: HexKey = ""
    authorization_key_credential: Credential | None = None
    central_system_root: str = ""
    vendor: Text20 = "ChargeKing"
    model: Text20 = "CK22"
    serial_number: Text25 = ""
    current_a_max: Annotated[float, Meta(ge=6, le=80)] = CURRENT.default
    phases: Literal[1, 2, 3] = 3
    meters: Annotated[tuple[MeterAnswer, ...], Meta(min_length=1, max_length=32)] = (MeterAnswer(),)
    reader: Reader = Reader()
    pins: Pins = Pins()
    board: Board = Board()
    bench: str = BENCH
    page: Listen = ""

    def __repr__(self) -> str:
        return f"Answers({self.identity!r}, {self.url!r})"  # never the key


def default_meter(ports: Sequence[str], map: str = METER.default) -> MeterAnswer:
    """The meter where none answers: on the first line that there is."""
    return MeterAnswer(map=map, port=ports[0] if ports else MeterAnswer().port)


def bench_reader(bench: str = BENCH) -> Reader:
    """What a simulated station reads cards with."""
    return Reader(driver="virtual", place=bench)


def answer_of_kind(answers: Answers) -> Answers:
    """A station on a bench has the bench's reader, whatever was chosen."""
    if answers.kind != "simulated":
        return answers
    return structs.replace(answers, reader=bench_reader(answers.bench))


class Many(Struct, frozen=True, kw_only=True):
    """A file of answers: what is common, and what each station has of its own."""

    common: dict[str, Any] = field(default_factory=dict)
    stations: tuple[dict[str, Any], ...] = ()


TEMPLATE = """\
# Answers of `chargepoint setup --answers FILE`, for one station or for many.
#
#   chargepoint setup --answers FILE --identity CK_0001      writes the file of this station
#   chargepoint setup --answers FILE --all FOLDER            writes FOLDER/IDENTITY.toml for every station
#
# What stands here holds for all of them; [[stations]] has what differs. Whatever is left out has the default shown.

# kind = "socket"              # "tethered", "board" or "simulated"
url = "wss://cs.example.org/ocpp"      # without the identity
# vendor = "ChargeKing"
# model = "CK22"
# current_a_max = 32.0         # the fuse of the station, amperes a phase
# phases = 3
# central_system_root = ""     # a file: the root certificate that the Central System's is signed by
# page = ""                    # "0.0.0.0:8080": the station's page for the whole network; else on the station alone
# authorization_key_credential = "authorization-key"    # the key comes from systemd, instead of standing here

# One table for each connector.
# [[meters]]
# map = "sdm630"
# unit_id = 1
# port = "/dev/ttyUSB0"
# baud = 9600
# parity = "N"
# stop_bits = 1
# host = ""                    # a meter on the network; port and the rest of the line then do not count
# tcp_port = 502

# [reader]
# driver = "mfrc522"           # "pn532", "keyboard" or "none"
# place = "/dev/spidev0.0"     # its device or port

# [pins]                       # GPIO numbers, docs/wiring.md
# contactor = 17
# contactor_feedback = 27
# lock = 20
# unlock = 21
# lock_feedback = 26
# emergency_stop = 5
# rcd_trip = 24
# reader_reset = 25
# red = 22
# green = 4
# blue = 13

# [board]                      # kind = "board"
# map = "evse_din"
# unit_id = 2                  # of the first board
# port = ""                    # left out: on the meter's line
# host = ""

[[stations]]
identity = "CK_0001"
serial_number = "CK22-0001"
# authorization_key = "00112233445566778899AABBCCDDEEFF"    # or "text:PASSWORD", where the operator gave letters

[[stations]]
identity = "CK_0002"
serial_number = "CK22-0002"
"""


def read(path: Path) -> Many:
    """The answers of a file, not yet checked; raises SettingsError where it cannot be read."""
    from chargepoint.settings import read_document

    document = read_document(path, "--answers")
    stations = document.pop("stations", [{}])
    if not isinstance(stations, list) or not stations or not all(isinstance(one, dict) for one in stations):
        raise SettingsError(
            [Problem(file=str(path), section="stations", found=shown(stations), allowed="must be [[stations]] tables")]
        )
    if len(stations) > STATIONS_MAX:
        raise SettingsError(
            [Problem(file=str(path), section="stations", found=str(len(stations)), allowed=f"at most {STATIONS_MAX}")]
        )
    return Many(common=document, stations=tuple(stations))


def key_of(given: str) -> str:
    """A password as the settings have it. After `text:` stands one of letters, as many operators give them: its bytes count."""
    return given.removeprefix(TEXT).encode().hex().upper() if given.startswith(TEXT) else given


def answers_of(file: str, common: dict[str, Any], station: dict[str, Any]) -> Answers:
    """The answers for one station; raises SettingsError with every problem of them."""
    checker = Checker(file)
    table = {**common, **station}
    if isinstance(key := table.get("authorization_key"), str):
        table["authorization_key"] = key_of(key)
    meters = table.get("meters")
    if isinstance(meters, list):
        for number, meter in enumerate(meters, 1):
            checker.table(f"meters {number}", meter, MeterAnswer)
    checker.table("", {key: value for key, value in table.items() if key != "meters"}, Answers)
    if meters is not None and not isinstance(meters, list):
        checker.add("", "meters", shown(meters), "must be [[meters]] tables")
    if checker.problems:
        raise SettingsError([_of_station(problem, station) for problem in checker.problems])
    found: Answers = convert(table, Answers)
    return found


def _of_station(problem: Problem, station: dict[str, Any]) -> Problem:
    """A problem of what stands under one of many stations, told with its name; what is common to all of them stays as it is."""
    name = station.get("identity")
    own = (problem.section or problem.key).partition(".")[0].partition(" ")[0]
    if own not in station or own == "identity" or not isinstance(name, str):
        return problem
    return structs.replace(problem, section=f"stations {printable(name)}" + (f", {problem.section}" if problem.section else ""))

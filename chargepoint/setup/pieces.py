"""What a station's file is made of: sections with their comments, filled with answers.

Owns the wording of a file that a set-up writes. Every value comes from `answers`; config/chargepoint.toml explains every key
that may stand there besides.
"""

from typing import Any

from chargepoint.setup.answers import Answers
from chargepoint.toml_text import value

HEAD = """\
# The configuration of this station, written by `chargepoint setup`. Change what you like and run `chargepoint check-config`;
# a later set-up starts from this file. config/chargepoint.toml explains every key.

[station]
identity = {identity}   # as the Central System knows the station; it is appended to the url
vendor = {vendor}
model = {model}
serial_number = {serial_number}
current_a_max = {current_a_max}   # the fuse of the station, amperes a phase

[central_system]
url = {url}   # without the identity
{key}security_profile = {profile}   # 0 none, 1 password, 2 TLS and password, 3 TLS with a certificate; docs/security.md
"""

CONFIGURATION = """
# First values of OCPP keys; once the Central System has changed one, its value wins.
[configuration]
MeterValueSampleInterval = 60
ClockAlignedDataInterval = 900
MeterValuesSampledData = "Energy.Active.Import.Register,Power.Active.Import,Current.Import"
HeartbeatInterval = 300
WebSocketPingInterval = 60
"""

CONTACTOR_AND_PILOT = """
[connectors.{n}.contactor]
driver = "gpio"
pin = {contactor}   # active high, 4.7 kohm to ground; docs/wiring.md
feedback_pin = {contactor_feedback}   # mirror contact to ground

[connectors.{n}.pilot]
driver = "iec61851"
pwm_chip = "/sys/class/pwm/pwmchip0"   # dtoverlay=pwm,pin=18,func=2
pwm_channel = 0
pwm_pin = 18
spi_device = 1   # an MCP3008 at /dev/spidev0.1
pilot_channel = 0
{proximity}scale = 9.145   # calibrate, docs/pilot.md
offset_v = -15.23
"""

LOCK = """
[connectors.{n}.lock]
driver = "gpio"
lock_pin = {lock}
unlock_pin = {unlock}
feedback_pin = {lock_feedback}   # to ground while locked
on_failure = "keep"
"""

LIGHT = """
[connectors.{n}.indicator]
driver = "lights"
profile = "default"
rgb = {rgb}
"""

INPUTS = """
# Normally closed contacts to ground: a broken wire is the fault.
[inputs]
driver = "gpio"

[inputs.lines.mushroom]
kind = "emergency_stop"
pin = {emergency_stop}

[inputs.lines.rcd]
kind = "ground_fault"
pin = {rcd_trip}
connector = 1
"""


def document_text(answers: Answers) -> str:
    """The whole file of a station."""
    return "".join(
        [
            _head(answers),
            _buses(answers),
            *_connectors(answers),
            _reader(answers),
            _inputs(answers),
            CONFIGURATION,
            _page(answers),
        ]
    )


def key_table(answers: Answers) -> dict[str, Any]:
    """What [central_system] has of the password, and which profile follows from it."""
    table: dict[str, Any] = {}
    if answers.authorization_key:
        table["authorization_key"] = answers.authorization_key
    elif answers.authorization_key_credential:
        table["authorization_key_credential"] = answers.authorization_key_credential
    secure = answers.url.lower().startswith("wss:") and bool(answers.central_system_root)
    table["security_profile"] = (2 if secure else 1) if table else 0
    return table


def bus_of(answers: Answers) -> dict[str, dict[str, Any]]:
    """The tables of [buses] by name: one for each line that a meter is on, and the boards' where it is another."""
    buses: dict[str, dict[str, Any]] = {}
    for meter in answers.meters:
        table = meter.bus()
        if table not in buses.values():
            buses["meters" if not buses else f"meters{len(buses) + 1}"] = table
    board = answers.board
    if answers.kind == "board" and board.host:
        buses["boards"] = {"driver": "modbus_tcp", "host": board.host}
    elif answers.kind == "board" and board.port and board.port not in [table.get("port") for table in buses.values()]:
        buses["boards"] = {"driver": "modbus_rtu", "port": board.port}
    return buses


def meter_table(answers: Answers, number: int) -> dict[str, Any]:
    meter = answers.meters[number - 1]
    bus = next(name for name, table in bus_of(answers).items() if table == meter.bus())
    return {"driver": "modbus_meter", "bus": bus, "map": meter.map, "unit_id": meter.unit_id}


def _head(answers: Answers) -> str:
    keys = key_table(answers)
    profile = keys.pop("security_profile")
    key = "".join(f"{name} = {value(item)}\n" for name, item in keys.items())
    names = ("identity", "vendor", "model", "serial_number", "current_a_max", "url")
    head = HEAD.format(**{name: value(getattr(answers, name)) for name in names}, key=key, profile=profile)
    if answers.central_system_root:
        head += f"\n[security]\ncentral_system_root = {value(answers.central_system_root)}\n"
    return head


def _buses(answers: Answers) -> str:
    text = "\n# A line that meters share. A name from /dev/serial/by-id stays the same.\n"
    return text + "\n".join(table_text(f"buses.{name}", table) for name, table in bus_of(answers).items())


def table_text(section: str, table: dict[str, Any]) -> str:
    return f"[{section}]\n" + "".join(f"{name} = {value(item)}\n" for name, item in table.items())


def _connectors(answers: Answers) -> list[str]:
    return [_connector(answers, number) for number in range(1, len(answers.meters) + 1)]


def _connector(answers: Answers, number: int) -> str:
    virtual = {"driver": "virtual", "socket": answers.bench, "connector": number}
    cable = "socket" if answers.kind in ("socket", "simulated") else "tethered"
    table: dict[str, Any] = {
        "cable": cable,
        "current_a_max": answers.current_a_max,
        "phases": answers.phases,
        "meter": meter_table(answers, number),
    }
    if answers.kind == "board":
        bus = "boards" if "boards" in bus_of(answers) else "meters"
        part = {"driver": "evse_board", "bus": bus, "map": answers.board.map, "unit_id": answers.board.unit_id + number - 1}
        table |= {"contactor": part, "pilot": part}
    elif answers.kind == "simulated":
        table |= {"contactor": virtual, "pilot": virtual, "lock": virtual, "indicator": virtual}
    text = "\n" + table_text(f"connectors.{number}", table)
    if answers.kind in ("board", "simulated"):
        return text
    pins = answers.pins
    proximity = "proximity_channel = 1\n" if cable == "socket" else ""
    text += CONTACTOR_AND_PILOT.format(
        n=number, contactor=pins.contactor, contactor_feedback=pins.contactor_feedback, proximity=proximity
    )
    if cable == "socket":
        text += LOCK.format(n=number, lock=pins.lock, unlock=pins.unlock, lock_feedback=pins.lock_feedback)
    return text + LIGHT.format(n=number, rgb=value({"red": pins.red, "green": pins.green, "blue": pins.blue}))


def _reader(answers: Answers) -> str:
    part = answers.reader.part(answers.pins)
    return "" if part is None else "\n" + table_text("readers.1", part)


def _page(answers: Answers) -> str:
    if not answers.page:
        return ""
    return "\n# The station's page; 127.0.0.1:8080 is this machine alone. docs/panel.md\n" + table_text(
        "panel", {"listen": answers.page}
    )


def _inputs(answers: Answers) -> str:
    if answers.kind in ("board", "simulated"):
        return ""
    return INPUTS.format(emergency_stop=answers.pins.emergency_stop, rcd_trip=answers.pins.rcd_trip)

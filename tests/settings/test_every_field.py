"""Every field of the station's file and of every driver that ships, wrong in every way that its type allows to be wrong.

The table is made from the types themselves, so a new field is in it by itself. What is asked of each answer: it names the
section, the key, what stands there (unless it is secret), and what may stand there instead.
"""

import copy
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import pytest
from msgspec import NODEFAULT, Struct, structs
from msgspec import inspect as kinds

from chargepoint.registry import OWN, Kind, config_of, module_of
from chargepoint.settings import Settings, SettingsError, parse
from chargepoint.tables import SECRET, Problem, options_of
from tests.settings.documents import valid

REQUIRED: dict[str, dict[str, Any]] = {
    "bus modbus_rtu": {"port": "/dev/ttyUSB0"},
    "bus modbus_tcp": {"host": "192.0.2.1"},
    "meter modbus_meter": {"bus": "meters", "map": "sdm630"},
    "contactor evse_board": {"bus": "boards", "map": "evse_din", "unit_id": 1},
    "pilot evse_board": {"bus": "boards", "map": "evse_din", "unit_id": 1},
    "contactor gpio": {"pin": 17, "feedback_pin": 27},
    "lock gpio": {"lock_pin": 20, "unlock_pin": 21, "feedback_pin": 26},
    "pilot plug_contacts": {"pin": 22, "cable_a": 16.0},
    "pilot iec61851": {"pwm_chip": "/sys/class/pwm/pwmchip0", "pilot_channel": 0, "scale": 9.145, "offset_v": -15.23},
    "indicator lights": {"rgb": {"red": 5, "green": 6, "blue": 13}},
    "reader keyboard": {"device": "/dev/input/event0"},
    "reader pn532": {"port": "/dev/ttyS0"},
    "inputs gpio": {"lines": {"door": {"kind": "door_open", "pin": 6}}},
    "inputs virtual": {"socket": "/run/x"},
    "installer deb": {"package": "chargepoint", "folder": "/var/lib/x"},
    "installer dry_run": {"folder": "/var/lib/x"},
    "installer virtual": {"state_dir": "/var/lib/x"},
    "reader virtual": {"socket": "/run/x", "reader": 1},
}
VIRTUAL = {"socket": "/run/x", "connector": 1}
STRANGE: tuple[Any, ...] = (
    "nonsense", "", " ", "7", "true", -1, 0, 7, 10**12, 10**400, -0.5, 1e300, float("nan"), float("inf"), True, False,
    [], ["x"], [[1]], {}, {"x": 1}, "a\nb", "\x00", "x" * 5_000,
)  # fmt: skip


def minimal(kind: Kind, name: str) -> dict[str, Any]:
    """A driver's table with what it cannot do without."""
    return dict(REQUIRED.get(f"{kind} {name}", VIRTUAL if name == "virtual" else {}))


def drivers() -> Iterator[tuple[Kind, str]]:
    for kind, names in OWN.items():
        for name in names:
            yield kind, name


DRIVERS = list(drivers())


def problems_of(kind: Kind, name: str, table: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        config_of(kind, {"driver": name, **table}, file="station.toml", section=f"the.{kind}")
    except SettingsError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(("kind", "name"), DRIVERS, ids=[f"{kind} {name}" for kind, name in DRIVERS])
def test_every_key_of_a_driver(kind: Kind, name: str) -> None:
    whole = minimal(kind, name)
    assert problems_of(kind, name, whole) == ()
    module = module_of(kind, name)
    assert module is not None
    refused = 0
    for field in structs.fields(module.Config):
        for value in STRANGE:
            for problem in problems_of(kind, name, {**whole, field.encode_name: value}):
                refused += 1
                tells(problem, f"the.{kind}", None)
        if field.required:
            (problem,) = problems_of(kind, name, {key: item for key, item in whole.items() if key != field.encode_name})
            tells(problem, f"the.{kind}", field.encode_name)
    (unknown,) = problems_of(kind, name, {**whole, "no_such_key": 1})
    assert (unknown.key, unknown.allowed) == ("no_such_key", "unknown key")
    assert unknown.hint
    assert refused or not structs.fields(module.Config)


def tells(problem: Problem, section: str, key: str | None) -> None:
    """Section and key (or its table), one line, what is allowed, and nothing of a terminal."""
    text = str(problem)
    assert problem.file == "station.toml"
    assert problem.section.startswith(section), text
    assert key is None or key == problem.key or problem.section.endswith(f".{key}"), text
    assert problem.allowed, text
    assert problem.found or problem.hint or problem.key, text
    assert text.isprintable(), text
    assert len(text) < 1_600, text
    assert "of the form" not in text, "an installer reads no patterns"


# The file itself


def fixed_sections() -> list[tuple[str, type[Struct]]]:
    found: list[tuple[str, type[Struct]]] = []
    for field in structs.fields(Settings):
        for option in options_of(field.type):
            if isinstance(option, type) and issubclass(option, Struct):
                found.append((field.encode_name, option))
            elif get_origin(option) is dict and isinstance(inner := get_args(option)[1], type) and issubclass(inner, Struct):
                found.append((f"{field.encode_name}.1", inner))
    return found


SECTIONS = fixed_sections()


def with_value(section: str, key: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(valid())
    table = document
    for name in section.split("."):
        table = table.setdefault(name, {})
    if value is NODEFAULT:
        table.pop(key, None)
    else:
        table[key] = value
    return document


def refusals(document: dict[str, Any]) -> tuple[Problem, ...]:
    try:
        parse(document, file="station.toml")
    except SettingsError as error:
        return error.problems
    return ()


CELLS = [(section, field) for section, struct in SECTIONS for field in structs.fields(struct)]


@pytest.mark.parametrize(("section", "field"), CELLS, ids=[f"{section}.{field.encode_name}" for section, field in CELLS])
def test_every_key_of_the_file(section: str, field: Any) -> None:
    key = field.encode_name
    if section == "readers.1" and key == "part":
        return  # the driver's own keys, which stand there by themselves
    refused = 0
    for value in STRANGE:
        mine = [one for one in refusals(with_value(section, key, value)) if names(one, section, key)]
        refused += bool(mine)
        for problem in mine:
            tells(problem, section.partition(".")[0], None)
            if SECRET.search(key) and isinstance(value, str) and len(value.strip()) > 1:
                assert value not in str(problem)
    assert refused >= 5, "hardly anything is refused here"
    if field.required and not section.startswith("readers"):
        missing = [one for one in refusals(with_value(section, key, NODEFAULT)) if names(one, section, key)]
        assert missing
        assert missing[0].found == "nothing"


def names(problem: Problem, section: str, key: str) -> bool:
    return (problem.section == section and problem.key == key) or f"{problem.section}.".startswith(f"{section}.{key}.")


@pytest.mark.parametrize(("section", "field"), CELLS, ids=[f"{section}.{field.encode_name}" for section, field in CELLS])
def test_every_bound_holds_on_both_sides(section: str, field: Any) -> None:
    """The greatest and the least that a number or a text may be are taken, one more and one less are refused."""
    key = field.encode_name
    for good, bad in edges(field.type):
        wrong = [one for one in refusals(with_value(section, key, bad)) if names(one, section, key)]
        assert wrong, f"{bad!r} is taken"
        assert wrong[0].allowed.startswith("must"), wrong[0]
        if isinstance(good, int | float):
            typed = [one for one in refusals(with_value(section, key, good)) if names(one, section, key)]
            assert not any("must be a" in one.allowed for one in typed), typed


def edges(kind: Any) -> Iterator[tuple[Any, Any]]:
    """Pairs: still allowed, no longer allowed."""
    info = kinds.type_info(kind)
    while isinstance(info, kinds.Metadata):
        info = info.type
    match info:
        case kinds.IntType() | kinds.FloatType():
            step = 1 if isinstance(info, kinds.IntType) else 0.001
            if info.ge is not None:
                yield info.ge, info.ge - step
            if info.gt is not None:
                yield info.gt + step, info.gt
            if info.le is not None:
                yield info.le, info.le + step
        case kinds.StrType(min_length=least, max_length=most):
            if least:
                yield "x" * least, "x" * (least - 1)
            if most:
                yield "x" * most, "x" * (most + 1)
        case kinds.LiteralType(values=values):
            yield values[0], "none of them"


def test_the_table_has_every_section() -> None:
    found = {section for section, _ in SECTIONS}
    assert found >= {"station", "central_system", "security", "connectors.1", "readers.1", "transfers", "metrics"}
    assert all(get_origin(option) is not Literal or get_args(option) for _, field in CELLS for option in options_of(field.type))

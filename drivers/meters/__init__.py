"""Register maps of meters, as data: one TOML file each.

Owns the files' form and what is checked when one is loaded. Refuses to know buses and sessions: `decoding` turns registers into
numbers, `plan` groups them into requests, `watch` judges the energy over time. docs/meters.md describes the form.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from chargepoint.facts import Quantity

FOLDER = Path(__file__).parent
Function = Literal[3, 4]
Address = Annotated[int, Meta(ge=0, le=65_535)]
Type = Literal[
    "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "iskra_t5", "iskra_t6", "iskra_t7"
]
Text = Annotated[str, Meta(min_length=1, max_length=400)]

REGISTERS: dict[Type, int] = {
    "int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "int64": 4, "uint64": 4, "float32": 2, "float64": 4,
    "iskra_t5": 2, "iskra_t6": 2, "iskra_t7": 2,
}  # fmt: skip
OF_PHASES = frozenset({Quantity.POWER_PHASES, Quantity.CURRENT, Quantity.VOLTAGE})


class Serial(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the meter leaves the factory."""

    baud: int
    parity: Literal["N", "E", "O"]
    stop_bits: Literal[1, 2]


class Identity(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register of 16 bits that tells the model, and what it may hold for this map."""

    function: Function
    address: Address
    values: Annotated[tuple[int, ...], Meta(min_length=1)]


class SerialNumber(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the meter's serial number stands. registers: how many, two characters each for "ascii"."""

    function: Function
    address: Address
    type: Literal["uint32", "ascii"]
    registers: Annotated[int, Meta(ge=1, le=16)] = 2

    def __post_init__(self) -> None:
        if self.type == "uint32" and self.registers != 2:
            raise ValueError(f"registers: a uint32 takes 2, found {self.registers}")


class Register(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a quantity stands; its value in Wh, W, A, V, Hz, °C or 1 is the raw number times scale.

    at: the address as it is sent (from 0), a list for L1, L2, L3. minus: the address of what is to be subtracted (same type).
    tenfold_above: a value above it is ten times too high (a fault of some firmware). single_source: nobody else confirms it.
    """

    at: Address | Annotated[tuple[Address, ...], Meta(min_length=1, max_length=3)]
    minus: Address | None = None
    function: Function | None = None
    type: Type | None = None
    scale: float = 1.0
    tenfold_above: float | None = None
    single_source: bool = False


class MeterMap(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One meter. `function` and `type` hold where a register names none of its own.

    invalid: "extremes" means that all bits set (unsigned) and the greatest number (signed) say: no value. gap_registers: so
    many registers that nobody asked for may be read along to save a request.
    """

    name: str = ""
    manufacturer: Text
    model: Text
    phases: Literal[1, 3]
    transport: Literal["rtu", "tcp"]
    verified: bool
    why_unverified: str = ""
    note: str = ""
    sources: Annotated[tuple[str, ...], Meta(min_length=1)]
    unit_id: Annotated[int, Meta(ge=1, le=247)] | None = None
    serial: Serial | None = None
    word_order: Literal["msw_first", "lsw_first"]
    max_read_registers: Annotated[int, Meta(ge=4, le=125)]
    gap_registers: Annotated[int, Meta(ge=0, le=60)] = 0
    invalid: Literal["none", "extremes"] = "none"
    function: Function
    type: Type
    identity: Identity | None = None
    serial_number: SerialNumber | None = None
    quantities: dict[Quantity, Register] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if Quantity.ENERGY_IMPORT not in self.quantities:
            raise ValueError("quantities: energy_import is missing; it is what sessions are billed by")
        if self.verified == bool(self.why_unverified):
            raise ValueError("why_unverified: a sentence if verified = false, left out if it is true")
        for quantity, register in self.quantities.items():
            many = isinstance(register.at, tuple)
            if many != (quantity in OF_PHASES) or (isinstance(register.at, tuple) and len(register.at) > self.phases):
                wanted = f"a list of at most {self.phases} addresses" if quantity in OF_PHASES else "one address"
                raise ValueError(f"quantities.{quantity}.at: {register.at} found, {wanted} expected")


def names() -> tuple[str, ...]:
    """The names of the maps that ship, sorted."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


@cache
def load(name: str) -> MeterMap:
    """The map of that name, or of an own file where the name is an absolute path; ValueError says what is wrong with it."""
    if name.startswith("/"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ValueError(f"map {name}: cannot be read: {error}") from None
    elif name in names():
        text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ValueError(f'no map "{name}". {_nearest(name)} An own file is named by its absolute path.')
    try:
        return msgspec.structs.replace(msgspec.convert(tomllib.loads(text), MeterMap), name=name)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"map {name}: {error}") from None


def _nearest(name: str) -> str:
    import difflib  # only a mistake in a file needs it

    near = difflib.get_close_matches(name.lower(), names(), n=3, cutoff=0.4)
    return f"The nearest are: {', '.join(near)}." if near else f"There are: {', '.join(names())}."

"""EVSE controller boards on a Modbus bus: they make the pilot, watch the car and drive the relay by themselves.

Owns the form of the boards' register maps, one TOML file each (docs/pilot.md describes it). `logic` decides what a board is to
offer, `board` speaks to one, `pilot` and `contactor` are the drivers that a configuration names: two faces of one board.
"""

import difflib
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from chargepoint.facts import PilotState

Address = Annotated[int, Meta(ge=0, le=65_535)]
Bit = Annotated[int, Meta(ge=0, le=15)]
Text = Annotated[str, Meta(min_length=1, max_length=600)]
ReadFunction = Literal[1, 3, 4]
UNITS_A = (1.0, 0.1, 0.01)


class Register(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A coil (function 1) or a register of 16 bits."""

    function: ReadFunction
    address: Address


class Flag(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One bit of a register, or a coil."""

    function: ReadFunction
    address: Address
    bit: Bit = 0


class State(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The state of the pilot: a letter A to F in a byte, or a number that `values` translates (a TOML key is text)."""

    function: Literal[3, 4]
    address: Address
    kind: Literal["number", "low_byte", "high_byte"]
    values: dict[str, PilotState] = {}

    def __post_init__(self) -> None:
        if (self.kind == "number") != bool(self.values):
            raise ValueError('values: needed where kind = "number", and nowhere else')
        if not all(key.isdecimal() for key in self.values):
            raise ValueError("values: each key is a number in quotes")


class Current(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The register of the current that is offered. unit_a: amperes a step; left out where boards differ and the configuration
    must say it. fine: a flag that stands for steps of 0.01 A. off: 0 here withdraws the offer.
    """

    address: Address
    write_function: Literal[6, 16]
    unit_a: float | None = None
    fine: Flag | None = None
    off: bool = False

    def __post_init__(self) -> None:
        if self.unit_a is not None and self.unit_a not in UNITS_A:
            raise ValueError("unit_a: 1.0, 0.1 or 0.01, or left out")


class Enable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The coil that allows charging."""

    address: Address


class Unavailable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A register that holds `value` while the board keeps its pilot at -12 V."""

    function: Literal[3, 4]
    address: Address
    value: int


class BoardMap(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of board. gap_s: the least time from an answer of it to the next request. relay: left out, the contacts count as
    closed where charging is allowed and the car asks. no_diode: set where the board found no diode. cable: amperes by
    proximity.
    """

    name: str = ""
    manufacturer: Text
    model: Text
    transport: Literal["rtu", "tcp"]
    verified: bool
    why_unverified: str = ""
    note: str = ""
    sources: Annotated[tuple[str, ...], Meta(min_length=1)]
    unit_id: Annotated[int, Meta(ge=1, le=255)]
    gap_s: Annotated[float, Meta(ge=0, le=1)] = 0.0
    state: State
    current: Current
    enable: Enable | None = None
    relay: Flag | None = None
    no_diode: Flag | None = None
    unavailable: Unavailable | None = None
    cable: Register | None = None

    def __post_init__(self) -> None:
        if self.verified == bool(self.why_unverified):
            raise ValueError("why_unverified: a sentence if verified = false, left out if it is true")
        if self.enable is None and not self.current.off:
            raise ValueError("enable: a board whose current has no off needs a coil that allows charging")


def names() -> tuple[str, ...]:
    """The names of the maps that ship, sorted."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def load(name: str) -> BoardMap:
    """The map of that name, or of an own file where the name is an absolute path; ValueError says what is wrong with it."""
    if name.startswith("/"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise ValueError(f"map {name}: cannot be read: {error}") from None
    elif name in names():
        text = (resources.files(__package__) / f"{name}.toml").read_text(encoding="utf-8")
    else:
        near = difflib.get_close_matches(name.lower(), names(), n=2, cutoff=0.3) or names()
        raise ValueError(f'no map "{name}". There are: {", ".join(near)}. An own file is named by its absolute path.')
    try:
        return msgspec.structs.replace(msgspec.convert(tomllib.loads(text), BoardMap), name=name)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"map {name}: {error}") from None

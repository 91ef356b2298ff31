"""The fail-safe outside the station's process: every contactor open, after whatever happened to the process.

Owns which parts are made safe, in which order and in which time, and what can still be read from a file that is wrong. Needs
neither database nor network. IEC 61851-1 section 6.3.1: a plug is let go only behind open contacts.

What a driver does is its coroutine `make_safe(config, buses)`: it raises DriverError, or returns words for what it did. A lock
is asked only when the contactor of its connector is open. The keys that it cannot do without are its module's `SAFE_KEYS`: what
is wrong with others is overlooked, and nothing is guessed of these (a relay board of the other polarity would pull).
"""

import asyncio
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from chargepoint.ports import DriverError
from chargepoint.registry import Driver, Kind, Place, config_of, module_of, places
from chargepoint.settings import FILE_SIZE_MAX, SettingsError
from chargepoint.tables import nearest, printable

PART_S = 0.7  # from asking it; the start of the process and the imports of a slow machine are not counted
CONTACTS_S = 0.05  # from the coil to open contacts, before a plug is let go
LEFT_ALONE = frozenset({Kind.BUS, Kind.METER, Kind.READER, Kind.INDICATOR, Kind.INPUTS, Kind.INSTALLER})  # give no energy
HEADER = re.compile(r"^\s*\[", re.MULTILINE)


class Outcome(NamedTuple):
    """What became of one part. hung: its driver did not come back."""

    section: str
    safe: bool
    words: str
    hung: bool = False


class Readable(NamedTuple):
    """What a file still says, and what is wrong with it (empty: nothing that a reader sees)."""

    document: dict[str, Any]
    trouble: str


def read(path: Path) -> Readable:
    """As much of a file as is TOML: where the whole is not, every table that is by itself. Raises OSError."""
    with path.open("rb") as stream:
        text = stream.read(FILE_SIZE_MAX).decode("utf-8-sig", errors="replace")
    try:
        return Readable(tomllib.loads(text), "")
    except (ValueError, RecursionError) as error:
        trouble = f"{path} is not right ({printable(str(error), 200)}); what can be read of it is made safe"
    document: dict[str, Any] = {}
    starts = [0, *(match.start() for match in HEADER.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        try:
            _merge(document, tomllib.loads(text[start:end]))
        except (ValueError, RecursionError):
            continue
    return Readable(document, trouble)


async def make_safe(document: Mapping[str, Any], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Makes every part safe that a document names, and tells each as it comes: contactors at once, then locks."""
    buses = _Buses(document)
    outcomes: list[Outcome] = []

    async def each(some: Iterable[Place]) -> None:
        for one in asyncio.as_completed([_outcome(place, buses) for place in some]):
            if (outcome := await one) is not None:
                outcomes.append(outcome)
                tell(outcome)

    parts = [place for place in places(document) if place.kind not in LEFT_ALONE]
    await each(place for place in parts if place.kind is not Kind.LOCK)
    opened = {_connector(outcome.section) for outcome in outcomes if outcome.safe and outcome.section.endswith(".contactor")}
    locks = [place for place in parts if place.kind is Kind.LOCK]
    if any(_connector(place.section) in opened for place in locks):
        await asyncio.sleep(CONTACTS_S)
        await each(place for place in locks if _connector(place.section) in opened)
    for place in locks:
        if _connector(place.section) not in opened:
            outcomes.append(Outcome(place.section, False, "left as it is, for the contactor of its connector may be closed"))
            tell(outcomes[-1])
    return outcomes


async def _outcome(place: Place, buses: "_Buses") -> Outcome | None:
    """None: there is nothing to make safe."""
    try:
        function = getattr(module_of(place.kind, place.part["driver"]), "make_safe", None)
        if function is None and place.kind is not Kind.CONTACTOR:
            return None
        driver = _driver(place.kind, place.part, place.section)
        if function is None:
            raise DriverError(f"its driver {place.part['driver']} has no safe state of its own: cut the power")
        async with asyncio.timeout(PART_S):
            said = await function(driver.config, await buses.of(place.part))
    except TimeoutError:
        return Outcome(place.section, False, "its driver did not come back in time", hung=True)
    except Exception as error:  # a driver's mistake must not keep others from being made safe
        words = str(error) if isinstance(error, DriverError) else f"{type(error).__name__}: {error}"
        return Outcome(place.section, False, printable(words, 500))
    return Outcome(place.section, True, said if isinstance(said, str) and said else "safe")


def _driver(kind: Kind, part: Mapping[str, Any], section: str) -> Driver:
    """The driver of a part, wrong keys that it can do without left out; raises DriverError where it cannot."""
    table = dict(part)
    while True:
        try:
            return config_of(kind, table, section=section)
        except SettingsError as error:
            needed = getattr(module_of(kind, part.get("driver")), "SAFE_KEYS", None)
            wrong = {_key(problem.section, problem.key, section) for problem in error.problems} & (table.keys() - {"driver"})
            if needed is None or not wrong or any(key in needed or nearest(key, needed) for key in wrong):
                raise DriverError("; ".join(str(problem) for problem in error.problems)) from error
            for key in wrong:
                del table[key]


def _key(problem_section: str, problem_key: str, section: str) -> str:
    """The key of a part's table that a problem is about, however deep in it."""
    inner = problem_section.removeprefix(section).strip(".")
    return inner.partition(".")[0] if inner else problem_key


class _Buses:
    """The buses of a document, each opened when a part needs it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._places = {place.section.removeprefix("buses."): place for place in places(document) if place.kind is Kind.BUS}
        self._opened: dict[str, Any] = {}
        self._opening = asyncio.Lock()

    async def of(self, part: Mapping[str, Any]) -> dict[str, Any]:
        name = part.get("bus")
        async with self._opening:
            if isinstance(name, str) and name in self._places and name not in self._opened:
                place = self._places[name]
                driver = _driver(Kind.BUS, place.part, place.section)
                self._opened[name] = await driver.module.open(driver.config)
        return self._opened


def _merge(whole: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value


def _connector(section: str) -> str:
    return section.rpartition(".")[0]

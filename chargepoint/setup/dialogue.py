"""The dialogue of a set-up: five screens, eight fields, each with a default that Enter takes, and a way back from everywhere.

Owns order and wording. Refuses to know the terminal: a `Talk` asks and tells. Every field is held against the settings' own
rules as soon as it is given, so that nothing wrong is found at the end.

At every question: Enter takes what stands in brackets, < goes back one screen, ? explains, Ctrl-C ends without writing.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, ValidationError, convert, structs

from chargepoint.ports import DriverError
from chargepoint.settings_rules import check_url
from chargepoint.setup import questions
from chargepoint.setup.answers import (
    BENCH,
    CONNECTORS_MAX,
    Answers,
    MeterAnswer,
    Pins,
    Reader,
    bench_reader,
    default_meter,
    key_of,
)
from chargepoint.setup.questions import KINDS, Question
from chargepoint.setup.searching import answer_of
from chargepoint.shell.address import Address, ends_with, station_url
from chargepoint.tables import Checker, allowed_text, printable
from drivers.meters import names
from drivers.meters.search import Found

SCREENS = 5
KEPT = "as it is"
NONE = "none"


class Back(Exception):
    """The person wants to see the screen before."""


class Quit(Exception):
    """The person wants to end; nothing is written."""


class Talk(Protocol):
    def say(self, text: str = "") -> None: ...
    def ask(self, question: str) -> str:
        """One line, without its end. Raises Quit where nobody is there any more."""

    def ask_secret(self, question: str) -> str:
        """The same, and nothing of it is shown."""


class Search(Protocol):
    """What looks for parts; see `searching`."""

    def ports(self) -> list[str]: ...
    async def meters(self, where: Sequence[str], progress: Callable[[str], None]) -> tuple[list[Found], list[str]]: ...
    async def meters_at(self, host: str, port: int, progress: Callable[[str], None]) -> list[Found]: ...
    async def readers(self, taken: Sequence[str], progress: Callable[[str], None]) -> list[Reader]: ...


class Outcome(Struct, frozen=True):
    """What the person wants. write: False where the file is to stay as it is."""

    answers: Answers
    write: bool


class Dialogue:
    """given: the answers to start from, by their names; those of a file that is there, or none."""

    def __init__(self, talk: Talk, search: Search, given: dict[str, Any], path: Path) -> None:
        self._talk = talk
        self._search = search
        self._known = dict(given)
        self._there = bool(given)
        self._path = path
        self._found: list[Found] | None = None
        self._readers: list[Reader] | None = None

    async def run(self, first: int = 1) -> Outcome:
        """first: the screen to begin with; what was answered before is known still. Raises Quit."""
        screens: list[Callable[[], Awaitable[bool | None]]] = [
            self._station,
            self._central_system,
            self._meter,
            self._reader,
            self._summary,
        ]
        if first == 1:
            self._talk.say("Enter takes what stands in brackets, < goes back, ? explains, Ctrl-C ends and writes nothing.")
        at = first - 1
        while True:
            try:
                answer = await screens[at]()
            except Back:
                at = max(0, at - 1)
                continue
            if answer is not None:
                return Outcome(self._answers(), answer)
            at += 1

    # The screens

    async def _station(self) -> None:
        self._title(1, "Station")
        for name, text in KINDS.items():
            self._talk.say(f"  {name.ljust(10)} {text}")
        self._field("kind", questions.KIND)
        self._field("identity", questions.IDENTITY)

    async def _central_system(self) -> None:
        self._title(2, "Central System")
        self._field("url", questions.URL, check=url_remark)
        self._talk.say(f"  will be dialled: {self._dialled()}")
        if ends_with(self._known["url"], self._known["identity"]):
            self._talk.say("  LOOK: it ends with the identity twice. The address goes without it; < goes back")
        self._key()

    async def _meter(self) -> None:
        self._title(3, "Energy meter")
        if self._found is None:
            await self._look_for_meters(self._search.ports())
        most = CONNECTORS_MAX[self._known.get("kind", questions.KIND.default)]
        present: tuple[MeterAnswer, ...] = self._known.get("meters", ())
        self._list_meters(present)
        hint = (
            "a number of the list, or several with commas, one for each connector in their order; a to look again; "
            "tcp HOST[:PORT] for a meter on the network; map NAME where none could be found; k keeps what is in the file"
        )
        default = self._default_meter(present)
        while True:
            answer = self._asked(questions.METER.label, default, hint)
            chosen = await self._chosen_meters(answer, present)
            if chosen is None:
                continue
            if len(chosen) > most:
                self._talk.say(f"  a station of this kind has at most {most} connector{'' if most == 1 else 's'}: choose fewer")
                continue
            self._known["meters"] = chosen
            return

    async def _reader(self) -> None:
        self._title(4, "Card reader")
        if self._known.get("kind") == "simulated":
            self._known["reader"] = bench_reader(str(self._known.get("bench", BENCH)))
            self._talk.say("  the test bench has one")
            return
        if self._readers is None:
            taken = [meter.port for meter in self._known.get("meters", ()) if not meter.host]
            self._readers = await self._search.readers(taken, self._progress)
        for number, reader in enumerate(self._readers, 1):
            self._talk.say(f"  {number}  {reader.driver} at {reader.place}")
        if not self._readers:
            self._talk.say("  none answers; mfrc522 needs dtparam=spi=on in /boot/firmware/config.txt")
        present: Reader | None = self._known.get("reader")
        default = "k" if present is not None and self._there else "1" if self._readers else NONE
        if default == "k" and present is not None:
            self._talk.say(f"  k  {present.driver} at {present.place or 'nothing'}, as in the file")
        hint = "a number of the list, none, or a driver with its place: mfrc522 /dev/spidev0.0, pn532 PORT, keyboard DEVICE"
        while True:
            chosen = self._chosen_reader(self._asked(questions.READER.label, default, hint), self._readers)
            if chosen is not None:
                self._known["reader"] = chosen
                return

    async def _summary(self) -> bool | None:
        self._title(5, "Check and write")
        self._field("current_a_max", questions.CURRENT)
        while True:
            answers = self._answers()
            self._tell_all(answers)
            question = f"Write {self._path}? y yes, p change pins, q end without writing"
            match self._asked(question, "y", "y writes it; an old file stays beside it with the ending .old").lower():
                case "y" | "yes":
                    return True
                case "q" | "quit" | "n" | "no":
                    return False
                case "p" | "pins":
                    self._pins()

    # Pieces of them

    def _pins(self) -> None:
        pins: Pins = self._known.get("pins", Pins())
        for field in structs.fields(Pins):
            label = f"GPIO of {field.name.replace('_', ' ')}"
            while True:
                answer = self._asked(label, str(getattr(pins, field.name)), "the GPIO number, not the place on the header")
                if not (answer.isdecimal() and int(answer) <= 27):
                    self._talk.say("  must be a GPIO number from 0 to 27")
                    continue
                pins = structs.replace(pins, **{field.name: int(answer)})
                break
        self._known["pins"] = pins

    def _key(self) -> None:
        """The password, which is not shown. A station that has one may keep it."""
        has = bool(self._known.get("authorization_key") or self._known.get("authorization_key_credential"))
        kind = next(field.type for field in structs.fields(Answers) if field.name == "authorization_key")
        hint = f"{questions.KEY.hint}. none removes it"
        while True:
            answer = self._asked(questions.KEY.label, KEPT if has else NONE, hint, secret=True)
            if answer == KEPT:
                return
            try:
                key = "" if answer == NONE else convert(key_of(answer), kind)
            except ValidationError:
                self._talk.say(f"  {len(answer)} characters that are not shown: {allowed_text(kind)}")
                self._talk.say("  A password of letters: text:PASSWORD, at most 20 letters")
                continue
            self._known["authorization_key"] = key
            self._known.pop("authorization_key_credential", None)
            return

    async def _look_for_meters(self, ports: Sequence[str]) -> None:
        if not ports:
            self._talk.say(
                "  there is no serial port; plug the adapter in and choose a, or tcp HOST for a meter on the network"
            )
            self._found = []
            return
        found, trouble = await self._search.meters(ports, self._progress)
        for text in trouble:
            self._talk.say(f"  {printable(text, 300)}")
        self._found = found

    def _list_meters(self, present: Sequence[MeterAnswer]) -> None:
        for number, found in enumerate(self._found or (), 1):
            self._talk.say(f"  {number}  {described(found)}")
        if not self._found:
            self._talk.say("  no meter answers: is it powered, are A and B the right way round?")
        if present and self._there:
            shown = "; ".join(f"{one.map}, unit {one.unit_id}, {one.host or one.port}" for one in present)
            self._talk.say(f"  k  {shown}, as in the file")

    def _default_meter(self, present: Sequence[MeterAnswer]) -> str:
        if present and self._there:
            return "k"
        return "1" if self._found else f"map {questions.METER.default}"

    async def _chosen_meters(self, answer: str, present: tuple[MeterAnswer, ...]) -> tuple[MeterAnswer, ...] | None:
        """What an answer means; None where it must be asked again."""
        word, _, rest = answer.strip().partition(" ")
        if word == "k" and present:
            return present
        if word == "a":
            await self._look_for_meters(self._search.ports())
            self._list_meters(present)
            return None
        if word == "tcp" and rest:
            await self._look_at_host(rest.strip())
            return None
        if word == "map" and rest.strip() in names():
            return (default_meter(self._search.ports(), rest.strip()),)
        numbers = [part.strip() for part in answer.split(",")]
        found = self._found or []
        if all(part.isdecimal() and 1 <= int(part) <= len(found) for part in numbers) and len(set(numbers)) == len(numbers):
            chosen = [self._with_map(found[int(part) - 1]) for part in numbers]
            return tuple(chosen)
        near = f"; maps: {', '.join(names())}" if word == "map" else ""
        self._talk.say(f"  that is none of them; ? explains{near}")
        return None

    async def _look_at_host(self, place: str) -> None:
        host, _, port = place.partition(":")
        try:
            self._found = await self._search.meters_at(host, int(port or 502), self._progress)
        except (DriverError, ValueError) as error:
            self._talk.say(f"  {printable(str(error), 300)}")
            self._found = []
        self._list_meters(())

    def _with_map(self, found: Found) -> MeterAnswer:
        """The map where the meter did not name it: the person looks at its label."""
        if len(found.maps) == 1:
            return answer_of(found, found.maps[0])
        default = found.maps[0] if found.maps else "sdm630"
        if len(found.maps) > 1:
            self._talk.say(f"  unit {found.unit_id} does not say which model it is; these fit: {', '.join(found.maps)}")
        while True:
            answer = self._asked(f"Map for unit {found.unit_id}", default, "by the meter's label; docs/meters.md has them all")
            if answer in names():
                return answer_of(found, answer)
            self._talk.say(f"  there are: {', '.join(names())}")

    def _chosen_reader(self, answer: str, found: Sequence[Reader]) -> Reader | None:
        if answer.isdecimal() and 1 <= int(answer) <= len(found):
            return found[int(answer) - 1]
        if answer == "k" and "reader" in self._known:
            kept: Reader = self._known["reader"]
            return kept
        if answer == NONE:
            return Reader(driver="none", place="")
        driver, _, place = answer.partition(" ")
        driver = {"rc522": "mfrc522"}.get(driver.lower(), driver)  # the board is sold by the one name, its chip has the other
        try:
            return convert({"driver": driver, "place": place.strip() or Reader().place}, Reader)
        except ValidationError:
            self._talk.say("  that is none of them; ? explains")
            return None

    def _field(self, name: str, asked: Question, check: Callable[[str], str | None] | None = None) -> None:
        """One answer, asked until it is one that the settings take."""
        label, hint = asked.label, asked.hint
        kind = next(field.type for field in structs.fields(Answers) if field.name == name)
        known = self._known.get(name, asked.default)
        while True:
            answer = self._asked(label, "" if known is None else f"{known:g}" if isinstance(known, float) else str(known), hint)
            try:
                found: Any = convert(answer, kind, strict=False)
            except ValidationError:
                self._talk.say(f"  {allowed_text(kind)}; {hint}")
                continue
            if isinstance(found, str) and not found.isprintable():
                self._talk.say("  must be one line of printable characters")
                continue
            if check is not None and (remark := check(answer)) is not None:
                self._talk.say(f"  {remark}")
                continue
            self._known[name] = found
            return

    def _asked(self, label: str, default: str, hint: str, *, secret: bool = False) -> str:
        question = f"  {label}{f' [{default}]' if default else ''}: "
        while True:
            answer = (self._talk.ask_secret(question) if secret else self._talk.ask(question)).strip()
            if answer == "<":
                raise Back
            if answer == "?":
                self._talk.say(f"  {hint}")
            elif answer or default:
                return answer or default
            else:
                self._talk.say(f"  {hint}")

    def _answers(self) -> Answers:
        return Answers(**self._known)

    def _dialled(self) -> str:
        return station_url(Address(url=self._known["url"], identity=self._known["identity"]))

    def _tell_all(self, answers: Answers) -> None:
        self._talk.say(f"  {answers.identity}: {answers.kind}, dials {self._dialled()}")
        self._talk.say(f"  password: {'set' if answers.authorization_key or answers.authorization_key_credential else 'none'}")
        for number, meter in enumerate(answers.meters, 1):
            self._talk.say(f"  connector {number}: meter {meter.map}, unit {meter.unit_id}, {meter.host or meter.port}")
        self._talk.say(f"  reader: {answers.reader.driver} {answers.reader.place}".rstrip())
        if answers.kind in ("socket", "tethered"):
            pins = [(field.name, getattr(answers.pins, field.name)) for field in structs.fields(Pins)]
            wanted = [(name, pin) for name, pin in pins if answers.kind == "socket" or "lock" not in name]
            self._talk.say("  pins: " + ", ".join(f"{name.replace('_', ' ')} {pin}" for name, pin in wanted))

    def _title(self, number: int, text: str) -> None:
        self._talk.say()
        self._talk.say(f"{number}/{SCREENS}  {text}")

    def _progress(self, text: str) -> None:
        self._talk.say(f"  ... {text}")


def url_remark(url: str) -> str | None:
    """What the settings would say of it as a whole."""
    checker = Checker("")
    check_url(checker, url)
    if not checker.problems:
        return None
    return "; ".join(part for part in (checker.problems[0].allowed, checker.problems[0].hint) if part)


def described(found: Found) -> str:
    """A meter that was found, on one line."""
    where = f"{found.line}{f', {found.setting}' if found.setting else ''}, unit {found.unit_id}"
    if not found.maps:
        return f"something at {where} that fits no map"
    what = found.maps[0] if found.sure or len(found.maps) == 1 else f"{found.maps[0]} or {len(found.maps) - 1} others"
    number = f", serial number {found.serial_number}" if found.serial_number else ""
    shown = f", {found.reading.energy_import_wh / 1_000:.1f} kWh" if found.reading else ""
    return f"{what} at {where}{number}{shown}"

"""Tables: holds a decoded TOML table against a typed Struct and collects every problem, not only the first.

Owns what a problem with a configuration file is and how it is told to a person. Knows nothing of stations, drivers or where
files lie. Whether one value is right is decided by msgspec; what is allowed instead is read from the field's type.
"""

import json
import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct, structs
from msgspec import inspect as kinds

SHOWN_MAX = 60
WHOLE_MAX = 2**53
DEPTH_MAX = 8
SECRET = re.compile(r"(authorization_?key|password|passwd|passphrase|secret|token)$", re.IGNORECASE)
BARE = re.compile(r"[A-Za-z0-9_-]+")


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a configuration file.

    section is the dotted name of the TOML table ("connectors.1.meter", "" for the top of the file), key the key in it ("" for
    the table itself). found is what stands there, allowed what may, hint the next step; each may be empty. stops: it keeps the
    station from starting; otherwise only the part of this section is left out, and the rest runs.
    """

    file: str
    section: str = ""
    key: str = ""
    found: str = ""
    allowed: str = ""
    hint: str = ""
    stops: bool = True

    def __str__(self) -> str:
        place = f"{self.file}:"
        if self.section:
            place += f" [{self.section}]"
        if self.key:
            place += f" {self.key}"
        said = ", ".join(part for part in (f"found {self.found}" if self.found else "", self.allowed) if part)
        told = "; ".join(part for part in (said, self.hint) if part)
        return f"{place} {told}" if place.endswith(":") else f"{place}: {told}"


class SettingsError(Exception):
    """A configuration that cannot be used, with every problem that was found in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def printable(text: str, length: int = SHOWN_MAX) -> str:
    """The text on one line: characters that a terminal would act on are escaped, and what is too long is cut."""
    cut = text if len(text) <= length else text[: length - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def shown(value: object) -> str:
    """A TOML value as a person would recognise it, on one line and of bounded length."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            cut = value if len(value) <= SHOWN_MAX else value[: SHOWN_MAX - 1] + "…"
            return printable(json.dumps(cut, ensure_ascii=False), 10 * SHOWN_MAX)
        case int():
            return str(value) if abs(value) <= WHOLE_MAX else "a number of more than 15 digits"
        case float():
            return repr(value)
        case datetime() | date() | time():
            return value.isoformat()
        case dict():
            return "a table"
        case list():
            return f"a list of {len(value)} values" if value else "an empty list"
        case None:
            return "nothing"
        case _:
            return printable(type(value).__name__)


def key_text(key: str) -> str:
    """A key as TOML spells it: quoted where it is not a bare one."""
    return key if BARE.fullmatch(key) and len(key) <= SHOWN_MAX else shown(key)


def join(section: str, key: str) -> str:
    """The dotted name of a table in a table."""
    return f"{section}.{key_text(key)}" if section else key_text(key)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, case aside; None where nothing is near."""
    spelled = {candidate.lower(): candidate for candidate in known}
    import difflib  # only a mistake in a file needs it

    found = difflib.get_close_matches(name[:200].lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def too_deep(document: object, depth_max: int = DEPTH_MAX) -> bool:
    """True where tables and lists lie in one another deeper than any configuration needs."""
    level = [document]
    for _ in range(depth_max):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def impossible_number(value: object) -> bool:
    """True for what TOML allows and no setting means: infinities, NaN, and whole numbers that a float cannot hold."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and abs(value) > WHOLE_MAX


class Checker:
    """Collects the problems of one file. elsewhere names the section that a well-known key belongs to."""

    def __init__(self, file: str, elsewhere: Mapping[str, str] | None = None) -> None:
        self.file = file
        self.elsewhere = elsewhere or {}
        self.problems: list[Problem] = []

    def add(self, section: str, key: str | None, found: str = "", allowed: str = "", hint: str = "") -> None:
        """A problem in words of its own, with a key or with the table itself; found is text that is fit to be shown."""
        shown_key = "" if key is None else key_text(key)
        self.problems.append(Problem(file=self.file, section=section, key=shown_key, found=found, allowed=allowed, hint=hint))

    def table(self, section: str, table: object, kind: type[Struct], skip: frozenset[str] = frozenset()) -> None:
        """Holds a table against a Struct: unknown keys, missing ones, and every value. Keys in skip are somebody else's."""
        if not isinstance(table, dict):
            self.add(section, None, shown(table), "must be a table")
            return
        fields = {field.encode_name: field for field in structs.fields(kind)}
        for key in table:
            if key not in fields and key not in skip:
                self._unknown(section, key, fields)
        for name, field in fields.items():
            if name in skip:
                continue
            if name in table:
                self.value(section, name, table[name], field.type)
            elif field.required:
                self._missing(section, name, field.type)

    def value(self, section: str, key: str, value: object, kind: Any) -> None:
        """Holds one value against a type; Structs and tables of a kind are entered."""
        options = options_of(kind)
        inner_section = join(section, key)
        if isinstance(value, dict):
            for option in options:
                if isinstance(option, type) and issubclass(option, Struct):
                    self.table(inner_section, value, option)
                    return
                if get_origin(option) is dict:
                    for name, inner in value.items():
                        self.value(inner_section, name, inner, get_args(option)[1])
                    return
        if impossible_number(value):
            self.add(section, key, shown(value), allowed_text(kind))
            return
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            self.add(section, key, self._found(key, value), allowed_text(kind), _hint(value, kind, options))

    def _found(self, key: str, value: object) -> str:
        if not SECRET.search(key):
            return shown(value)
        return f"{len(value)} characters that are not shown" if isinstance(value, str) else "a value that is not shown"

    def _unknown(self, section: str, key: str, fields: Iterable[str]) -> None:
        known = list(fields)
        home = self.elsewhere.get(key)
        if home is not None and home != section:
            hint = f"it belongs into [{home}]"
        elif (near := nearest(key, known)) is not None:
            hint = f"did you mean {near}?"
        else:
            hint = f"known here: {', '.join(known)}"
        self.add(section, key, "", "unknown key", hint)

    def _missing(self, section: str, name: str, kind: Any) -> None:
        inner = options_of(kind)
        if any(get_origin(option) is dict or (isinstance(option, type) and issubclass(option, Struct)) for option in inner):
            self.add(join(section, name), None, "nothing", "must be given: a table")
            return
        self.add(section, name, "nothing", allowed_text(kind), _example(kind))


def converted(checker: Checker, section: str, table: dict[str, Any], kind: type[Any]) -> Any:
    """The Struct of a table that `Checker.table` found no fault with; what the Struct itself refuses becomes a problem.

    A Struct refuses in words of its own (`__post_init__`): the first field that they name is taken for the key.
    """
    try:
        return msgspec.convert(table, kind)
    except Exception as error:  # code of a driver runs here: whatever it raises is a problem of its table, told as such
        said = str(error) if isinstance(error, msgspec.ValidationError) else f"{type(error).__name__}: {error}"
        names = [field.encode_name for field in structs.fields(kind)]
        key = next((word for word in re.findall(r"\w+", said) if word in names), None)
        found = shown(table[key]) if key in table and not SECRET.search(key) else ""
        checker.add(section, key, "" if found in said else found, printable(said.removeprefix(f"{key}: "), 300))
        return None


def allowed_text(kind: Any) -> str:
    """What a field may hold, as a phrase that begins with "must"."""
    options = [option for option in options_of(kind) if option is not type(None)]
    if all(get_origin(option) is Literal for option in options):  # in the order of the type, which msgspec does not keep
        return "must be one of " + ", ".join(shown(value) for option in options for value in get_args(option))
    described = _described(kinds.type_info(kind))
    return described if described.startswith("must ") else f"must be {described}"


def _described(info: Any) -> str:
    match info:
        case kinds.Metadata(type=inner, extra_json_schema=extra):
            return str(extra["description"]) if extra and "description" in extra else _described(inner)
        case kinds.StrType():
            return _text_described(info)
        case kinds.BoolType():
            return "true or false"
        case kinds.IntType():
            return "a whole number" + _range(info)
        case kinds.FloatType():
            return "a number" + _range(info)
        case kinds.LiteralType(values=values):
            return "one of " + ", ".join(shown(value) for value in values)
        case kinds.EnumType(cls=cls):
            return "one of " + ", ".join(shown(member.value) for member in cls)
        case kinds.UnionType(types=inner):
            said = dict.fromkeys(_described(option) for option in inner if not isinstance(option, kinds.NoneType))
            return " or ".join(said)
        case kinds.CollectionType(item_type=item):
            return f"a list; each of it {_described(item)}"
        case kinds.DictType() | kinds.StructType():
            return "a table"
        case _:
            return f"a value of the kind {type(info).__name__.removesuffix('Type').lower()}"


def _text_described(info: kinds.StrType) -> str:
    least, most = info.min_length or 0, info.max_length
    text = "text in quotes"
    if least and most is not None:
        text += f", {least} to {most} characters"
    elif most is not None:
        text += f", at most {most} characters"
    elif least:
        text += f", at least {least} characters"
    return text if info.pattern is None else f"{text}, of the form {info.pattern}"


def _range(info: kinds.IntType | kinds.FloatType) -> str:
    least, most = (info.ge, info.le)
    words = []
    if least is not None and most is not None:
        words.append(f"from {least:g} to {most:g}")
    elif least is not None:
        words.append(f"of at least {least:g}")
    elif most is not None:
        words.append(f"of at most {most:g}")
    if info.gt is not None:
        words.append(f"above {info.gt:g}")
    if info.lt is not None:
        words.append(f"below {info.lt:g}")
    return (" " + ", ".join(words)) if words else ""


def _example(kind: Any) -> str:
    match kinds.type_info(kind):
        case kinds.Metadata(extra_json_schema={"examples": [example, *_]}):
            return f"example: {example}"
        case _:
            return ""


def _hint(value: object, kind: Any, options: list[Any]) -> str:
    """The next step for the mistakes that are made most often; the type's own example otherwise."""
    options = [inner for option in options for inner in _literal_types(option)]
    if isinstance(value, str) and str not in options:
        bare = value.strip().lower()
        if bool in options and bare in {"true", "false", "yes", "no", "on", "off"}:
            return "write true or false without quotes"
        if {int, float} & set(options) and re.fullmatch(r"[+-]?\d+(\.\d+)?", bare):
            return f"write {bare[:SHOWN_MAX]} without quotes"
    if isinstance(value, int | float) and str in options and not isinstance(value, bool):
        return f'write it in quotes: "{shown(value)}"'
    if isinstance(value, float) and value.is_integer() and int in options:
        return f"write {value:.0f} without a decimal point"
    return _example(kind)


def _literal_types(option: Any) -> list[Any]:
    return [type(value) for value in get_args(option)] if get_origin(option) is Literal else [option]


def options_of(kind: Any) -> list[Any]:
    """The types a field may hold, with annotations and unions taken apart."""
    if get_origin(kind) is Annotated:
        return options_of(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [option for part in get_args(kind) for option in options_of(part)]
    return [kind]

"""State: everything that a station's core knows at one instant, as values that msgspec writes as JSON, and back into a core.

Owns a walk over the objects of the core: its own classes, structs, enums, containers and plain values. The core waits in values
and never in closures, so nothing else is in there; what cannot be told in this way raises NotPlain. Shared objects stay
shared. Reading it back runs nothing of what it holds: it only fills in attributes of classes of the core, by their names, and
what is called or computed is never taken from it.

A node is a plain value, or a list: ["ref", number] is the object with that number once more; every other one begins with its
kind and number. A "table" is a dict of records of `TABLES`, of which there may be thousands, as rows without names; who else
refers to such a record has one of his own.
"""

import gc
import sys
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import cache
from math import isfinite
from operator import attrgetter
from typing import Any, Protocol

from msgspec import Struct, convert
from msgspec.inspect import StrType, StructType, UnionType, type_info
from msgspec.structs import astuple

from chargepoint.core.records import TransactionRecord
from chargepoint.journal.secrets import is_name

ROOMS = ("chargepoint.core.", "chargepoint.messages.", "chargepoint.facts")
DEPTH_MAX = 60
MISSING = object()
TABLES = frozenset({TransactionRecord})

Node = Any
_Where = tuple[Any, str, Any]
_PLAIN = frozenset({type(None), bool, int})


class NotPlain(Exception):
    """There is something in the core that cannot be written down; the text says where."""


class NotState(Exception):
    """What was read is no state of this program's core."""


class BlankerLike(Protocol):
    """What may not be told, and what stands in its place."""

    def text(self, text: str) -> str: ...
    def letters(self, secret: str) -> str: ...


def export(root: object, blanker: BlankerLike | None = None) -> Node:
    """The state of an object of the core and all that it refers to, without secrets where a blanker is given. Raises NotPlain.

    Tens of thousands of objects, none of which is garbage before the end: nobody looks for it meanwhile.
    """
    looked = gc.isenabled()
    gc.disable()
    try:
        return _Export(blanker).node(root, (None, "station", None), 0)
    finally:
        if looked:
            gc.enable()


def restore(root: object, node: Node) -> None:
    """Gives an object that was made anew (`root`) the state in `node`. Raises NotState; root is then of no use any more."""
    try:
        got = _Restore().value(node, root, 0)
    except NotState:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError) as error:
        raise NotState(f"{type(error).__name__}: {error}") from error
    if got is not root:
        raise NotState("it is not the state of a station")


class _Texts(dict[str, str]):
    """Texts as they are written down; most of them stand in a state many times."""

    def __init__(self, blanker: BlankerLike | None) -> None:
        super().__init__()
        self.blanker = blanker

    def __missing__(self, text: str) -> str:
        self[text] = text if self.blanker is None else self.blanker.text(text)
        return self[text]


class _Export:
    """where: what holds the place, how it is written behind that, and what is written. Text only where something is wrong."""

    def __init__(self, blanker: BlankerLike | None) -> None:
        self._texts = _Texts(blanker)
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no number is given to another object in the same place

    def node(self, value: Any, where: _Where, depth: int) -> Node:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is str:
            return self._texts[value]
        if kind is float:
            return value if isfinite(value) else ["float", repr(value)]  # JSON has no infinity
        if isinstance(value, Enum):
            return ["enum", _name(value.__class__), value._name_]
        if depth > DEPTH_MAX:
            raise NotPlain(f"{_place(where)} lies too deep")
        known = self._numbers.get(id(value))
        if known is not None:
            return ["ref", known]
        number = self._numbers[id(value)] = len(self._kept)
        self._kept.append(value)
        return self._object(value, kind, number, where, depth + 1)

    def _object(self, value: Any, kind: type, number: int, where: _Where, depth: int) -> Node:
        if kind in (list, tuple):
            return [kind.__name__, number, self._items(value, (where, "[]", None), depth)]
        if kind in (set, frozenset):
            return [kind.__name__, number, sorted((self.node(item, (where, "{}", None), depth) for item in value), key=str)]
        if kind is dict and (of := self._table_of(value)) is not None:
            return ["table", number, _name(of), of.__struct_fields__, list(value), [astuple(item) for item in value.values()]]
        if kind in (dict, Counter):
            return [kind.__name__, number, [self._pair(key, item, (where, "[%r]", key), depth) for key, item in value.items()]]
        if kind is deque:
            return ["deque", number, self._items(value, (where, "[]", None), depth), value.maxlen]
        if kind is bytes:
            return ["bytes", number, value.hex()]
        if kind is datetime:
            return ["datetime", number, value.isoformat()]
        if not _is_ours(kind):
            raise NotPlain(f"{_place(where)} is {_name(kind)}")
        names: Any
        if isinstance(value, Struct):
            names, word = value.__struct_fields__, "struct"
        else:
            names, word = [name for name, item in sorted(vars(value).items()) if not _is_code(item)], "object"
        fields = []
        for name in names:
            item = getattr(value, name)
            fields.append([name, item] if type(item) in _PLAIN else self._pair(name, item, (where, ".%s", name), depth))
        return [word, number, _name(kind), fields]

    def _table_of(self, value: dict[Any, Any]) -> type[Struct] | None:
        """Where there are records of one kind by numbers, and no secret among them: the kind. All their numbers are finite, as
        the store needs them.
        """
        kinds = set(map(type, value.values()))
        if len(kinds) != 1 or not kinds <= TABLES or set(map(type, value)) != {int}:
            return None
        kind: type[Struct] = kinds.pop()
        texts = {text for some in map(_texts_of(kind), value.values()) for text in some if text is not None}
        return kind if all(self._texts[text] == text for text in texts) else None

    def _items(self, items: Any, where: _Where, depth: int) -> list[Node]:
        if len(items) == 2:
            first, second = items
            return self._pair(first, second, where, depth)
        return [item if type(item) in _PLAIN else self.node(item, where, depth) for item in items]

    def _pair(self, first: Any, second: Any, where: _Where, depth: int) -> list[Node]:
        """What a secret's name stands before is a secret."""
        blanker = self._texts.blanker
        if blanker is not None and type(first) is str and type(second) is str and is_name(first):
            return [first, blanker.letters(second)]
        return [self.node(first, where, depth), self.node(second, where, depth)]


def _place(where: _Where | None) -> str:
    if where is None:
        return ""
    before, form, what = where
    return _place(before) + (form % (what,) if "%" in form else form)


class _Restore:
    def __init__(self) -> None:
        self._objects: dict[int, Any] = {}

    def value(self, node: Node, there: Any, depth: int) -> Any:
        """there: what a core that was made anew has in this place."""
        if not isinstance(node, list):
            if isinstance(node, dict):
                raise NotState("there is an object in it, and a state is made of lists")
            return node
        if depth > 2 * DEPTH_MAX:
            raise NotState("it lies too deep")
        match node:
            case ["ref", int(number)]:
                return self._objects[number]
            case ["float", str(text)]:
                return float(text)
            case ["enum", str(name), str(member)]:
                return _class(name, Enum)[member]
            case [("list" | "tuple" | "set" | "frozenset") as kind, int(number), list(items)]:
                return self._items(kind, number, items, there, depth + 1)
            case [("dict" | "Counter") as kind, int(number), list(pairs)]:
                known = there if isinstance(there, dict) else {}
                whole: dict[Any, Any] = self._known(number, {} if kind == "dict" else Counter())
                for key_node, item in pairs:
                    key = self.value(key_node, None, depth + 1)
                    whole[key] = self.value(item, known.get(key), depth + 1)
                return whole
            case ["deque", int(number), list(items), None | int() as longest]:
                line: deque[Any] = self._known(number, deque(maxlen=longest))
                line.extend(self.value(item, None, depth + 1) for item in items)
                return line
            case ["bytes", int(number), str(text)]:
                return self._known(number, bytes.fromhex(text))
            case ["datetime", int(number), str(text)]:
                return self._known(number, datetime.fromisoformat(text))
            case ["struct", int(number), str(name), list(fields)]:
                values = {str(field): self.value(item, None, depth + 1) for field, item in fields}
                return self._known(number, _class(name, Struct)(**values))
            case ["table", int(number), str(name), list(names), list(keys), list(rows)]:
                return self._known(number, _table(name, names, keys, rows))
            case ["object", int(number), str(name), list(fields)]:
                return self._object(number, name, fields, there, depth + 1)
            case _:
                raise NotState(f"{str(node)[:60]!r} is nothing that a state is made of")

    def _items(self, kind: str, number: int, items: list[Node], there: Any, depth: int) -> Any:
        known = there if isinstance(there, list | tuple) and len(there) == len(items) else [None] * len(items)
        if kind == "list":
            whole: list[Any] = self._known(number, [])
            whole.extend(self.value(item, other, depth) for item, other in zip(items, known, strict=True))
            return whole
        values = (self.value(item, other, depth) for item, other in zip(items, known, strict=True))
        return self._known(number, {"tuple": tuple, "set": set, "frozenset": frozenset}[kind](values))

    def _object(self, number: int, name: str, fields: list[Node], there: Any, depth: int) -> Any:
        kind = _class(name, object)
        if issubclass(kind, Enum | Struct | BaseException):
            raise NotState(f"{name} is no class of the core's own")
        whole = self._known(number, there if type(there) is kind else object.__new__(kind))
        for field, item in fields:
            if not isinstance(field, str) or not field.isidentifier() or field.startswith("__"):
                raise NotState(f"{field!r} is no attribute")
            whole.__dict__[field] = self.value(item, whole.__dict__.get(field, MISSING), depth)
        return whole

    def _known(self, number: int, value: Any) -> Any:
        self._objects[number] = value
        return value


def _table(name: str, names: list[Any], keys: list[Any], rows: list[Any]) -> dict[int, Any]:
    kind = _class(name, Struct)
    if kind not in TABLES or tuple(names) != kind.__struct_fields__:
        raise NotState(f"{name} is no record of this program's tables")
    records = [dict(zip(names, row, strict=True)) for row in rows]
    return dict(zip(convert(keys, list[int]), (convert(record, kind) for record in records), strict=True))


@cache
def _texts_of(kind: type) -> Callable[[Any], tuple[str | None, ...]]:
    """What gives the texts of a record; enums are none. There must be two or more."""
    info = type_info(kind)
    assert isinstance(info, StructType)
    kinds = {field.name: field.type.types if isinstance(field.type, UnionType) else (field.type,) for field in info.fields}
    return attrgetter(*(name for name, some in kinds.items() if any(isinstance(one, StrType) for one in some)))


@cache
def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(ROOMS)


def _is_code(value: Any) -> bool:
    """Functions and methods, and tables of them: made by the core itself, the same in every core."""
    if isinstance(value, dict):
        return any(callable(item) and not isinstance(item, type) for item in value.values())
    return callable(value)


@cache
def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__name__}"


def _class(name: str, base: type) -> Any:
    """The class of that name among those that the core has loaded itself."""
    module, _, word = name.partition(":")
    kind = vars(sys.modules[module]).get(word) if module.startswith(ROOMS) and module in sys.modules else None
    if not (isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == module):
        raise NotState(f"this program has no {name[:80]}")
    return kind

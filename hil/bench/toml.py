"""Writes TOML: as much of it as a station's file needs (tables, text, numbers, booleans, arrays, inline tables)."""

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def _key(name: str) -> str:
    return name if _BARE.match(name) else _text(name)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which JSON leaves bare.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(item: Any) -> str:
    """A value as it stands behind an equals sign; raises TypeError for what TOML does not have."""
    match item:
        case bool():
            return "true" if item else "false"
        case int() | float():
            return repr(item)
        case str():
            return _text(item)
        case list() | tuple():
            return "[" + ", ".join(value(element) for element in item) + "]"
        case dict():
            return "{ " + ", ".join(f"{_key(name)} = {value(element)}" for name, element in item.items()) + " }"
        case _:
            raise TypeError(f"TOML has no {type(item).__name__}")


def document(tables: dict[str, Any], inline_below: int = 2) -> str:
    """The document of nested tables; those deeper than `inline_below` are written inline."""
    return "\n".join(_table(name, table, (), inline_below) for name, table in tables.items())


def _table(name: str, table: dict[str, Any], above: tuple[str, ...], inline_below: int) -> str:
    path = (*above, name)
    deeper = {key: item for key, item in table.items() if isinstance(item, dict) and len(path) < inline_below}
    plain = [f"{_key(key)} = {value(item)}\n" for key, item in table.items() if key not in deeper]
    head = f"[{'.'.join(map(_key, path))}]\n" if plain or not deeper else ""
    blocks = [head + "".join(plain)] if head else []
    return "\n".join(blocks + [_table(key, item, path, inline_below) for key, item in deeper.items()])

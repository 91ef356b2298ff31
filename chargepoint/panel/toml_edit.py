"""Changing values in a TOML text and nothing else: comments, order and spaces stay as whoever wrote them left them.

Owns single values of plain tables (`[section]`, one `key = value` a line). What it wrote is read again and compared, so that a
text that is written in another way is refused, never damaged.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

Value = str | int | float | bool
_TABLE = re.compile(r"^\s*\[([^\[\]]+)\]\s*(?:#.*)?$")
_ANY_TABLE = re.compile(r"^\s*\[")
_STRING = r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""


class EditError(Exception):
    """The text is written so that this value cannot be changed here; a sentence says which."""


def changed(text: str, values: Mapping[tuple[str, str], Value | None]) -> str:
    """The text with these values, by section and key; None takes a key out. Raises EditError."""
    try:
        wanted = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EditError(f"the file is no TOML: {error}") from None
    for (section, key), value in values.items():
        if found(wanted, section, key) == value:
            continue
        text = _with(text, section, key, value)
        _put(wanted, section, key, value)
        try:
            got = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            got = {}
        if got != wanted:
            raise EditError(f"[{section}] {key} is written in a way that cannot be changed here; change it in the whole file")
    return text


def found(document: Mapping[str, Any], section: str, key: str) -> Any:
    """A value of a decoded document; None where it is not there."""
    table: Any = document
    for name in section.split("."):
        table = table.get(name) if isinstance(table, dict) else None
    return table.get(key) if isinstance(table, dict) else None


def _put(document: dict[str, Any], section: str, key: str, value: Value | None) -> None:
    table: Any = document
    for name in section.split("."):
        table = table.setdefault(name, {})
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


def _with(text: str, section: str, key: str, value: Value | None) -> str:
    lines = text.split("\n")
    begin = next((at for at, line in enumerate(lines) if (match := _TABLE.match(line)) and match[1].strip() == section), None)
    if begin is None:
        return text if value is None else text.rstrip("\n") + f"\n\n[{section}]\n{key} = {_written(value)}\n"
    end = next((at for at in range(begin + 1, len(lines)) if _ANY_TABLE.match(lines[at])), len(lines))
    there = re.compile(rf"^(\s*{re.escape(key)}\s*=\s*)({_STRING}|[^#\n]*?)(\s*(?:#.*)?)$")
    for at in range(begin + 1, end):
        if match := there.match(lines[at]):
            lines[at : at + 1] = [] if value is None else [f"{match[1]}{_written(value)}{match[3]}"]
            return "\n".join(lines)
    if value is not None:
        last = max((at for at in range(begin, end) if lines[at].strip()), default=begin)
        lines.insert(last + 1, f"{key} = {_written(value)}")
    return "\n".join(lines)


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)

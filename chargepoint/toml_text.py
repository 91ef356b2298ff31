"""Writes TOML values: as much of it as a station's file needs (text, numbers, booleans, arrays, inline tables)."""

import json
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def key(name: str) -> str:
    return name if _BARE.match(name) else text(name)


def text(value: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which JSON leaves bare.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(item: Any) -> str:
    """A value as it stands behind an equals sign; raises TypeError for what TOML does not have."""
    match item:
        case bool():
            return "true" if item else "false"
        case int() | float():
            return repr(item)
        case str():
            return text(item)
        case list() | tuple():
            return "[" + ", ".join(value(element) for element in item) + "]"
        case dict():
            return "{ " + ", ".join(f"{key(name)} = {value(element)}" for name, element in item.items()) + " }"
        case _:
            raise TypeError(f"TOML has no {type(item).__name__}")

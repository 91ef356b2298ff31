"""Values from the page's fields in the text of the settings: whatever else stands there stays as it is.

Owns the words for a value that cannot be changed this way; setup/editing changes it, and holds the outcome against the wish.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from chargepoint.setup.editing import edited

Value = str | int | float | bool


class EditError(Exception):
    """The text is written so that this value cannot be changed here; a sentence says which."""


def changed(text: str, values: Mapping[tuple[str, str], Value | None]) -> str:
    """The text with these values, by section and key; None takes a key out. Raises EditError."""
    try:
        before = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EditError(f"the file is no TOML: {error}") from None
    for (section, key), value in values.items():
        if found(before, section, key) == value:
            continue
        after = edited(text, {(*section.split("."), key): value})
        if after is None:
            raise EditError(f"[{section}] {key} is written in a way that cannot be changed here; change it in the whole file")
        text = after
    return text


def found(document: Mapping[str, Any], section: str, key: str) -> Any:
    """A value of a decoded document; None where it is not there."""
    table: Any = document
    for name in section.split("."):
        table = table.get(name) if isinstance(table, dict) else None
    return table.get(key) if isinstance(table, dict) else None

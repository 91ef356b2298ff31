"""Writes whole TOML documents of nested tables, for what a bench and tests lay down."""

from typing import Any

from chargepoint.toml_text import key, value

__all__ = ["document", "value"]


def document(tables: dict[str, Any], inline_below: int = 2) -> str:
    """The document of nested tables; those deeper than `inline_below` are written inline."""
    return "\n".join(_table(name, table, (), inline_below) for name, table in tables.items())


def _table(name: str, table: dict[str, Any], above: tuple[str, ...], inline_below: int) -> str:
    path = (*above, name)
    deeper = {inner: item for inner, item in table.items() if isinstance(item, dict) and len(path) < inline_below}
    plain = [f"{key(inner)} = {value(item)}\n" for inner, item in table.items() if inner not in deeper]
    head = f"[{'.'.join(map(key, path))}]\n" if plain or not deeper else ""
    blocks = [head + "".join(plain)] if head else []
    return "\n".join(blocks + [_table(inner, item, path, inline_below) for inner, item in deeper.items()])

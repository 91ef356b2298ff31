"""HTML as values: what is put into an element is escaped, unless it is HTML already.

Nothing in this package writes markup in any other way, so text from a peer stays text.
"""

from collections.abc import Iterable
from typing import TypeAlias

VOID = frozenset({"input", "meta", "link", "br", "hr"})


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


Inside: TypeAlias = "str | int | float | Iterable[Inside] | None"
Attribute = str | int | float | bool | None


def tag(name: str, /, *inside: Inside, **attributes: Attribute) -> Html:
    """An element. Attributes: `class_` is class, `aria_label` aria-label; True stands alone, False and None are left out."""
    told = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{joined(inside)}</{name}>")


def joined(inside: Inside) -> Html:
    """Pieces one after the other."""
    if inside is None:
        return Html("")
    if isinstance(inside, Html):
        return inside
    if isinstance(inside, str | int | float):
        return Html(escape(str(inside)))
    return Html("".join(joined(piece) for piece in inside))


def escape(text: str) -> str:
    """Text as it stands in an element or in a quoted attribute."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;").replace("'", "&#x27;")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'

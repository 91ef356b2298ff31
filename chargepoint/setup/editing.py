"""Changes values of a TOML file that somebody has written, and leaves the rest of it, comments too, as it is.

Owns the search for a value's line. What it cannot do it does not try: the outcome is parsed and held against what was asked,
and `edited` gives None where the two differ (values over several lines, dotted keys, headers written oddly).
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from chargepoint.toml_text import key, value

Path = tuple[str, ...]
HEADER = re.compile(r"^\s*\[(?!\[)\s*([^\]]+?)\s*\]\s*(#.*)?$")


def edited(text: str, changes: Mapping[Path, Any]) -> str | None:
    """The text with each value at its path replaced, added, or (None) removed; None where that cannot be done line by line.

    A value that is a table becomes that table as a whole.
    """
    try:
        wanted = tomllib.loads(text)
        for path, item in changes.items():
            _put(wanted, path, item)
        after = text
        for path, item in changes.items():
            after = _changed(after, path, item)
        if "\r\n" in text and text.count("\r\n") == text.count("\n"):  # as a laptop ends its lines
            after = after.replace("\n", "\r\n")
        return after if _full(tomllib.loads(after)) == _full(wanted) else None
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return None


def _put(document: dict[str, Any], path: Path, item: Any) -> None:
    table = document
    for name in path[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise KeyError(name)
    if item is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = item


def _full(table: Any) -> Any:
    """Without tables that hold nothing: a header that is gone leaves none."""
    if not isinstance(table, dict):
        return table
    return {name: inner for name, item in table.items() if (inner := _full(item)) != {}}


def _changed(text: str, path: Path, item: Any) -> str:
    lines = text.splitlines()
    section = _section(lines, path)
    if section is not None and (isinstance(item, dict) or item is None):
        return "\n".join(_with_table(lines, section, item)) + "\n"
    home = _section(lines, path[:-1])
    if home is None:
        inline = _inside_inline(lines, path, item)
        if inline is not None:
            return "\n".join(inline) + "\n"
        if item is None:
            return text
        table = item if isinstance(item, dict) else {path[-1]: item}
        name = path if isinstance(item, dict) else path[:-1]
        return "\n".join([*lines, "", f"[{'.'.join(map(key, name))}]", *_key_lines(table)]) + "\n"
    start, end = home
    at = next((n for n in range(start + 1, end) if _names(lines[n], path[-1])), None)
    if at is not None:
        lines[at : at + 1] = [] if item is None else [_replaced(lines[at], item)]
    elif item is not None:
        last = max((n for n in range(start, end) if lines[n].strip() and not lines[n].lstrip().startswith("#")), default=start)
        lines.insert(last + 1, f"{key(path[-1])} = {value(item)}")
    return "\n".join(lines) + "\n"


def _section(lines: list[str], path: Path) -> tuple[int, int] | None:
    """The lines of a section, header included, up to the next header."""
    start = next((n for n, line in enumerate(lines) if (m := HEADER.match(line)) and _path(m[1]) == path), None)
    if start is None:
        return None
    end = next((n for n in range(start + 1, len(lines)) if lines[n].lstrip().startswith("[")), len(lines))
    return start, end


def _path(header: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in header.split("."))


def _names(line: str, name: str) -> bool:
    return re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line) is not None


def _replaced(line: str, item: Any) -> str:
    """The line with another value; what stands behind it as a comment stays."""
    before, _, after = line.partition("=")
    return f"{before}= {value(item)}{_comment(after)}"


def _comment(after: str) -> str:
    """The comment behind a value, with the room before it: the first # from which on the rest is not needed to parse it."""
    for at in (match.start() for match in re.finditer("#", after)):
        try:
            tomllib.loads(f"x = {after[:at]}")
        except tomllib.TOMLDecodeError:
            continue
        return after[len(after[:at].rstrip()) :]
    return ""


def _with_table(lines: list[str], section: tuple[int, int], table: dict[str, Any] | None) -> list[str]:
    start, end = section
    if table is None:
        return [*lines[:start], *lines[end:]]
    kept: list[str] = []
    left = dict(table)
    for line in lines[start + 1 : end]:
        name = next((name for name in left if _names(line, name)), None)
        if name is not None:
            kept.append(_replaced(line, left.pop(name)))
        elif not re.match(r"\s*[A-Za-z0-9_\"'-]+\s*=", line):
            kept.append(line)
    filled = max((n for n, line in enumerate(kept) if line.strip() and not line.lstrip().startswith("#")), default=-1)
    kept[filled + 1 : filled + 1] = _key_lines(left)
    return [*lines[: start + 1], *kept, *lines[end:]]


def _inside_inline(lines: list[str], path: Path, item: Any) -> list[str] | None:
    """A value in an inline table of the section above; None where there is none."""
    if len(path) < 3 or (home := _section(lines, path[:-2])) is None:
        return None
    for at in range(home[0] + 1, home[1]):
        if _names(lines[at], path[-2]):
            table = tomllib.loads(lines[at].strip())[path[-2]]
            _put(table, path[-1:], item)
            return [*lines[:at], _replaced(lines[at], table), *lines[at + 1 :]]
    return None


def _key_lines(table: Mapping[str, Any]) -> list[str]:
    return [f"{key(name)} = {value(item)}" for name, item in table.items()]

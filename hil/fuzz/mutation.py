"""Mutation: from something that is right to something that is nearly right, as the generator decides that it is given."""

import json
import random
from typing import Any

TOKENS = (
    *(b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\x00", b"\xff\xfe", b"\xf0\x9f\x94\x8c", b"\xe2\x80\xae"),
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999", b"0x10", b"\\u0000", b"\\ud800", b"[" * 200),
    *(b"=", b"[[", b"]]", b'"""', b"# ", b"'", b"1979-05-27T07:32:00Z", b"inf", b"../..", b"%s", b"$(x)", b" " * 500),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, 1e300, 2**31, 2**63, -(2**63), 10**40, "", " ", "x", "0", "-1", "NaN", "true"),
    *("x" * 21, "y" * 600, "z" * 70_000, "\x00", "\u202e", "\U0001d518", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", [], {}, [[]], {"": {}}, [None] * 200, {"a": {"b": {"c": []}}}),
)
DEPTH_MAX = 6


def bytes_of(rng: random.Random, data: bytes, times: int = 1) -> bytes:
    """So many small harms to some bytes."""
    harmed = bytearray(data)
    for _ in range(times):
        at = rng.randrange(len(harmed) + 1)
        end = min(len(harmed), at + rng.choice((1, 1, 2, 4, 16, 200)))
        match rng.randrange(7):
            case 0 if harmed:
                harmed[at % len(harmed)] ^= 1 << rng.randrange(8)
            case 1:
                del harmed[at:end]
            case 2:
                harmed[at:at] = rng.choice(TOKENS)
            case 3:
                harmed[at:end] = rng.choice(TOKENS)
            case 4:
                harmed[at:at] = harmed[at:end] * rng.choice((1, 1, 50))
            case 5:
                harmed[at:end] = rng.randbytes(end - at)
            case _:
                del harmed[at:]
    return bytes(harmed)


def value_of(rng: random.Random, value: Any, depth: int = 0) -> Any:
    """One harm somewhere in a JSON value: another value, a name or member that is gone, doubled or new."""
    if isinstance(value, dict) and value and depth < DEPTH_MAX and rng.random() < 0.9:
        name = rng.choice(list(value))
        match rng.randrange(6):
            case 0:
                return {key: item for key, item in value.items() if key != name}
            case 1:
                return {**value, rng.choice(("", name.upper(), name + "x", "idTag", "x" * 300)): rng.choice(ODD)}
            case _:
                return {**value, name: value_of(rng, value[name], depth + 1)}
    if isinstance(value, list) and value and depth < DEPTH_MAX and rng.random() < 0.9:
        at = rng.randrange(len(value))
        match rng.randrange(6):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return value + [value[at]] * rng.choice((1, 1, 2, 300))
            case _:
                return [*value[:at], value_of(rng, value[at], depth + 1), *value[at + 1 :]]
    if isinstance(value, str) and rng.random() < 0.5:
        return bytes_of(rng, value.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.5:
        return value + rng.choice((-1, 1, 0.001, 1_000, -1_000_000))
    return rng.choice(ODD)


def json_text(rng: random.Random, value: Any, harms: int) -> str:
    """A JSON value with some harms in it, as text; now and then the text is harmed too."""
    for _ in range(harms):
        value = value_of(rng, value)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.15:
        text = bytes_of(rng, text.encode("utf-8", "surrogatepass"), rng.randint(1, 3)).decode("utf-8", "replace")
    return text

"""Documents: payloads that are right, made from the messages' own types, so that every action there is has some."""

import random
from typing import Any

from msgspec import inspect as kinds

from chargepoint.messages import ACTIONS

CALLS = sorted(name for name, action in ACTIONS.items() if action.sender != "charge_point")
ADDRESSES = ("http://127.0.0.1:1/x", "ftp://user:word@127.0.0.1:1/in", "odd+thing:?", "x:" + "y" * 500)
WORDS = ("CARD1", "1", "", "MeterValues", "deadbeef", "x" * 500, *ADDRESSES)
TIMES = ("2026-01-05T12:00:00Z", "2026-01-05T13:00:00.5+01:00", "2025-01-01T00:00:00Z", "2030-01-01T00:00:00Z")
NUMBERS = (0, 1, 1, 2, 3, 5, 60, 1_001, 86_400, 2**31 - 1)
ITEMS_MAX = 3


def call(rng: random.Random) -> tuple[str, Any]:
    """An action that a Central System may ask for, and a payload of its type."""
    name = rng.choice(CALLS)
    return name, of(rng, kinds.type_info(ACTIONS[name].req))


def of(rng: random.Random, kind: kinds.Type) -> Any:
    """A JSON value of a type. What a type says in code only (a schedule needs a beginning) may still be wrong."""
    match kind:
        case kinds.StructType(fields=fields):
            return {one.encode_name: of(rng, one.type) for one in fields if one.required or rng.random() < 0.5}
        case kinds.UnionType(types=types):
            return of(rng, rng.choice([one for one in types if not isinstance(one, kinds.NoneType)]))
        case kinds.EnumType(cls=members):
            return rng.choice(list(members)).value
        case kinds.VarTupleType(item_type=item) | kinds.ListType(item_type=item):
            return [of(rng, item) for _ in range(rng.randint(1, ITEMS_MAX))]
        case kinds.IntType(ge=least, le=most):
            return min(max(rng.choice(NUMBERS), least or 0), most or 2**31 - 1)
        case kinds.FloatType():
            return rng.choice((0.0, 5.9, 6.0, 16.0, 32.5, 11_000.0))
        case kinds.BoolType():
            return rng.random() < 0.5
        case kinds.DateTimeType():
            return rng.choice(TIMES)
        case kinds.StrType(pattern=pattern, max_length=longest):
            return rng.choice(WORDS if pattern is None else ADDRESSES)[:longest]
        case _:
            return None

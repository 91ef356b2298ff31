"""Shrinking: a case that fails, made smaller for as long as it fails the same way."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

Inputs = list[bytes]
DEPTH_MAX = 8


class Budget:
    """How many tries, and how long, are spent on it at most."""

    def __init__(self, tries: int, seconds: float) -> None:
        self._tries = tries
        self._until_s = time.monotonic() + seconds

    def left(self) -> bool:
        self._tries -= 1
        return self._tries >= 0 and time.monotonic() < self._until_s


def shrink(inputs: Inputs, fails: Callable[[Inputs], bool], budget: Budget) -> Inputs:
    """The smallest list of inputs that was found."""
    while True:
        before = inputs
        inputs = _smaller(inputs, _fewer, fails, budget)
        for at in range(len(inputs)):

            def simpler(whole: Inputs, at: int = at) -> Iterator[Inputs]:
                return ([*whole[:at], item, *whole[at + 1 :]] for item in _simpler(whole[at]))

            inputs = _smaller(inputs, simpler, fails, budget)
        if inputs == before or not budget.left():
            return inputs


def _smaller(
    inputs: Inputs, candidates: Callable[[Inputs], Iterator[Inputs]], fails: Callable[[Inputs], bool], budget: Budget
) -> Inputs:
    """Takes the first candidate that fails and begins again with its own, until none does."""
    found = True
    while found:
        found = False
        for candidate in candidates(inputs):
            if not budget.left():
                return inputs
            if fails(candidate):
                inputs, found = candidate, True
                break
    return inputs


def _fewer(inputs: Inputs) -> Iterator[Inputs]:
    return (inputs[:start] + inputs[end:] for start, end in _pieces(len(inputs)))


def _simpler(data: bytes) -> Iterator[bytes]:
    """As JSON where it is some, else by leaving bytes out."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        yield from (data[:start] + data[end:] for start, end in _pieces(len(data)))
    else:
        yield from (json.dumps(each).encode() for each in _values(value, 0))


def _pieces(length: int) -> Iterator[tuple[int, int]]:
    """Halves, quarters and so on down to single ones, the last first."""
    size = length
    while size:
        for end in range(length, 0, -size):
            yield max(0, end - size), end
        size //= 2


def _values(value: Any, depth: int) -> Iterator[Any]:
    """Simpler values of the same kind, one change each."""
    if depth > DEPTH_MAX:
        return
    match value:
        case dict():
            for name in value:
                yield {key: item for key, item in value.items() if key != name}
            for name, item in value.items():
                yield from ({**value, name: one} for one in _values(item, depth + 1))
        case list():
            yield from (value[:start] + value[end:] for start, end in _pieces(len(value)))
            for at, item in enumerate(value):
                yield from ([*value[:at], one, *value[at + 1 :]] for one in _values(item, depth + 1))
        case str():
            yield from (value[:start] + value[end:] for start, end in _pieces(len(value)))
        case bool() | None:
            return
        case int() | float() if value not in (0, 1):
            yield 0
            yield 1
            if isinstance(value, int) and abs(value) > 3:
                yield value // 2
        case _:
            return

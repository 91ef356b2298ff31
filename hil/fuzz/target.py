"""Target: a place that takes something from outside."""

import os
import random
from pathlib import Path
from typing import Protocol

_MEMORY = Path("/dev/shm")  # no disk fails here: it may be quick
PLACE = _MEMORY if os.access(_MEMORY, os.W_OK) else None


class Target(Protocol):
    """name: how the command line calls it. `case` and `run` know no clock, and no chance but the generator's, so that a case
    that fails does so again.
    """

    name: str

    def case(self, rng: random.Random) -> list[bytes]:
        """Something to throw at it."""

    def run(self, inputs: list[bytes]) -> None:
        """Throws it. Raises anything at all where the product did what it must not. Whatever the bytes are, also those that
        `case` would never make, what cannot be thrown is passed over: a case is made smaller by leaving bytes out.
        """


def in_words(error: Exception, place: str, longest: int = 20_000) -> None:
    """The error is something that a person can read, and it names the place."""
    text = str(error)
    assert place in text, f"these words do not name {place}: {text}"
    assert len(text) > 20, f"these words tell nothing: {text}"
    assert text.isprintable(), f"a terminal may act on these words: {text!r}"
    assert len(text) < longest, f"{len(text)} letters: {text[:500]}"

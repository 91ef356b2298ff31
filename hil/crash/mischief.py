"""Mischief: what the Central System does wrong now and then, never so often that a message spends its attempts.

Owns the count of what each billing message has suffered. An answer is lost after booking or before, a CALLERROR comes instead,
the connection is closed, the answer is late or comes twice.
"""

import json
import random
from collections import deque
from typing import Any

from hil.crash.witness import BILLING
from hil.csms import CentralSystem, Frame

ATTEMPTS = 6  # TransactionMessageAttempts of the station
RECENT = 64
ACTIONS = (*BILLING, "StartTransaction", "StopTransaction", "Authorize", "StatusNotification")


class Mischief:
    """hears: to be told of every frame."""

    def __init__(self, cs: CentralSystem, rng: random.Random) -> None:
        self.lost_answers = 0
        self.errors = 0
        self._cs = cs
        self._rng = rng
        self._suffered: dict[str, int] = {}
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._open: dict[tuple[int, str], str] = {}
        cs.office.listeners.append(self._heard)

    def brew(self) -> None:
        """Clears what is left of the last one and plans the next."""
        self._cs.rules.clear()
        rng = self._rng
        times = rng.randint(1, 3)
        if max((self._suffered.get(one, 0) for one in self._recent), default=0) + times >= ATTEMPTS:
            return
        what: dict[str, Any] = rng.choice(
            (
                {"drop": True},
                {"drop": True, "book": False},
                {"error": "InternalError"},
                {"error": "GenericError", "book": True},
                {"close": True, "delay_s": rng.uniform(0, 0.2)},
                {"close": True, "book": False},
                {"delay_s": rng.uniform(0.05, 1.0)},
                {"twice": True},
            )
        )
        self._cs.rules.next(rng.choice(ACTIONS), times=times, **what)

    def end(self) -> None:
        """Behaves from now on."""
        self._cs.rules.clear()

    def _heard(self, frame: Frame) -> None:
        """A message that is heard counts as suffered until its answer goes out."""
        if frame.direction == "in" and frame.kind == "call" and frame.action in BILLING:
            key = json.dumps(frame.payload, sort_keys=True)
            self._suffered[key] = self._suffered.get(key, 0) + 1
            self._recent.append(key)
            self._open[(frame.connection, frame.message_id)] = key
            while len(self._open) > RECENT:
                self._open.pop(next(iter(self._open)))
                self.lost_answers += 1
        elif frame.direction == "out" and frame.kind == "result":
            key = self._open.pop((frame.connection, frame.message_id), "")
            if key:
                self._suffered[key] -= 1
        elif frame.direction == "out" and frame.kind == "error" and frame.action in BILLING:
            self.errors += 1
            self._open.pop((frame.connection, frame.message_id), None)

    def unanswered(self) -> int:
        """How many billing messages never got an answer of any kind."""
        return self.lost_answers + len(self._open)

"""The office: what all stations' conversations share (settings, rules, books, desk, clock, the running number of frames)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hil.csms.books import Books, Note
from hil.csms.desk import Desk, Settings
from hil.csms.frames import Direction, Frame, Kind
from hil.csms.rules import Rules
from hil.csms.times import Clock

Listener = Callable[[Frame], None]


@dataclass
class Office:
    """Shared by every Station and Line of one Central System. listeners see every frame, in order."""

    settings: Settings
    clock: Clock
    books: Books
    rules: Rules = field(default_factory=Rules)
    listeners: list[Listener] = field(default_factory=list)
    seq: int = 0

    def __post_init__(self) -> None:
        self.desk = Desk(self.settings, self.books, self.clock)

    def frame(self, identity: str, connection: int, direction: Direction, kind: Kind, **rest: Any) -> Frame:
        """A new frame with the next number and the time."""
        self.seq += 1
        return Frame(
            seq=self.seq, at=time.time(), identity=identity, connection=connection, direction=direction, kind=kind, **rest
        )

    def tell(self, frame: Frame) -> None:
        """Every listener sees the frame."""
        for listener in tuple(self.listeners):
            listener(frame)

    def tell_complaint(self, note: Note) -> None:
        """A complaint of the books is shown among the frames."""
        self.tell(self.frame(note.identity, 0, "-", "complaint", description=note.text))

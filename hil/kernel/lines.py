"""The lines of a GPIO chip: who holds them, what drives them, which level results.

Owns levels, holders and edges. Knows nothing of sockets. Two kernels: one makes a line an input again when its holder goes, the
other (Raspberry Pi OS) keeps an output as it was. Levels are those of the wire; active-low is only how a holder sees them.
"""

import errno
import time
from collections.abc import Callable
from typing import NamedTuple

from hil.kernel import abi

EVENTS_MAX = 16  # as the kernel keeps for a line that nobody reads
Notify = Callable[[bytes], None]
Watcher = Callable[["Change"], None]


class Change(NamedTuple):
    """The wire of a line changed its level. at_s: CLOCK_MONOTONIC."""

    at_s: float
    line: int
    level: bool


class Line(NamedTuple):
    """A line as it is.

    pull: "up", "down", "none", or "" where nobody asked for one. kept: still driven, though nobody holds it.
    """

    number: int
    level: bool
    output: bool
    holder: str | None
    pid: int | None
    pull: str
    active_low: bool
    edges: bool
    kept: bool


class Busy(Exception):
    """errno of what the kernel refuses."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.errorcode[number])
        self.number = number


class _Wire:
    def __init__(self, number: int) -> None:
        self.number = number
        self.flags = abi.INPUT
        self.holder: Holder | None = None
        self.driven = False  # what the chip drives, while the line is an output
        self.outside: bool | None = None  # what the world drives; None: nothing
        self.resistor: bool | None = None  # to plus or to ground, outside the chip
        self.level = False

    @property
    def output(self) -> bool:
        return bool(self.flags & abi.OUTPUT)

    def rests_at(self) -> bool:
        if (
            self.output
            and not (self.flags & abi.OPEN_DRAIN and self.driven)
            and not (self.flags & abi.OPEN_SOURCE and not self.driven)
        ):
            return self.driven
        if self.outside is not None:
            return self.outside
        if self.resistor is not None:
            return self.resistor
        return bool(self.flags & abi.PULL_UP)


class Holder:
    """A line request that lives: lines in the order asked for, and where their events go."""

    def __init__(self, consumer: str, pid: int, wires: list[_Wire], notify: Notify) -> None:
        self.consumer, self.pid, self.wires, self.notify = consumer, pid, wires, notify
        self.sequence = 0


class Lines:
    """All lines of one chip. count: how many. keeps_outputs: which of the two kernels."""

    def __init__(self, count: int, keeps_outputs: bool) -> None:
        self.keeps_outputs = keeps_outputs
        self.history: list[Change] = []
        self.watchers: list[tuple[int, Watcher]] = []
        self._wires = [_Wire(number) for number in range(count)]

    def __len__(self) -> int:
        return len(self._wires)

    def line(self, number: int) -> Line:
        wire = self._wires[number]
        pulls = {abi.PULL_UP: "up", abi.PULL_DOWN: "down", abi.NO_PULL: "none"}
        return Line(
            number=number,
            level=wire.level,
            output=wire.output,
            holder=wire.holder.consumer if wire.holder else None,
            pid=wire.holder.pid if wire.holder else None,
            pull=next((name for flag, name in pulls.items() if wire.flags & flag), ""),
            active_low=bool(wire.flags & abi.ACTIVE_LOW),
            edges=bool(wire.flags & (abi.RISING | abi.FALLING)),
            kept=wire.output and wire.holder is None,
        )

    # The world outside

    def drive(self, number: int, level: bool | None) -> None:
        """The world drives a line, or lets go of it (None)."""
        self._wires[number].outside = level
        self._settle(self._wires[number])

    def resistor(self, number: int, up: bool | None) -> None:
        """A resistor to plus (True) or to ground (False), which holds a line that nobody drives."""
        self._wires[number].resistor = up
        self._settle(self._wires[number])

    # The kernel's side

    def claim(self, asked: abi.Request, pid: int, notify: Notify) -> Holder:
        """A line request; raises Busy."""
        if not asked.lines or any(number >= len(self._wires) for number in asked.lines):
            raise Busy(errno.EINVAL)
        wires = [self._wires[number] for number in asked.lines]
        if any(wire.holder is not None for wire in wires):
            raise Busy(errno.EBUSY)
        holder = Holder(asked.consumer, pid, wires, notify)
        for wire, config in zip(wires, asked.configs, strict=True):
            wire.holder = holder
            self._configure(wire, config)
        return holder

    def configure(self, holder: Holder, configs: tuple[abi.Config, ...]) -> None:
        for wire, config in zip(holder.wires, configs, strict=True):
            self._configure(wire, config)

    def release(self, holder: Holder) -> None:
        """The holder is gone. Said twice, or when another has the line by now, it changes nothing."""
        for wire in holder.wires:
            if wire.holder is not holder:
                continue
            wire.holder = None
            wire.flags &= ~(abi.RISING | abi.FALLING | abi.ACTIVE_LOW)
            if not self.keeps_outputs:
                wire.flags = wire.flags & ~abi.OUTPUT | abi.INPUT
            self._settle(wire)

    def levels(self, holder: Holder, mask: int) -> int:
        """What the holder reads, as bits in the order of its request."""
        seen = (wire.level != bool(wire.flags & abi.ACTIVE_LOW) for wire in holder.wires)
        return sum(1 << position for position, level in enumerate(seen) if level and mask >> position & 1)

    def set_levels(self, holder: Holder, bits: int, mask: int) -> None:
        """The holder drives its outputs; raises Busy(EPERM) for an input."""
        for position, wire in enumerate(holder.wires):
            if mask >> position & 1:
                if not wire.output:
                    raise Busy(errno.EPERM)
                wire.driven = bool(bits >> position & 1) != bool(wire.flags & abi.ACTIVE_LOW)
                self._settle(wire)

    def info(self, number: int) -> bytes:
        """gpio_v2_line_info; raises Busy(EINVAL)."""
        if number >= len(self._wires):
            raise Busy(errno.EINVAL)
        wire = self._wires[number]
        used = abi.USED if wire.holder else 0
        return abi.line_info(f"GPIO{number}", wire.holder.consumer if wire.holder else "", number, wire.flags | used)

    def _configure(self, wire: _Wire, config: abi.Config) -> None:
        direction = abi.INPUT | abi.OUTPUT
        keep = 0 if config.flags & direction else wire.flags & direction
        pulls = abi.PULL_UP | abi.PULL_DOWN | abi.NO_PULL
        keep |= 0 if config.flags & pulls else wire.flags & pulls
        wire.flags = config.flags & ~abi.USED | keep
        if wire.output:
            wire.driven = bool(config.value) != bool(wire.flags & abi.ACTIVE_LOW)
        self._settle(wire)

    def _settle(self, wire: _Wire) -> None:
        level = wire.rests_at()
        if level == wire.level:
            return
        wire.level = level
        at_ns = time.monotonic_ns()
        change = Change(at_ns / 1e9, wire.number, level)
        self.history.append(change)
        rising = level != bool(wire.flags & abi.ACTIVE_LOW)
        if wire.holder is not None and wire.flags & (abi.RISING if rising else abi.FALLING):
            wire.holder.sequence += 1
            wire.holder.notify(abi.event(at_ns, rising, wire.number, wire.holder.sequence))
        for number, watcher in self.watchers:
            if number == wire.number:
                watcher(change)

"""Ports: what the station asks of its hardware, as small Protocols.

A driver module exports a frozen `Config` (a msgspec Struct with `forbid_unknown_fields`) and a coroutine
`open(config, buses)` that returns one of these. `buses` maps the names of the configuration's [buses] tables to opened buses.
A driver that cannot do its work raises `DriverError` with a sentence for an installer; the shell closes it, reports the part as
lost and opens it again with backoff. Whatever blocks runs in a thread of the driver's own.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from msgspec import Struct

from chargepoint.facts import Card, Input, Lights, Pattern, Pilot, Quantity, Reading, Refusal, Trouble

Buses = Mapping[str, Any]


class DriverError(Exception):
    """A part does not work; the text names the part, what was seen and what to do next."""


class SelfTestFailed(DriverError):
    """The residual-current device failed its test before closing: the contactor stays open, and this is a ground fault."""


class Port(Protocol):
    async def close(self) -> None:
        """Leaves the part in its safe state and frees it. May be called at any time, more than once."""


class Meter(Port, Protocol):
    quantities: frozenset[Quantity]

    async def read(self) -> Reading:
        """One reading, begun after the call; raises DriverError where none can be had in time.

        A meter may also have `async serial_number() -> str | None`: as printed on it, for the report of an installation.
        """


class CardReader(Port, Protocol):
    def cards(self) -> AsyncIterator[Card]:
        """Each card once when it is laid on, again only after it has been away; raises DriverError when lost."""


class Contactor(Port, Protocol):
    def set(self, closed: bool) -> None:
        """Commands the coil and returns at once; never blocks. Opening goes before whatever the driver still had to do, and may
        come from another thread: while the event loop stands still somebody else opens.
        """

    def feedback(self) -> AsyncIterator[bool]:
        """True when the contacts are closed: first as they are, then every change; raises DriverError when lost."""


class PilotSensor(Port, Protocol):
    def states(self) -> AsyncIterator[Pilot]:
        """First as it is, then every change; raises DriverError when lost."""

    def offer(self, current_a: float | None) -> None:
        """Offers 6 to 80 A by PWM, or None: steady pilot, no energy offered. Returns at once."""


class Lock(Port, Protocol):
    def set(self, locked: bool) -> None:
        """Commands the motor and returns at once; the outcome comes as a state."""

    def states(self) -> AsyncIterator[bool]:
        """True when locked: first as it is, then once after every command, moved or not (jammed: the old state again)."""


class Indicator(Port, Protocol):
    def show(self, pattern: Pattern, refusal: Refusal | None = None, trouble: Trouble | None = None) -> None:
        """Shows a pattern until the next one. Returns at once. refusal: why, with REFUSED; trouble: what, with FAULTED."""

    def adjust(self, lights: Lights) -> None:
        """How bright and how often from now on, whatever is shown. Returns at once; comes before the first `show`."""


class Inputs(Port, Protocol):
    def changes(self) -> AsyncIterator[Input]:
        """First every line that is active, then every change; raises DriverError when lost."""


class InstallResult(Struct, frozen=True):
    """The version that is installed now, at most 50 characters; the next start of the process runs it."""

    version: str


class Installer(Port, Protocol):
    """Installs firmware images. One thing is asked of it at a time. It may be closed while an installation runs."""

    async def version(self) -> str | None:
        """The version that a start of the process runs now; None where it is not known. Raises DriverError."""

    async def install(self, path: str) -> InstallResult:
        """Installs the image. Raises DriverError where that failed; then the old version is still, or again, in place."""

    async def outcome(self, path: str) -> InstallResult:
        """What became of an installation of this image that a restart or a power cut interrupted; one that still runs is waited
        for. Raises DriverError where it failed; then the old version is still, or again, in place.
        """

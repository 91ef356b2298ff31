"""The inbox: every event on its way to the core, in the order in which it happened.

Owns the order and the bounds. Facts are never dropped: whoever brings one waits while `FACTS_MAX` are queued, after the reflex
has seen it. Frames wait at `FRAMES_MAX` and at `FRAMES_SIZE_MAX`, so that the link stops reading and TCP slows the peer down.
Of two readings of one meter the newer one stays. Control requests are bounded by the control socket (one a client).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from chargepoint.core.events import Event, FrameReceived, MeterRead

FACTS_MAX = 1_024
FRAMES_MAX = 16
FRAMES_SIZE_MAX = 8 * 1024 * 1024  # characters or bytes of all of them; a single one is taken whatever its size


class Inbox:
    """A queue for one taker. on_event sees every event the moment it is put, before it is queued: the reflex stands there.

    on_frame is offered a frame while the taker waits and nothing is queued; true: it is dealt with.
    """

    def __init__(self, on_event: Callable[[Event], object] | None = None) -> None:
        self.on_event = on_event
        self.on_frame: Callable[[FrameReceived], bool] | None = None
        self._events: OrderedDict[int, Event] = OrderedDict()
        self._count = 0
        self._frames: list[int] = []
        self._readings: dict[int, int] = {}
        self._arrival: asyncio.Future[None] | None = None
        self._taken = asyncio.Condition()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._events)

    def put(self, event: Event) -> None:
        """Queues at once. For what is rare by itself: link and store news, control requests, the end."""
        if self.on_event is not None:
            self.on_event(event)
        self._append(event)

    async def put_fact(self, event: Event) -> None:
        """Shows the event to the reflex at once, then queues it as soon as there is room."""
        if self.on_event is not None:
            self.on_event(event)
        await self._room(lambda: len(self._events) < FACTS_MAX)
        self._append(event)

    async def put_frame(self, event: FrameReceived) -> None:
        await self._room(lambda: self._frame_fits(event))
        self._append(event)

    def put_frame_now(self, event: FrameReceived, *, at_once: bool = False) -> bool:
        """Queues the frame where there is room; false, and nothing is queued, where there is none. at_once: it need not be
        queued where the taker waits for it.
        """
        if at_once and self.on_frame is not None and self._awaited() and self.on_frame(event):
            return True
        if fits := self._frame_fits(event):
            self._append(event)
        return fits

    async def take(self, timeout_s: float | None) -> Event | None:
        """The oldest event; None where none came in time. timeout_s None waits for ever, 0 does not wait."""
        if not self._events and timeout_s != 0:
            await self._wait(timeout_s)
        if not self._events:
            return None
        number, event = self._events.popitem(last=False)
        if isinstance(event, FrameReceived):
            self._frames.remove(len(event.text))
        elif isinstance(event, MeterRead) and self._readings.get(event.connector) == number:
            del self._readings[event.connector]
        if self._waiting:
            async with self._taken:
                self._taken.notify_all()
        return event

    def wake(self) -> None:
        """The taker waits no longer, whether or not there is anything for it."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _awaited(self) -> bool:
        return not self._events and self._arrival is not None and not self._arrival.done()

    async def _wait(self, timeout_s: float | None) -> None:
        """Until something is queued or the time is over."""
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = None if timeout_s is None else loop.call_later(timeout_s, self.wake)
        try:
            await self._arrival
        finally:
            self._arrival = None
            if timer is not None:
                timer.cancel()

    def _append(self, event: Event) -> None:
        self._count += 1
        if isinstance(event, FrameReceived):
            self._frames.append(len(event.text))
        elif isinstance(event, MeterRead):
            # The newer reading goes to the end: it knows what happened after the older one.
            self._events.pop(self._readings.get(event.connector, 0), None)
            self._readings[event.connector] = self._count
        self._events[self._count] = event
        self.wake()

    def _frame_fits(self, event: FrameReceived) -> bool:
        frames = self._frames
        return not frames or (len(frames) < FRAMES_MAX and sum(frames) + len(event.text) <= FRAMES_SIZE_MAX)

    async def _room(self, there_is: Callable[[], bool]) -> None:
        if there_is():
            return
        self._waiting += 1
        try:
            async with self._taken:
                await self._taken.wait_for(there_is)
        finally:
            self._waiting -= 1

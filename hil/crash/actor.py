"""Somebody who does things all the time, until told to leave."""

import asyncio


class Actor:
    """Subclasses say what in `act`, once each time, with its pause."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._go_on())

    async def leave(self) -> None:
        """No more of it; raises what broke it, if something did."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def act(self) -> None:
        raise NotImplementedError

    async def _go_on(self) -> None:
        while True:
            await self.act()

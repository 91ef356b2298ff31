"""A play: acts on a stage, told step by step on a page while they happen, every step with what it waits for and how long.

Owns the telling and the waiting. The acts are in `acts`, the comparison at the end in `accounts`.
"""

import asyncio
import shutil
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO

from hil.demo.accounts import Session
from hil.demo.conversation import line_of
from hil.demo.scene import Scene
from hil.demo.stage import Stage, WaitedInVain
from hil.demo.style import Line, clip, painted, plain, wants_colour

WAIT_S = 15.0
FILE_WIDTH = 160
NOTABLE_S = 0.05


class Page:
    """Where it is told: a terminal or a file, a line at a time."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._colour = wants_colour(self._out)
        self._began_s = asyncio.get_running_loop().time()

    @property
    def elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    def line(self, line: Line, *, whole: bool = False) -> None:
        """One line; whole: not cut to the width of the terminal."""
        width = shutil.get_terminal_size().columns if self._out.isatty() else FILE_WIDTH
        print(painted(line if whole else clip(line, width), colour=self._colour), file=self._out, flush=True)

    def blank(self) -> None:
        self.line(())

    def title(self, text: str) -> None:
        self.blank()
        self.line((("head", text), ("dim", f"  [{self.elapsed_s:.1f} s]")))

    def step(self, text: str) -> None:
        self.line(plain(text))

    def seen(self, text: str, took_s: float) -> None:
        self.line((("good", "  ✓ "), *plain(text), ("dim", f" ({took_s:.1f} s)" if took_s >= NOTABLE_S else "")))

    def frame(self, frame: dict[str, Any]) -> None:
        self.line((("", "      "), *line_of(frame)))

    def problem(self, text: str) -> None:
        self.line(plain(text, "bad"), whole=True)

    def text(self, text: str) -> None:
        """Somebody else's lines, as they are."""
        for one in text.splitlines():
            self.line(plain(f"    {one}"), whole=True)


class Play:
    """What an act has in its hands."""

    def __init__(self, stage: Stage, page: Page) -> None:
        self.stage = stage
        self.page = page
        self.sessions: list[Session] = []
        self.registers_wh: dict[int, int] = {}
        self.shown: list[str] = []  # what the act that is played could show, for the table of acts

    def connector(self, wanted: int) -> int:
        """The wanted connector, or the only one."""
        return min(wanted, self.stage.options.connectors)

    async def until(self, what: str, holds: Callable[[Scene], bool], timeout_s: float | None = None) -> Scene:
        """Waits until what is said holds, by default for WAIT_S; raises WaitedInVain."""
        began_s = self.page.elapsed_s
        scene = await self.stage.until(what, holds, WAIT_S if timeout_s is None else timeout_s)
        self.page.seen(what, self.page.elapsed_s - began_s)
        return scene

    async def check(self, what: str, holds: bool, instead: str) -> None:
        """What is said must hold now; raises WaitedInVain, which tells what there is instead."""
        if not holds:
            raise WaitedInVain(what, instead, await self.stage.look(books=True))
        self.page.seen(what, 0.0)

    async def call(self, action: str, wanted: str | None = None, /, **payload: Any) -> dict[str, Any]:
        """The station's answer to a CALL; raises WaitedInVain where its status is not the wanted one, Refused for an error."""
        answer: dict[str, Any] = (await self.stage.system.ask("call", action=action, payload=payload))["answer"]
        if wanted is not None:
            await self.check(f"{action} is answered: {wanted}", answer.get("status") == wanted, f"answered was {answer}")
        return answer

    @contextmanager
    def listening(self, action: str) -> Iterator[list[str]]:
        """The statuses of every CALL of this action that the station sends while the block runs."""
        statuses: list[str] = []

        def hear(frame: dict[str, Any]) -> None:
            if (frame["direction"], frame["kind"], frame.get("action")) == ("in", "call", action):
                statuses.append(str(frame["payload"].get("status")))

        self.stage.listeners.append(hear)
        try:
            yield statuses
        finally:
            self.stage.listeners.remove(hear)

    async def begins(self, connector: int, id_tag: str, reason: str) -> Session:
        """A session is about to begin: the meter is read."""
        scene = await self.stage.look()
        session = Session(connector, id_tag, reason, scene.register_wh(connector))
        self.sessions.append(session)
        return session

    async def ended(self, session: Session) -> None:
        """The contactor is open: the meter is read."""
        session.after_wh = (await self.stage.look()).register_wh(session.connector)


@dataclass(frozen=True)
class Act:
    """name: for the command line. title: what happens, in a sentence."""

    name: str
    title: str
    perform: Callable[[Play], Awaitable[None]]

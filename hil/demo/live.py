"""The live view: looks at the stage several times a second, shows it, and does what the keys say.

On a terminal it is a screen; where there is none (a file, a pipe, TERM=dumb) the conversation and every change of a connector
are lines, and keys are taken from standard input all the same.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from hil.demo.conversation import line_of
from hil.demo.keys import KEYS, Hands
from hil.demo.processes import DemoError
from hil.demo.scene import Scene
from hil.demo.stage import Options, Stage, staged
from hil.demo.style import Line, clip, painted, plain, wants_colour
from hil.demo.terminal import Keyboard, Screen, full_screen
from hil.demo.view import Held, parts_of, screen

FRAME_S = 0.1  # at most ten screens a second
LOOK_S = 0.2  # at least five looks
TALK_KEPT = 500
FILE_WIDTH = 160


class Display(Protocol):
    """Where it is shown."""

    def tell(self, line: Line) -> None:
        """One more line of the conversation."""

    def show(self, scene: Scene, held: Held) -> None:
        """How everything stands now."""


class OnScreen:
    """A screen that always shows the newest."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._talk: deque[Line] = deque(maxlen=TALK_KEPT)

    def tell(self, line: Line) -> None:
        self._talk.append(line)

    def show(self, scene: Scene, held: Held) -> None:
        width, height = self._screen.size()
        # The last column stays free: a terminal that has written there may erase it with the rest of the line.
        self._screen.paint(screen(scene, held, tuple(self._talk), width - 1, height))


class OnPaper:
    """Lines, one after the other; a connector gets one when something changed that is no mere number."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour
        self._known: dict[int, Line] = {}

    def tell(self, line: Line) -> None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else FILE_WIDTH
        print(painted(clip(line, width), colour=self._colour), flush=True)

    def show(self, scene: Scene, held: Held) -> None:
        for number in scene.numbers:
            line = parts_of(scene, number)
            if self._known.get(number) != line:
                self._known[number] = line
                self.tell((("", "    "), *line))


async def show_live(options: Options) -> int:
    """Until q, or until no key can come any more. Raises DemoError."""
    keyboard = Keyboard()
    async with staged(options) as stage:
        with _display(keyboard) as display:
            stage.listeners.append(lambda frame: display.tell(line_of(frame)))
            hands = Hands(stage, lambda text: display.tell(_own(text)))
            await stage.power()
            page = asyncio.create_task(_open_page(stage, display))
            try:
                await _run(stage.look, display, hands, keyboard)
            finally:
                page.cancel()
                await asyncio.wait({page})
                await hands.rest()
        _sum_up(await stage.look(books=True))
    return 0


async def _open_page(stage: Stage, display: Display) -> None:
    """The same station in a browser, with cars and cards to click."""
    try:
        address, password = await stage.open_page()
    except DemoError as error:
        display.tell(_own(f"no page for a browser: {str(error).splitlines()[-1]}"))
    else:
        display.tell(_own(f"in a browser: {address}bench   password: {password}"))


async def _run(look: Any, display: Display, hands: Hands, keyboard: Keyboard) -> None:
    clock = asyncio.get_running_loop().time
    while not hands.done:
        due_s = clock() + FRAME_S
        scene = await look()
        display.show(scene, Held(chosen=hands.chosen, speed=hands.speed, menu=hands.menu))
        if keyboard.ended:
            display.tell(_own("the keyboard is at its end; script/demo --auto plays an evening without keys"))
        key = await keyboard.next(LOOK_S)
        if key is None and keyboard.ended:
            return
        for one in [key, *keyboard.pending()] if key is not None else []:
            await hands.press(one, scene)
        await asyncio.sleep(max(0.0, due_s - clock()))


@contextlib.contextmanager
def _display(keyboard: Keyboard) -> Iterator[Display]:
    """A screen where there is one; the terminal is as before when the block is left."""
    colour = wants_colour(sys.stdout)
    keyboard.open()
    try:
        if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb":
            with full_screen(keyboard, colour=colour) as opened:
                yield OnScreen(opened)
        else:
            paper = OnPaper(colour=colour)
            paper.tell(plain("keys: " + ", ".join(f"{key.label} {key.word}" for key in KEYS)))
            yield paper
    finally:
        keyboard.close()


def _own(text: str) -> Line:
    """What was done here, among the frames."""
    return (("dim", time.strftime("%H:%M:%S ")), *plain(f"· {text}", "warn"))


def _sum_up(scene: Scene) -> None:
    """What was booked, for whoever looks at the shell again."""
    rows = scene.rows
    print(f"The Central System booked {len(rows)} transaction{'' if len(rows) == 1 else 's'}{':' if rows else '.'}")
    for row in rows:
        end = "still open" if row["stopped"] is None else f"{row['energy_wh']} Wh ({row['reason'] or 'Local'})"
        print(f"  {row['transaction_id']}: connector {row['connector_id']}, {row['id_tag']}, {end}")
    for text in scene.objections():
        print(f"  it objects: {text}")

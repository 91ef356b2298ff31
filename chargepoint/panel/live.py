"""Live pages: what the station tells, rendered once a language and role, and handed to everybody who looks.

Owns the newest status, the newest frames, and the list of open pages. A page that reads slowly gets the newest state, not all
that was between (of frames it is told how many it missed); the station is never asked more often for it. Refuses to know HTTP.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from chargepoint.panel.guard import Role
from chargepoint.panel.html import Html
from chargepoint.panel.station import Body
from chargepoint.panel.words import Words

PAGES_MAX = 100
BEAT_S = 5.0
FRAMES_BEHIND_MAX = 200
RENDER_EVERY_S = 0.2

Parts = dict[str, Html]
Render = Callable[[Words, Role, "View"], Parts]


class View:
    """What is known of the station now. status: None until it was told, and while the service is away for longer."""

    def __init__(self) -> None:
        self.status: Body | None = None
        self.told_s = 0.0  # by the monotonic clock
        self.away: str | None = "starting"
        self.bench: Body | None = None  # what the virtual hardware says, see `bench`
        self.power: dict[str, list[list[float]]] = {}  # per connector, see `readings` of the control socket

    def hear(self, event: Body) -> None:
        match event.get("event"):
            case "status":
                self.status, self.away, self.told_s = event, None, time.monotonic()
            case "away":
                self.away = str(event.get("why"))


class Page:
    """One open page: what it has been shown, and what waits for it."""

    def __init__(self, words: Words, role: Role, topic: str) -> None:
        self.words = words
        self.role = role
        self.topic = topic
        self.shown: dict[str, int] = {}
        self.frames: deque[Html] = deque()
        self.missed = 0
        self.news = asyncio.Event()


class Live:
    """topics: what each kind of page shows, as parts by the id of their element. enliven: called before parts are rendered."""

    def __init__(self, topics: dict[str, Render], frame: Callable[[Words, Role, Body, Any], Html], asked: Any) -> None:
        self.view = View()
        self._topics = topics
        self._frame = frame
        self.asked = asked  # handed to `frame`: what it must know of frames before
        self._pages: set[Page] = set()
        self._rendered: dict[tuple[str, str, Role], tuple[int, Parts]] = {}
        self._version = 0
        self.before: Callable[[View], Awaitable[bool]] | None = None  # True where it brought something new

    @property
    def pages(self) -> int:
        return len(self._pages)

    def looks_at(self, topic: str) -> int:
        """How many open pages want that."""
        return sum(page.topic == topic for page in self._pages)

    def hear(self, event: Body) -> None:
        """An event of the station's watch."""
        if event.get("event") == "frame":
            self._tell_frame(event)
            return
        self.view.hear(event)
        self.changed()

    def _tell_frame(self, event: Body) -> None:
        lines: dict[tuple[str, Role], Html] = {}
        for page in self._pages:
            if page.topic == "messages":
                key = (page.words.code, page.role)
                if key not in lines:
                    lines[key] = self._frame(page.words, page.role, event, self.asked)
                self._push(page, lines[key])

    def changed(self) -> None:
        self._version += 1
        for page in self._pages:
            page.news.set()

    async def freshen(self) -> None:
        """Brings what the station tells only when it is asked, before parts are rendered."""
        if self.before is not None and await self.before(self.view):
            self._version += 1

    def parts(self, topic: str, words: Words, role: Role) -> Parts:
        """The parts as they are now, rendered no more often than they change."""
        key = (topic, words.code, role)
        version, parts = self._rendered.get(key, (-1, {}))
        if version != self._version:
            parts = self._topics[topic](words, role, self.view)
            self._rendered[key] = (self._version, parts)
        return parts

    async def events(self, page: Page) -> AsyncIterator[bytes]:
        """Server-sent events for one page, until it is closed."""
        self._pages.add(page)
        page.news.set()
        try:
            yield b"retry: 1500\n\n"
            while True:
                try:
                    async with asyncio.timeout(BEAT_S):
                        await page.news.wait()
                except TimeoutError:
                    yield b"event: beat\ndata: 0\n\n"
                    continue
                page.news.clear()
                await self.freshen()
                for piece in self._news_of(page):
                    yield piece
                await asyncio.sleep(RENDER_EVERY_S)
        finally:
            self._pages.discard(page)

    def _news_of(self, page: Page) -> list[bytes]:
        pieces = []
        if page.topic in self._topics:
            fresh = {}
            for name, part in self.parts(page.topic, page.words, page.role).items():
                if page.shown.get(name) != (seen := hash(part)):
                    page.shown[name] = seen
                    fresh[name] = part
            if fresh:
                pieces.append(_event("parts", fresh))
        if page.frames or page.missed:
            pieces.append(_event("frames", {"missed": page.missed, "lines": list(page.frames)}))
            page.frames.clear()
            page.missed = 0
        return pieces

    def _push(self, page: Page, line: Html) -> None:
        page.frames.append(line)
        if len(page.frames) > FRAMES_BEHIND_MAX:
            page.frames.popleft()
            page.missed += 1
        page.news.set()


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()

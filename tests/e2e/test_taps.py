"""What a driver sees and hears of a tap, and how soon: a real station, the bench's lamps, and the station's page."""

import asyncio
import re
from urllib.parse import urlencode

from chargepoint.facts import Pattern
from drivers.indicators import load, names
from hil.browser import PageProcess
from tests.e2e.conftest import Rigs
from tests.e2e.rig import CARD, WAIT_S

# The mark is 200 ms, and `script/bench --only tap` and `script/hil` measure against it. Here the machine is busy.
BUSY_S = 1.0
ANSWERS = ("asking", "accepted")


class Page:
    """The page of a station, as a browser that is logged in hears of it."""

    def __init__(self, process: PageProcess) -> None:
        self._process = process
        self._port = int(process.address.rstrip("/").rpartition(":")[2])
        self._cookie = ""
        self._open: list[asyncio.StreamWriter] = []

    async def log_in(self) -> None:
        body = urlencode({"password": self._process.password()})
        reader = await self._say("POST", "/login", body)
        async with asyncio.timeout(WAIT_S):
            answer = (await reader.read()).decode()
        found = re.search(r"^set-cookie: (session=[^;]+)", answer, re.IGNORECASE | re.MULTILINE)
        assert found, answer[:500]
        self._cookie = found[1]

    async def live(self) -> asyncio.StreamReader:
        """What an open page is told, from now on."""
        return await self._say("GET", "/events?topic=now")

    def close(self) -> None:
        for writer in self._open:
            writer.close()

    async def _say(self, method: str, path: str, body: str = "") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
        heads = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Cookie: {self._cookie}"]
        heads += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"] if body else []
        self._open.append(writer)
        writer.write("\r\n".join([*heads, "", body]).encode())
        return reader


async def shows(live: asyncio.StreamReader, words: str) -> float:
    """When the page is told something with these words."""
    async with asyncio.timeout(WAIT_S):
        while line := await live.readline():
            if words.encode() in line:
                return asyncio.get_running_loop().time()
    raise AssertionError(f"the page was closed before it showed {words}")


async def test_a_tap_gives_light_and_sound_at_once_and_shows_on_the_page(rigs: Rigs) -> None:
    r = await rigs()
    await r.boot()
    process = PageProcess(r.config, r.directory / "state")
    await process.start()
    page = Page(process)
    try:
        await page.log_in()
        live = await page.live()
        await r.bench.do("plug", connector=1)
        await r.status(1, "Preparing")
        await shows(live, "Plugged in. A card is wanted.")
        changes = await r.bench.watch()
        on_page = asyncio.ensure_future(shows(live, "Charging"))
        await r.bench.do("tap", id_tag=CARD)
        at_s: dict[str, float] = {}
        async with asyncio.timeout(WAIT_S):
            async for change in changes:
                for name in ("card", "indicator", "contactor"):
                    if change.get(name) in (CARD, *ANSWERS, "closed"):
                        at_s.setdefault(name, change["at"])
                if len(at_s) == 3:
                    break
        shown_s = await on_page
    finally:
        page.close()
        await process.stop()
    assert at_s["card"] <= at_s["indicator"] <= at_s["contactor"], at_s
    assert at_s["indicator"] - at_s["card"] < BUSY_S
    assert shown_s - at_s["card"] < 2 * BUSY_S + 1.0, "the contactor has closed and the page has heard of it"
    r.clean()


def test_every_shipped_profile_answers_a_card_with_a_sound() -> None:
    """With the driver `lights` a sound begins with its pattern: whoever has the light in time has the sound in time."""
    for name in names():
        looks = load(name).patterns
        assert looks[Pattern.ASKING].sound, name
        assert looks[Pattern.ACCEPTED].sound, name
        assert looks[Pattern.REFUSED].sound, name

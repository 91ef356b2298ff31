"""The page in a browser, driving a real station on the bench: what an installer sees and does."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from hil.browser import PageProcess, browser, missing
from tests.e2e.rig import Rig, rig

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Page

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(missing() is not None, reason=f"no browser here; install {missing()}"),
    pytest.mark.xdist_group("browser"),
]

WAIT_MS = 8_000
# Every page once, in one of the two schemes: what they are made of is the same.
LIGHT = ("/", "/sessions", "/sessions/1", "/setup", "/setup/tests", "/bench")
DARK = ("/messages", "/setup/file", "/setup/keys", "/setup/doctor", "/setup/support", "/setup/access", "/driver")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}


class Seen:
    """A station, its page and a browser in front of it, logged in as the installer."""

    def __init__(self, station: Rig, process: PageProcess, context: "BrowserContext") -> None:
        self.station = station
        self.process = process
        self.context = context
        self.errors: list[str] = []

    async def open(self, path: str) -> "Page":
        page = await self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        await page.goto(self.process.address.rstrip("/") + path)
        return page


@pytest_asyncio.fixture(loop_scope="module")
async def seen(house: Seen) -> AsyncIterator[Seen]:
    """A browser keeps six connections to a place, and every live page holds one: they are closed after their story."""
    yield house
    for page in house.context.pages:
        await page.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house() -> AsyncIterator[Seen]:
    async with AsyncExitStack() as stack:
        station = await stack.enter_async_context(rig(connectors=1, keys={"MeterValueSampleInterval": 1}))
        with station.config.open("a") as file:
            file.write("\n[panel]\ndriver_page = true\n")
        await station.boot()
        await station.bench.do("speed", factor=60)
        process = PageProcess(station.config, station.directory / "state")
        await process.start()
        stack.push_async_callback(process.stop)
        chromium = await stack.enter_async_context(browser())
        context = await chromium.new_context(viewport={"width": 1180, "height": 900}, locale="en-GB")
        made = Seen(station, process, context)
        page = await made.open("/sessions")
        await page.get_by_label("Password").fill(process.password())
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url("**/sessions")
        await page.close()
        yield made


async def test_a_charge_from_plug_to_finish(seen: Seen) -> None:
    now, bench = await seen.open("/"), await seen.open("/bench")
    card = now.locator("#connector-1")
    await now.get_by_text("Ready. The station waits for a car or a card.").wait_for()
    await bench.get_by_role("button", name="Plug in a car").click()
    await card.get_by_text("A card is wanted.", exact=False).wait_for()
    await bench.get_by_role("button", name="Tap the card").click()
    await card.get_by_text("Charging", exact=True).wait_for()
    await card.get_by_text(re.compile(r"11\.\d\d\skW")).first.wait_for()
    await card.locator("svg.plot polyline").wait_for()
    assert "•••" in (await card.inner_text())
    await bench.get_by_role("button", name="Tap the card").click()
    await card.get_by_text("Finished").wait_for()
    await bench.get_by_role("button", name="Pull the cable out").click()
    await card.get_by_text("Free", exact=True).wait_for()
    assert seen.errors == []


async def test_the_conversation_live_filtered_and_paused(seen: Seen) -> None:
    page = await seen.open("/messages")
    await page.get_by_text("BootNotification", exact=True).wait_for()
    await page.get_by_label("Show only lines with").fill("starttransaction")
    assert await page.locator("#lines li:visible").count() >= 1
    assert await page.locator("#lines li:visible", has_text="Heartbeat").count() == 0
    await page.get_by_label("Show only lines with").fill("")
    pause = page.get_by_role("button", name="Pause")
    await pause.click()
    before = await page.locator("#lines li").count()
    await seen.station.call("TriggerMessage", requestedMessage="Heartbeat")
    await page.locator("#held", has_text="(").wait_for()
    assert await page.locator("#lines li").count() == before
    await pause.click()
    await page.locator("#lines li", has_text="TriggerMessage").first.wait_for()


async def test_an_export_is_opened(seen: Seen) -> None:
    page = await seen.open("/sessions")
    await page.get_by_role("link", name="Session 1").click()
    await page.get_by_text("StopTransaction: delivered").wait_for()
    await page.get_by_text("Answer to StartTransaction").first.wait_for()
    await page.go_back()
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Export (CSV)").click()
    lines = Path(await (await waiting.value).path()).read_text().splitlines()  # noqa: ASYNC240  a few lines
    assert lines[0].startswith("key,connector,id_tag")
    assert re.match(r"1,1,04A2B3C4D5,", lines[1])


async def test_a_mistake_in_the_settings_is_refused_and_the_right_value_taken(seen: Seen) -> None:
    page = await seen.open("/setup")
    assert await page.locator("#preview").inner_text() == f"{seen.station.cs.url}/{seen.station.identity}"
    await page.get_by_label("Greatest current, in ampere").fill("500")
    await page.get_by_role("button", name="Check and compare").click()
    await page.get_by_role("heading", name="These settings would not work").wait_for()
    assert "current_a_max" in await page.locator(".banner.bad").first.inner_text()
    assert await page.get_by_role("button", name="Take these settings").count() == 0
    await page.get_by_role("link", name="Back").click()
    await page.get_by_label("Greatest current, in ampere").fill("20")
    await page.get_by_label("Vendor").fill("Kraftwerk")
    await page.get_by_role("button", name="Check and compare").click()
    await page.get_by_role("heading", name="These settings are fine").wait_for()
    assert "Kraftwerk" in await page.locator(".diff .add", has_text="vendor").inner_text()
    await page.get_by_role("button", name="Take these settings").click()
    await page.get_by_role("button", name="Restart the service").click()
    await page.get_by_role("dialog").get_by_role("button", name="Restart the service").click()
    assert seen.station.process is not None
    assert await seen.station.process.exited() == 75
    now = await seen.open("/")
    await now.get_by_text("service").first.wait_for()
    await seen.station.start()
    await seen.station.expect("BootNotification", chargePointVendor="Kraftwerk")
    await now.get_by_text("Ready. The station waits for a car or a card.").wait_for()
    await now.locator("#station", has_text="Kraftwerk").wait_for()


async def test_the_contactor_is_tested_behind_a_question(seen: Seen) -> None:
    page = await seen.open("/setup/tests")
    await page.get_by_role("button", name="Test the contactor").click()
    await page.get_by_role("dialog").get_by_text("nobody may touch it").wait_for()
    await page.keyboard.press("Escape")
    assert (await seen.station.connector())["contactor"] == "open"
    await page.get_by_role("button", name="Test the contactor").click()
    await page.get_by_role("dialog").get_by_role("button", name="Test the contactor").click()
    await page.get_by_text("passed").wait_for()
    assert (await seen.station.connector())["contactor"] == "open"


async def test_a_page_whose_process_is_gone_says_so_and_comes_back(seen: Seen) -> None:
    page = await seen.open("/")
    await page.get_by_text("Ready.", exact=False).wait_for()
    place = seen.process.address.split("//")[1].rstrip("/")
    await seen.process.stop()
    await page.get_by_text("This page has lost its connection.", exact=False).wait_for()
    await seen.process.start(place)
    await page.get_by_text("This page has lost its connection.", exact=False).wait_for(state="hidden")
    await page.get_by_text("Ready.", exact=False).wait_for()
    seen.errors.clear()  # a browser complains of a server that was away


async def test_a_keyboard_is_enough(seen: Seen) -> None:
    page = await seen.open("/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "To the content"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "content"
    reached = set()
    await page.goto(seen.process.address)
    for _ in range(12):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.textContent"))
    assert {"Now", "Sessions", "Messages", "Set-up", "Log out", "Deutsch"} <= reached


@pytest.mark.parametrize(("scheme", "paths"), [("light", LIGHT), ("dark", DARK)])
async def test_nothing_stands_in_anybodys_way(seen: Seen, scheme: Any, paths: tuple[str, ...]) -> None:
    """axe-core's rules for WCAG 2.1 AA on a phone; and no page is wider than it."""
    axe = pytest.importorskip(
        "axe_playwright_python.async_playwright", reason="the package axe-playwright-python is not installed"
    )
    page = await seen.open("/driver")
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    async def wrong() -> dict[str, list[str]]:
        found = (await axe.Axe().run(page, options=RULES)).response["violations"]
        return {one["id"]: [node["html"][:160] for node in one["nodes"]] for one in found}

    for path in paths:
        await page.goto(seen.process.address.rstrip("/") + path)
        assert await wrong() == {}, path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await page.evaluate("document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in await wrong()  # it does look
